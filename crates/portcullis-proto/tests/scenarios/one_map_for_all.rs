//! A mapping by whatever the gateway speaks, without waiting for what it does not.

use crate::pair::{Pair, network, udp};
use core::net::IpAddr;
use core::time::Duration;
use portcullis_proto::client::{Config, ErrorKind, Method};
use portcullis_proto::{Lifetime, Protocol};
use portcullis_sim::{Quirk, Scenario};

/// A round trip on the link of [`Pair`].
const ROUND_TRIP: Duration = Duration::from_millis(1);
/// How much later a better protocol may answer.
const BETTER: Duration = Duration::from_millis(25);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn named(name: &str) -> Scenario {
    name.parse().unwrap_or_else(|_| panic!("{name}"))
}

/// Maps a port with these protocols, the preferred one first; by which it was mapped, and how long that took.
fn mapped(scenario: Scenario, methods: &[Method]) -> (Pair, Method, Duration) {
    let config = Config { methods: methods.to_vec(), ..Config::default() };
    let mut pair = Pair::with(scenario, config, network());
    let granted = pair.map(udp(7777)).unwrap();
    assert_eq!(granted.external_port.get(), 7777);
    assert_eq!(granted.internal_address, "192.168.1.7".parse::<IpAddr>().unwrap());
    assert_eq!(granted.external_address, "81.2.69.142".parse().ok());
    assert_eq!(granted.lifetime, Lifetime::from_seconds(3_600));
    let took = pair.now.since_start();
    assert_eq!(pair.gateway.mappings().len(), 1);
    let released = pair.start(|client, now| client.release(now, &granted, millis(5_000)));
    pair.drive_until_finished(released).unwrap();
    pair.drive_for(Duration::from_secs(20));
    assert!(pair.gateway.mappings().is_empty(), "{:?}", pair.gateway.mappings());
    pair.assert_idle();
    (pair, granted.method(), took)
}

#[test]
fn each_protocol_is_enough() {
    for (name, method, most) in [
        ("pcp-only", Method::Pcp, ROUND_TRIP),
        ("pcp-and-nat-pmp", Method::Pcp, ROUND_TRIP),
        ("all-protocols", Method::Pcp, ROUND_TRIP),
        ("nat-pmp-only", Method::NatPmp, ROUND_TRIP * 2),
        ("nat-pmp-response-bit", Method::NatPmp, ROUND_TRIP * 2),
        ("nat-pmp-long-version", Method::NatPmp, ROUND_TRIP * 2),
        ("all-without-pcp", Method::NatPmp, ROUND_TRIP * 2),
    ] {
        let (_, by, took) = mapped(named(name), &[]);
        assert_eq!(by, method, "{name}");
        assert!(took <= most, "{name}: {took:?}");
    }
}

/// A gateway that drops what it does not know costs at most the wait for a better protocol.
#[test]
fn a_gateway_that_is_silent_on_pcp_costs_25_ms() {
    let silent = Quirk::PortControl(portcullis_sim::PortControlOddity::VersionAnswer(
        portcullis_sim::VersionAnswer::None,
    ));
    let scenario = Scenario::igd1().with(Quirk::NoUpnp).with(Quirk::NatPmp).with(silent);
    let (_, by, took) = mapped(scenario, &[]);
    assert_eq!(by, Method::NatPmp);
    assert!(took <= BETTER + ROUND_TRIP * 2, "{took:?}");
}

#[test]
fn upnp_alone_is_no_slower_for_the_other_protocols() {
    for (name, delay) in [("igd2", 0), ("igd2", 50), ("igd2", 1_500), ("pcp-silent", 0), ("pcp-refused", 0)] {
        let scenario = || named(name).with(Quirk::SearchDelay(millis(delay)));
        let (_, by, alone) = mapped(scenario(), &[Method::Igd]);
        assert_eq!(by, Method::Igd);
        let (_, by, took) = mapped(scenario(), &[]);
        assert_eq!(by, Method::Igd);
        let most = if name == "pcp-silent" && delay == 0 { BETTER } else { Duration::ZERO };
        assert!(took <= alone + most, "{name}, {delay} ms: {took:?} in place of {alone:?}");
    }
}

#[test]
fn the_preferred_protocol_is_used_where_there_are_several() {
    use Method::{Igd, NatPmp, Pcp};
    for (methods, expected) in [
        (&[Pcp, NatPmp, Igd][..], Pcp),
        (&[NatPmp, Pcp, Igd], NatPmp),
        (&[NatPmp, Igd, Pcp], NatPmp),
        (&[Igd, Pcp, NatPmp], Igd),
        (&[Igd, NatPmp], Igd),
        (&[Pcp, Igd], Pcp),
        (&[NatPmp, Igd], NatPmp),
        (&[Pcp], Pcp),
        (&[NatPmp], NatPmp),
        (&[Igd], Igd),
    ] {
        let (pair, by, took) = mapped(named("all-protocols"), methods);
        assert_eq!(by, expected, "{methods:?}");
        // Found, described and asked, UPnP takes a few round trips more.
        assert!(took <= BETTER, "{methods:?}: {took:?}");
        if by != Igd {
            assert_eq!(pair.gateway.counters().posts("AddPortMapping"), 0);
            assert_eq!(pair.gateway.counters().posts("AddAnyPortMapping"), 0);
        }
        let counters = pair.gateway.counters();
        assert_eq!(counters.pcp > 0, methods.contains(&Pcp), "{methods:?}");
        assert_eq!(counters.nat_pmp > 0, methods.contains(&NatPmp), "{methods:?}");
        assert_eq!(counters.m_searches > 0, methods.contains(&Igd), "{methods:?}");
    }
}

/// What is not preferred is only asked whether it is there: by ANNOUNCE, not by a request that maps.
#[test]
fn pcp_maps_nothing_where_upnp_is_preferred() {
    let (pair, _, _) = mapped(named("all-protocols"), &[Method::Igd, Method::Pcp]);
    let opcodes: Vec<_> = pair.record.port_control().iter().map(|(_, _, request)| request[1]).collect();
    assert_eq!(opcodes, [0], "one ANNOUNCE");
}

/// The preferred one answers a little later: it is waited for, but not for long.
#[test]
fn a_better_protocol_may_be_25_ms_late() {
    for (delay, expected) in [(0, Method::Igd), (10, Method::Igd), (50, Method::Pcp)] {
        let scenario = named("all-protocols").with(Quirk::SearchDelay(millis(delay)));
        let config = Config { methods: vec![Method::Igd, Method::Pcp], ..Config::default() };
        let mut pair = Pair::with(scenario, config, network());
        assert_eq!(pair.map(udp(7777)).unwrap().method(), expected, "{delay} ms");
        assert!(pair.now.since_start() <= BETTER + ROUND_TRIP * 3, "{:?}", pair.now);
        pair.drive_for(Duration::from_secs(20));
        pair.assert_idle();
        assert_eq!(pair.gateway.mappings().len(), 1);
    }
}

#[test]
fn both_transport_protocols_are_mapped_at_once() {
    for name in ["pcp-only", "nat-pmp-only", "all-protocols", "igd2"] {
        let mut pair = Pair::every_protocol(named(name));
        let port = core::num::NonZeroU16::new(7777).unwrap();
        let tcp = portcullis_proto::client::MappingRequest::new(Protocol::Tcp, port);
        let (first, second) = pair.start(|client, now| {
            (client.map(now, udp(7777), millis(5_000)), client.map(now, tcp, millis(5_000)))
        });
        pair.drive_until_finished(first).unwrap();
        pair.drive_until_finished(second).unwrap();
        assert_eq!(pair.gateway.mappings().len(), 2, "{name}");
        pair.drive_for(Duration::from_secs(20));
        pair.assert_idle();
    }
}

#[test]
fn a_hundred_mappings_at_once_do_not_wait_for_each_other() {
    for (name, most) in [("pcp-only", 60), ("nat-pmp-only", 120)] {
        let mut pair = Pair::every_protocol(named(name));
        let operations: Vec<_> = pair.start(|client, now| {
            (7_000..7_100).map(|port| client.map(now, udp(port), millis(15_000))).collect()
        });
        for operation in operations {
            pair.drive_until_finished(operation).unwrap();
        }
        assert!(pair.now.since_start() < millis(most), "{name}: {:?}", pair.now);
        assert_eq!(pair.gateway.mappings().len(), 100);
    }
}

#[test]
fn nobody_at_all_is_told_as_that() {
    for name in ["no-protocol", "silent"] {
        let mut pair = Pair::every_protocol(named(name));
        let error = pair.map(udp(7777)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoGateway, "{name}: {error}");
        pair.assert_idle();
    }
}
