use crate::program::{fields, gateway, run, run_on};
use portcullis_sim::Scenario;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, UdpSocket};

const FIELDS: [&str; 16] = [
    "also_at",
    "external_address",
    "external_address_kind",
    "friendly_name",
    "gateway",
    "local_address",
    "location",
    "manufacturer",
    "model_name",
    "note",
    "search_target",
    "server",
    "services",
    "status",
    "usable",
    "usn",
];

#[test]
fn a_device_has_all_its_fields() {
    let server = gateway(Scenario::igd2());
    let document = run_on(&server, "--json discover").done().json();
    assert_eq!(fields(&document), ["devices", "elapsed_ms"]);
    assert!(document["elapsed_ms"].as_u64().is_some_and(|ms| ms > 0));
    assert_eq!(document["devices"].as_array().unwrap().len(), 1);
    let device = &document["devices"][0];
    assert_eq!(fields(device), FIELDS);
    assert_eq!(device["location"], server.location());
    for (field, value) in [
        ("friendly_name", json!("Simulated gateway")),
        ("manufacturer", json!("Portcullis")),
        ("model_name", json!("portcullis-sim")),
        ("gateway", json!(true)),
        ("usable", json!(true)),
        ("note", Value::Null),
        ("also_at", json!([])),
        ("status", json!("connected")),
        ("local_address", json!("127.0.0.1")),
        ("external_address", json!("81.2.69.142")),
        ("external_address_kind", json!("public")),
    ] {
        assert_eq!(device[field], value, "{field}");
    }
    let target = device["search_target"].as_str().unwrap();
    assert!(device["usn"].as_str().unwrap().ends_with(target));
    let control_url = format!("http://{}/ctl/IPConn", server.http_address());
    let service = json!({
        "service_type": "urn:schemas-upnp-org:service:WANIPConnection:2", "control_url": control_url,
    });
    assert!(device["services"].as_array().unwrap().contains(&service), "{device}");
}

#[test]
fn control_urls_lead_to_the_device_itself() {
    let server = gateway("wrong-url-base".parse().unwrap());
    let document = run_on(&server, "--json discover").done().json();
    for service in document["devices"][0]["services"].as_array().unwrap() {
        assert!(service["control_url"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{service}");
    }
}

#[test]
fn a_url_finds_the_gateway_without_a_search() {
    let server = gateway("silent".parse().unwrap());
    let document = run(&format!("--json discover --gateway {}", server.location())).done().json();
    let device = &document["devices"][0];
    assert_eq!((&device["usable"], &device["usn"]), (&json!(true), &json!("")));
    assert_eq!(device["search_target"], "");
    assert_eq!(server.with_gateway(|gateway| gateway.counters().m_searches), 0);
}

#[test]
fn what_is_odd_about_a_gateway_is_noted() {
    for (scenario, field, value) in [
        ("disconnected", "status", json!("disconnected")),
        ("no-status", "status", json!("unknown")),
        ("private-address", "external_address_kind", json!("private")),
        ("shared-address", "external_address_kind", json!("shared")),
        ("garbage-address", "external_address_kind", json!("unknown")),
        ("garbage-address", "external_address", Value::Null),
        ("private-address", "note", json!("its external address is private: it is behind another NAT")),
    ] {
        let document = run(&format!("--json discover --simulate={scenario}")).done().json();
        assert_eq!(document["devices"][0][field], value, "{scenario}");
    }
}

#[test]
fn devices_that_are_no_gateways_are_listed_with_all_only() {
    let server = gateway("not-a-gateway".parse().unwrap());
    let ran = run_on(&server, "--json --timeout 200 discover");
    assert_eq!(ran.status, Some(3), "{ran:?}");
    let document = run_on(&server, "--json --timeout 200 discover --all").done().json();
    assert_eq!(document["devices"][0]["gateway"], false);
    assert_eq!(document["devices"][0]["note"], "not an internet gateway");
    assert!(document["elapsed_ms"].as_u64().unwrap() >= 200, "the whole timeout is waited for");
}

#[test]
fn a_filter_keeps_what_has_its_text_anywhere() {
    let server = gateway(Scenario::igd1());
    for (text, status) in [
        ("SIMULATED", Some(0)),
        ("internetgatewaydevice", Some(0)),
        ("portcullis-sim/", Some(0)),
        ("uuid:", Some(0)),
        ("no-such", Some(3)),
    ] {
        let ran = run_on(&server, &format!("--timeout 200 discover --filter {text}"));
        assert_eq!(ran.status, status, "{ran:?}");
    }
}

#[test]
fn what_does_not_pass_the_filter_is_not_said_to_be_missing() {
    let server = gateway(Scenario::igd1());
    let ran = run_on(&server, "--json --timeout 200 discover --filter no-such");
    assert_eq!((ran.status, ran.json()["error"]["kind"].as_str()), (Some(3), Some("no-gateway")), "{ran:?}");
    assert!(ran.stderr.contains("1 device answered, and none passes --filter"), "{ran:?}");
    assert!(!ran.stderr.contains("no gateway found"), "{ran:?}");
    // What passes and is no gateway has passed.
    let server = gateway("not-a-gateway".parse().unwrap());
    let ran = run_on(&server, "--timeout 200 discover --filter simulated");
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("1 device passed --filter, and is no gateway"), "{ran:?}");
    assert!(ran.stderr.contains("try --all"), "{ran:?}");
    run_on(&server, "--timeout 200 discover --filter simulated --all").done();
}

#[test]
fn a_local_port_that_another_program_has_is_named() {
    let server = gateway(Scenario::igd1());
    let taken = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let ran = run_on(&server, &format!("--json discover --local-port {port}"));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let error = &ran.json()["error"];
    assert_eq!(error["kind"], "io");
    let message = error["message"].as_str().unwrap();
    for part in [&format!("another program has udp port {port}"), "address in use", "0 is any that is free"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn people_get_a_block_of_lines() {
    let ran = run("discover --simulate").done();
    assert!(ran.stdout.starts_with("Simulated gateway (gateway)\n"), "{ran:?}");
    assert!(ran.stdout.contains("  external address  81.2.69.142 (public)\n"), "{ran:?}");
}
