use crate::program::{gateway, run, run_on};
use portcullis::Protocol;
use portcullis_sim::{Mapping, Scenario};
use serde_json::json;

#[test]
fn every_mapping_has_its_line_in_columns() {
    let server = gateway(Scenario::igd1());
    server.with_gateway(|gateway| {
        let mut named = Mapping::new(Protocol::Tcp, 80, [127, 0, 0, 9].into());
        named.description = "a game".into();
        named.internal_port = 8080;
        gateway.add_mapping(Mapping::new(Protocol::Udp, 7777, [127, 0, 0, 1].into()));
        gateway.add_mapping(named);
    });
    let ran = run_on(&server, "list").done();
    assert_eq!(
        ran.stdout,
        "PROTOCOL  EXTERNAL PORT  INTERNAL        ENABLED  LIFETIME   REMOTE HOST  BY   DESCRIPTION\n\
         udp       7777           127.0.0.1:7777  yes      permanent  any          igd\n\
         tcp       80             127.0.0.9:8080  yes      permanent  any          igd  a game\n"
    );
    let document = run_on(&server, "--json list").done().json();
    assert_eq!(
        document["mappings"][1],
        json!({
            "method": "igd", "protocol": "tcp", "external_port": 80, "internal_address": "127.0.0.9", "internal_port": 8080,
            "description": "a game", "enabled": true, "lifetime_s": 0, "remote_host": "",
        })
    );
}

#[test]
fn an_empty_table_is_said_to_be_empty() {
    assert_eq!(run("list --simulate").done().stdout, "no port mappings\n");
    assert_eq!(run("list --simulate --json").done().json(), json!({"mappings": []}));
}

#[test]
fn a_list_that_may_be_longer_is_warned_of() {
    let server = gateway(Scenario::igd1());
    server.with_gateway(|gateway| {
        for port in 1..=512 {
            gateway.add_mapping(Mapping::new(Protocol::Udp, port, [127, 0, 0, 1].into()));
        }
    });
    let ran = run_on(&server, "list --timeout 20000").done();
    assert_eq!(ran.stdout.lines().count(), 513);
    assert!(ran.stderr.contains("warning: no more than 512"), "{ran:?}");
    assert!(!run("list --simulate").done().stderr.contains("warning"));
}
