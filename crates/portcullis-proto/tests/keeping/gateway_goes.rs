//! A gateway that goes away and comes back, or gets another address.

use crate::asked::{asked, lifetime, of_one_protocol, seconds};
use crate::pair::{Pair, udp};
use portcullis_proto::client::io::Output;
use portcullis_proto::client::{ChangeKind, Method};
use portcullis_sim::{PortControlOddity, Quirk, Scenario};

#[test]
fn one_that_is_gone_is_lost_when_the_lease_is_over_and_recovers_by_itself() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario);
        let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(3_600))).unwrap();
        let mapped = pair.now;
        pair.gateway.is_off = true;
        let (lost, _) = pair.drive_until("lost");
        let lived = (lost - mapped).as_secs_f64();
        assert!((3_599.9..=3_600.0).contains(&lived), "{method}: {lived}");
        assert_eq!(pair.kinds(mapping), ["mapped", "degraded", "lost"], "{method}");
        pair.drive_for(seconds(20_000));
        pair.gateway.is_off = false;
        let back = pair.now;
        let (recovered, _) = pair.drive_until("recovered");
        assert!(recovered - back <= seconds(350), "{method}: {:?}", recovered - back);
        assert_eq!(pair.kinds(mapping), ["mapped", "degraded", "lost", "recovered"], "{method}");
        assert!(pair.gateway.mappings().len() == 1 && pair.is_well(mapping));
        pair.drive_for(seconds(7_200));
        assert!(pair.kinds(mapping)[4..].iter().all(|kind| *kind == "renewed"), "{method}");
    }
}

#[test]
fn one_that_is_gone_is_asked_ever_more_rarely() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario);
        pair.keep(udp(7777).lifetime(lifetime(3_600))).unwrap();
        pair.gateway.is_off = true;
        pair.drive_for(seconds(10_000));
        let before = pair.record.outputs.len();
        pair.drive_for(seconds(6_000));
        let sent = pair.record.outputs[before..]
            .iter()
            .filter(|(_, output)| matches!(output, Output::Datagram { .. } | Output::Connect { .. }))
            .count();
        // Twenty times: a search of forty questions, and a few requests beside.
        assert!(sent <= 20 * 80, "{method}: {sent}");
        let own = asked(&pair).len();
        assert!(own <= 600, "{method}: {own}");
    }
}

#[test]
fn one_that_refuses_connections_is_degraded_within_three_looks() {
    for (method, scenario) in of_one_protocol() {
        let switched_off = match method {
            Method::Igd => Quirk::NoUpnp,
            Method::Pcp => Quirk::Pcp,
            _ => Quirk::NatPmp,
        };
        let mut pair = Pair::every_protocol(scenario);
        let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
        pair.drive_for(seconds(30));
        let now = pair.now;
        pair.gateway.reboot(now);
        if method == Method::Igd {
            pair.gateway.add_quirk(switched_off)
        } else {
            pair.gateway.remove_quirk(switched_off)
        }
        let (at, _) = pair.drive_until("degraded");
        assert!(at - now <= seconds(65), "{method}: {:?}", at - now);
        pair.drive_for(seconds(3_000));
        if method == Method::Igd {
            pair.gateway.remove_quirk(switched_off)
        } else {
            pair.gateway.add_quirk(switched_off)
        }
        let now = pair.now;
        let (at, _) = pair.drive_until("recovered");
        assert!(at - now <= seconds(350), "{method}: {:?}", at - now);
        assert_eq!(pair.kinds(mapping), ["mapped", "degraded", "recovered"], "{method}");
    }
}

#[test]
fn another_external_address_is_told_once() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario);
        let (mapping, granted) = pair.keep(udp(7777).lifetime(lifetime(7_200))).unwrap();
        assert_eq!(granted.external_address, "81.2.69.142".parse().ok());
        pair.drive_for(seconds(90));
        let now = pair.now;
        pair.gateway.change_external_address(now, "81.2.69.160");
        let (at, change) = pair.drive_until("external-address-changed");
        assert!(at - now <= seconds(if method == Method::Igd { 60 } else { 6 }), "{method}: {:?}", at - now);
        let ChangeKind::ExternalAddressChanged { from, to } = change.kind else { panic!("{change:?}") };
        assert_eq!((from, to), ("81.2.69.142".parse().ok(), "81.2.69.160".parse().ok()));
        assert_eq!(change.granted.unwrap().external_address, to);
        pair.drive_for(seconds(300));
        let kinds = pair.kinds(mapping);
        let told = kinds.iter().filter(|kind| **kind == "external-address-changed").count();
        assert_eq!(told, 1, "{method}: {kinds:?}");
        assert!(pair.is_well(mapping), "{method}: {kinds:?}");
    }
}

#[test]
fn an_address_that_flaps_is_told_every_ten_seconds_at_most() {
    let flood = PortControlOddity::AnnouncementFlood {
        count: 4_000,
        interval: core::time::Duration::from_millis(50),
        forged: false,
    };
    let mut pair = Pair::every_protocol(Scenario::igd1().with(Quirk::NatPmp).with(Quirk::PortControl(flood)));
    let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
    for turn in 0..200 {
        let now = pair.now;
        pair.gateway.set_external_address(if turn % 2 == 0 { "81.2.69.160" } else { "81.2.69.142" });
        pair.gateway.handle_timeout(now);
        pair.drive_for(core::time::Duration::from_millis(500));
    }
    let kinds = pair.kinds(mapping);
    let told = kinds.iter().filter(|kind| **kind == "external-address-changed").count();
    assert!((1..=11).contains(&told), "{told}");
}

#[test]
fn an_address_that_nobody_has_is_told_as_what_it_is() {
    let mut pair = Pair::new(Scenario::igd1());
    let (mapping, _) = pair.keep(udp(7777)).unwrap();
    let now = pair.now;
    pair.gateway.change_external_address(now, "0.0.0.0");
    pair.drive_for(seconds(200));
    assert!(pair.is_well(mapping));
    assert!(!pair.kinds(mapping).contains(&"external-address-changed"));
}
