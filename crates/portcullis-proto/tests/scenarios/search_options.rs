//! What a caller may choose: time to live, local port, interface, IPv6, the wait.

use crate::pair::{CLIENT, Pair, network};
use core::net::SocketAddr;
use core::time::Duration;
use portcullis_proto::client::io::Input;
use portcullis_proto::client::{
    Config, ErrorKind, Failure, Interface, InterfaceAddress, Network, SearchOptions,
};
use portcullis_proto::wire::ssdp::SearchTarget;
use portcullis_sim::{HttpOddity, On, Quirk, Scenario};
use std::io;

fn options(change: impl FnOnce(&mut SearchOptions)) -> SearchOptions {
    let mut options = SearchOptions::default();
    change(&mut options);
    options
}

/// Two links, and the loopback interface.
fn two_links() -> Network {
    let mut network = network();
    network.interfaces.push(Interface {
        name: "wlan0".into(),
        index: 3,
        multicast: true,
        loopback: false,
        addresses: vec![InterfaceAddress {
            address: "10.7.0.2".parse().unwrap(),
            prefix_length: 16,
            deprecated: false,
            temporary: false,
        }],
    });
    network
}

/// A search that has just begun.
fn begun(network: Network, options: SearchOptions) -> Pair {
    let mut pair = Pair::with(Scenario::igd1(), Config::default(), network);
    pair.start(|client, now| client.discover(now, options));
    pair
}

#[test]
fn the_time_to_live_is_the_callers() {
    for ttl in [1, 2, 4, 255] {
        let pair = begun(network(), options(|options| options.ttl = ttl));
        assert_eq!(pair.record.binds()[0].multicast_ttl, ttl);
    }
}

#[test]
fn the_local_port_is_the_callers_and_1_is_that_of_ssdp() {
    for (wanted, bound) in [(0, 0), (1, 1900), (1900, 1900), (5353, 5353), (65535, 65535)] {
        let pair = begun(network(), options(|options| options.local_port = wanted));
        let bind = pair.record.binds()[0];
        assert_eq!((bind.local.port(), bind.local.ip().to_string().as_str()), (bound, CLIENT), "{wanted}");
    }
}

#[test]
fn every_interface_that_can_multicast_is_searched_through() {
    let pair = begun(two_links(), SearchOptions::default());
    let binds: Vec<_> = pair
        .record
        .binds()
        .iter()
        .map(|bind| (bind.local.ip().to_string(), bind.multicast_interface))
        .collect();
    assert_eq!(binds, [(CLIENT.to_owned(), Some(2)), ("10.7.0.2".to_owned(), Some(3))]);
}

#[test]
fn one_interface_is_chosen_by_name_or_address() {
    for (wanted, interface) in [("eth0", 2), (CLIENT, 2), ("fd99::7", 2), ("wlan0", 3), ("10.7.0.2", 3)] {
        let pair = begun(two_links(), options(|options| options.interface = Some(wanted.into())));
        let binds = pair.record.binds();
        assert_eq!(binds.len(), 1, "{wanted}");
        assert_eq!(binds[0].multicast_interface, Some(interface), "{wanted}");
    }
    for all in ["", "0.0.0.0", "::"] {
        let pair = begun(two_links(), options(|options| options.interface = Some(all.into())));
        assert_eq!(pair.record.binds().len(), 2, "{all:?}");
    }
}

#[test]
fn an_interface_that_is_not_there_is_an_error_at_once() {
    for unknown in ["eth9", "192.168.1.8", "no such thing"] {
        let mut pair = Pair::new(Scenario::igd1());
        let error = pair.discover(options(|options| options.interface = Some(unknown.into()))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.attempts()[0].failure, Failure::NoInterface(unknown.into()));
        assert_eq!(pair.now.since_start(), Duration::ZERO);
        assert!(pair.record.datagrams().is_empty());
    }
}

#[test]
fn a_machine_without_a_network_is_told_at_once() {
    let mut pair = Pair::with(Scenario::igd1(), Config::default(), Network::default());
    let error = pair.discover(SearchOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert_eq!(pair.now.since_start(), Duration::ZERO);
}

#[test]
fn a_socket_that_cannot_be_bound_is_told_at_once() {
    let mut pair = Pair::new(Scenario::igd1());
    pair.bind_error = Some(io::ErrorKind::PermissionDenied);
    let error = pair.discover(SearchOptions::default()).unwrap_err();
    assert_eq!(error.attempts()[0].failure, Failure::CannotSend(io::ErrorKind::PermissionDenied));
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(pair.now.since_start(), Duration::ZERO);
}

#[test]
fn a_local_port_that_cannot_be_had_is_named_with_the_reason() {
    for (wanted, port) in [(1, 1900), (80, 80), (5_353, 5_353)] {
        for (kind, told) in [
            (
                io::ErrorKind::AddrInUse,
                format!("another program has udp port {port}: address in use (end that program"),
            ),
            (
                io::ErrorKind::PermissionDenied,
                format!("may not use udp port {port}: permission denied (take another"),
            ),
        ] {
            let mut pair = Pair::new(Scenario::igd1());
            pair.bind_error = Some(kind);
            let error = pair.discover(options(|options| options.local_port = wanted)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io);
            assert_eq!(error.attempts()[0].failure, Failure::LocalPort { port, error: kind });
            assert!(error.to_string().contains(&told), "{error}");
        }
    }
    // What has nothing to do with the port is not laid to it.
    let mut pair = Pair::new(Scenario::igd1());
    pair.bind_error = Some(io::ErrorKind::AddrNotAvailable);
    let error = pair.discover(options(|options| options.local_port = 1)).unwrap_err();
    assert_eq!(error.attempts()[0].failure, Failure::CannotSend(io::ErrorKind::AddrNotAvailable));
}

#[test]
fn over_ipv6_the_link_and_the_site_are_asked_with_the_right_scope() {
    let pair = begun(two_links(), options(|options| options.ipv6 = true));
    assert_eq!(pair.record.binds().len(), 1, "one of two links has IPv6");
    assert!(pair.record.binds()[0].local.ip().is_ipv6());
    let mut destinations: Vec<_> = pair.record.datagrams().iter().map(|(_, to, _)| to.to_string()).collect();
    destinations.dedup();
    assert_eq!(destinations, ["[ff02::c%2]:1900", "[ff05::c%2]:1900"]);
    let (.., text) = &pair.record.datagrams()[0];
    assert!(text.contains("\r\nHOST: [ff02::c]:1900\r\n"), "{text}");
}

#[test]
fn a_gateway_is_found_over_ipv6() {
    for http in ["[fd99::1]:5000", "[fe80::1]:5000"] {
        let gateway: SocketAddr = http.parse().unwrap();
        let mut pair = Pair::at(gateway, Scenario::igd2(), Config::default(), network());
        let devices = pair.discover(options(|options| options.ipv6 = true)).unwrap();
        assert!(devices[0].is_usable(), "{http}: {devices:?}");
        assert_eq!(devices[0].address.ip(), gateway.ip());
        // A link-local address is dialled on the link it was heard on.
        let scope = if http.starts_with("[fe80") { "%2" } else { "" };
        let dialled = pair.record.connects()[0].to_string();
        assert_eq!(dialled, http.replace(']', &format!("{scope}]")));
    }
}

#[test]
fn the_longest_wait_of_devices_follows_from_ours() {
    for (seconds, mx) in [(0, 1), (1, 1), (2, 1), (3, 1), (4, 2), (10, 5), (600, 5)] {
        let wait = Duration::from_secs(seconds).max(Duration::from_millis(1));
        let pair = begun(network(), options(|options| options.timeout = wait));
        let (.., text) = &pair.record.datagrams()[0];
        assert!(text.contains(&format!("\r\nMX: {mx}\r\n")), "{seconds}: {text}");
    }
}

#[test]
fn other_targets_find_other_devices() {
    let scenario = Scenario::igd1().with(Quirk::Topology(portcullis_sim::Topology::NotAGateway));
    let mut pair = Pair::new(scenario);
    let target = SearchTarget::parse("urn:schemas-upnp-org:device:MediaServer:1");
    let devices = pair.discover(options(|options| options.targets = vec![target])).unwrap();
    assert_eq!(devices[0].search_targets, ["urn:schemas-upnp-org:device:MediaServer:1"]);
    assert!(!devices[0].is_gateway());
}

#[test]
fn each_search_target_alone_finds_the_gateway_that_knows_only_it() {
    const KNOWN: [&[&str]; 5] = [
        &["upnp:rootdevice"],
        &["urn:schemas-upnp-org:device:InternetGatewayDevice:1"],
        &["urn:schemas-upnp-org:device:InternetGatewayDevice:2"],
        &["urn:schemas-upnp-org:service:WANIPConnection:1"],
        &["urn:schemas-upnp-org:service:WANIPConnection:2"],
    ];
    for known in KNOWN {
        let mut pair = Pair::new(Scenario::igd2().with(Quirk::AnswersOnly(known)));
        assert!(pair.discover(SearchOptions::default()).unwrap()[0].is_usable(), "{known:?}");
    }
}

/// A machine that was busy, or asleep, when the time for answers ended.
#[test]
fn a_late_wake_up_while_a_device_describes_itself_ends_the_search_in_time() {
    let slow = HttpOddity::Delay(Duration::from_secs(9));
    let scenario = Scenario::igd1().with(Quirk::Http(On::Description, slow));
    let mut pair = Pair::new(scenario);
    let mut options = SearchOptions::default();
    options.timeout = Duration::from_millis(1_501);
    options.grace = Duration::from_millis(500);
    let search = pair.start(|client, now| client.discover(now, options));
    pair.drive_for(Duration::from_millis(1_400));
    // Nobody calls until the repeat at 1.5 s is too late.
    pair.now = pair.now + Duration::from_millis(103);
    pair.start(|client, now| client.handle_input(now, Input::Timeout));
    let devices = pair.drive_until_finished(search);
    assert!(devices.is_ok(), "{devices:?}");
    assert_eq!(pair.now.since_start(), Duration::from_millis(2_001));
}
