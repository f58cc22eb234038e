use crate::program::run;
use serde_json::json;

#[test]
fn standard_output_has_the_address_alone() {
    let ran = run("address --simulate -q").done();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("81.2.69.142\n", ""));
}

#[test]
fn the_document_has_its_kind_and_its_gateway() {
    for (scenario, address, kind) in [
        ("igd1", "81.2.69.142", "public"),
        ("private-address", "192.168.178.2", "private"),
        ("shared-address", "100.64.17.4", "shared"),
        ("reserved-address", "0.0.0.0", "reserved"),
    ] {
        let ran = run(&format!("address --json --simulate={scenario}")).done();
        assert_eq!(
            ran.json(),
            json!({
                "external_address": address, "external_address_kind": kind,
                "gateway": "Simulated gateway (127.0.0.1)",
            })
        );
        assert_eq!(ran.stderr.contains("warning"), kind != "public", "{ran:?}");
    }
}
