//! This host gets another address behind the same gateway: by another lease, or since one of two cards in one network
//! is unplugged.

use crate::asked::{lifetime, of_one_protocol, seconds};
use crate::journal::held;
use crate::pair::{CLIENT, Pair, network, udp};
use core::net::IpAddr;
use portcullis_proto::client::journal::Entry;
use portcullis_proto::client::{Client, Config, Method, Network, OnConflict};
use portcullis_sim::{LinkConfig, Quirk, Scenario};

/// The network with this address of ours in the place of the first.
fn with_address(address: &str) -> Network {
    let mut network = network();
    network.interfaces[1].addresses[0].address = address.parse().unwrap();
    network
}

fn address(number: u32) -> String {
    format!("192.168.1.{}", 20 + number)
}

fn journalled(scenario: Scenario) -> Pair {
    Pair::with(scenario, Config { journal: true, ..Config::default() }, network())
}

fn move_to(pair: &mut Pair, address: &str) {
    pair.own_address = address.parse().unwrap();
    pair.set_network(with_address(address));
}

/// Where what is mapped leads to.
fn clients(pair: &Pair) -> Vec<(String, u16)> {
    let mappings = pair.gateway.mappings().iter();
    mappings.map(|mapping| (mapping.internal_client.clone(), mapping.external_port)).collect()
}

/// Of each protocol, a gateway whose table UPnP may clear for any host (miniupnpd with secure_mode=no).
fn open_gateways() -> Vec<(Method, Scenario)> {
    vec![
        (Method::Pcp, Scenario::igd1().with(Quirk::Pcp)),
        (Method::NatPmp, Scenario::igd1().with(Quirk::NatPmp)),
        (Method::Igd, Scenario::igd1()),
        (Method::Igd, Scenario::igd2().with(Quirk::InsecureMode)),
    ]
}

/// Of each protocol, one that lets nobody delete what is another host's.
fn strict_gateways() -> Vec<(Method, Scenario)> {
    let [pcp, nat_pmp, _] = of_one_protocol();
    let both = Scenario::igd2().with(Quirk::Pcp);
    vec![pcp, nat_pmp, (Method::Pcp, both), (Method::Igd, Scenario::igd2())]
}

#[test]
fn what_leads_to_the_old_address_is_deleted_and_the_same_port_leads_to_the_new_one() {
    for (method, scenario) in open_gateways() {
        for policy in [OnConflict::Fail, OnConflict::AnyPort] {
            let mut pair = journalled(scenario.clone());
            let request = udp(7777).lifetime(lifetime(3_600)).on_conflict(policy);
            let (mapping, granted) = pair.keep(request).unwrap();
            assert_eq!(granted.method(), method);
            pair.drive_for(seconds(100));
            let now = pair.now;
            move_to(&mut pair, "192.168.1.99");
            let (at, change) = pair.drive_until("recovered");
            assert!(at - now <= seconds(5), "{method}: {:?}", at - now);
            let own: IpAddr = "192.168.1.99".parse().unwrap();
            assert_eq!(change.granted.unwrap().internal_address, own, "{method}");
            pair.drive_for(seconds(100));
            assert_eq!(clients(&pair), [("192.168.1.99".to_owned(), 7777)], "{method}, {policy:?}");
            assert_eq!(pair.kinds(mapping), ["mapped", "degraded", "recovered"], "{method}");
            assert_eq!(pair.record.journal().len(), 1, "{method}: {:#?}", pair.record.journal());
            assert!(pair.stop_keeping(mapping).unwrap());
            assert!(pair.gateway.mappings().is_empty(), "{method}");
        }
    }
}

#[test]
fn nothing_is_dialled_from_an_address_that_is_gone() {
    for (method, scenario) in open_gateways().into_iter().chain(strict_gateways()) {
        let mut pair = journalled(scenario);
        let (mapping, _) = pair.keep(udp(7777)).unwrap();
        pair.drive_for(seconds(100));
        move_to(&mut pair, "192.168.1.99");
        let before = pair.record.locals().len();
        pair.drive_for(seconds(100));
        let _ = pair.stop_keeping(mapping);
        pair.drive_for(seconds(30));
        let old: IpAddr = CLIENT.parse().unwrap();
        assert!(!pair.record.locals()[before..].contains(&Some(old)), "{method}");
    }
}

#[test]
fn what_cannot_be_deleted_is_told_and_journalled_until_its_lease_is_over() {
    for (method, scenario) in strict_gateways() {
        let mut pair = journalled(scenario);
        let request = udp(7777).lifetime(lifetime(600)).on_conflict(OnConflict::AnyPort);
        let (mapping, _) = pair.keep(request).unwrap();
        pair.drive_for(seconds(10));
        let now = pair.now;
        move_to(&mut pair, "192.168.1.99");
        let (_, left) = pair.drive_until("left-behind");
        let end = left.expires.unwrap();
        assert_eq!(left.granted.unwrap().internal_address, CLIENT.parse::<IpAddr>().unwrap(), "{method}");
        let (at, change) = pair.drive_until("recovered");
        assert!(at - now <= seconds(5), "{method}: {:?}", at - now);
        // Another port was allowed.
        assert_ne!(change.granted.unwrap().external_port.get(), 7777, "{method}");
        assert_eq!(pair.record.journal().len(), 2, "{method}");
        pair.drive_for(end - pair.now + seconds(1));
        assert_eq!(pair.record.journal().len(), 1, "{method}");
        assert_eq!(clients(&pair).len(), 1, "{method}");
        assert!(pair.is_well(mapping));
        assert!(pair.stop_keeping(mapping).unwrap());
        assert!(pair.gateway.mappings().is_empty() && pair.record.journal().is_empty(), "{method}");
    }
}

#[test]
fn a_port_that_is_insisted_on_is_taken_when_the_old_lease_ends() {
    for (method, scenario) in strict_gateways() {
        let mut pair = journalled(scenario);
        let (mapping, granted) = pair.keep(udp(7777).lifetime(lifetime(600))).unwrap();
        let granted_at = pair.now;
        pair.drive_for(seconds(10));
        move_to(&mut pair, "192.168.1.99");
        let (at, change) = pair.drive_until("recovered");
        let end = granted_at + granted.lifetime.duration().unwrap();
        assert!(at + seconds(2) >= end && at - end <= seconds(16), "{method}: {at:?} {end:?}");
        assert_eq!(change.granted.unwrap().external_port.get(), 7777, "{method}");
        let kinds = pair.kinds(mapping);
        assert_eq!(kinds, ["mapped", "degraded", "left-behind", "lost", "recovered"], "{method}");
        assert_eq!(clients(&pair), [("192.168.1.99".to_owned(), 7777)], "{method}");
        pair.drive_for(seconds(5));
        assert_eq!(pair.record.journal().len(), 1, "{method}");
    }
}

#[test]
fn closed_is_not_said_of_what_leads_to_the_old_address() {
    for (method, scenario) in strict_gateways() {
        let mut pair = journalled(scenario);
        let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(600))).unwrap();
        pair.drive_for(seconds(10));
        move_to(&mut pair, "192.168.1.99");
        pair.drive_for(seconds(10));
        assert!(pair.stop_keeping(mapping).is_err(), "{method}");
        assert_eq!(clients(&pair), [(CLIENT.to_owned(), 7777)], "{method}");
        assert!(!pair.kinds(mapping).contains(&"released"), "{method}");
        assert_eq!(pair.record.journal().len(), 1, "{method}");
    }
}

#[test]
fn nothing_piles_up_over_many_changes() {
    for (method, scenario) in open_gateways() {
        let mut pair = journalled(scenario);
        let (mapping, _) = pair.keep(udp(7777).on_conflict(OnConflict::AnyPort)).unwrap();
        for turn in 0..20 {
            pair.drive_for(seconds(20));
            move_to(&mut pair, &address(turn));
        }
        pair.drive_for(seconds(20));
        assert_eq!(clients(&pair).len(), 1, "{method}: {:?}", clients(&pair));
        assert_eq!(pair.record.journal().len(), 1, "{method}");
        assert!(pair.is_well(mapping));
    }
}

#[test]
fn back_and_forth_there_is_one_mapping_for_each_address() {
    for (method, scenario) in strict_gateways() {
        let mut pair = journalled(scenario);
        let (mapping, _) = pair.keep(udp(7777).on_conflict(OnConflict::AnyPort)).unwrap();
        for turn in 0..20 {
            pair.drive_for(seconds(20));
            move_to(&mut pair, &address(turn % 2));
        }
        pair.drive_for(seconds(20));
        let open = clients(&pair);
        assert!(open.len() <= 3, "{method}: {open:?}");
        assert!(pair.record.journal().len() <= 3, "{method}: {}", pair.record.journal().len());
        assert!(pair.is_well(mapping), "{method}");
        pair.drive_for(seconds(7_200));
        assert_eq!((clients(&pair).len(), pair.record.journal().len()), (1, 1), "{method}");
    }
}

#[test]
fn a_yes_to_the_new_address_does_not_close_what_leads_to_the_old_one() {
    let [pcp, nat_pmp, _] = of_one_protocol();
    for (method, scenario) in [pcp, nat_pmp] {
        let mut pair = journalled(scenario);
        let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(600))).unwrap();
        pair.drive_for(seconds(10));
        // The deletion is lost, and asked for again from another address.
        pair.set_link(LinkConfig { loss: 100, ..LinkConfig::default() });
        let closing = pair.start(|client, now| client.stop_keeping(now, mapping, seconds(5)));
        pair.set_link(LinkConfig::default());
        move_to(&mut pair, "192.168.1.99");
        assert!(pair.drive_until_finished(closing).is_err(), "{method}");
        assert_eq!(clients(&pair), [(CLIENT.to_owned(), 7777)], "{method}");
        assert_eq!(pair.record.journal().len(), 1, "{method}");
    }
}

#[test]
fn what_may_have_been_made_for_the_old_address_stays_written_down() {
    let [pcp, nat_pmp, _] = of_one_protocol();
    for (method, scenario) in [pcp, nat_pmp] {
        let mut pair = journalled(scenario);
        pair.keep(udp(7777)).unwrap();
        // It was killed before it heard the answer, and the next process begins elsewhere.
        let stale: Vec<_> = held(&pair).into_iter().map(|entry| Entry { granted: false, ..entry }).collect();
        move_to(&mut pair, "192.168.1.99");
        let config = Config { journal: true, seed: [8, 8], ..Config::default() };
        pair.kill(Client::new(config, with_address("192.168.1.99")));
        pair.start(|client, _| client.restore(stale, Vec::new()));
        pair.start(|client, now| client.clean_up(now));
        pair.drive_for(seconds(10));
        assert_eq!(pair.gateway.mappings().len(), 1, "{method}");
        assert_eq!(held(&pair).len(), 1, "{method}");
    }
}

#[test]
fn the_end_of_what_was_left_does_not_delete_what_another_has_there_again() {
    let request = || udp(7777).on_conflict(OnConflict::AnyPort);
    for (method, scenario) in strict_gateways() {
        for seed in 0..20 {
            let mut pair = journalled(scenario.clone());
            let (first, second) = (pair.keep(request()).unwrap().0, pair.keep(request()).unwrap().0);
            pair.drive_for(seconds(10));
            let mut nowhere = network();
            nowhere.default_gateways.clear();
            nowhere.interfaces.truncate(1);
            pair.set_network(nowhere);
            pair.drive_for(seconds(10));
            // One of them is there before the other.
            pair = pair.lossy(seed, 30);
            pair.set_network(network());
            let (_, change) = pair.drive_until("recovered");
            let (well, other) = if change.mapping == first { (first, second) } else { (second, first) };
            let _ = pair.stop_keeping(other);
            let mine = (CLIENT.to_owned(), 7777);
            assert!(clients(&pair).contains(&mine), "{method}, {seed}: {:?}", clients(&pair));
            assert!(pair.is_well(well), "{method}, {seed}");
        }
    }
}

#[test]
fn one_of_two_cards_in_one_network_may_be_unplugged() {
    for (method, scenario) in open_gateways() {
        let mut both = network();
        let mut second = both.interfaces[1].clone();
        (second.name, second.index) = ("wlan0".into(), 3);
        second.addresses.truncate(1);
        second.addresses[0].address = "192.168.1.8".parse().unwrap();
        both.interfaces.push(second);
        let mut pair = Pair::with(scenario, Config::default(), both.clone());
        pair.keep(udp(7777)).unwrap();
        pair.drive_for(seconds(100));
        both.interfaces.remove(1);
        both.default_gateways[0].interface = 3;
        pair.own_address = "192.168.1.8".parse().unwrap();
        let now = pair.now;
        pair.set_network(both);
        let (at, _) = pair.drive_until("recovered");
        assert!(at - now <= seconds(5), "{method}: {:?}", at - now);
        assert_eq!(clients(&pair), [("192.168.1.8".to_owned(), 7777)], "{method}");
    }
}
