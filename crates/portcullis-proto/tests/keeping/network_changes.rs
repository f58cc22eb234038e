//! This machine moves to another network, loses its own, or sleeps.

use crate::asked::{asked, lifetime, of_one_protocol, seconds};
use crate::pair::{Pair, SimPeer, network, udp};
use core::time::Duration;
use portcullis_proto::client::{DefaultGateway, Method, Network, Reason};
use portcullis_sim::{Gateway, Quirk, Scenario};
use std::cell::RefCell;
use std::rc::Rc;

/// The same link, with the way to the internet by another router.
fn by_the_other() -> Network {
    let mut network = network();
    network.default_gateways = vec![DefaultGateway { address: "192.168.1.2".parse().unwrap(), interface: 2 }];
    network
}

/// Another link, where we have another address.
fn another_link() -> Network {
    let mut network = by_the_other();
    network.interfaces[1].addresses[0].address = "192.168.1.99".parse().unwrap();
    network
}

fn without_a_link() -> Network {
    let mut network = network();
    network.interfaces.truncate(1);
    network.default_gateways.clear();
    network
}

fn other_gateway(pair: &mut Pair, scenario: Scenario) -> Rc<RefCell<SimPeer>> {
    let other =
        Rc::new(RefCell::new(SimPeer::new(Gateway::new(scenario, "192.168.1.2:5000".parse().unwrap()))));
    other.borrow_mut().set_port_control_address("192.168.1.2:5351".parse().unwrap());
    pair.add(Rc::clone(&other));
    other
}

#[test]
fn the_gateway_that_leads_to_the_internet_now_is_asked_and_the_old_one_is_let_go() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario.clone());
        let other = other_gateway(&mut pair, scenario);
        let (mapping, _) = pair.keep(udp(7777)).unwrap();
        pair.drive_for(seconds(100));
        let now = pair.now;
        pair.set_network(by_the_other());
        let (at, change) = pair.drive_until("recovered");
        assert!(at - now <= seconds(5), "{method}: {:?}", at - now);
        assert_eq!(change.reason, Reason::NetworkChanged);
        assert_eq!(other.borrow().mappings().len(), 1, "{method}");
        pair.drive_for(seconds(10));
        assert_eq!(pair.gateway.mappings().len(), 0, "{method}: the old one is let go");
        pair.drive_for(seconds(7_200));
        assert!(pair.is_well(mapping));
        assert!(pair.stop_keeping(mapping).unwrap());
        assert_eq!(other.borrow().mappings().len(), 0, "{method}");
    }
}

#[test]
fn each_gateway_knows_its_mapping_by_a_nonce_of_its_own() {
    let scenario = Scenario::igd2().with(Quirk::NoUpnp).with(Quirk::Pcp);
    let mut pair = Pair::every_protocol(scenario.clone());
    other_gateway(&mut pair, scenario);
    pair.keep(udp(7777)).unwrap();
    let first = asked(&pair)[0].nonce;
    pair.set_network(by_the_other());
    let (moved, _) = pair.drive_until("recovered");
    let at_other =
        asked(&pair).into_iter().find(|asked| moved - asked.at < Duration::from_millis(100)).unwrap();
    assert_ne!(at_other.nonce, first);
}

#[test]
fn a_link_that_was_down_is_mapped_through_within_five_seconds_of_its_return() {
    for (method, scenario) in of_one_protocol() {
        for down in [2, 100, 4_000, 20_000] {
            let mut pair = Pair::every_protocol(scenario.clone());
            let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(3_600))).unwrap();
            pair.drive_for(seconds(100));
            pair.gateway.is_off = true;
            pair.set_network(without_a_link());
            pair.drive_for(seconds(down));
            assert!(!pair.is_well(mapping));
            pair.gateway.is_off = false;
            let now = pair.now;
            pair.set_network(network());
            let (at, _) = pair.drive_until("recovered");
            assert!(at - now <= seconds(5), "{method}, {down}: {:?}", at - now);
            assert_eq!(pair.gateway.mappings().len(), 1);
        }
    }
}

#[test]
fn with_another_address_of_ours_what_leads_to_the_old_one_is_replaced() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario.clone());
        let other = other_gateway(&mut pair, scenario);
        pair.keep(udp(7777)).unwrap();
        pair.drive_for(seconds(10));
        pair.own_address = "192.168.1.99".parse().unwrap();
        pair.set_network(another_link());
        let (_, change) = pair.drive_until("recovered");
        assert_eq!(change.granted.unwrap().internal_address, pair.own_address, "{method}");
        assert_eq!(other.borrow().mappings()[0].internal_client, "192.168.1.99", "{method}");
    }
}

#[test]
fn news_that_change_nothing_for_a_mapping_leave_it_alone() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario);
        let (mapping, _) = pair.keep(udp(7777)).unwrap();
        let mut more = network();
        let mut tunnel = more.interfaces[0].clone();
        (tunnel.name, tunnel.index, tunnel.loopback) = ("tun0".into(), 9, false);
        tunnel.addresses.truncate(1);
        tunnel.addresses[0].address = "10.8.0.2".parse().unwrap();
        more.interfaces.push(tunnel);
        pair.set_network(more);
        pair.drive_for(seconds(100));
        assert_eq!(pair.kinds(mapping), ["mapped"], "{method}");
    }
}

#[test]
fn after_a_night_of_sleep_it_is_there_within_ten_seconds() {
    for (method, scenario) in of_one_protocol() {
        for night in [600, 4_000, 8 * 3_600] {
            for forgets in [false, true] {
                let mut pair = Pair::every_protocol(scenario.clone());
                let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(3_600))).unwrap();
                pair.drive_for(seconds(100));
                if forgets {
                    let now = pair.now;
                    pair.gateway.reboot(now);
                }
                pair.suspend(seconds(night));
                pair.drive_for(seconds(10));
                assert_eq!(pair.gateway.mappings().len(), 1, "{method}, {night} s, {forgets}");
                assert!(pair.is_well(mapping), "{method}, {night} s, {forgets}: {:?}", pair.kinds(mapping));
            }
        }
    }
}

#[test]
fn a_mapping_that_nobody_granted_yet_is_made_as_soon_as_there_is_a_network() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::with(scenario, portcullis_proto::client::Config::default(), without_a_link());
        let mapping = pair.start(|client, now| client.keep_asking(now, udp(7777)));
        pair.drive_for(seconds(5_000));
        assert_eq!(pair.kinds(mapping), ["degraded"], "{method}");
        let now = pair.now;
        pair.set_network(network());
        let (at, _) = pair.drive_until("mapped");
        assert!(at - now <= seconds(5), "{method}: {:?}", at - now);
    }
}

#[test]
fn a_gateway_of_another_protocol_takes_over() {
    let scenario = |quirk| Scenario::igd2().with(Quirk::NoUpnp).with(quirk);
    let mut pair = Pair::every_protocol(scenario(Quirk::Pcp));
    let (mapping, granted) = pair.keep(udp(7777)).unwrap();
    assert_eq!(granted.method(), Method::Pcp);
    pair.drive_for(seconds(10));
    let now = pair.now;
    pair.gateway.reboot(now);
    pair.gateway.remove_quirk(Quirk::Pcp);
    pair.gateway.add_quirk(Quirk::NatPmp);
    let (_, change) = pair.drive_until("recovered");
    assert_eq!(change.granted.unwrap().method(), Method::NatPmp);
    assert!(pair.stop_keeping(mapping).unwrap());
    assert!(pair.gateway.mappings().is_empty());
    pair.drive_for(seconds(60));
    pair.assert_idle();
}
