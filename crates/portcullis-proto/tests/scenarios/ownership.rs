//! Whose a mapping is: what this client added is deleted when the last who wants it lets go, and nothing else.

use crate::pair::{Pair, SimPeer, udp};
use core::cell::RefCell;
use core::num::NonZeroU16;
use core::time::Duration;
use portcullis_proto::Protocol;
use portcullis_proto::client::{Closed, Failure, MappingRequest, OnConflict, Outcome};
use portcullis_sim::{Gateway, HttpOddity, Mapping, On, Quirk, Scenario};
use std::rc::Rc;

const TIMEOUT: Duration = Duration::from_secs(5);

/// External port 7777 to another internal port.
fn elsewhere() -> MappingRequest {
    MappingRequest::new(Protocol::Udp, NonZeroU16::new(8000).unwrap())
        .external_port(NonZeroU16::new(7777).unwrap())
}

fn second_gateway(pair: &mut Pair) -> Rc<RefCell<SimPeer>> {
    let gateway = Gateway::new(Scenario::igd1(), "192.168.1.50:80".parse().unwrap());
    let peer = Rc::new(RefCell::new(SimPeer::new(gateway)));
    pair.add(Rc::clone(&peer));
    peer
}

#[test]
fn a_cancelled_map_leaves_the_mapping_of_another_program_alone() {
    for micros in (0..12_000).step_by(250) {
        // One that refuses: the port leads to another program of this host.
        let mut pair = Pair::new(Scenario::igd1().with(Quirk::Fault("AddPortMapping", 718)));
        pair.gateway.add_mapping(Mapping::new(Protocol::Udp, 7777, "192.168.1.7".parse().unwrap()));
        let operation = pair.start(|client, now| client.map(now, elsewhere(), TIMEOUT));
        pair.drive_for(Duration::from_micros(micros));
        pair.start(|client, now| client.cancel(now, operation));
        pair.drive_for(Duration::from_secs(10));
        assert_eq!(pair.gateway.mappings().len(), 1, "{micros} us");
        pair.assert_idle();
    }
}

#[test]
fn mapping_again_and_cancelling_keeps_the_first() {
    for micros in (0..12_000).step_by(250) {
        let mut pair = Pair::new(Scenario::igd1());
        pair.map(udp(7777)).unwrap();
        let again = pair.start(|client, now| client.map(now, udp(7777), TIMEOUT));
        pair.drive_for(Duration::from_micros(micros));
        pair.start(|client, now| client.cancel(now, again));
        pair.drive_for(Duration::from_secs(10));
        assert_eq!(pair.gateway.mappings().len(), 1, "{micros} us");
    }
}

#[test]
fn releasing_the_older_of_two_grants_keeps_the_port_open() {
    let mut pair = Pair::new(Scenario::igd1());
    let older = pair.map(udp(7777)).unwrap();
    let newer = pair.map(udp(7777)).unwrap();
    for (granted, left, closed) in [(&older, 1, Closed::StillKept), (&newer, 0, Closed::Deleted)] {
        let release = pair.start(|client, now| client.release(now, granted, TIMEOUT));
        assert_eq!(pair.drive_until_finished(release).unwrap(), Outcome::Closed(closed));
        assert_eq!(pair.gateway.mappings().len(), left);
    }
}

/// A gateway that adds, says nothing, and cannot be asked; beside it one that grants. Asking the first is
/// possible again right after it has failed, where `recovers`.
fn doubtful_then_granted(recovers: bool) -> (Pair, Rc<RefCell<SimPeer>>) {
    let cannot_tell = Quirk::Fault("GetSpecificPortMappingEntry", 501);
    let silent = Quirk::Http(On::Action("AddPortMapping"), HttpOddity::Silent);
    let cannot_list = Quirk::Fault("GetGenericPortMappingEntry", 401);
    let mut pair = Pair::new(Scenario::igd1().with(silent).with(cannot_tell).with(cannot_list));
    let other = second_gateway(&mut pair);
    let operation = pair.start(|client, now| client.map(now, udp(7777), TIMEOUT));
    let mut steps = 0..TIMEOUT.as_millis();
    while pair.gateway.counters().posts("GetSpecificPortMappingEntry") < 2 {
        steps.next().expect("the doubtful Add is never looked for");
        pair.drive_for(Duration::from_millis(1));
    }
    assert_eq!(pair.gateway.mappings().len(), 1);
    if recovers {
        pair.gateway.remove_quirk(cannot_tell);
    }
    assert!(pair.drive_until_finished(operation).is_ok());
    pair.drive_for(Duration::from_secs(20));
    assert_eq!(other.borrow().mappings().len(), 1);
    pair.assert_idle();
    (pair, other)
}

#[test]
fn what_a_doubtful_gateway_has_is_deleted_when_the_next_one_grants() {
    let (pair, other) = doubtful_then_granted(true);
    assert!(pair.gateway.mappings().is_empty());
    assert_eq!(other.borrow().counters().posts("DeletePortMapping"), 0);
}

#[test]
fn without_proof_nothing_is_deleted_at_a_doubtful_gateway() {
    let (pair, _) = doubtful_then_granted(false);
    assert_eq!(pair.gateway.counters().posts("DeletePortMapping"), 0);
    assert!(pair.gateway.counters().posts("GetSpecificPortMappingEntry") >= 2);
}

#[test]
fn an_add_that_is_on_its_way_is_waited_for_before_it_is_undone() {
    let slow = HttpOddity::Delay(Duration::from_millis(700));
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::Http(On::Action("AddPortMapping"), slow)));
    let operation = pair.start(|client, now| client.map(now, udp(7777), TIMEOUT));
    pair.drive_for(Duration::from_millis(200));
    pair.start(|client, now| client.cancel(now, operation));
    assert_eq!(pair.gateway.counters().posts("DeletePortMapping"), 0);
    pair.drive_for(Duration::from_secs(2));
    assert_eq!(pair.gateway.counters().posts("DeletePortMapping"), 1);
    assert!(pair.gateway.mappings().is_empty());
    pair.assert_idle();
}

#[test]
fn a_port_that_no_first_gateway_has_is_closed_at_the_second() {
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::Fault("AddPortMapping", 606)));
    let other = second_gateway(&mut pair);
    pair.map(udp(7777)).unwrap();
    assert_eq!(other.borrow().mappings().len(), 1);
    assert!(pair.close(7777, false).unwrap());
    assert!(other.borrow().mappings().is_empty());
    assert!(!pair.close(7777, false).unwrap());
}

#[test]
fn a_conflict_whose_answer_was_lost_is_worked_round_all_the_same() {
    let holder = "192.168.1.9".parse().unwrap();
    let lost = Quirk::Http(On::Action("AddPortMapping"), HttpOddity::Silent);
    let mut pair = Pair::new(Scenario::igd1().with(lost).with(Quirk::AddIgnored));
    pair.gateway.add_mapping(Mapping::new(Protocol::Udp, 7777, holder));
    let wanted = udp(7777).on_conflict(OnConflict::AnyPort);
    let operation = pair.start(|client, now| client.map(now, wanted, TIMEOUT));
    let error = pair.drive_until_finished(operation).unwrap_err();
    // Other ports were tried, although this gateway never answers.
    assert!(pair.gateway.counters().posts("AddPortMapping") > 1);
    assert!(!matches!(error.decisive_attempt().unwrap().failure, Failure::Conflict { .. }), "{error}");
}

#[test]
fn nobody_is_asked_after_the_deadline() {
    let silent = Quirk::Http(On::Control, HttpOddity::Silent);
    let mut pair = Pair::new(Scenario::igd1().with(silent));
    let other = second_gateway(&mut pair);
    let operation = pair.start(|client, now| client.list(now, Duration::from_secs(4)));
    let error = pair.drive_until_finished(operation).unwrap_err();
    assert!(!error.to_string().contains("192.168.1.50"), "{error}");
    // Its description, and no action.
    assert_eq!(other.borrow().counters().connections, 1);
}
