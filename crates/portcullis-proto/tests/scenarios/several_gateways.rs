//! More than one gateway answers: the default one is used, the next one where it cannot (quirk 7).

use crate::pair::{GATEWAY, Pair, SimPeer, udp};
use core::cell::RefCell;
use core::time::Duration;
use portcullis_proto::Protocol;
use portcullis_proto::client::{ErrorKind, OnConflict};
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
fn the_default_gateway_is_waited_for_50_ms() {
    for (delay, used) in [(0, GATEWAY), (20, GATEWAY), (40, GATEWAY), (80, OTHER)] {
        let (mut pair, _) = two(delayed(delay), Scenario::igd1());
        let granted = pair.map(udp(7777)).unwrap();
        assert_eq!(granted.grantor.control_point().unwrap().remote.to_string(), used, "{delay} ms");
        assert!(pair.now.since_start() < Duration::from_millis(70), "{delay} ms: {:?}", pair.now);
    }
}

#[test]
fn the_other_is_used_where_the_default_one_cannot_be() {
    for (quirk, within) in [
        (Quirk::AnswersOnly(&[]), 70),
        (Quirk::AnnouncesOnly(DeadLocation::BlackHole), 70),
        (Quirk::AnnouncesOnly(DeadLocation::Silent), 70),
        (Quirk::Http(On::Description, HttpOddity::Drip(Duration::from_secs(1))), 70),
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
