//! Behind the server of a VPN: it speaks NAT-PMP, chooses the external port, gives it for a minute, and does not name
//! the internal port in its answers (quirk 102).

use crate::asked::{asked, seconds};
use crate::pair::{Pair, network, udp};
use core::net::SocketAddr;
use core::num::NonZeroU16;
use core::time::Duration;
use portcullis_proto::Protocol;
use portcullis_proto::client::{
    ChangeKind, Config, Failure, GatewayAddress, MappingId, MappingRequest, Method, OnConflict,
};
use portcullis_sim::{EchoedPort, PortControlOddity, Quirk, Scenario};

const SERVER: &str = "192.168.1.1:5351";

fn vpn() -> Scenario {
    "vpn".parse().unwrap()
}

fn by_external_port() -> Scenario {
    let echo = Quirk::PortControl(PortControlOddity::EchoesPort(EchoedPort::External));
    Scenario::igd1().with(Quirk::NoUpnp).with(Quirk::NatPmp).with(Quirk::AnyPortNeverTheAsked).with(echo)
}

/// A client whose user has named the server.
fn named(scenario: Scenario) -> Pair {
    let gateways = vec![GatewayAddress::PortControl(SERVER.parse().unwrap())];
    Pair::with(scenario, Config { gateways, ..Config::default() }, network())
}

fn any(protocol: Protocol) -> MappingRequest {
    MappingRequest::new(protocol, NonZeroU16::new(6881).unwrap()).any_external_port()
}

/// Whether what comes in by this external port reaches us.
fn reaches_us(pair: &mut Pair, protocol: Protocol, port: u16) -> bool {
    let outside = SocketAddr::new([81, 2, 69, 142].into(), port);
    let remote = "203.0.113.5:4000".parse().unwrap();
    let now = pair.now;
    pair.gateway.inbound(now, protocol, outside, remote) == Some("192.168.1.7:6881".parse().unwrap())
}

/// The external ports that a mapping was told to have, in order.
fn told(pair: &Pair, mapping: MappingId) -> Vec<u16> {
    let changes = pair.changes().into_iter().filter(|(_, change)| change.mapping == mapping);
    let ports = changes.filter_map(|(_, change)| match change.kind {
        ChangeKind::Mapped => change.granted.map(|granted| granted.external_port.get()),
        ChangeKind::PortChanged { to, .. } => Some(to.get()),
        _ => None,
    });
    ports.collect()
}

#[test]
fn the_gateway_chooses_and_is_asked_for_its_choice_again() {
    for scenario in [vpn(), by_external_port()] {
        let mut pair = named(scenario);
        let (_, granted) = pair.keep(any(Protocol::Udp)).unwrap();
        assert_eq!(granted.method(), Method::NatPmp);
        assert_eq!((granted.internal_port.get(), granted.external_port.get()), (6881, 6882));
        pair.drive_for(seconds(3_600));
        let ports: Vec<_> = asked(&pair)
            .into_iter()
            .filter(|asked| asked.method == Method::NatPmp)
            .map(|asked| asked.external_port)
            .collect();
        assert_eq!(ports[0], 0);
        assert!(ports.len() > 1 && ports[1..].iter().all(|&port| port == 6882), "{ports:?}");
    }
}

#[test]
fn an_hour_of_keeping_loses_no_second_and_tells_each_change_once() {
    let mut pair = named(vpn());
    let both = [Protocol::Udp, Protocol::Tcp];
    let kept = both.map(|protocol| (protocol, pair.keep(any(protocol)).unwrap()));
    assert!(kept.iter().all(|(_, (_, granted))| granted.external_port.get() == 6882));
    let mut ports = [6882; 2];
    for second in 0..3_600 {
        if second % 1_200 == 600 {
            // It forgets them, and gives the next port to whoever renews.
            pair.gateway.clear_mappings();
            for (index, (_, (mapping, _))) in kept.iter().enumerate() {
                while told(&pair, *mapping).last() == Some(&ports[index]) {
                    pair.drive_for(seconds(1));
                }
                ports[index] += 1;
            }
        }
        pair.drive_for(seconds(1));
        for (index, protocol) in both.into_iter().enumerate() {
            assert!(reaches_us(&mut pair, protocol, ports[index]), "{protocol} after {second} s");
        }
    }
    for (protocol, (mapping, _)) in kept {
        assert_eq!(told(&pair, mapping), [6882, 6883, 6884, 6885], "{protocol}");
        let kinds = pair.kinds(mapping);
        assert!(kinds.iter().all(|kind| ["mapped", "renewed", "port-changed"].contains(kind)), "{kinds:?}");
        assert!(pair.stop_keeping(mapping).is_ok());
    }
    assert!(pair.gateway.mappings().is_empty());
}

#[test]
fn lost_answers_and_requests_lose_no_second_either() {
    for seed in 0..8 {
        let mut pair = named(vpn()).lossy(seed, 20);
        let (mapping, _) = pair.keep(any(Protocol::Udp)).unwrap();
        for second in 0..3_600 {
            pair.drive_for(seconds(1));
            assert!(reaches_us(&mut pair, Protocol::Udp, 6882), "seed {seed} after {second} s");
        }
        assert_eq!(told(&pair, mapping), [6882]);
    }
}

#[test]
fn a_gateway_that_nobody_named_has_to_name_the_port() {
    for scenario in [vpn(), by_external_port()] {
        let mut pair = Pair::every_protocol(scenario);
        let error = pair.map(any(Protocol::Udp)).unwrap_err();
        assert!(error.attempts().iter().any(|attempt| attempt.failure == Failure::NoReply), "{error:?}");
    }
}

#[test]
fn who_wants_one_port_takes_no_answer_that_may_be_for_another() {
    let mut pair = named(vpn());
    let error = pair.map(udp(6881)).unwrap_err();
    assert!(error.attempts().iter().any(|attempt| attempt.failure == Failure::NoReply), "{error:?}");
    // Whoever takes any port, whichever is suggested, takes this one.
    let granted = named(vpn()).map(udp(6881).on_conflict(OnConflict::AnyPort)).unwrap();
    assert_eq!(granted.external_port.get(), 6882);
}

#[test]
fn an_answer_that_fits_two_requests_is_for_neither() {
    let mut pair = named(vpn());
    let (mapping, _) = pair.keep(any(Protocol::Udp)).unwrap();
    let operations = [6890, 6891].map(|port| {
        let request = udp(port).any_external_port();
        pair.start(|client, now| client.map(now, request, seconds(5)))
    });
    for operation in operations {
        pair.drive_until_finished(operation).unwrap_err();
    }
    pair.drive_for(seconds(300));
    assert_eq!(told(&pair, mapping), [6882]);
    assert!(reaches_us(&mut pair, Protocol::Udp, 6882));
}

#[test]
fn a_late_answer_about_another_port_is_not_for_this_one() {
    let delay = PortControlOddity::Delay(Duration::from_millis(50));
    let copies = PortControlOddity::Repeats { count: 200, interval: Duration::from_millis(20) };
    for request in [udp(8888).on_conflict(OnConflict::AnyPort), udp(8888).any_external_port()] {
        let scenario = Scenario::igd1().with(Quirk::NoUpnp).with(Quirk::NatPmp);
        let scenario = scenario.with(Quirk::PortControl(delay)).with(Quirk::PortControl(copies));
        let mut pair = named(scenario);
        // Its own number on both sides, as most gateways give it.
        let (kept, _) = pair.keep(udp(7777).on_conflict(OnConflict::AnyPort)).unwrap();
        assert_eq!(pair.map(request).unwrap().external_port.get(), 8888);
        pair.drive_for(seconds(7_200));
        assert_eq!(told(&pair, kept), [7777]);
    }
}

#[test]
fn every_protocol_lets_the_gateway_choose() {
    for protocol in [Quirk::Pcp, Quirk::NatPmp] {
        let scenario = Scenario::igd2().with(Quirk::NoUpnp).with(protocol).with(Quirk::AnyPortNeverTheAsked);
        let mut pair = Pair::every_protocol(scenario);
        assert_eq!(pair.map(any(Protocol::Udp)).unwrap().external_port.get(), 6882);
        assert_eq!(asked(&pair).last().map(|asked| asked.external_port), Some(0));
    }
    // By UPnP the internal port is tried first, then another.
    for scenario in [Scenario::igd1(), Scenario::igd2()] {
        let mut pair = Pair::new(scenario.clone());
        assert_eq!(pair.map(any(Protocol::Udp)).unwrap().external_port.get(), 6881);
        let mut pair = Pair::new(scenario.with(Quirk::ForeignMapping(Protocol::Udp, 6881)));
        assert_ne!(pair.map(any(Protocol::Udp)).unwrap().external_port.get(), 6881);
    }
}

#[test]
fn a_tunnel_that_was_down_gives_another_port_where_it_outlasted_the_lease() {
    for (downtime, expected) in [(20, vec![6882]), (300, vec![6882, 6883])] {
        let silent = Quirk::PortControl(PortControlOddity::Silent);
        let mut pair = named(vpn());
        let (mapping, _) = pair.keep(any(Protocol::Udp)).unwrap();
        pair.drive_for(seconds(100));
        pair.gateway.add_quirk(silent);
        pair.drive_for(seconds(downtime));
        pair.gateway.remove_quirk(silent);
        pair.drive_for(seconds(120));
        assert_eq!(told(&pair, mapping), expected, "{downtime} s");
        let mut kinds = pair.kinds(mapping);
        kinds.retain(|kind| *kind != "renewed");
        let lost = ["mapped", "degraded", "lost", "recovered", "port-changed"];
        let held = ["mapped", "degraded", "recovered"];
        assert_eq!(kinds, if expected.len() > 1 { &lost[..] } else { &held[..] }, "{downtime} s");
        assert!(reaches_us(&mut pair, Protocol::Udp, expected[expected.len() - 1]));
    }
}
