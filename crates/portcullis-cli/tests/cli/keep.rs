//! `open --keep`, and what ends it.
#![cfg(unix)]

use crate::program::{command, gateway};
use portcullis_sim::{HttpOddity, On, Quirk, Scenario, Server};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout, Command};
use std::time::{Duration, Instant};

struct Kept {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
}

impl Kept {
    fn start(server: &Server, line: &str) -> Self {
        let line = format!("{line} --gateway {}", server.ssdp_address());
        let mut child = command(line.split_whitespace()).spawn().expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        Self { child, stdout, stderr }
    }

    fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(status.success());
    }

    fn status(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("text");
    line
}

fn open_ports(server: &Server) -> usize {
    server.with_gateway(|gateway| gateway.mappings().len())
}

fn never_closes() -> Server {
    let silent = Quirk::Http(On::Action("DeletePortMapping"), HttpOddity::Silent);
    gateway(Scenario::igd1().with(silent))
}

#[test]
fn closes_what_it_opened_when_told_to_stop() {
    for signal in ["-TERM", "-INT"] {
        let server = gateway(Scenario::igd2());
        let mut kept = Kept::start(&server, "open 7777 --keep");
        assert!(line(&mut kept.stdout).starts_with("udp "));
        assert!(line(&mut kept.stdout).starts_with("tcp "));
        assert_eq!(open_ports(&server), 2);
        kept.signal(signal);
        assert_eq!(kept.status(), Some(0), "{signal}");
        assert_eq!(open_ports(&server), 0, "{signal}");
    }
}

#[test]
fn prints_its_document_at_once_and_then_what_happens() {
    let server = gateway(Scenario::igd1());
    let mut kept = Kept::start(&server, "--json open 7777/udp --keep");
    let document: Value = serde_json::from_str(&line(&mut kept.stdout)).unwrap();
    assert_eq!(document["mappings"][0]["external_port"], 7777);
    kept.signal("-TERM");
    assert_eq!(kept.status(), Some(0));
    let mut rest = String::new();
    kept.stdout.read_to_string(&mut rest).unwrap();
    let events: Vec<Value> = rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = events.iter().map(|event| (&event["event"], &event["sequence"])).collect();
    assert_eq!(names, [(&json!("mapped"), &json!(1)), (&json!("released"), &json!(2))]);
}

#[test]
fn a_gateway_that_does_not_answer_holds_nobody_up() {
    let server = never_closes();
    let mut kept = Kept::start(&server, "open 7777/udp --keep");
    line(&mut kept.stdout);
    #[expect(clippy::disallowed_methods, reason = "it is the real time that is promised")]
    let signalled = Instant::now();
    kept.signal("-TERM");
    assert_eq!(kept.status(), Some(5));
    assert!(signalled.elapsed() < Duration::from_secs(2));
    assert!(line(&mut kept.stderr).contains("closing"));
    assert!(line(&mut kept.stderr).contains("udp 7777 may still be open"));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let server = never_closes();
    let mut kept = Kept::start(&server, "open 7777/udp --keep");
    line(&mut kept.stdout);
    kept.signal("-TERM");
    assert!(line(&mut kept.stderr).contains("closing"));
    kept.signal("-TERM");
    assert_eq!(kept.status(), Some(1));
    assert_eq!(line(&mut kept.stderr), "");
}

#[test]
fn being_told_to_stop_while_opening_leaves_nothing_open() {
    let silent = Quirk::Http(On::Action("GetExternalIPAddress"), HttpOddity::Silent);
    let server = gateway(Scenario::igd1().with(silent));
    let mut kept = Kept::start(&server, "open 7777/udp --keep");
    // The mapping is made by now, but the gateway has not told its address.
    while server.with_gateway(|gateway| gateway.counters().posts("GetExternalIPAddress")) == 0 {
        std::thread::yield_now();
    }
    kept.signal("-TERM");
    assert_eq!(kept.status(), Some(1));
    assert_eq!(open_ports(&server), 0);
}
