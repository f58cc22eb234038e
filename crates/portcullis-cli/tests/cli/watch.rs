//! `watch`.
#![cfg(unix)]

use crate::program::{command, gateway, named};
use crate::running::{Running, open_ports};
use portcullis_sim::{HttpOddity, On, Quirk, Scenario};
use serde_json::{Value, json};
use std::io::{Write, stderr};
use std::process::{Command, Stdio};

#[test]
fn every_event_is_an_object_in_a_line_of_its_own() {
    let server = gateway("all-protocols".parse().unwrap());
    let mut watch = Running::start(&server, "--json watch 7777");
    let mapped = [watch.json(), watch.json()];
    for (event, (protocol, sequence)) in mapped.iter().zip([("udp", 1), ("tcp", 2)]) {
        for (field, value) in [
            ("event", json!("mapped")),
            ("sequence", json!(sequence)),
            ("protocol", json!(protocol)),
            ("method", json!("pcp")),
            ("external_port", json!(7777)),
            ("remaining_s", json!(3600)),
            ("reason", json!("asked")),
        ] {
            assert_eq!(event[field], value, "{field}: {event}");
        }
    }
    assert_eq!(open_ports(&server), 2);
    watch.signal("-INT");
    assert_eq!(watch.status(), Some(0));
    assert_eq!(open_ports(&server), 0);
    let released: Vec<Value> = watch.rest().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(released.iter().all(|event| event["event"] == "released" && event["remaining_s"] == 0));
    assert_eq!(released.len(), 2);
}

#[test]
fn people_get_a_line_for_each_event() {
    let server = gateway(Scenario::igd1());
    let mut watch = Running::start(&server, "watch 7777/udp");
    assert_eq!(watch.line(), "0s: udp 81.2.69.142:7777 mapped (as asked), 59m 59s left\n");
    watch.signal("-TERM");
    assert_eq!(watch.status(), Some(0));
    assert!(watch.rest().contains("udp 81.2.69.142:7777 closed (as asked)\n"));
}

#[test]
fn a_port_that_nobody_grants_yet_is_no_error() {
    let server = gateway(Scenario::igd1().with(Quirk::NoUpnp));
    let mut watch = Running::start(&server, "--json watch 7777/udp --protocol pcp");
    let event = watch.event("degraded");
    for (field, value) in [
        ("reason", json!("failed")),
        ("method", Value::Null),
        ("gateway", Value::Null),
        ("internal_port", json!(7777)),
        ("external_port", json!(7777)),
        ("external_address", Value::Null),
        ("remaining_s", Value::Null),
    ] {
        assert_eq!(event[field], value, "{field}: {event}");
    }
    assert!(event["message"].as_str().unwrap().contains("no gateway found"), "{event}");
    watch.signal("-TERM");
    assert_eq!(watch.status(), Some(0));
    let mut watch = Running::start(&server, "watch 7777/udp --protocol pcp");
    assert!(watch.line().starts_with("0s: udp port 7777 not open yet (no gateway found: "));
}

#[test]
fn nobody_to_watch_ends_it_and_closes_the_ports() {
    let server = gateway("all-protocols".parse().unwrap());
    let mut watch = Running::start(&server, "watch 7777/udp --json");
    watch.close_stdout();
    assert_eq!(watch.status(), Some(1));
    assert!(watch.said().contains("closing"));
    assert!(watch.said().contains("closed again"));
    assert_eq!(open_ports(&server), 0);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let silent = Quirk::Http(On::Action("DeletePortMapping"), HttpOddity::Silent);
    let server = gateway(Scenario::igd1().with(silent));
    let mut watch = Running::start(&server, "watch 7777/udp");
    watch.line();
    watch.signal("-INT");
    assert!(watch.said().contains("closing"));
    watch.signal_again("-INT");
    assert_eq!(watch.status(), Some(1));
    assert_eq!(watch.said(), "");
}

#[test]
fn a_terminal_has_a_line_for_each_mapping() {
    // util-linux has it, and with it most Linux systems.
    let Ok(script) = Command::new("script").arg("--version").output() else {
        let _ = writeln!(stderr(), "skipped: no 'script' to make a terminal with");
        return;
    };
    if !String::from_utf8_lossy(&script.stdout).contains("util-linux") {
        let _ = writeln!(stderr(), "skipped: another 'script'");
        return;
    }
    let server = gateway("all-protocols".parse().unwrap());
    let program = env!("CARGO_BIN_EXE_portcullis");
    let line = format!("timeout -s INT 1 {program} watch 7777 {}", named(&server));
    // With the environment of the program, but not the program itself.
    let environment = command([""; 0]);
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &line, "/dev/null"]).env("COLUMNS", "120").stdin(Stdio::null());
    for (name, value) in environment.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    let shown = String::from_utf8_lossy(&terminal.output().unwrap().stdout).into_owned();
    for part in ["udp 7777", "asking", "open      1h left", "mapped (as asked) after", "closed"] {
        assert!(shown.contains(part), "{part}: {shown:?}");
    }
    assert!(shown.contains("udp 81.2.69.142:7777") && shown.contains("tcp 81.2.69.142:7777"), "{shown:?}");
}
