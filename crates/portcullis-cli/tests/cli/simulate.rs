use crate::program::{fields, run};
use serde_json::Value;

#[test]
fn every_scenario_is_named() {
    let document = run("simulate --list-scenarios --json").done().json();
    let scenarios = document["scenarios"].as_array().unwrap();
    assert!(scenarios.len() > 50);
    assert_eq!(fields(&scenarios[0]), ["name", "summary"]);
    let table = run("simulate --list-scenarios").done().stdout;
    for scenario in scenarios {
        assert!(table.contains(scenario["name"].as_str().unwrap()));
    }
}

#[test]
fn is_not_on_a_public_address() {
    let ran = run("simulate --on 81.2.69.142 --json");
    assert_eq!(ran.status, Some(1));
    assert!(ran.stdout.contains("private or link-local"), "{ran:?}");
}

#[cfg(unix)]
#[test]
fn runs_until_it_is_told_to_stop() {
    use crate::program::command;
    use std::io::{BufRead, BufReader};
    use std::process::Command;

    let mut child = command(["simulate", "--scenario", "igd1", "--json"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let document: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(fields(&document), ["location", "port_control_address", "scenario", "ssdp_address"]);
    let address = document["ssdp_address"].as_str().unwrap();
    run(&format!("open 7777/udp --gateway {address}")).done();
    let list =
        run(&format!("list --json --gateway {}", document["location"].as_str().unwrap())).done().json();
    assert_eq!(list["mappings"][0]["external_port"], 7777);
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
