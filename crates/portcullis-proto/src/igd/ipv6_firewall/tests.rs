use std::net::Ipv6Addr;

use super::*;
use crate::Protocol;
use crate::wire::soap::{Arguments, Reply, decode_reply, decode_request, encode_request, encode_response};

const SERVICE: &str = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1";
const CLIENT: Ipv6Addr = Ipv6Addr::new(0x2a02, 0xff0, 0, 0, 0, 0, 0, 7);

fn flow() -> Flow {
    Flow {
        remote_host: None,
        remote_port: None,
        internal_client: CLIENT,
        internal_port: 7777.try_into().unwrap(),
        protocol: Protocol::Udp,
    }
}

fn add() -> AddPinhole {
    AddPinhole { flow: flow(), lifetime: LeaseTime::new(3_600).unwrap() }
}

fn arguments(pairs: &[(&str, &str)]) -> Arguments {
    pairs.iter().copied().collect()
}

/// The in-arguments of AddPinhole with one of them changed, or taken away.
fn changed(name: &str, value: Option<&str>) -> Arguments {
    let pairs = add().arguments().into_iter().filter_map(|(key, own)| match value {
        _ if key != name => Some((key, own)),
        Some(value) => Some((key, value.to_owned())),
        None => None,
    });
    pairs.collect()
}

/// A request and its answer, to text and back.
fn round_trip<A: Action + PartialEq + std::fmt::Debug>(action: &A, response: &A::Response)
where
    A::Response: PartialEq + std::fmt::Debug,
{
    fn borrowed<'a>(pairs: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
        pairs.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
    let request = encode_request(SERVICE, A::NAME, &borrowed(&action.arguments()));
    let request = decode_request(request.as_bytes()).unwrap();
    assert_eq!((request.action.as_str(), request.service_type.as_str()), (A::NAME, SERVICE));
    assert_eq!(A::from_arguments(&request.arguments).as_ref(), Ok(action));

    let reply = encode_response(SERVICE, A::NAME, &borrowed(&A::response_arguments(response)));
    let Ok(Reply::Success(arguments)) = decode_reply(reply.as_bytes(), A::NAME) else { panic!("{reply}") };
    assert_eq!(action.decode(&arguments).as_ref(), Ok(response));
}

#[test]
fn every_action_reads_back_as_it_was_written() {
    let unique_id = UniqueId(u16::MAX);
    round_trip(&add(), &UniqueId(0));
    let narrow = Flow {
        remote_host: Some("2a02:ff1::9".parse().unwrap()),
        remote_port: 53.try_into().ok(),
        protocol: Protocol::Tcp,
        ..flow()
    };
    round_trip(&AddPinhole { flow: narrow, lifetime: LeaseTime::MAX }, &unique_id);
    round_trip(&UpdatePinhole { unique_id, lifetime: LeaseTime::MIN }, &());
    round_trip(&DeletePinhole { unique_id }, &());
    round_trip(&GetPinholePackets { unique_id }, &u32::MAX);
    for yes in [true, false] {
        round_trip(&CheckPinholeWorking { unique_id }, &yes);
        let status = FirewallStatus { firewall_enabled: yes, inbound_pinhole_allowed: !yes };
        round_trip(&GetFirewallStatus, &status);
    }
    round_trip(&GetOutboundPinholeTimeout(narrow), &300);
}

#[test]
fn add_pinhole_has_the_arguments_of_the_service_description() {
    let expected = [
        ("RemoteHost", ""),
        ("RemotePort", "0"),
        ("InternalClient", "2a02:ff0::7"),
        ("InternalPort", "7777"),
        ("Protocol", "17"),
        ("LeaseTime", "3600"),
    ];
    assert_eq!(add().arguments(), expected.map(|(name, value)| (name, value.to_owned())));
    let renewal = UpdatePinhole { unique_id: UniqueId(7), lifetime: LeaseTime::MAX };
    assert_eq!(renewal.arguments(), [("UniqueID", "7".to_owned()), ("NewLeaseTime", "86400".to_owned())]);
}

#[test]
fn a_gateway_refuses_what_is_missing_or_out_of_range() {
    for name in ["RemoteHost", "RemotePort", "InternalClient", "InternalPort", "Protocol", "LeaseTime"] {
        assert_eq!(AddPinhole::from_arguments(&changed(name, None)), Err(DecodeError::Missing(name)));
    }
    for (name, value) in [
        ("RemoteHost", "example.org"),
        ("RemoteHost", "192.0.2.1"),
        ("RemotePort", "65536"),
        ("RemotePort", "-1"),
        ("InternalClient", ""),
        ("InternalClient", "192.168.1.7"),
        ("InternalClient", "::ffff:192.168.1.7"),
        ("InternalClient", "fe80::7%eth0"),
        ("InternalPort", "0"),
        ("InternalPort", ""),
        ("Protocol", "UDP"),
        ("Protocol", "0"),
        ("Protocol", "65535"),
        ("LeaseTime", "0"),
        ("LeaseTime", "86401"),
        ("LeaseTime", "4294967297"),
    ] {
        let refused = AddPinhole::from_arguments(&changed(name, Some(value)));
        assert_eq!(refused, Err(DecodeError::Invalid(name)), "{value}");
    }
}

#[test]
fn answers_are_read_within_their_ranges() {
    for (text, id) in [("0", Some(0)), (" 65535\n", Some(65_535)), ("65536", None), ("-1", None), ("", None)]
    {
        let decoded = add().decode(&arguments(&[("UniqueID", text)]));
        assert_eq!(decoded, id.map(UniqueId).ok_or(DecodeError::Invalid("UniqueID")), "{text}");
    }
    assert_eq!(add().decode(&arguments(&[])), Err(DecodeError::Missing("UniqueID")));
    let packets = GetPinholePackets { unique_id: UniqueId(1) };
    for text in ["4294967296", "many", ""] {
        let decoded = packets.decode(&arguments(&[("PinholePackets", text)]));
        assert_eq!(decoded, Err(DecodeError::Invalid("PinholePackets")));
    }
}

#[test]
fn a_yes_and_a_no_are_what_they_are_and_nothing_else_is() {
    let check = CheckPinholeWorking { unique_id: UniqueId(1) };
    for (text, working) in [
        ("1", Ok(true)),
        ("True", Ok(true)),
        (" yes ", Ok(true)),
        ("0", Ok(false)),
        ("false", Ok(false)),
        ("no", Ok(false)),
        ("2", Err(DecodeError::Invalid("IsWorking"))),
        ("", Err(DecodeError::Invalid("IsWorking"))),
    ] {
        assert_eq!(check.decode(&arguments(&[("IsWorking", text)])), working, "{text}");
    }
    let half = arguments(&[("FirewallEnabled", "1")]);
    assert_eq!(GetFirewallStatus.decode(&half), Err(DecodeError::Missing("InboundPinholeAllowed")));
}
