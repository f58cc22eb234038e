use crate::program::{Ran, command, fields, run};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const DOCUMENT: &str = "<root><device>\
    <deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>\
    <friendlyName>Attic\u{1b}[31m</friendlyName><manufacturer>Maker</manufacturer><modelName>M1</modelName>\
    <serviceList><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>\
    <controlURL>/ctl</controlURL></service></serviceList></device></root>";

/// Inspects these bytes, given on standard input.
fn inspect(bytes: &[u8], options: &[&str]) -> Ran {
    let mut child = command(["--json", "inspect", "-"].iter().chain(options))
        .stdin(Stdio::piped())
        .spawn()
        .expect("it starts");
    // It may have read enough and be gone.
    let _ = child.stdin.take().expect("a pipe").write_all(bytes);
    child.wait_with_output().expect("it ends").into()
}

#[test]
fn a_description_is_the_device_that_discover_would_show() {
    let device = inspect(DOCUMENT.as_bytes(), &["--url", "http://192.168.1.1:5000/desc.xml"]).done().json();
    assert_eq!(
        device,
        json!({
            "location": "http://192.168.1.1:5000/desc.xml", "also_at": [], "search_target": "", "usn": "", "server": "",
            "friendly_name": "Attic[31m", "manufacturer": "Maker", "model_name": "M1",
            "gateway": true, "usable": true, "note": null, "status": "unknown",
            "services": [{
                "service_type": "urn:schemas-upnp-org:service:WANIPConnection:1",
                "control_url": "http://192.168.1.1:5000/ctl",
            }],
            "local_address": null, "external_address": null, "external_address_kind": "unknown",
        })
    );
}

#[test]
fn a_reply_with_headers_names_its_server() {
    let reply = format!(
        "HTTP/1.1 200 OK\r\nServer: Attic/1.0\r\nContent-Length: {}\r\n\r\n{DOCUMENT}",
        DOCUMENT.len()
    );
    let device = inspect(reply.as_bytes(), &[]).done().json();
    assert_eq!((&device["server"], &device["usable"]), (&json!("Attic/1.0"), &json!(true)));
    assert_eq!(device["services"][0]["control_url"], "/ctl", "no location, no host");
}

#[test]
fn what_is_no_description_is_said_by_name() {
    for (bytes, part) in [
        (&b""[..], "-: description: empty"),
        (b"hello", "-: description: not an xml document"),
        (b"HTTP/1.1 200", "-: http reply: "),
        (b"HTTP/1.1 404 Not Found\r\n\r\n<html></html>", "-: http reply: status 404"),
        (&[b' '; (1 << 20) + 1], "-: larger than 1 MiB"),
    ] {
        let ran = inspect(bytes, &[]);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("'discover'"), "{ran:?}");
        let document = ran.json();
        assert_eq!(document["error"]["kind"], "malformed");
        assert!(document["error"]["message"].as_str().unwrap().contains(part), "{part}: {ran:?}");
    }
    let ran = run("inspect no/such/file.xml");
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("no/such/file.xml"), "{ran:?}");
}

/// The folder of real devices' data.
fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("PORTCULLIS_CORPUS").map(PathBuf::from);
    let beside = || {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        manifest.ancestors().map(|folder| folder.join("shared/corpus")).find(|folder| folder.is_dir())
    };
    named.or_else(beside).filter(|folder| folder.is_dir())
}

#[test]
fn saved_descriptions_of_real_devices_are_read_or_refused_by_name() {
    use std::io::stderr;
    let Some(corpus) = corpus() else {
        let _ = writeln!(stderr(), "skipped: no corpus of real devices here");
        return;
    };
    let mut usable = 0;
    for entry in std::fs::read_dir(corpus.join("desc")).unwrap() {
        let path = entry.unwrap().path();
        let ran = Ran::from(
            command(["--json", "inspect", "--url", "http://192.168.1.1:49000/desc.xml"])
                .arg(&path)
                .output()
                .unwrap(),
        );
        let document = ran.json();
        match ran.status {
            Some(0) => {
                assert_eq!(fields(&document).len(), 16);
                let unusable_services = document["services"].as_array().unwrap().iter().filter(|service| {
                    !service["control_url"].as_str().unwrap().starts_with("http://192.168.1.1")
                });
                assert_eq!(unusable_services.count(), 0, "{}: {document}", path.display());
                usable += usize::from(document["usable"] == Value::Bool(true));
            }
            Some(1) => assert_eq!(document["error"]["kind"], "malformed", "{}", path.display()),
            _ => panic!("{}: {ran:?}", path.display()),
        }
    }
    assert!(usable >= 40, "{usable}");
}
