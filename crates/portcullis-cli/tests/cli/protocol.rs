//! `--protocol`, and gateways that speak other protocols than UPnP.

use crate::program::{gateway, run, run_on};
use serde_json::json;

#[test]
fn the_first_protocol_that_is_named_is_preferred() {
    let server = gateway("all-protocols".parse().unwrap());
    for (options, method) in [
        ("", "pcp"),
        ("--protocol pcp,nat-pmp,igd", "pcp"),
        ("--protocol nat-pmp,pcp", "nat-pmp"),
        ("--protocol natpmp", "nat-pmp"),
        ("--protocol igd", "igd"),
        ("--protocol UPnP", "igd"),
    ] {
        let document = run_on(&server, &format!("--json open 7777/udp {options}")).done().json();
        assert_eq!(document["mappings"][0]["method"], method, "{options}");
        run_on(&server, &format!("close 7777/udp {options}")).done();
        assert!(server.with_gateway(|gateway| gateway.mappings().is_empty()), "{options}");
    }
}

#[test]
fn a_simulation_speaks_what_its_scenario_does() {
    for (scenario, method, gateway) in [
        ("igd2", "igd", "Simulated gateway (127.0.0.1)"),
        ("all-protocols", "pcp", "127.0.0.1"),
        ("pcp-only", "pcp", "127.0.0.1"),
        ("nat-pmp-only", "nat-pmp", "127.0.0.1"),
    ] {
        let document = run(&format!("--json open 7777/udp --simulate={scenario}")).done().json();
        let mapping = &document["mappings"][0];
        assert_eq!((&mapping["method"], &mapping["gateway"]), (&json!(method), &json!(gateway)));
        assert_eq!(mapping["external_address"], "81.2.69.142");
    }
}

#[test]
fn people_are_told_which_protocol_it_was() {
    let ran = run("open 7777/udp --simulate=nat-pmp-only").done();
    let line = "udp 81.2.69.142:7777 -> 127.0.0.1:7777, 1h, by nat-pmp from 127.0.0.1 in ";
    assert!(ran.stdout.starts_with(line), "{ran:?}");
}

#[test]
fn a_protocol_that_the_gateway_does_not_speak_finds_none() {
    let ran = run("--json open 7777/udp --simulate=igd2 --protocol pcp");
    assert_eq!(ran.status, Some(3), "{ran:?}");
    let attempts = &ran.json()["error"]["attempts"];
    assert_eq!(attempts[0]["step"], "PCP MAP", "{attempts}");
    assert!(attempts[0]["message"].as_str().unwrap().starts_with("nobody is there"), "{attempts}");
}

#[test]
fn a_server_that_is_named_is_asked_alone() {
    let server = gateway("all-protocols".parse().unwrap());
    let named = format!("--gateway pcp://{}", server.port_control_address());
    let document = run(&format!("--json open 7777/udp {named}")).done().json();
    assert_eq!(document["mappings"][0]["method"], "pcp");
    server.with_gateway(|gateway| {
        assert_eq!((gateway.counters().m_searches, gateway.counters().connections), (0, 0));
    });
}

#[test]
fn the_address_is_told_by_nat_pmp_too() {
    let document = run("--json address --simulate=nat-pmp-only").done().json();
    assert_eq!(
        document,
        json!({"external_address": "81.2.69.142", "external_address_kind": "public", "gateway": "127.0.0.1"})
    );
    assert!(run("address --simulate=nat-pmp-private-address").done().stderr.contains("warning"));
}

#[test]
fn a_protocol_that_leaves_a_command_nothing_to_do_is_an_error() {
    for (line, allowed) in
        [("discover --protocol pcp,nat-pmp", "has to have igd"), ("address --protocol pcp", "nat-pmp or igd")]
    {
        let ran = run(line);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains("'--protocol <LIST>'") && ran.stderr.contains(allowed), "{ran:?}");
    }
}

#[test]
fn a_refusal_names_the_protocol() {
    let ran = run("--json open 7777/udp --protocol nat-pmp --simulate=nat-pmp-refused");
    assert_eq!(ran.status, Some(4), "{ran:?}");
    assert_eq!(ran.json()["error"]["kind"], "refused");
}
