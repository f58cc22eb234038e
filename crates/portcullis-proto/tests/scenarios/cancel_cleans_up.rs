//! A cancelled operation is silent from then on, and leaves neither sockets nor mappings behind.

use crate::pair::{Pair, udp};
use core::time::Duration;
use portcullis_proto::Protocol;
use portcullis_proto::client::{Event, SearchOptions};
use portcullis_sim::{HttpOddity, On, Quirk, Scenario};

const TIMEOUT: Duration = Duration::from_secs(5);

#[test]
fn a_cancelled_search_closes_everything_at_once() {
    let slow = HttpOddity::Delay(Duration::from_secs(1));
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::Http(On::Any, slow)));
    let search = pair.start(|client, now| client.discover(now, SearchOptions::default()));
    pair.drive_for(Duration::from_millis(100));
    assert_eq!((pair.open_sockets(), pair.open_connections()), (1, 1));
    pair.start(|client, now| client.cancel(now, search));
    pair.assert_idle();
    let said = pair.record.outputs.len();
    pair.drive_for(TIMEOUT);
    assert_eq!(pair.record.outputs.len(), said);
    assert!(pair.record.events.is_empty());
}

/// Cancels a mapping `after` its start and lets everything end.
fn cancelled(scenario: Scenario, after: Duration) -> Pair {
    let mut pair = Pair::new(scenario);
    let operation = pair.start(|client, now| client.map(now, udp(7777), TIMEOUT));
    pair.drive_for(after);
    pair.start(|client, now| client.cancel(now, operation));
    pair.drive_for(Duration::from_secs(20));
    assert!(pair.record.finished_at(operation).is_none_or(|at| at.since_start() <= after), "told afterwards");
    pair.assert_idle();
    pair
}

#[test]
fn a_mapping_that_was_under_way_is_deleted() {
    for oddity in [HttpOddity::Silent, HttpOddity::Delay(Duration::from_secs(1)), HttpOddity::KeepOpen] {
        let add = On::Action("AddPortMapping");
        let slow_address = Quirk::Http(On::Action("GetExternalIPAddress"), HttpOddity::Silent);
        let scenario = Scenario::igd1().with(Quirk::Http(add, oddity)).with(slow_address);
        let pair = cancelled(scenario, Duration::from_millis(200));
        assert_eq!(pair.gateway.counters().posts("AddPortMapping"), 1, "{oddity:?}");
        assert!(pair.gateway.mappings().is_empty(), "{oddity:?}");
    }
}

#[test]
fn nothing_is_left_whenever_it_is_cancelled() {
    for micros in (0..12_000).step_by(250) {
        let pair = cancelled(Scenario::igd1(), Duration::from_micros(micros));
        // Cancelling what is over is no closing.
        let finished = pair.record.events.iter().any(|(_, event)| matches!(event, Event::Finished { .. }));
        assert_eq!(pair.gateway.mappings().len(), usize::from(finished), "{micros} us");
    }
}

#[test]
fn a_mapping_of_another_host_is_not_deleted() {
    let quirk = Quirk::InternalClientReplaced("192.168.1.9");
    let silent = Quirk::Http(On::Action("AddPortMapping"), HttpOddity::Silent);
    let pair = cancelled(Scenario::igd1().with(quirk).with(silent), Duration::from_millis(200));
    assert_eq!(pair.gateway.counters().posts("DeletePortMapping"), 0);
    assert_eq!(pair.gateway.mappings().len(), 1);
}

#[test]
fn what_cannot_be_proved_ours_is_not_deleted() {
    let scenario = Scenario::igd1()
        .with(Quirk::ForeignMapping(Protocol::Udp, 7777))
        .with(Quirk::Fault("GetSpecificPortMappingEntry", 401))
        .with(Quirk::Http(On::Action("AddPortMapping"), HttpOddity::Silent));
    let pair = cancelled(scenario, Duration::from_millis(200));
    assert_eq!(pair.gateway.counters().posts("DeletePortMapping"), 0);
    assert_eq!(pair.gateway.mappings().len(), 1);
}

#[test]
fn cancelling_before_the_gateway_is_known_asks_it_for_nothing() {
    let scenario = Scenario::igd1().with(Quirk::SearchDelay(Duration::from_secs(1)));
    let pair = cancelled(scenario, Duration::from_millis(200));
    assert_eq!(pair.gateway.counters().connections, 0);
}

#[test]
fn one_cancelled_operation_leaves_the_others_alone() {
    let mut pair = Pair::new(Scenario::igd1());
    let (first, second) =
        pair.start(|client, now| (client.map(now, udp(7777), TIMEOUT), client.map(now, udp(7778), TIMEOUT)));
    pair.drive_for(Duration::from_millis(1));
    pair.start(|client, now| client.cancel(now, first));
    pair.drive_until_finished(second).unwrap();
    pair.drive_for(TIMEOUT);
    let ports: Vec<_> = pair.gateway.mappings().iter().map(|mapping| mapping.external_port).collect();
    assert_eq!(ports, [7778]);
    pair.assert_idle();
}

#[test]
fn a_mapping_that_ran_out_of_time_is_deleted() {
    let silent = Quirk::Http(On::Action("AddPortMapping"), HttpOddity::Silent);
    let mute =
        Quirk::Http(On::Action("GetSpecificPortMappingEntry"), HttpOddity::Delay(Duration::from_secs(2)));
    let mut pair = Pair::new(Scenario::igd1().with(silent).with(mute));
    let operation = pair.start(|client, now| client.map(now, udp(7777), Duration::from_secs(3)));
    assert!(pair.drive_until_finished(operation).is_err());
    assert_eq!(pair.now.since_start(), Duration::from_secs(3));
    pair.drive_for(Duration::from_secs(20));
    assert!(pair.gateway.mappings().is_empty(), "reported as failed, and there all the same");
    pair.assert_idle();
}
