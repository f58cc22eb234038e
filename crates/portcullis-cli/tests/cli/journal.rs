//! What one process leaves, and others find.
#![cfg(unix)]

use crate::program::{closed_report, fields, gateway, run, run_on};
#[cfg(target_os = "linux")]
use crate::program::{limited, named};
use crate::running::{Running, open_ports};
use portcullis_sim::{Quirk, Scenario, Server};
use serde_json::{Value, json};

const METHODS: [&str; 3] = ["pcp", "nat-pmp", "igd"];

fn every_protocol() -> Server {
    gateway("all-protocols".parse().expect("a scenario"))
}

/// Lets a process that keeps port 7777 die without a chance to close it.
fn leave_behind(server: &Server, method: &str) {
    let mut kept = Running::start(server, &format!("open 7777/udp --keep --protocol {method}"));
    kept.line();
    kept.kill();
    assert_eq!(open_ports(server), 1, "{method}");
}

fn status() -> Value {
    run("status --json").done().json()
}

fn ports(document: &Value, list: &str) -> Vec<u64> {
    let entries = document.get(list).and_then(Value::as_array).expect("a list");
    entries.iter().filter_map(|entry| entry.get("external_port")?.as_u64()).collect()
}

#[test]
fn what_a_killed_process_left_is_gone_after_the_next_start() {
    for method in METHODS {
        let server = every_protocol();
        leave_behind(&server, method);
        assert_eq!(status()["mappings"][0]["state"], "stale");
        assert_eq!(status()["state"], "degraded");
        let document = run_on(&server, "--json open 7000/udp --lifetime 60").done().json();
        assert_eq!(document["mappings"][0]["external_port"], 7000);
        let left = server.with_gateway(|gateway| gateway.mappings().to_vec());
        assert_eq!(left.iter().map(|mapping| mapping.external_port).collect::<Vec<_>>(), [7000], "{method}");
        run_on(&server, "close 7000/udp").done();
        assert_eq!(status(), json!({"state": "none", "mappings": [], "warnings": []}), "{method}");
    }
}

#[test]
fn whoever_closes_what_another_process_keeps_is_told() {
    for method in METHODS {
        let server = every_protocol();
        let mut kept = Running::start(&server, &format!("open 7777/udp --keep --protocol {method}"));
        kept.line();
        let ran = run_on(&server, &format!("--json close 7777/udp --protocol {method}")).done();
        let closed = &ran.json()["closed"][0];
        assert_eq!((&closed["outcome"], &closed["kept"]), (&json!("deleted"), &json!(true)), "{method}");
        assert!(ran.stderr.contains("kept by another process"), "{method}: {ran:?}");
        assert_eq!(open_ports(&server), 0, "{method}");
        kept.signal("-TERM");
        kept.status();
    }
}

#[test]
fn what_is_wanted_again_is_taken_over() {
    for method in METHODS {
        let server = every_protocol();
        leave_behind(&server, method);
        let nonce = server.with_gateway(|gateway| gateway.mappings()[0].nonce);
        run_on(&server, &format!("open 7777/udp --protocol {method}")).done();
        let left = server.with_gateway(|gateway| gateway.mappings().to_vec());
        assert_eq!(left.len(), 1, "{method}");
        assert_eq!((left[0].external_port, left[0].nonce), (7777, nonce), "{method}");
        assert_eq!(ports(&status(), "mappings"), [7777], "{method}");
        assert_eq!(status()["mappings"][0]["state"], "left-open", "{method}");
        run_on(&server, "close 7777/udp").done();
        assert_eq!(status()["state"], "none", "{method}");
    }
}

#[test]
fn status_knows_what_other_processes_keep_and_have_left_open() {
    let server = every_protocol();
    run_on(&server, "open 7000/udp --protocol nat-pmp --lifetime permanent --description lobby").done();
    let mut kept = Running::start(&server, "open 7777/tcp --keep");
    kept.line();
    let document = status();
    assert_eq!(fields(&document), ["mappings", "state", "warnings"]);
    assert_eq!(document["state"], "active");
    let mut mappings = document["mappings"].as_array().unwrap().clone();
    mappings.sort_by_key(|mapping| mapping["external_port"].as_u64());
    assert!((3590..=3600).contains(&mappings[1]["remaining_s"].take().as_u64().unwrap()));
    let mapping = |method, protocol, port, description, state| {
        json!({
            "method": method, "protocol": protocol, "internal_address": "127.0.0.1", "internal_port": port,
            "external_address": "81.2.69.142", "external_port": port, "gateway": "127.0.0.1",
            "remaining_s": Value::Null, "description": description, "state": state,
        })
    };
    assert_eq!(mappings[1], mapping("pcp", "tcp", 7777, "portcullis", "kept"));
    // NAT-PMP knows no permanent mappings.
    assert!(mappings[0]["remaining_s"].take().as_u64().is_some_and(|left| left > 3600), "{document}");
    assert_eq!(mappings[0], mapping("nat-pmp", "udp", 7000, "lobby", "left-open"));
    let table = run("status").done().stdout;
    assert!(table.starts_with("PROTOCOL  EXTERNAL"), "{table}");
    assert!(table.contains("kept") && table.contains("left open"), "{table}");
    kept.signal("-TERM");
    assert_eq!(kept.status(), Some(0));
    assert_eq!(ports(&status(), "mappings"), [7000]);
}

/// What the server grants is told by `open`, in words and as JSON, and by `status`.
#[test]
fn the_lifetime_told_is_the_one_granted() {
    const WEEK: u64 = 604_800;
    for (method, port) in [("nat-pmp", 7777), ("pcp", 7778)] {
        let server = gateway("all-protocols".parse::<Scenario>().unwrap().with(Quirk::LeaseAlways(604_800)));
        let open = format!("open {port}/udp --protocol {method} --lifetime permanent");
        let opened = run_on(&server, &open).done();
        assert!(opened.stdout.contains(", 7d, by"), "{method}: {opened:?}");
        assert!(opened.stderr.contains("this lasts 7d"), "{method}: {opened:?}");
        run_on(&server, &format!("close {port}/udp")).done();
        let document = run_on(&server, &format!("{open} --json")).done().json();
        assert_eq!(document["mappings"][0]["lifetime_s"], WEEK, "{method}: {document}");
        let left = status()["mappings"][0]["remaining_s"].as_u64().unwrap();
        assert!((WEEK - 20..=WEEK).contains(&left), "{method}: {left}");
        run_on(&server, &format!("close {port}/udp")).done();
    }
}

#[test]
fn without_anything_open_status_says_so_and_makes_nothing() {
    assert_eq!(run("status").done().stdout, "nothing is open\n");
    assert_eq!(status()["state"], "none");
    assert_eq!(std::fs::read_dir(crate::program::state_home()).unwrap().count(), 0);
}

#[test]
fn close_finds_what_an_earlier_process_left_open() {
    for method in METHODS {
        let server = every_protocol();
        run_on(&server, &format!("open 7777/udp --protocol {method}")).done();
        assert_eq!(open_ports(&server), 1);
        let document = run_on(&server, "--json close 7777/udp").done().json();
        assert_eq!(document, json!({"closed": [closed_report("udp", 7777, "deleted")]}), "{method}");
        assert_eq!(open_ports(&server), 0, "{method}");
        assert_eq!(status()["state"], "none", "{method}");
    }
}

#[test]
fn close_goes_by_the_journal_where_no_gateway_speaks_upnp() {
    let server = gateway("pcp-only".parse().unwrap());
    let named = format!("--gateway pcp://{}", server.port_control_address());
    run(&format!("open 7777/udp {named}")).done();
    assert_eq!(run(&format!("close 7777/udp {named}")).done().stdout, "udp 7777 closed\n");
    assert_eq!(open_ports(&server), 0);
    // By PCP nobody can tell: what the journal does not know has a nonce that only its program has.
    let again = run(&format!("close 7777/udp --protocol pcp {named}"));
    assert_eq!(again.status, Some(4), "{again:?}");
    assert!(again.stderr.contains("only the program that opened it"), "{again:?}");
}

#[test]
fn list_adds_what_no_table_shows() {
    let server = gateway("pcp-only".parse().unwrap());
    run_on(&server, "open 7777/udp").done();
    for (options, warned) in [("--timeout 150", true), ("--protocol pcp", false)] {
        let ran = run_on(&server, &format!("--json list {options}")).done();
        let mapping = &ran.json()["mappings"][0];
        assert_eq!((&mapping["method"], &mapping["external_port"]), (&json!("pcp"), &json!(7777)));
        assert_eq!(ran.stderr.contains("from the journal"), warned, "{ran:?}");
    }
    let other = run_on(&server, "--json list --protocol nat-pmp").done().json();
    assert_eq!(other, json!({"mappings": []}));
    // This one's table shows what PCP made.
    let server = every_protocol();
    run_on(&server, "open 7778/udp").done();
    let document = run_on(&server, "--json list").done().json();
    assert_eq!(ports(&document, "mappings"), [7778, 7777]);
    assert_eq!(document["mappings"][0]["method"], "igd");
}

#[test]
fn cleanup_deletes_what_was_left_and_says_what() {
    for method in METHODS {
        let server = every_protocol();
        leave_behind(&server, method);
        let document = run_on(&server, "--json cleanup").done().json();
        assert_eq!(ports(&document, "deleted"), [7777], "{method}");
        assert_eq!(ports(&document, "left"), [0; 0], "{method}");
        assert_eq!(open_ports(&server), 0, "{method}");
    }
    let server = every_protocol();
    leave_behind(&server, "pcp");
    assert_eq!(run_on(&server, "cleanup").done().stdout, "udp 7777 of 127.0.0.1 deleted\n");
}

#[test]
fn cleanup_says_what_it_could_not_delete() {
    let server = gateway(Scenario::igd1());
    leave_behind(&server, "igd");
    drop(server);
    let ran = run("--json cleanup --timeout 200");
    assert_eq!(ran.status, Some(5), "{ran:?}");
    let document = ran.json();
    assert_eq!(ports(&document, "left"), [7777]);
    assert_eq!(ports(&document, "deleted"), [0; 0]);
    assert_eq!(document["error"]["kind"], "timeout");
    assert!(ran.stderr.contains("udp 7777 of Simulated gateway (127.0.0.1) may still be open"), "{ran:?}");
    assert_eq!(status()["state"], "degraded");
}

/// Where no byte can be written to any file: not even what is left of a journal.
#[cfg(target_os = "linux")]
#[test]
fn cleanup_needs_no_room_on_the_disk() {
    for method in METHODS {
        let server = every_protocol();
        let mut kept = Running::start(&server, &format!("open 7777 --keep --protocol {method}"));
        kept.line();
        kept.line();
        kept.kill();
        assert_eq!(open_ports(&server), 2, "{method}");
        let ran = limited("-f 0", &format!("--json cleanup {}", named(&server))).done();
        assert_eq!(open_ports(&server), 0, "{method}");
        assert_eq!(ports(&ran.json(), "deleted"), [7777, 7777], "{method}");
        assert!(ran.stderr.contains("File too large") && ran.stderr.contains("make room"), "{ran:?}");
        assert_eq!(status()["state"], "none", "{method}");
    }
}

/// A journal that cannot be had is to blame, and no gateway.
#[cfg(unix)]
#[test]
fn cleanup_without_a_journal_that_it_can_use_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let server = every_protocol();
    leave_behind(&server, "pcp");
    let place = crate::program::state_home().join("portcullis");
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o777)).unwrap();
    let ran = run_on(&server, "--json cleanup");
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert_eq!(ran.json()["error"]["kind"], "io");
    assert_eq!(ports(&ran.json(), "left"), [7777]);
    assert!(ran.stderr.contains("others may write to it"), "{ran:?}");
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o700)).unwrap();
    run_on(&server, "cleanup").done();
}

#[test]
fn what_was_left_open_is_cleaned_up_when_that_is_wanted() {
    let server = every_protocol();
    for (port, method) in [7001, 7002, 7003].into_iter().zip(METHODS) {
        run_on(&server, &format!("open {port}/tcp --protocol {method}")).done();
    }
    assert_eq!(run_on(&server, "cleanup").done().stdout, "nothing to clean up\n");
    assert_eq!(open_ports(&server), 3);
    let ran = run_on(&server, "--json cleanup --left-open").done();
    let mut deleted = ports(&ran.json(), "deleted");
    deleted.sort_unstable();
    assert_eq!((deleted, open_ports(&server)), (vec![7001, 7002, 7003], 0));
    assert_eq!(run_on(&server, "--json cleanup").done().json(), json!({"deleted": [], "left": []}));
}

#[test]
fn a_process_that_lives_is_left_alone() {
    let server = every_protocol();
    let mut kept = Running::start(&server, "open 7777/udp --keep");
    kept.line();
    for line in ["cleanup --left-open", "open 7000/udp --lifetime 60", "close 7000/udp"] {
        run_on(&server, line).done();
    }
    assert_eq!(open_ports(&server), 1);
    kept.signal("-TERM");
    assert_eq!(kept.status(), Some(0));
}

#[test]
fn without_a_journal_nothing_is_found_again() {
    let server = every_protocol();
    let ran = run_on(&server, "open 7777/udp --protocol pcp --no-journal").done();
    assert_eq!(ran.stderr, "");
    assert_eq!(status()["state"], "none");
}
