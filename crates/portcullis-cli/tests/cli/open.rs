use crate::program::{fields, gateway, run, run_on};
use portcullis::Protocol;
use portcullis_sim::{Mapping, Quirk, Scenario};
use serde_json::{Value, json};

#[test]
fn works_without_any_gateway_by_simulation() {
    let ran = run("open 7777 --simulate").done();
    assert!(ran.stdout.contains("udp 81.2.69.142:7777 -> 127.0.0.1:7777"), "{ran:?}");
    assert!(ran.stdout.contains("tcp 81.2.69.142:7777 -> 127.0.0.1:7777"), "{ran:?}");
    assert!(ran.stderr.contains("simulation"), "{ran:?}");
}

#[test]
fn the_document_has_a_mapping_for_each_protocol() {
    let server = gateway(Scenario::igd1());
    let document = run_on(&server, "--json open 7777").done().json();
    assert_eq!(fields(&document), ["mappings"]);
    let mappings = document["mappings"].as_array().unwrap();
    for (mapping, protocol) in mappings.iter().zip(["udp", "tcp"]) {
        let mut mapping = mapping.clone();
        let elapsed = mapping["elapsed_ms"].take();
        assert!(elapsed.as_u64().is_some_and(|ms| ms > 0), "{elapsed}");
        assert_eq!(
            mapping,
            json!({
                "method": "igd", "protocol": protocol, "internal_address": "127.0.0.1", "internal_port": 7777,
                "external_address": "81.2.69.142", "external_port": 7777, "lifetime_s": 3600,
                "gateway": "Simulated gateway (127.0.0.1)", "default_gateway": Value::Null,
                "behind_nat": false,
                "elapsed_ms": Value::Null,
            })
        );
    }
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 2, "they stay open");
}

#[test]
fn ports_and_protocols_are_those_asked_for() {
    for (line, expected) in [
        ("7777/udp", vec![("udp", 7777, 7777)]),
        ("80:8080/tcp", vec![("tcp", 80, 8080)]),
        ("7777 --udp", vec![("udp", 7777, 7777)]),
        ("7777 --tcp 80/udp", vec![("tcp", 7777, 7777), ("udp", 80, 80)]),
        ("7777 --tcp --udp", vec![("udp", 7777, 7777), ("tcp", 7777, 7777)]),
        ("7777/udp 7777", vec![("udp", 7777, 7777), ("tcp", 7777, 7777)]),
    ] {
        let document = run(&format!("--json open {line} --simulate")).done().json();
        assert_eq!(opened(&document), expected, "{line}");
    }
}

#[test]
fn lifetime_and_description_reach_the_gateway() {
    // A port each: what was left open is not shortened by whoever opens it again.
    for (port, lifetime, seconds) in
        [(7771, "2h", 7_200), (7772, "90", 90), (7773, "permanent", 0), (7774, "0", 0)]
    {
        let server = gateway(Scenario::igd1());
        let line = format!("--json open {port}/udp --description lobby --lifetime {lifetime}");
        assert_eq!(run_on(&server, &line).done().json()["mappings"][0]["lifetime_s"], seconds, "{lifetime}");
        let mappings = server.with_gateway(|gateway| gateway.mappings().to_vec());
        assert_eq!(mappings[0].description, "lobby");
        assert_eq!(mappings[0].expires.is_none(), seconds == 0, "{lifetime}");
    }
}

#[test]
fn a_conflict_is_resolved_as_asked() {
    let conflict = || gateway("conflict".parse().unwrap());
    let server = conflict();
    let document = run_on(&server, "--json open 7777/udp --any-port").done().json();
    assert_ne!(document["mappings"][0]["external_port"], 7777);
    assert_eq!(document["mappings"][0]["internal_port"], 7777);
    let server = conflict();
    let document = run_on(&server, "--json open 7777/udp --overwrite").done().json();
    assert_eq!(document["mappings"][0]["external_port"], 7777);
}

#[test]
fn all_ports_are_opened_or_none() {
    let server = gateway("conflict".parse().unwrap());
    let before = server.with_gateway(|gateway| gateway.mappings().to_vec());
    let ran = run_on(&server, "open 7000 7777 7001/udp");
    assert_eq!(ran.status, Some(6), "{ran:?}");
    // What was open by then is closed again.
    assert!(server.with_gateway(|gateway| gateway.counters().posts("AddPortMapping")) >= 1);
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().to_vec()), before);
}

#[test]
fn an_address_that_is_not_public_is_warned_of() {
    for scenario in ["private-address", "shared-address", "reserved-address"] {
        let ran = run(&format!("open 7777/udp --simulate={scenario}")).done();
        assert!(ran.stderr.contains("warning: external address"), "{ran:?}");
    }
    assert!(!run("open 7777/udp --simulate").done().stderr.contains("warning"));
}

#[test]
fn what_leads_to_a_nat_in_front_of_this_host_has_a_status_of_its_own() {
    let ran = run("open 7777/udp --simulate=nested-nat");
    assert_eq!(ran.status, Some(8), "{ran:?}");
    assert!(ran.stdout.contains("-> port 7777 of the NAT in front of this host"), "{ran:?}");
    assert!(ran.stderr.contains("warning: udp 7777: opened for the NAT in front of this host"), "{ran:?}");
    let document = run("--json open 7777/udp --simulate=nested-nat").json();
    let mapping = &document["mappings"][0];
    assert_eq!((&mapping["behind_nat"], &mapping["internal_address"]), (&json!(true), &Value::Null));
    // By UPnP, where only this host could be mapped, it is refused, and nobody else has the port.
    let ran = run("open 7777/udp --simulate=nested-nat --protocol pcp,igd");
    assert_eq!(ran.status, Some(4), "{ran:?}");
    assert!(ran.stderr.contains("another NAT") && !ran.stderr.contains("conflict"), "{ran:?}");
}

#[test]
fn all_addresses_are_those_of_ipv6() {
    let ran = run("open 7777/udp --all-addresses --simulate");
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("--ipv6"), "{ran:?}");
}

#[test]
fn an_address_that_is_not_told_is_null() {
    let document = run("--json open 7777/udp --simulate=no-address").done().json();
    assert_eq!(document["mappings"][0]["external_address"], Value::Null);
}

#[test]
fn what_a_gateway_says_cannot_command_a_terminal() {
    let name = Quirk::FriendlyName("evil\u{202e}\u{9b}31m&#x9b;");
    let server = gateway(Scenario::igd1().with(name));
    let mut foreign = Mapping::new(Protocol::Udp, 7777, [127, 0, 0, 9].into());
    foreign.description = "\u{202e}x\u{1b}]0;y\u{7}".into();
    server.with_gateway(|gateway| gateway.add_mapping(foreign));
    for line in
        ["open 7777/udp", "list", "discover", "--json open 7777/udp", "--json list", "--json discover"]
    {
        let ran = run_on(&server, line);
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!ran.stdout.contains(obeyed) && !ran.stderr.contains(obeyed), "{ran:?}");
        assert!(!ran.stdout.contains("\\u001b"), "{ran:?}");
    }
}

#[test]
fn the_port_that_failed_is_named_where_several_were_asked_for() {
    let ran = run("open 7000/udp 7777/udp --simulate=conflict");
    assert_eq!(ran.status, Some(6), "{ran:?}");
    assert!(ran.stderr.contains("portcullis: udp 7777: conflict"), "{ran:?}");
    let document = run("--json open 7000/udp 7777/udp --simulate=conflict").json();
    let attempts = document["error"]["attempts"].as_array().unwrap();
    let refused = attempts.iter().find(|attempt| attempt["step"] == "AddPortMapping").unwrap();
    assert!(refused["message"].as_str().unwrap().starts_with("udp 7777: "), "{document}");
}

#[test]
fn a_search_without_answer_is_about_no_port() {
    let document = run("--json open 7777 --simulate=silent --timeout 150").json();
    let attempts = document["error"]["attempts"].as_array().unwrap();
    let searches = attempts.iter().filter(|attempt| attempt["step"] == "search");
    assert_eq!(searches.count(), 1, "{document}");
    assert!(!document["error"]["message"].as_str().unwrap().contains("7777"), "{document}");
}

#[test]
fn other_ports_are_advised_only_where_they_may_help() {
    let advised = |line: &str| {
        let ran = run(line);
        assert_eq!(ran.status, Some(6), "{line}: {ran:?}");
        ran.stderr.contains("try --any-port or --overwrite")
    };
    assert!(advised("open 7777/udp --simulate=conflict"));
    assert!(!advised("open 7777/udp --any-port --simulate=always-conflict"));
    assert!(!advised("open 7777/udp --overwrite --simulate=always-conflict"));
    assert!(!advised("open 7777/udp --verify --simulate=other-client"));
}

#[test]
fn overwriting_is_advised_where_upnp_may_be_asked_alone() {
    let taken = Quirk::ForeignMapping(Protocol::Udp, 7777);
    let server = gateway(Scenario::igd1().with(Quirk::NatPmp).with(taken));
    for (protocols, advice) in
        [("nat-pmp", "try --any-port"), ("nat-pmp,igd", "try --any-port or --overwrite")]
    {
        let ran = run_on(&server, &format!("open 7777/udp --protocol {protocols}"));
        assert_eq!(ran.status, Some(6), "{ran:?}");
        assert!(ran.stderr.trim_end().ends_with(advice), "{ran:?}");
    }
}

#[test]
fn what_is_not_as_it_was_asked_for_is_warned_of() {
    for (line, warning) in [
        ("80:81/tcp --simulate=same-port", "tcp 81: the gateway maps equal ports only: 81 instead of 80"),
        ("7777 --simulate=no-address", "udp 7777, tcp 7777: the gateway did not tell its external address"),
        ("7777/udp --simulate=permanent-lease-only", "the gateway maps permanently only"),
        (
            "7777/udp --lifetime permanent --simulate=permanent-lease-invalid",
            "the gateway does not map permanently: this lasts 7d",
        ),
    ] {
        let ran = run(&format!("open {line}")).done();
        assert_eq!(ran.stderr.matches("warning: ").count(), 1, "{ran:?}");
        assert!(ran.stderr.contains(warning), "{ran:?}");
    }
    let quiet = run("open 80:81/tcp --any-port --simulate=same-port").done();
    assert!(!quiet.stderr.contains("warning"), "{quiet:?}");
}

/// The mappings that a run opened: protocol, external port, internal port.
fn opened(document: &Value) -> Vec<(&str, u64, u64)> {
    let port = |mapping: &Value, name: &str| mapping[name].as_u64().expect("a number");
    let mappings = document["mappings"].as_array().expect("a list").iter();
    let mappings = mappings.map(|mapping| {
        let protocol = mapping["protocol"].as_str().expect("a name");
        (protocol, port(mapping, "external_port"), port(mapping, "internal_port"))
    });
    mappings.collect()
}

#[test]
fn port_0_lets_the_gateway_choose() {
    for scenario in ["vpn", "nat-pmp-only", "pcp-only", "pcp-other-port", "igd1", "igd2"] {
        let document = run(&format!("--json open 0:6881 --simulate={scenario}")).done().json();
        let chosen = if ["vpn", "pcp-other-port"].contains(&scenario) { 6882 } else { 6881 };
        assert_eq!(opened(&document), [("udp", chosen, 6881), ("tcp", chosen, 6881)], "{scenario}");
    }
    let ran = run("open 0:6881 0:6881/tcp --simulate=vpn").done();
    assert_eq!(ran.stdout.lines().count(), 2, "{ran:?}");
    assert!(!ran.stderr.contains("instead of"), "{ran:?}");
}

#[test]
fn port_0_alone_is_a_free_port_of_this_host_the_same_for_both_protocols() {
    let document = run("--json open 0 0/udp --simulate").done().json();
    let opened = opened(&document);
    let [udp, tcp, other] = opened[..] else { panic!("{document}") };
    assert_eq!((udp.1, udp.2), (tcp.1, tcp.2));
    assert_ne!(udp.2, other.2);
    assert!(
        [udp, tcp, other].iter().all(|(_, external, internal)| external == internal && *internal > 1_023)
    );
}

#[test]
fn a_port_that_the_gateway_was_to_choose_is_named_where_it_fails() {
    let ran = run("open 0:6881 --simulate=full");
    assert_eq!(ran.status, Some(4), "{ran:?}");
    assert!(ran.stderr.contains("udp 0:6881") && !ran.stderr.contains("--any-port"), "{ran:?}");
}
