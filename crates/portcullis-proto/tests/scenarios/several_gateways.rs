//! More than one gateway answers: the default one is used, the next one where it cannot (quirk 7).

use crate::pair::{GATEWAY, Pair, SimPeer, network, udp};
use core::cell::RefCell;
use core::time::Duration;
use portcullis_proto::Protocol;
use portcullis_proto::client::{Config, ErrorKind, Event, OnConflict};
use portcullis_sim::{DeadLocation, Gateway, HttpOddity, On, Quirk, Scenario};
use std::rc::Rc;

const OTHER: &str = "192.168.1.50:80";

/// The default gateway and another one.
fn two(default: Scenario, other: Scenario) -> (Pair, Rc<RefCell<SimPeer>>) {
    let mut pair = Pair::new(default);
    let other = Rc::new(RefCell::new(SimPeer::new(Gateway::new(other, OTHER.parse().unwrap()))));
    pair.add(Rc::clone(&other));
    (pair, other)
}

fn delayed(millis: u64) -> Scenario {
    Scenario::igd1().with(Quirk::SearchDelay(Duration::from_millis(millis)))
}

#[test]
fn the_default_gateway_is_waited_for_as_long_as_it_was_let_to_take() {
    for (delay, used) in [(0, GATEWAY), (40, GATEWAY), (100, GATEWAY), (2_000, GATEWAY), (2_200, OTHER)] {
        let (mut pair, _) = two(delayed(delay), Scenario::igd1());
        let granted = pair.map(udp(7777)).unwrap();
        assert_eq!(granted.grantor.control_point().unwrap().remote.to_string(), used, "{delay} ms");
        let within = Duration::from_millis(delay.min(2_100) + 30);
        assert!(pair.now.since_start() < within, "{delay} ms: {:?}", pair.now);
    }
}

#[test]
fn where_nothing_listens_at_the_default_gateway_the_other_is_used_at_once() {
    let (mut pair, _) = two(Scenario::igd1().with(Quirk::NoUpnp), Scenario::igd1());
    let granted = pair.map(udp(7777)).unwrap();
    assert_eq!(granted.grantor.control_point().unwrap().remote.to_string(), OTHER);
    assert!(pair.now.since_start() < Duration::from_millis(30), "{:?}", pair.now);
}

#[test]
fn a_way_out_that_is_not_the_gateways_is_told() {
    for (way_out, told) in [(None, 0), (Some(2), 0), (Some(3), 1)] {
        let mut network = network();
        let mut tunnel = network.interfaces[1].clone();
        (tunnel.name, tunnel.index) = ("wg1".into(), 3);
        tunnel.addresses.clear();
        network.interfaces.push(tunnel);
        network.way_out = way_out;
        let mut pair = Pair::with(Scenario::igd1(), Config::default(), network);
        assert_eq!(pair.map(udp(7777)).unwrap().default_gateway, Some(true));
        let is_it =
            |event: &Event| matches!(event, Event::OtherWayOut { interface, .. } if interface == "wg1");
        assert_eq!(pair.record.events.iter().filter(|(_, event)| is_it(event)).count(), told);
    }
}

#[test]
fn the_other_is_used_where_the_default_one_cannot_be() {
    for (quirk, within) in [
        (Quirk::AnswersOnly(&[]), 2_130),
        (Quirk::AnnouncesOnly(DeadLocation::BlackHole), 1_030),
        (Quirk::AnnouncesOnly(DeadLocation::Silent), 1_030),
        (Quirk::Http(On::Description, HttpOddity::Drip(Duration::from_secs(1))), 1_030),
        (Quirk::Fault("AddPortMapping", 606), 20),
        (Quirk::Fault("AddPortMapping", 401), 20),
        (Quirk::TableSize(0), 20),
        (Quirk::Http(On::Action("AddPortMapping"), HttpOddity::Status(404)), 3_600),
        (Quirk::Http(On::Action("AddPortMapping"), HttpOddity::Redirect(302, "http://10.0.0.1/")), 100),
    ] {
        let (mut pair, other) = two(Scenario::igd1().with(quirk), Scenario::igd1());
        let granted = pair.map(udp(7777)).unwrap_or_else(|error| panic!("{quirk:?}: {error}"));
        let took = pair.now.since_start();
        if granted.grantor.control_point().unwrap().remote.to_string() == OTHER {
            assert_eq!(other.borrow().mappings().len(), 1, "{quirk:?}");
        }
        assert!(took < Duration::from_millis(within), "{quirk:?}: {took:?}");
        pair.drive_for(Duration::from_secs(20));
        pair.assert_idle();
        assert_eq!(
            pair.gateway.mappings().len() + other.borrow().mappings().len(),
            1,
            "{quirk:?}: one mapping"
        );
    }
}

#[test]
fn a_conflict_at_the_default_gateway_is_not_evaded() {
    let taken = Quirk::ForeignMapping(Protocol::Udp, 7777);
    let (mut pair, other) = two(Scenario::igd1().with(taken), Scenario::igd1());
    assert_eq!(pair.map(udp(7777)).unwrap_err().kind(), ErrorKind::Conflict);
    assert!(other.borrow().mappings().is_empty());
    pair.map(udp(7777).on_conflict(OnConflict::AnyPort)).unwrap();
    assert!(other.borrow().mappings().is_empty());
}

#[test]
fn the_error_of_both_names_both() {
    let refusing = || Scenario::igd1().with(Quirk::Fault("AddPortMapping", 606));
    let (mut pair, _) = two(refusing(), refusing());
    let error = pair.map(udp(7777)).unwrap_err();
    let gateways: Vec<_> = error.attempts().iter().map(|attempt| attempt.gateway.as_str()).collect();
    assert_eq!(gateways, ["Simulated gateway (192.168.1.1)", "Simulated gateway (192.168.1.50)"]);
}

#[test]
fn one_that_is_connected_goes_before_one_that_says_it_is_not() {
    // Two WAN services each, so that they are asked; neither is the default gateway.
    let topology = Quirk::Topology(portcullis_sim::Topology::FirstWanDeviceDown);
    let down = Quirk::OutArgument("NewConnectionStatus", "Disconnected");
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::AnswersOnly(&[])));
    for (address, quirk) in [("192.168.1.50:80", down), ("192.168.1.60:80", Quirk::SamePortOnly)] {
        let scenario = Scenario::igd1().with(topology).with(quirk);
        pair.add(SimPeer::new(Gateway::new(scenario, address.parse().unwrap())));
    }
    let granted = pair.map(udp(7777)).unwrap();
    assert_eq!(granted.grantor.control_point().unwrap().remote.to_string(), "192.168.1.60:80");
}

#[test]
fn whoever_joins_a_search_has_his_own_time() {
    let scenario = Scenario::igd1().with(Quirk::SearchDelay(Duration::from_millis(1_500)));
    let mut pair = Pair::new(scenario);
    let hasty = pair.start(|client, now| client.list(now, Duration::from_secs(1)));
    pair.drive_for(Duration::from_millis(900));
    let patient = pair.start(|client, now| client.list(now, Duration::from_secs(5)));
    assert!(pair.drive_until_finished(hasty).is_err());
    assert!(pair.drive_until_finished(patient).is_ok());
}
