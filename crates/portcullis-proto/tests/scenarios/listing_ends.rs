//! A gateway's table is read to its end, and no further, however the gateway puts it (quirk 50, attack E10).

use crate::pair::{Pair, TIMEOUT};
use core::time::Duration;
use portcullis_proto::Protocol;
use portcullis_proto::client::ErrorKind;
use portcullis_sim::{HttpOddity, ListEnd, Mapping, On, Quirk, Scenario};

fn with_mappings(scenario: Scenario, count: u16) -> Pair {
    let mut pair = Pair::new(scenario);
    for port in 1..=count {
        let protocol = if port % 2 == 0 { Protocol::Udp } else { Protocol::Tcp };
        pair.gateway.add_mapping(Mapping::new(protocol, port, "192.168.1.9".parse().unwrap()));
    }
    pair
}

#[test]
fn each_way_to_end_is_an_end() {
    for end in [
        ListEnd::Fault(713),
        ListEnd::Fault(714),
        ListEnd::Fault(402),
        ListEnd::Fault(501),
        ListEnd::Fault(401),
        ListEnd::Cycle,
        ListEnd::RepeatLast,
    ] {
        let mut pair = with_mappings(Scenario::igd1().with(Quirk::ListEnd(end)), 3);
        let ports: Vec<_> = pair.list().unwrap().iter().map(|entry| entry.external_port).collect();
        assert_eq!(ports, [1, 2, 3], "{end:?}");
        assert_eq!(pair.gateway.counters().posts("GetGenericPortMappingEntry"), 4, "{end:?}");
    }
}

#[test]
fn an_empty_table_is_empty() {
    for scenario in [
        Scenario::igd1(),
        Scenario::igd2(),
        Scenario::igd1().with(Quirk::ListEnd(ListEnd::Fault(402))),
        Scenario::igd1().with(Quirk::ListEnd(ListEnd::Fault(501))),
    ] {
        assert_eq!(Pair::new(scenario).list().unwrap(), []);
    }
}

#[test]
fn a_list_without_an_end_is_cut_at_512() {
    let mut pair = with_mappings(Scenario::igd1().with(Quirk::ListEnd(ListEnd::Invented)), 3);
    assert_eq!(pair.list().unwrap().len(), 512);
    assert_eq!(pair.gateway.counters().posts("GetGenericPortMappingEntry"), 512);
}

#[test]
fn a_slow_list_without_an_end_ends_at_the_deadline() {
    let slow = HttpOddity::Delay(Duration::from_secs(1));
    let scenario = Scenario::igd1()
        .with(Quirk::ListEnd(ListEnd::Invented))
        .with(Quirk::Http(On::Action("GetGenericPortMappingEntry"), slow));
    let mut pair = with_mappings(scenario, 0);
    assert_eq!(pair.list().unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(pair.now.since_start(), TIMEOUT);
    pair.assert_idle();
}

/// QUIRKS.md 66 and 69: a long table is not asked for at once.
#[test]
fn version_2_lists_a_short_table_at_once_and_a_long_one_entry_by_entry() {
    for (count, listings, entries) in [(0, 2, 1), (3, 2, 1), (100, 2, 1), (101, 0, 103), (250, 0, 252)] {
        let mut pair = with_mappings(Scenario::igd2(), count);
        assert_eq!(pair.list().unwrap().len(), usize::from(count));
        assert_eq!(pair.gateway.counters().posts("GetListOfPortMappings"), listings, "{count}");
        assert_eq!(pair.gateway.counters().posts("GetGenericPortMappingEntry"), entries, "{count}");
    }
}

#[test]
fn whoever_cannot_list_is_asked_entry_by_entry() {
    for quirk in [
        Quirk::Fault("GetListOfPortMappings", 401),
        Quirk::Fault("GetListOfPortMappings", 606),
        Quirk::OutArgument("NewPortListing", "nonsense"),
    ] {
        let mut pair = with_mappings(Scenario::igd2().with(quirk), 5);
        assert_eq!(pair.list().unwrap().len(), 5, "{quirk:?}");
    }
}

#[test]
fn entries_without_sense_are_passed_over() {
    let mut pair = with_mappings(Scenario::igd1().with(Quirk::OutArgument("NewExternalPort", "0")), 5);
    assert_eq!(pair.list().unwrap(), []);
    // Five entries and the end.
    assert_eq!(pair.gateway.counters().posts("GetGenericPortMappingEntry"), 6);
}

#[test]
fn a_gateway_that_cannot_list_says_so() {
    let scenario = Scenario::igd1().with(Quirk::Fault("GetGenericPortMappingEntry", 401));
    assert_eq!(Pair::new(scenario).list().unwrap_err().kind(), ErrorKind::Unsupported);
}
