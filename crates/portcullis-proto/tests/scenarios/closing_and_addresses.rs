//! Closing a port, and asking for the external address, by whatever the gateway speaks.

use crate::pair::{Pair, TIMEOUT, network, udp};
use core::num::NonZeroU16;
use core::time::Duration;
use portcullis_proto::Protocol;
use portcullis_proto::client::{Config, ErrorKind, Grantor, Method};
use portcullis_sim::{Mapping, PortControlOddity as Oddity, Quirk, Scenario};

const EXTERNAL: &str = "81.2.69.142";

fn named(name: &str) -> Scenario {
    name.parse().unwrap()
}

fn ends(pair: &mut Pair) {
    pair.drive_for(Duration::from_secs(20));
    pair.assert_idle();
}

#[test]
fn the_external_address_is_told_at_once_where_nat_pmp_or_upnp_is_spoken() {
    for (name, most) in [
        ("nat-pmp-only", 1),
        ("all-protocols", 1),
        ("all-without-pcp", 1),
        ("pcp-and-nat-pmp", 1),
        ("igd2", 10),
        ("pcp-silent", 10),
        ("pcp-refused", 10),
    ] {
        let mut pair = Pair::every_protocol(named(name));
        assert_eq!(pair.external_address().unwrap().to_string(), EXTERNAL, "{name}");
        assert!(pair.now.since_start() <= Duration::from_millis(most), "{name}: {:?}", pair.now);
        ends(&mut pair);
        assert!(pair.gateway.mappings().is_empty());
    }
}

/// PCP has no question for it: as the last resort, a mapping is made that tells it, and deleted at once.
#[test]
fn the_external_address_is_told_by_pcp_where_nobody_else_does() {
    let mut pair = Pair::every_protocol(named("pcp-only"));
    assert_eq!(pair.external_address().unwrap().to_string(), EXTERNAL);
    assert!(pair.now.since_start() <= Duration::from_millis(2_100), "{:?}", pair.now);
    ends(&mut pair);
    assert!(pair.gateway.mappings().is_empty());
    // Nobody else is asked: then nobody else is waited for.
    let config = Config { methods: vec![Method::Pcp], ..Config::default() };
    let mut pair = Pair::with(named("all-protocols"), config, network());
    assert_eq!(pair.external_address().unwrap().to_string(), EXTERNAL);
    assert_eq!(pair.now.since_start(), Duration::from_millis(2));
    ends(&mut pair);
    assert!(pair.gateway.mappings().is_empty());
}

#[test]
fn no_mapping_is_made_for_an_address_that_another_protocol_tells() {
    for delay in [0, 1_500] {
        let slow = Quirk::SearchDelay(Duration::from_millis(delay));
        let mut pair = Pair::every_protocol(Scenario::igd2().with(Quirk::Pcp).with(slow));
        assert_eq!(pair.external_address().unwrap().to_string(), EXTERNAL);
        assert!(pair.record.port_control().iter().all(|(.., request)| request[..2] != [2, 1]));
        ends(&mut pair);
    }
}

#[test]
fn an_address_that_pcp_does_not_tell_is_an_error_and_nothing_stays() {
    for quirk in [Oddity::AssignsAddress("0.0.0.0"), Oddity::PcpResult(8), Oddity::PcpWithoutOpcode(1)] {
        let mut pair = Pair::every_protocol(named("pcp-only").with(Quirk::PortControl(quirk)));
        assert!(pair.external_address().is_err(), "{quirk:?}");
        assert!(pair.now.since_start() <= Duration::from_millis(2_200), "{quirk:?}: {:?}", pair.now);
        ends(&mut pair);
        assert!(pair.gateway.mappings().is_empty(), "{quirk:?}");
    }
    // NAT-PMP's way to say that there is none yet.
    let none = Quirk::PortControl(Oddity::AssignsAddress("0.0.0.0"));
    let mut pair = Pair::every_protocol(named("nat-pmp-only").with(none));
    assert_eq!(pair.external_address().unwrap_err().kind(), ErrorKind::Refused);
    ends(&mut pair);
}

#[test]
fn what_is_held_is_closed_by_its_port() {
    for name in ["pcp-only", "nat-pmp-only", "all-protocols", "igd2"] {
        let mut pair = Pair::every_protocol(named(name));
        pair.map(udp(7777)).unwrap();
        let began = pair.now;
        assert_eq!(pair.close(7777, false), Ok(true), "{name}");
        assert!(pair.now - began < Duration::from_millis(10), "{name}");
        assert!(pair.gateway.mappings().is_empty(), "{name}");
        ends(&mut pair);
    }
}

/// Of a mapping that nobody here remembers, NAT-PMP can delete the one with the same internal port.
#[test]
fn what_nobody_remembers_is_closed_by_nat_pmp_where_there_is_no_upnp() {
    let mut pair = Pair::every_protocol(named("nat-pmp-only"));
    pair.gateway.add_mapping(Mapping::new(Protocol::Udp, 7777, "192.168.1.7".parse().unwrap()));
    pair.gateway.add_mapping(Mapping::new(Protocol::Udp, 7778, "192.168.1.9".parse().unwrap()));
    assert_eq!(pair.close(7777, false), Ok(true));
    assert!(pair.now.since_start() <= Duration::from_millis(2_100), "{:?}", pair.now);
    // Another host's stays: it is not for a client to delete.
    pair.close(7778, false).unwrap();
    let left: Vec<_> = pair.gateway.mappings().iter().map(|mapping| mapping.external_port).collect();
    assert_eq!(left, [7778]);
    ends(&mut pair);
    let config = Config { methods: vec![Method::NatPmp], ..Config::default() };
    let mut pair = Pair::with(named("all-protocols"), config, network());
    pair.gateway.add_mapping(Mapping::new(Protocol::Udp, 7777, "192.168.1.7".parse().unwrap()));
    assert_eq!(pair.close(7777, false), Ok(true));
    assert_eq!(pair.now.since_start(), Duration::from_millis(2));
    assert_eq!(pair.gateway.counters().m_searches, 0, "UPnP was not wanted");
}

#[test]
fn where_upnp_is_spoken_it_alone_decides_what_is_closed() {
    for slow in [0, 1_500] {
        let slow = Quirk::SearchDelay(Duration::from_millis(slow));
        // Ours, from the port to another one: NAT-PMP would take it for the mapping of that other port.
        let mut mapping = Mapping::new(Protocol::Udp, 7777, "192.168.1.7".parse().unwrap());
        mapping.external_port = 9_000;
        let mut pair = Pair::every_protocol(named("all-without-pcp").with(slow));
        pair.gateway.add_mapping(mapping);
        assert_eq!(pair.close(7777, false), Ok(false));
        ends(&mut pair);
        assert_eq!(pair.gateway.mappings().len(), 1);
        // Another host's.
        let mut pair = Pair::every_protocol(named("all-without-pcp").with(slow));
        pair.gateway.add_mapping(Mapping::new(Protocol::Udp, 7777, "192.168.1.9".parse().unwrap()));
        assert_eq!(pair.close(7777, false).unwrap_err().kind(), ErrorKind::Conflict);
        ends(&mut pair);
        assert_eq!(pair.gateway.mappings().len(), 1);
    }
}

#[test]
fn nothing_to_close_is_no_error_whatever_else_is_not_spoken() {
    for name in ["igd2", "all-protocols", "pcp-silent", "pcp-refused"] {
        let mut pair = Pair::every_protocol(named(name));
        assert_eq!(pair.close(7777, false), Ok(false), "{name}");
        ends(&mut pair);
    }
}

#[test]
fn nobody_to_close_it_at_is_an_error() {
    for name in ["pcp-only", "no-protocol", "silent"] {
        let mut pair = Pair::every_protocol(named(name));
        let error = pair.close(7777, false).unwrap_err();
        let expected = if name == "pcp-only" { ErrorKind::NoService } else { ErrorKind::NoGateway };
        assert_eq!(error.kind(), expected, "{name}: {error}");
        assert!(pair.now.since_start() <= TIMEOUT);
        ends(&mut pair);
    }
}

/// Deleting needs the nonce that the mapping was made with.
#[test]
fn a_mapping_of_pcp_is_released_by_its_nonce() {
    let mut pair = Pair::every_protocol(named("pcp-only"));
    let granted = pair.map(udp(7777)).unwrap();
    let released = pair.start(|client, now| client.release(now, &granted, TIMEOUT));
    pair.drive_until_finished(released).unwrap();
    let requests = pair.record.port_control();
    let maps: Vec<_> =
        requests.iter().map(|(.., request)| request).filter(|request| request[..2] == [2, 1]).collect();
    assert_eq!(maps.len(), 2);
    assert_eq!(maps[0][24..36], maps[1][24..36], "nonce");
    assert_ne!(maps[0][24..36], [0; 12]);
    assert_eq!(maps[1][4..8], [0; 4], "lifetime");
    assert!(pair.gateway.mappings().is_empty());
    ends(&mut pair);
    // Another client at the same address has another nonce to give, and is refused.
    let other = Config { seed: [9, 9], ..Config::default() };
    let mut stranger = Pair::with(named("pcp-only"), other, network());
    let mut mapping = Mapping::new(Protocol::Udp, 7777, "192.168.1.7".parse().unwrap());
    mapping.nonce = match granted.grantor {
        Grantor::Pcp(_, nonce) => Some(nonce),
        _ => None,
    };
    stranger.gateway.add_mapping(mapping);
    assert_eq!(stranger.map(udp(7777)).unwrap_err().kind(), ErrorKind::Refused);
    let released = stranger.start(|client, now| client.release(now, &granted, TIMEOUT));
    assert!(stranger.drive_until_finished(released).is_ok());
    assert!(stranger.gateway.mappings().is_empty());
}

#[test]
fn releasing_at_a_gateway_that_is_gone_ends_in_time() {
    let port = NonZeroU16::new(7777).unwrap();
    for name in ["pcp-only", "nat-pmp-only"] {
        let mut pair = Pair::every_protocol(named(name));
        let granted = pair.map(udp(7777)).unwrap();
        assert_eq!(granted.internal_port, port);
        *pair.gateway =
            portcullis_sim::Gateway::new(named("pcp-silent"), "192.168.1.1:5000".parse().unwrap());
        let began = pair.now;
        let released = pair.start(|client, now| client.release(now, &granted, Duration::from_secs(2)));
        assert!(pair.drive_until_finished(released).is_err(), "{name}");
        assert_eq!(pair.now - began, Duration::from_secs(2));
        ends(&mut pair);
    }
}
