use std::net::IpAddr;
use std::num::NonZeroU16;

use super::*;
use crate::wire::soap::{Arguments, Reply, decode_reply, decode_request, encode_request, encode_response};
use crate::{Lifetime, Protocol};

const SERVICE: &str = "urn:schemas-upnp-org:service:WANIPConnection:2";

fn port(port: u16) -> NonZeroU16 {
    NonZeroU16::new(port).unwrap()
}

fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

fn arguments(pairs: &[(&str, &str)]) -> Arguments {
    pairs.iter().copied().collect()
}

fn mapping() -> AddPortMapping {
    AddPortMapping {
        remote_host: None,
        external_port: port(7777),
        protocol: Protocol::Udp,
        internal_port: port(7778),
        internal_client: ip("192.168.1.2"),
        enabled: true,
        description: "a <game> & \"more\"".into(),
        lifetime: Lifetime::from_seconds(3600),
    }
}

fn entry() -> PortMappingEntry {
    PortMappingEntry {
        remote_host: String::new(),
        external_port: 7777,
        protocol: Protocol::Tcp,
        internal_port: 7778,
        internal_client: "192.168.1.2".into(),
        enabled: false,
        description: "]]> <b> &amp;".into(),
        lifetime: Lifetime::from_seconds(60),
    }
}

/// Sends a request through the codecs and back.
fn carried<A: Action>(action: &A) -> A {
    let pairs = action.arguments();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let request = decode_request(encode_request(SERVICE, A::NAME, &pairs).as_bytes()).unwrap();
    assert_eq!(request.action, A::NAME);
    assert!(request.arguments.iter().eq(pairs), "in order");
    A::from_arguments(&request.arguments).unwrap()
}

/// Sends an answer through the codecs and back.
fn answered<A: Action>(action: &A, response: &A::Response) -> A::Response {
    let pairs = A::response_arguments(response);
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    match decode_reply(encode_response(SERVICE, A::NAME, &pairs).as_bytes(), A::NAME) {
        Ok(Reply::Success(arguments)) => action.decode(&arguments).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn writes_arguments_in_the_order_of_the_specification() {
    let names = |arguments: Vec<(&'static str, String)>| {
        arguments.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let add = [
        "NewRemoteHost",
        "NewExternalPort",
        "NewProtocol",
        "NewInternalPort",
        "NewInternalClient",
        "NewEnabled",
        "NewPortMappingDescription",
        "NewLeaseDuration",
    ];
    assert_eq!(names(mapping().arguments()), add);
    assert_eq!(names(AddAnyPortMapping(mapping()).arguments()), add);
    let values: Vec<_> = mapping().arguments().into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, ["", "7777", "UDP", "7778", "192.168.1.2", "1", "a <game> & \"more\"", "3600"]);
}

#[test]
fn requests_read_back() {
    let remote = AddPortMapping { remote_host: Some(ip("198.51.100.1")), enabled: false, ..mapping() };
    for add in [mapping(), remote] {
        assert_eq!(carried(&add), add);
        assert_eq!(carried(&AddAnyPortMapping(add.clone())), AddAnyPortMapping(add));
    }
    let delete = DeletePortMapping { remote_host: None, external_port: port(1), protocol: Protocol::Tcp };
    assert_eq!(carried(&delete), delete);
    let range = DeletePortMappingRange {
        start_port: port(1),
        end_port: port(9),
        protocol: Protocol::Udp,
        manage: true,
    };
    assert_eq!(carried(&range), range);
    let generic = GetGenericPortMappingEntry { index: 7 };
    assert_eq!(carried(&generic), generic);
    let specific =
        GetSpecificPortMappingEntry { remote_host: None, external_port: port(7777), protocol: Protocol::Tcp };
    assert_eq!(carried(&specific), specific);
    let list = GetListOfPortMappings {
        start_port: port(1),
        end_port: port(65_535),
        protocol: Protocol::Tcp,
        manage: false,
        count: 0,
    };
    assert_eq!(carried(&list), list);
    assert_eq!(carried(&GetStatusInfo), GetStatusInfo);
    assert_eq!(carried(&GetExternalIpAddress), GetExternalIpAddress);

    let entries = vec![entry(), PortMappingEntry { remote_host: "198.51.100.1".into(), ..entry() }];
    assert_eq!(answered(&list, &entries), entries);
    assert_eq!(answered(&list, &Vec::new()), []);
    assert_eq!(answered(&generic, &entry()), entry());
    assert_eq!(answered(&specific, &entry()), entry());
    assert_eq!(answered(&AddAnyPortMapping(mapping()), &port(40_123)), port(40_123));
    assert_eq!(answered(&GetExternalIpAddress, &ip("198.51.100.7")), ip("198.51.100.7"));
    let status = StatusInfo {
        connection_status: ConnectionStatus::Disconnected,
        last_connection_error: "ERROR_NONE".into(),
        uptime: Some(5),
    };
    assert_eq!(answered(&GetStatusInfo, &status), status);
}

#[test]
fn a_gateway_refuses_bad_requests() {
    let with = |name: &str, value: &str| {
        let pairs = mapping().arguments();
        let pairs = pairs.iter().map(|(key, old)| (*key, if *key == name { value } else { old.as_str() }));
        AddPortMapping::from_arguments(&pairs.collect())
    };
    for (name, value) in [
        ("NewRemoteHost", "host"),
        ("NewExternalPort", "0"),
        ("NewExternalPort", "+80"),
        ("NewProtocol", "SCTP"),
        ("NewInternalPort", "65536"),
        ("NewInternalClient", ""),
        ("NewLeaseDuration", "-1"),
    ] {
        assert!(matches!(with(name, value), Err(DecodeError::Invalid(key)) if key == name), "{name} {value}");
    }
    assert_eq!(
        AddPortMapping::from_arguments(&arguments(&[])),
        Err(DecodeError::Missing("NewLeaseDuration"))
    );
}

#[test]
fn reads_external_addresses_strictly() {
    let read = |text: &str| GetExternalIpAddress.decode(&arguments(&[("NewExternalIPAddress", text)]));
    assert_eq!(read(" 198.51.100.7\r\n"), Ok(ip("198.51.100.7")));
    assert_eq!(read("::ffff:198.51.100.7"), Ok(ip("198.51.100.7")));
    assert_eq!(read("0.0.0.0"), Ok(ip("0.0.0.0")), "for the caller to judge");
    let long = "1".repeat(4_096);
    for text in
        ["", "1.2.3", "01.2.3.4", "1.2.3.4.", "1.2.3.4 5", "potato", "1.2.3.256", "1.2.3.\u{fffd}", &long]
    {
        assert_eq!(read(text), Err(DecodeError::Invalid("NewExternalIPAddress")), "{text:?}");
    }
    let other_case = arguments(&[("newexternalipaddress", "1.2.3.4")]);
    let missing = Err(DecodeError::Missing("NewExternalIPAddress"));
    assert_eq!(GetExternalIpAddress.decode(&other_case), missing);
}

#[test]
fn reads_status_and_uptime_as_gateways_write_them() {
    let read = |status: &str, uptime: &str| {
        let info =
            GetStatusInfo.decode(&arguments(&[("NewConnectionStatus", status), ("NewUptime", uptime)]));
        info.map(|info| (info.connection_status, info.uptime))
    };
    assert_eq!(read("Connected", "93343"), Ok((ConnectionStatus::Connected, Some(93_343))));
    assert_eq!(read(" Up\n", "-5"), Ok((ConnectionStatus::Connected, None)));
    assert_eq!(read("Disconnecting", "18446744073709551616"), Ok((ConnectionStatus::Disconnected, None)));
    assert_eq!(read("Unconfigured", "0 Days, 01:00:00"), Ok((ConnectionStatus::Disconnected, None)));
    assert_eq!(read("verbunden", ""), Ok((ConnectionStatus::Unknown, None)));
    assert_eq!(GetStatusInfo.decode(&arguments(&[])), Err(DecodeError::Missing("NewConnectionStatus")));
}

#[test]
fn reserved_ports_are_ports() {
    let read = |text: &str| AddAnyPortMapping(mapping()).decode(&arguments(&[("NewReservedPort", text)]));
    assert_eq!(read("40123"), Ok(port(40_123)));
    for text in ["0", "70000", "-1", ""] {
        assert_eq!(read(text), Err(DecodeError::Invalid("NewReservedPort")), "{text:?}");
    }
}

#[test]
fn an_entry_is_about_what_was_asked() {
    let specific =
        GetSpecificPortMappingEntry { remote_host: None, external_port: port(7777), protocol: Protocol::Tcp };
    let reply = arguments(&[
        ("NewProtocol", "UDP"),
        ("NewExternalPort", "1"),
        ("NewInternalPort", "80"),
        ("NewInternalClient", "nas\u{7}"),
    ]);
    let entry = specific.decode(&reply).unwrap();
    assert_eq!((entry.protocol, entry.external_port, entry.internal_port), (Protocol::Tcp, 7777, 80));
    assert_eq!((entry.internal_client.as_str(), entry.internal_address()), ("nas", None));
    assert!(entry.enabled && entry.lifetime == Lifetime::Permanent);
}

#[test]
fn unreadable_leases_are_permanent() {
    for (text, seconds) in [
        ("0", 0),
        (" 604096 ", 604_096),
        ("4294967295", u32::MAX),
        ("4294967296", 0),
        ("-1", 0),
        ("one hour", 0),
        ("", 0),
    ] {
        assert_eq!(value::lifetime(text), Lifetime::from_seconds(seconds), "{text:?}");
    }
}

#[test]
fn entries_need_ports_and_a_protocol() {
    let with = |name: &'static str, value: &str| {
        let pairs = GetGenericPortMappingEntry::response_arguments(&entry());
        let pairs = pairs.iter().map(|(key, old)| (*key, if *key == name { value } else { old.as_str() }));
        GetGenericPortMappingEntry { index: 0 }.decode(&pairs.collect())
    };
    assert!(with("NewProtocol", " tcp").is_ok());
    for (name, value) in [
        ("NewExternalPort", "0"),
        ("NewExternalPort", "65536"),
        ("NewInternalPort", "http"),
        ("NewProtocol", ""),
    ] {
        assert_eq!(with(name, value), Err(DecodeError::Invalid(name)), "{value:?}");
    }
    assert_eq!(
        GetGenericPortMappingEntry { index: 0 }.decode(&arguments(&[])),
        Err(DecodeError::Missing("NewExternalPort"))
    );
}

#[test]
fn listings_are_bounded_and_lose_only_bad_entries() {
    let list = GetListOfPortMappings {
        start_port: port(1),
        end_port: port(65_535),
        protocol: Protocol::Tcp,
        manage: true,
        count: 0,
    };
    let read = |listing: &str| list.decode(&arguments(&[("NewPortListing", listing)]));
    let bad = PortMappingEntry { external_port: 0, ..entry() };
    assert_eq!(read(&encode_port_listing(&[bad, entry()])), Ok(vec![entry()]));
    assert_eq!(read(&encode_port_listing(&vec![entry(); 600])).unwrap().len(), MAX_LISTED_ENTRIES);
    assert_eq!(read(" "), Ok(vec![]));
    let mixed = encode_port_listing(&[entry()]).replace("NewDescription", "NewPortMappingDescription");
    assert_eq!(read(&mixed.replace("NewLeaseTime", "NewLeaseDuration").replace("p:", "")), Ok(vec![entry()]));
    let cut = encode_port_listing(&[entry()]).replace("</p:PortMappingList>", "");
    for listing in ["list", "<other/>", "<!DOCTYPE a><PortMappingList/>", &cut] {
        assert_eq!(read(listing), Err(DecodeError::Invalid("NewPortListing")), "{listing}");
    }
}
