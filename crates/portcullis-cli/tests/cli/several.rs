//! One port that several protocols, or several processes, have something to do with.
#![cfg(unix)]

use crate::program::{closed_report, gateway, run, run_on};
use crate::running::{Running, open_ports};
use portcullis::Protocol;
use portcullis_sim::{HttpOddity, Mapping, On, Quirk, Server};
use serde_json::{Value, json};

const METHODS: [&str; 3] = ["pcp", "nat-pmp", "igd"];

fn every_protocol() -> Server {
    gateway("all-protocols".parse().expect("a scenario"))
}

/// The port, method and state of each mapping.
fn status() -> Vec<(u64, String, String)> {
    let document = run("--json status").done().json();
    let mappings = document.get("mappings").and_then(Value::as_array).expect("a list");
    let text = |mapping: &Value, name| Some(mapping.get(name)?.as_str()?.to_owned());
    let row = |mapping: &Value| {
        Some((mapping.get("external_port")?.as_u64()?, text(mapping, "method")?, text(mapping, "state")?))
    };
    mappings.iter().map(|mapping| row(mapping).expect("a mapping")).collect()
}

fn row(port: u64, method: &str, state: &str) -> (u64, String, String) {
    (port, method.to_owned(), state.to_owned())
}

fn stands(server: &Server, port: u16) -> bool {
    server.with_gateway(|gateway| gateway.mappings().iter().any(|mapping| mapping.external_port == port))
}

#[test]
fn what_two_protocols_opened_is_one_row() {
    let server = gateway("pcp-and-nat-pmp".parse().unwrap());
    run_on(&server, "open 7777/udp --protocol pcp --lifetime 1h").done();
    run_on(&server, "open 7777/udp --protocol nat-pmp --lifetime 2h").done();
    assert_eq!(status(), [row(7777, "nat-pmp", "left-open")]);
    let document = run("--json status").done().json();
    assert!(document["mappings"][0]["remaining_s"].as_u64().is_some_and(|left| left > 7000), "{document}");
    let table = run("status").done().stdout;
    assert_eq!(table.lines().count(), 2, "{table}");
    let listed = run_on(&server, "--json list --timeout 150").done().json();
    let listed = listed["mappings"].as_array().unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!((&listed[0]["method"], &listed[0]["external_port"]), (&json!("nat-pmp"), &json!(7777)));
    // Both entries are there all the same, and both are closed.
    let deleted = run_on(&server, "--json cleanup --left-open").done().json();
    assert_eq!(deleted["deleted"].as_array().map(Vec::len), Some(2), "{deleted}");
    assert_eq!((status(), open_ports(&server)), (vec![], 0));
}

#[test]
fn what_is_kept_and_left_open_is_one_row_and_kept() {
    let server = every_protocol();
    run_on(&server, "open 7777/udp --protocol nat-pmp").done();
    let mut kept = Running::start(&server, "open 7777/udp --keep --protocol pcp");
    kept.line();
    assert_eq!(status(), [row(7777, "pcp", "kept")]);
    kept.signal("-TERM");
    assert_eq!(kept.status(), Some(0));
}

#[test]
fn gateways_that_have_the_same_have_a_row_each() {
    let servers = [every_protocol(), every_protocol()];
    for server in &servers {
        run_on(server, "open 7777/udp --protocol pcp").done();
    }
    assert_eq!(status(), [row(7777, "pcp", "left-open"), row(7777, "pcp", "left-open")]);
}

#[test]
fn an_open_that_fails_leaves_what_stood_before() {
    for method in METHODS {
        let server = every_protocol();
        server.with_gateway(|gateway| {
            gateway.add_mapping(Mapping::new(Protocol::Udp, 7999, [127, 0, 0, 9].into()));
        });
        run_on(&server, &format!("open 7001/udp --protocol {method}")).done();
        let mut kept = Running::start(&server, &format!("open 7002/udp --keep --protocol {method}"));
        kept.line();
        let line = format!("open 7001/udp 7002/udp 7003/udp 7999/udp --protocol {method}");
        let ran = run_on(&server, &line);
        assert_eq!(ran.status, Some(6), "{method}: {ran:?}");
        assert!(!ran.stderr.contains("may still be open"), "{method}: {ran:?}");
        let stand = [7001, 7002, 7003].map(|port| stands(&server, port));
        assert_eq!(stand, [true, true, false], "{method}");
        assert_eq!(status(), [row(7001, method, "left-open"), row(7002, method, "kept")], "{method}");
        kept.signal("-TERM");
        assert_eq!(kept.status(), Some(0), "{method}");
        assert_eq!((stands(&server, 7001), stands(&server, 7002)), (true, false), "{method}");
        run_on(&server, "close 7001/udp").done();
    }
}

#[test]
fn what_open_left_open_stays_when_its_keeper_ends() {
    for method in METHODS {
        let server = every_protocol();
        run_on(&server, &format!("open 7777/udp --protocol {method}")).done();
        let mut kept = Running::start(&server, &format!("open 7777/udp --keep --protocol {method}"));
        kept.line();
        assert_eq!(status(), [row(7777, method, "kept")], "{method}");
        kept.signal("-TERM");
        assert_eq!(kept.status(), Some(0), "{method}");
        let said = kept.rest();
        let stays = "udp 81.2.69.142:7777 stays open (it was open before, or another program keeps it), ";
        assert!(said.contains(stays) && said.ends_with("left\n"), "{method}: {said}");
        assert_eq!(status(), [row(7777, method, "left-open")], "{method}");
        assert!(stands(&server, 7777), "{method}");
        run_on(&server, "close 7777/udp").done();
    }
}

#[test]
fn programs_are_told_that_a_port_stays_open() {
    let server = every_protocol();
    run_on(&server, "open 7777/udp").done();
    let mut kept = Running::start(&server, "--json watch 7777/udp");
    kept.event("mapped");
    kept.signal("-TERM");
    let event = kept.event("handed-over");
    assert_eq!(event["reason"], "asked", "{event}");
    assert!(event["remaining_s"].as_u64().is_some_and(|left| left > 3500), "{event}");
    assert_eq!(kept.status(), Some(0));
}

#[test]
fn of_two_keepers_of_one_port_the_last_closes_it() {
    for method in METHODS {
        for first_ends in [true, false] {
            let server = every_protocol();
            let line = format!("open 7777/udp --keep --protocol {method}");
            let [mut ending, mut staying] = [(); 2].map(|()| {
                let mut kept = Running::start(&server, &line);
                kept.line();
                kept
            });
            if !first_ends {
                std::mem::swap(&mut ending, &mut staying);
            }
            assert_eq!(status(), [row(7777, method, "kept")], "{method}");
            ending.signal("-TERM");
            assert_eq!(ending.status(), Some(0), "{method}");
            let said = ending.rest();
            assert!(said.contains("stays open") && !said.contains("closed"), "{method}: {said}");
            assert!(stands(&server, 7777), "{method}");
            assert_eq!(status(), [row(7777, method, "kept")], "{method}");
            staying.signal("-TERM");
            assert_eq!(staying.status(), Some(0), "{method}");
            let said = staying.rest();
            assert!(said.contains("udp 81.2.69.142:7777 closed (as asked)"), "{method}: {said}");
            assert_eq!((status(), open_ports(&server)), (vec![], 0), "{method}");
        }
    }
}

#[test]
fn close_ends_all_that_several_protocols_opened() {
    for order in [["pcp", "nat-pmp"], ["nat-pmp", "pcp"], ["pcp", "igd"], ["igd", "nat-pmp"], ["igd", "pcp"]]
    {
        let server = every_protocol();
        for method in order {
            run_on(&server, &format!("open 7777/udp --protocol {method}")).done();
        }
        assert_eq!(run_on(&server, "close 7777/udp").done().stdout, "udp 7777 closed\n", "{order:?}");
        assert_eq!((status(), open_ports(&server)), (vec![], 0), "{order:?}");
    }
}

#[test]
fn pcp_alone_closes_nothing_that_no_journal_knows_and_says_why() {
    let server = every_protocol();
    run_on(&server, "open 7777/udp --protocol pcp --no-journal").done();
    for journal in ["", "--no-journal"] {
        let ran = run_on(&server, &format!("--json close 7777/udp --protocol pcp {journal}"));
        assert_eq!(ran.status, Some(4), "{ran:?}");
        assert!(ran.stderr.contains("only the program that opened it can close it by pcp"), "{ran:?}");
        assert!(ran.stderr.contains("allow the other protocols"), "{ran:?}");
        assert_eq!(ran.json()["closed"], json!([]), "{ran:?}");
        assert!(stands(&server, 7777));
    }
    // By the gateway's table it is closed.
    run_on(&server, "close 7777/udp").done();
    assert_eq!(open_ports(&server), 0);
}

#[test]
fn nat_pmp_alone_does_not_say_what_it_closed() {
    let server = every_protocol();
    let ran = run_on(&server, "--json close 7777/udp --protocol nat-pmp").done();
    let mut unconfirmed = closed_report("udp", 7777, "unconfirmed");
    unconfirmed["existed"] = Value::Null;
    assert_eq!(ran.json(), json!({"closed": [unconfirmed]}));
    let ran = run_on(&server, "close 7777/udp --protocol nat-pmp").done();
    assert_eq!(ran.stdout, "udp 7777: asked to close; the gateway does not say whether it did\n");
}

#[test]
fn what_a_killed_process_left_is_stale_beside_the_keeper_that_claimed_it() {
    let silent = Quirk::Http(On::Action("DeletePortMapping"), HttpOddity::Silent);
    let server = gateway("all-protocols".parse::<portcullis_sim::Scenario>().unwrap().with(silent));
    let mut killed = Running::start(&server, "open 7001/udp --keep --protocol igd");
    killed.line();
    killed.kill();
    assert_eq!(status(), [row(7001, "igd", "stale")]);
    let mut kept = Running::start(&server, "open 7002/udp --keep --protocol pcp");
    kept.line();
    assert_eq!(status(), [row(7001, "igd", "stale"), row(7002, "pcp", "kept")]);
    let table = run("status").done().stdout;
    assert!(table.contains(" stale ") && table.contains(" kept "), "{table}");
    kept.signal("-TERM");
    kept.status();
    assert_eq!(status(), [row(7001, "igd", "stale")]);
}
