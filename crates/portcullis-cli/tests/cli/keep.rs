//! `open --keep`, and what ends it.
#![cfg(unix)]

use crate::program::{fields, gateway};
use crate::running::{Running, open_ports};
use portcullis_sim::{HttpOddity, On, Quirk, Scenario, Server};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn never_closes() -> Server {
    let silent = Quirk::Http(On::Action("DeletePortMapping"), HttpOddity::Silent);
    gateway(Scenario::igd1().with(silent))
}

#[test]
fn closes_what_it_opened_when_told_to_stop() {
    for signal in ["-TERM", "-INT"] {
        let server = gateway(Scenario::igd2());
        let mut kept = Running::start(&server, "open 7777 --keep");
        assert!(kept.line().starts_with("udp "));
        assert!(kept.line().starts_with("tcp "));
        assert_eq!(open_ports(&server), 2);
        kept.signal(signal);
        assert_eq!(kept.status(), Some(0), "{signal}");
        assert_eq!(open_ports(&server), 0, "{signal}");
    }
}

#[test]
fn prints_its_document_at_once_and_then_what_happens() {
    let server = gateway(Scenario::igd1());
    let mut kept = Running::start(&server, "--json open 7777/udp --keep");
    let document = kept.json();
    assert_eq!(document["mappings"][0]["external_port"], 7777);
    kept.signal("-TERM");
    assert_eq!(kept.status(), Some(0));
    let rest = kept.rest();
    let events: Vec<Value> = rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = events.iter().map(|event| (&event["event"], &event["sequence"])).collect();
    assert_eq!(names, [(&json!("mapped"), &json!(1)), (&json!("released"), &json!(2))]);
}

#[test]
fn a_gateway_that_does_not_answer_holds_nobody_up() {
    let server = never_closes();
    let mut kept = Running::start(&server, "open 7777/udp --keep");
    kept.line();
    #[expect(clippy::disallowed_methods, reason = "it is the real time that is promised")]
    let signalled = Instant::now();
    kept.signal("-TERM");
    assert_eq!(kept.status(), Some(5));
    assert!(signalled.elapsed() < Duration::from_secs(2));
    assert!(kept.said().contains("closing"));
    assert!(kept.said().contains("udp 7777 may still be open"));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let server = never_closes();
    let mut kept = Running::start(&server, "open 7777/udp --keep");
    kept.line();
    kept.signal("-TERM");
    assert!(kept.said().contains("closing"));
    kept.signal_again("-TERM");
    assert_eq!(kept.status(), Some(1));
    assert_eq!(kept.said(), "");
}

#[test]
fn a_signal_that_comes_twice_at_once_is_one() {
    let server = gateway(Scenario::igd2());
    let mut kept = Running::start(&server, "open 7777 --keep");
    kept.line();
    kept.signal_times(3, "-TERM");
    assert_eq!(kept.status(), Some(0));
    assert_eq!(open_ports(&server), 0);
}

#[test]
fn being_told_to_stop_while_opening_leaves_nothing_open() {
    let silent = Quirk::Http(On::Action("GetExternalIPAddress"), HttpOddity::Silent);
    let server = gateway(Scenario::igd1().with(silent));
    let mut kept = Running::start(&server, "open 7777/udp --keep");
    // The mapping is made by now, but the gateway has not told its address.
    while server.with_gateway(|gateway| gateway.counters().posts("GetExternalIPAddress")) == 0 {
        std::thread::yield_now();
    }
    kept.signal("-TERM");
    assert_eq!(kept.status(), Some(1));
    assert_eq!(open_ports(&server), 0);
}

/// A gateway whose grants are short, so that what follows from that does not take long.
fn grants(seconds: u32, protocol: Quirk) -> Server {
    gateway(Scenario::igd2().with(protocol).with(Quirk::LeaseAlways(seconds)))
}

#[test]
fn a_mapping_is_renewed_and_that_is_told() {
    // Renewals begin at half the lifetime.
    let started = [("pcp", Quirk::Pcp), ("nat-pmp", Quirk::NatPmp)].map(|(method, quirk)| {
        let server = grants(8, quirk);
        let kept = Running::start(&server, "--json open 7777/udp --keep");
        (method, server, kept)
    });
    for (method, server, mut kept) in started {
        kept.json();
        let renewed = kept.event("renewed");
        assert_eq!(
            fields(&renewed),
            [
                "behind_nat",
                "default_gateway",
                "elapsed_ms",
                "event",
                "external_address",
                "external_port",
                "from",
                "gateway",
                "internal_address",
                "internal_port",
                "lifetime_s",
                "message",
                "method",
                "protocol",
                "reason",
                "remaining_s",
                "sequence",
                "to",
            ]
        );
        for (field, value) in [
            ("sequence", json!(2)),
            ("method", json!(method)),
            ("protocol", json!("udp")),
            ("internal_address", json!("127.0.0.1")),
            ("internal_port", json!(7777)),
            ("external_address", json!("81.2.69.142")),
            ("external_port", json!(7777)),
            ("gateway", json!("127.0.0.1")),
            ("lifetime_s", json!(8)),
            ("remaining_s", json!(8)),
            ("reason", json!("scheduled")),
            ("message", json!("it was time to")),
            ("from", Value::Null),
            ("to", Value::Null),
        ] {
            assert_eq!(renewed[field], value, "{field}: {renewed}");
        }
        kept.signal("-TERM");
        assert_eq!(kept.status(), Some(0));
        assert_eq!(open_ports(&server), 0);
    }
}

#[test]
fn people_are_told_since_when_what_and_why() {
    let server = grants(1, Quirk::Pcp);
    let mut kept = Running::start(&server, "open 7777/udp --keep");
    assert!(kept.line().starts_with("udp 81.2.69.142:7777 -> 127.0.0.1:7777, 1s, by pcp from"));
    assert_eq!(kept.line(), "1s: udp 81.2.69.142:7777 lost (its lifetime is over)\n");
    kept.signal("-INT");
    assert_eq!(kept.status(), Some(0));
}

#[test]
fn a_reader_that_has_read_the_document_may_go() {
    let server = grants(1, Quirk::Pcp);
    let mut kept = Running::start(&server, "--json open 7777/udp --keep");
    kept.json();
    kept.close_stdout();
    // After a second it is told that the mapping is lost.
    std::thread::park_timeout(Duration::from_millis(1_300));
    kept.signal("-TERM");
    assert_eq!(kept.status(), Some(0));
}
