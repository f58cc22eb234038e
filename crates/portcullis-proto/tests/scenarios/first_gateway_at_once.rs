//! The first usable gateway is told the moment it is known, everything found at the deadline.

use crate::pair::{GATEWAY, Pair, SimPeer, found};
use core::time::Duration;
use portcullis_proto::client::SearchOptions;
use portcullis_sim::{DeadLocation, Gateway, Quirk, Scenario};

#[test]
fn it_is_told_at_once_and_the_list_at_the_deadline() {
    let mut pair = Pair::new(Scenario::igd1());
    let devices = pair.discover(SearchOptions::default()).unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!(pair.now.since_start(), Duration::from_secs(2));
    let found = found(&pair.record.events);
    assert_eq!(found.len(), 1, "merged: six targets, asked twice over");
    assert!(found[0].0.since_start() < Duration::from_millis(10), "{:?}", found[0].0);
    assert_eq!(found[0].1.search_targets.len(), 3, "{:?}", found[0].1.search_targets);
    assert!(found[0].1.is_usable());
}

#[test]
fn a_dead_device_does_not_hold_it_back() {
    for dead in [DeadLocation::BlackHole, DeadLocation::Refused, DeadLocation::Silent, DeadLocation::Drip] {
        let mut pair = Pair::new(Scenario::igd2().with(Quirk::AlsoAnnounces(dead)));
        let devices = pair.discover(SearchOptions::default()).unwrap();
        assert_eq!(devices.len(), 2, "{dead:?}");
        assert!(devices[0].is_usable() && !devices[1].is_usable(), "{dead:?}: the good one first");
        let first = found(&pair.record.events).into_iter().find(|(_, device)| device.is_usable()).unwrap();
        assert!(first.0.since_start() < Duration::from_millis(10), "{dead:?}: {:?}", first.0);
        pair.assert_idle();
    }
}

#[test]
fn a_search_may_end_quietly_after_the_first() {
    let mut options = SearchOptions::default();
    options.quiet = Some(Duration::from_millis(250));
    let mut pair = Pair::new(Scenario::igd1());
    assert_eq!(pair.discover(options).unwrap().len(), 1);
    let took = pair.now.since_start();
    assert!(took >= Duration::from_millis(250) && took < Duration::from_millis(270), "{took:?}");
}

#[test]
fn a_late_gateway_is_found_within_the_wait() {
    for (delay, is_found) in [(1_900, true), (2_100, false)] {
        let delay = Quirk::SearchDelay(Duration::from_millis(delay));
        let mut pair = Pair::new(Scenario::igd1().with(delay));
        assert_eq!(pair.discover(SearchOptions::default()).is_ok(), is_found, "{delay:?}");
        assert_eq!(pair.now.since_start(), Duration::from_secs(2));
        pair.assert_idle();
    }
}

#[test]
fn all_gateways_are_listed_the_default_one_first() {
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::SearchDelay(Duration::from_millis(200))));
    let others = ["192.168.1.50:80", "192.168.1.60:49152"];
    for other in others {
        pair.add(SimPeer::new(Gateway::new(Scenario::igd2(), other.parse().unwrap())));
    }
    let devices = pair.discover(SearchOptions::default()).unwrap();
    let addresses: Vec<_> = devices.iter().map(|device| device.address.to_string()).collect();
    assert_eq!(addresses[0], GATEWAY);
    assert_eq!(addresses[1..], others);
}
