//! Answers that are neither a yes nor a no: the gateway's table decides (attacks D15 and E9).

use crate::pair::{Pair, udp};
use core::time::Duration;
use portcullis_proto::client::{ErrorKind, Failure, Step};
use portcullis_sim::{HttpOddity, ListEnd, On, Quirk, Scenario};

const ADD: On = On::Action("AddPortMapping");

/// Answers after which nobody knows whether there is a mapping.
const DOUBTFUL: &[HttpOddity] = &[
    HttpOddity::Body(b""),
    HttpOddity::Status(500),
    HttpOddity::Silent,
    HttpOddity::Delay(Duration::from_secs(30)),
    HttpOddity::Drip(Duration::from_secs(1)),
    HttpOddity::CloseAtOnce,
    HttpOddity::CloseMidBody,
    HttpOddity::ResetMidBody,
    HttpOddity::Endless,
    HttpOddity::Raw(b"ICY 200 OK\r\n\r\n"),
    HttpOddity::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello"),
];

#[test]
fn what_the_table_has_is_a_success() {
    for &oddity in DOUBTFUL {
        let mut pair = Pair::new(Scenario::igd1().with(Quirk::Http(ADD, oddity)));
        let granted = pair.map(udp(7777)).unwrap_or_else(|error| panic!("{oddity:?}: {error}"));
        assert_eq!(granted.external_port.get(), 7777);
        assert_eq!(granted.lifetime.as_seconds(), 3_600, "{oddity:?}");
        assert_eq!(pair.gateway.counters().posts("AddPortMapping"), 1, "{oddity:?}");
        assert!(pair.now.since_start() < Duration::from_secs(2), "{oddity:?}: {:?}", pair.now);
    }
}

#[test]
fn what_the_table_does_not_have_is_tried_again_and_then_an_error() {
    for &oddity in DOUBTFUL {
        let mut pair = Pair::new(Scenario::igd1().with(Quirk::Http(ADD, oddity)).with(Quirk::AddIgnored));
        let error = pair.map(udp(7777)).unwrap_err();
        assert_ne!(error.kind(), ErrorKind::Conflict, "{oddity:?}: {error}");
        assert_eq!(error.decisive_attempt().unwrap().step, Step::Action("AddPortMapping"), "{oddity:?}");
        let adds = pair.gateway.counters().posts("AddPortMapping");
        assert!((2..=6).contains(&adds), "{oddity:?}: {adds}");
    }
}

#[test]
fn a_yes_without_a_mapping_is_not_confirmed() {
    for scenario in [Scenario::igd1(), Scenario::igd2()] {
        let mut pair = Pair::new(scenario.with(Quirk::AddIgnored));
        let error = pair.map(udp(7777).read_back()).unwrap_err();
        let attempt = error.decisive_attempt().unwrap();
        assert_eq!((attempt.step, &attempt.failure), (Step::ReadBack, &Failure::NotConfirmed));
    }
}

#[test]
fn a_mapping_that_leads_elsewhere_is_no_success() {
    for with_specific in [true, false] {
        let mut scenario = Scenario::igd1().with(Quirk::InternalClientReplaced("192.168.1.1"));
        if !with_specific {
            scenario = scenario.with(Quirk::Fault("GetSpecificPortMappingEntry", 714));
        }
        let error = Pair::new(scenario).map(udp(7777).read_back()).unwrap_err();
        let Failure::Conflict { holder, .. } = &error.attempts()[0].failure else { panic!("{error:?}") };
        assert_eq!(holder.as_deref(), Some("192.168.1.1"));
    }
}

#[test]
fn an_entry_that_is_found_in_the_list_alone_is_a_success() {
    for scenario in [Scenario::igd1(), Scenario::igd2()] {
        let mut pair = Pair::new(scenario.with(Quirk::Fault("GetSpecificPortMappingEntry", 714)));
        pair.map(udp(7777).read_back()).unwrap();
    }
}

#[test]
fn a_yes_stands_where_the_gateway_cannot_be_asked() {
    for code in [401, 402, 501, 602, 606] {
        let mut pair = Pair::new(Scenario::igd1().with(Quirk::Fault("GetSpecificPortMappingEntry", code)));
        pair.map(udp(7777).read_back()).unwrap_or_else(|error| panic!("{code}: {error}"));
    }
}

/// Quirk 96: where the question about the entry says nothing, a list that ends with 713 does, and one that ends before its
/// first entry with a code that may mean anything does not.
#[test]
fn a_yes_falls_by_an_empty_list_that_proves_it() {
    let vague = Scenario::igd1().with(Quirk::NoSuchEntryAs(501)).with(Quirk::AddIgnored);
    for (end, is_believed) in [(713, false), (402, true), (501, true)] {
        let mut pair = Pair::new(vague.clone().with(Quirk::ListEnd(ListEnd::Fault(end))));
        assert_eq!(pair.map(udp(7777).read_back()).is_ok(), is_believed, "{end}");
    }
}

#[test]
fn a_wrong_protocol_in_the_entry_is_not_believed() {
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::SpecificEchoesProtocol("TCP")));
    pair.map(udp(7777).read_back()).unwrap();
}

#[test]
fn a_success_without_a_doubt_is_not_read_back() {
    let mut pair = Pair::new(Scenario::igd1());
    pair.map(udp(7777)).unwrap();
    // What was there before was read, and not what came of it.
    assert_eq!(pair.gateway.counters().posts("GetSpecificPortMappingEntry"), 1);
}

#[test]
fn a_fault_with_status_200_is_a_fault() {
    let scenario = Scenario::igd1()
        .with(Quirk::Fault("AddPortMapping", 606))
        .with(Quirk::Http(ADD, HttpOddity::Status(200)));
    assert_eq!(Pair::new(scenario).map(udp(7777)).unwrap_err().kind(), ErrorKind::Refused);
}

#[test]
fn an_answer_to_another_action_is_none() {
    let scenario = Scenario::igd1().with(Quirk::AnswersAs("AddPortMapping", "DeletePortMapping"));
    assert_eq!(Pair::new(scenario).map(udp(7777)).unwrap_err().kind(), ErrorKind::Malformed);
}

#[test]
fn any_port_of_which_the_answer_got_lost_is_found_in_the_table() {
    for &oddity in DOUBTFUL {
        let scenario = Scenario::igd2()
            .with(Quirk::ForeignMapping(portcullis_proto::Protocol::Udp, 7777))
            .with(Quirk::Http(On::Action("AddAnyPortMapping"), oddity));
        let mut pair = Pair::new(scenario);
        let request = udp(7777).on_conflict(portcullis_proto::client::OnConflict::AnyPort);
        let granted = pair.map(request).unwrap_or_else(|error| panic!("{oddity:?}: {error}"));
        let external: Vec<_> = pair.gateway.mappings().iter().map(|mapping| mapping.external_port).collect();
        assert_eq!(external.len(), 2, "{oddity:?}");
        assert!(external.contains(&granted.external_port.get()), "{oddity:?}");
    }
}

#[test]
fn any_port_of_which_the_answer_got_lost_is_not_the_one_that_was_heard_of_before() {
    let scenario = Scenario::igd2()
        .with(Quirk::ForeignMapping(portcullis_proto::Protocol::Udp, 7777))
        .with(Quirk::Http(On::Action("AddAnyPortMapping"), HttpOddity::Silent));
    let mut pair = Pair::new(scenario);
    let request = || udp(7777).on_conflict(portcullis_proto::client::OnConflict::AnyPort);
    let granted = [pair.map(request()).unwrap(), pair.map(request()).unwrap()];
    assert_ne!(granted[0].external_port, granted[1].external_port);
}

#[test]
fn a_deletion_in_doubt_is_looked_after() {
    let delete = On::Action("DeletePortMapping");
    for oddity in [HttpOddity::Body(b""), HttpOddity::Status(500), HttpOddity::CloseMidBody] {
        let mut pair = Pair::new(Scenario::igd1().with(Quirk::Http(delete, oddity)));
        pair.map(udp(7777)).unwrap();
        assert!(pair.close(7777, false).unwrap(), "{oddity:?}");

        let scenario = Scenario::igd1().with(Quirk::Http(delete, oddity)).with(Quirk::DeleteIgnored);
        let mut pair = Pair::new(scenario);
        pair.map(udp(7777)).unwrap();
        assert!(pair.close(7777, false).is_err(), "{oddity:?}");
    }
}
