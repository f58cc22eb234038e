use crate::program::{closed_report, gateway, run_on};
use portcullis::Protocol;
use portcullis_sim::{Mapping, Scenario};
use serde_json::json;

fn mapping(protocol: Protocol, port: u16, last: u8) -> Mapping {
    Mapping::new(protocol, port, [127, 0, 0, last].into())
}

#[test]
fn without_a_protocol_both_are_closed() {
    let server = gateway(Scenario::igd2());
    server.with_gateway(|gateway| {
        gateway.add_mapping(mapping(Protocol::Udp, 7777, 1));
        gateway.add_mapping(mapping(Protocol::Udp, 7778, 1));
    });
    let document = run_on(&server, "--json close 7777 7778/udp 7777/udp").done().json();
    assert_eq!(
        document,
        json!({"closed": [
            closed_report("udp", 7777, "deleted"),
            closed_report("tcp", 7777, "not-open"),
            closed_report("udp", 7778, "deleted"),
        ]})
    );
    assert!(server.with_gateway(|gateway| gateway.mappings().is_empty()));
}

#[test]
fn what_is_not_open_is_said_and_no_error() {
    let server = gateway(Scenario::igd1());
    let ran = run_on(&server, "close 7777/tcp").done();
    assert_eq!(ran.stdout, "tcp 7777 was not open\n");
}

#[test]
fn the_mapping_of_another_host_is_closed_by_force_only() {
    let server = gateway(Scenario::igd1());
    server.with_gateway(|gateway| gateway.add_mapping(mapping(Protocol::Udp, 7777, 9)));
    let ran = run_on(&server, "close 7777/udp");
    assert_eq!(ran.status, Some(6), "{ran:?}");
    assert!(ran.stderr.contains("127.0.0.9") && ran.stderr.contains("--force"), "{ran:?}");
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 1);
    run_on(&server, "close 7777/udp --force").done();
    assert!(server.with_gateway(|gateway| gateway.mappings().is_empty()));
}

#[test]
fn what_was_closed_beside_a_failure_is_printed() {
    let server = gateway(Scenario::igd1());
    let prepare = || {
        server.with_gateway(|gateway| {
            gateway.add_mapping(mapping(Protocol::Udp, 7000, 1));
            gateway.add_mapping(mapping(Protocol::Udp, 7777, 9));
            gateway.add_mapping(mapping(Protocol::Tcp, 7777, 9));
        });
    };
    prepare();
    let ran = run_on(&server, "close 7000/udp 7777");
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(6), "udp 7000 closed\n"), "{ran:?}");
    assert!(ran.stderr.starts_with("portcullis: udp 7777: "), "{ran:?}");
    assert!(ran.stderr.contains("tcp 7777 failed too"), "{ran:?}");
    prepare();
    let document = run_on(&server, "--json close 7000/udp 7777").json();
    assert_eq!(document["closed"], json!([closed_report("udp", 7000, "deleted")]));
    assert_eq!(document["error"]["kind"], "conflict");
    let attempts = document["error"]["attempts"].as_array().unwrap();
    // Another protocol may have been asked as well.
    let refused = attempts.iter().filter(|attempt| attempt["step"] == "GetSpecificPortMappingEntry");
    let refused: Vec<_> = refused.collect();
    assert_eq!(refused.len(), 2, "{document}");
    for (attempt, name) in refused.iter().zip(["udp 7777: ", "tcp 7777: "]) {
        assert!(attempt["message"].as_str().unwrap().starts_with(name), "{document}");
    }
}
