//! A mapping is renewed from the half of its lifetime on, where it was made and as what it was made.

use crate::asked::{asked, lifetime, of_one_protocol, seconds};
use crate::pair::{Pair, network, udp};
use core::time::Duration;
use portcullis_proto::client::{ChangeKind, Config, InterfaceAddress, MappingId, Method, Network, Reason};
use portcullis_sim::{PortControlOddity, Quirk, Scenario};

/// When a mapping was granted, or granted again, in seconds since the first time.
fn grants(pair: &Pair, mapping: MappingId) -> Vec<f64> {
    let granted = pair.changes().into_iter().filter(|(_, change)| {
        change.mapping == mapping && matches!(change.kind, ChangeKind::Mapped | ChangeKind::Renewed)
    });
    let times: Vec<_> = granted.map(|(at, _)| at).collect();
    times.iter().map(|at| (*at - times[0]).as_secs_f64()).collect()
}

#[test]
fn every_protocol_renews_within_the_first_window() {
    for (method, scenario) in of_one_protocol() {
        for seconds in [120_u32, 600, 3_600, 7_200, 86_400] {
            let mut pair = Pair::every_protocol(scenario.clone());
            let (mapping, granted) = pair.keep(udp(7777).lifetime(lifetime(seconds))).unwrap();
            assert_eq!(granted.method(), method);
            pair.drive_for(Duration::from_secs(u64::from(seconds) * 4));
            let kinds = pair.kinds(mapping);
            assert!(kinds[1..].iter().all(|kind| *kind == "renewed"), "{method}, {seconds}: {kinds:?}");
            let grants = grants(&pair, mapping);
            let seconds = f64::from(seconds);
            for pair in grants.windows(2) {
                let share = (pair[1] - pair[0]) / seconds;
                assert!((0.49..0.626).contains(&share), "{method}, {seconds}: {grants:?}");
            }
            assert!((6..=8).contains(&(grants.len() - 1)), "{method}, {seconds}: {grants:?}");
            assert_eq!(pair.gateway.mappings().len(), 1);
        }
    }
}

#[test]
fn a_renewal_asks_for_the_same_port_by_the_same_nonce() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario);
        pair.keep(udp(7777).lifetime(lifetime(600))).unwrap();
        pair.drive_for(seconds(3_600));
        let asked: Vec<_> = asked(&pair).into_iter().filter(|asked| asked.method == method).collect();
        if method != Method::Igd {
            assert!(asked.len() >= 10, "{asked:?}");
        }
        for request in &asked {
            assert_eq!((request.external_port, request.nonce), (7777, asked[0].nonce));
            assert_eq!(request.lifetime, 600);
        }
    }
}

#[test]
fn a_pinhole_is_renewed_by_its_number() {
    let mut pair =
        Pair::at("[fe80::1]:5000".parse().unwrap(), Scenario::igd2(), Config::default(), ipv6_network());
    pair.own_address_v6 = "2a02:ff0::7".parse().unwrap();
    let (mapping, granted) = pair.keep(udp(7777).ipv6().lifetime(lifetime(600))).unwrap();
    assert_eq!(granted.method(), Method::IgdPinhole);
    pair.drive_for(seconds(3_600));
    let kinds = pair.kinds(mapping);
    assert!(kinds.len() > 9 && kinds[1..].iter().all(|kind| *kind == "renewed"), "{kinds:?}");
    assert_eq!(pair.record.actions().iter().filter(|action| *action == "AddPinhole").count(), 1);
    assert_eq!(pair.gateway.pinholes().len(), 1);
    assert!(pair.stop_keeping(mapping).unwrap());
    assert!(pair.gateway.pinholes().is_empty());
    pair.drive_for(seconds(60));
    pair.assert_idle();
}

#[test]
fn a_pinhole_that_is_forgotten_is_made_again_within_ten_minutes() {
    for scenario in [Scenario::igd2(), Scenario::igd2().with(Quirk::Fault("CheckPinholeWorking", 602))] {
        let at = "[fe80::1]:5000".parse().unwrap();
        let mut pair = Pair::at(at, scenario, Config::default(), ipv6_network());
        pair.own_address_v6 = "2a02:ff0::7".parse().unwrap();
        let (mapping, _) = pair.keep(udp(7777).ipv6().lifetime(lifetime(86_400))).unwrap();
        pair.drive_for(seconds(1_800));
        assert_eq!(pair.kinds(mapping), ["mapped"]);
        pair.gateway.clear_mappings();
        let cleared = pair.now;
        let (noticed, change) = pair.drive_until("degraded");
        assert!(noticed - cleared <= seconds(600) && change.reason == Reason::Forgotten, "{change:?}");
        pair.drive_until("recovered");
        assert_eq!(pair.gateway.pinholes().len(), 1);
    }
}

#[test]
fn a_pinhole_by_pcp_is_renewed_with_its_address() {
    let scenario = Scenario::igd2().with(Quirk::NoUpnp).with(Quirk::Pcp);
    let mut pair = Pair::at("[fe80::1]:5000".parse().unwrap(), scenario, Config::default(), ipv6_network());
    pair.own_address_v6 = "2a02:ff0::7".parse().unwrap();
    let (mapping, granted) = pair.keep(udp(7777).ipv6().lifetime(lifetime(600))).unwrap();
    assert_eq!(granted.method(), Method::Pcp);
    pair.drive_for(seconds(3_600));
    let kinds = pair.kinds(mapping);
    assert!(kinds.len() > 9 && kinds[1..].iter().all(|kind| *kind == "renewed"), "{kinds:?}");
    assert_eq!(pair.gateway.pcp_pinholes().len(), 1);
    assert!(pair.stop_keeping(mapping).unwrap());
    assert!(pair.gateway.pcp_pinholes().is_empty());
}

/// A network with a default gateway for IPv6, and a global address of ours.
fn ipv6_network() -> Network {
    let mut network = network();
    network.default_gateways[0].address = "fe80::1".parse().unwrap();
    let global = InterfaceAddress {
        address: "2a02:ff0::7".parse().unwrap(),
        prefix_length: 64,
        deprecated: false,
        temporary: false,
    };
    network.interfaces[1].addresses.push(global);
    network
}

#[test]
fn another_port_at_renewal_is_told_and_the_mapping_stays() {
    for (method, scenario) in of_one_protocol() {
        if method == Method::Igd {
            continue;
        }
        let mut pair = Pair::every_protocol(scenario);
        let request =
            udp(7777).lifetime(lifetime(600)).on_conflict(portcullis_proto::client::OnConflict::AnyPort);
        let (mapping, _) = pair.keep(request).unwrap();
        // Somebody else takes the port while ours is forgotten.
        pair.gateway.clear_mappings();
        let foreign = "192.168.1.9".parse().unwrap();
        pair.gateway.add_mapping(portcullis_sim::Mapping::new(
            portcullis_proto::Protocol::Udp,
            7777,
            foreign,
        ));
        let (_, change) = pair.drive_until("port-changed");
        let ChangeKind::PortChanged { from, to } = change.kind else { panic!("{change:?}") };
        assert_eq!(from.get(), 7777);
        assert_eq!(change.granted.unwrap().external_port, to);
        pair.drive_for(seconds(60));
        let is_there = |port: u16| pair.gateway.mappings().iter().any(|own| own.external_port == port);
        assert!(is_there(to.get()) && is_there(7777), "{method}: {:?}", pair.gateway.mappings());
        assert!(pair.is_well(mapping));
        assert!(pair.stop_keeping(mapping).unwrap());
        assert_eq!(pair.gateway.mappings().len(), 1);
    }
}

#[test]
fn a_refused_renewal_is_tried_again_after_five_seconds_then_ten() {
    for (method, scenario) in of_one_protocol() {
        let refusals: &[Quirk] = match method {
            Method::Pcp => &[Quirk::PortControl(PortControlOddity::PcpResult(8))],
            Method::NatPmp => &[Quirk::PortControl(PortControlOddity::NatPmpResult(4))],
            _ => &[Quirk::Fault("AddPortMapping", 501)],
        };
        let mut pair = Pair::every_protocol(scenario);
        let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(7_200))).unwrap();
        refusals.iter().for_each(|&quirk| pair.gateway.add_quirk(quirk));
        let (at, change) = pair.drive_until("degraded");
        assert!(matches!(change.reason, Reason::Failed(_)), "{change:?}");
        pair.drive_for(seconds(30));
        let adds = pair.record.requests();
        let adds =
            adds.iter().filter(|(_, request)| request.contains("#AddPortMapping")).map(|(time, _)| *time);
        let times: Vec<_> = match method {
            Method::Igd => adds.collect(),
            _ => asked(&pair).into_iter().map(|asked| asked.at).collect(),
        };
        let later: Vec<_> =
            times.into_iter().filter(|time| *time > at).map(|time| (time - at).as_secs_f64()).collect();
        let apart = later.windows(2).map(|two| two[1] - two[0]).find(|apart| *apart > 1.0).unwrap();
        // An attempt ends when the search for other gateways does.
        assert!((4.5..=5.6).contains(&later[0]) && (8.9..=26.1).contains(&apart), "{method}: {later:?}");
        refusals.iter().for_each(|&quirk| pair.gateway.remove_quirk(quirk));
        let (_, change) = pair.drive_until("recovered");
        assert_eq!(change.mapping, mapping);
        assert_eq!(pair.kinds(mapping), ["mapped", "degraded", "recovered"], "{method}");
        assert_eq!(pair.gateway.mappings().len(), 1);
    }
}

#[test]
fn the_port_of_another_mapping_of_ours_is_taken() {
    use portcullis_proto::client::{ErrorKind, OnConflict};
    for scenario in [Scenario::igd1(), Scenario::igd2()] {
        let mut pair = Pair::new(scenario);
        let port = |port: u16| port.try_into().unwrap();
        pair.keep(udp(7778).external_port(port(7777))).unwrap();
        let error = pair.keep(udp(7777)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let (_, granted) = pair.keep(udp(7777).on_conflict(OnConflict::AnyPort)).unwrap();
        assert_ne!(granted.external_port, port(7777));
        let first = pair.gateway.mappings().iter().find(|own| own.external_port == 7777).unwrap();
        assert_eq!(first.internal_port, 7778);
    }
}
