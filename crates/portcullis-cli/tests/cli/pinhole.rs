//! `open --ipv6`.

use crate::program::{Directory, run};
use portcullis_sim::{Scenario, Server};
use serde_json::json;
use std::io::{Write, stderr};
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};

/// Whether this machine has IPv6, at least with itself.
fn has_ipv6() -> bool {
    let has = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        let _ = writeln!(stderr(), "skipped: no IPv6 here");
    }
    has
}

#[test]
fn the_external_address_is_our_own() {
    if !has_ipv6() {
        return;
    }
    for (scenario, method) in [("igd2", "igd-pinhole"), ("pcp-only", "pcp"), ("all-protocols", "pcp")] {
        let ran = run(&format!("--json open 7777/tcp --ipv6 --simulate={scenario}")).done();
        let document = ran.json();
        let mapping = &document["mappings"][0];
        for (field, value) in [
            ("method", json!(method)),
            ("internal_address", json!("::1")),
            ("internal_port", json!(7777)),
            ("external_address", json!("::1")),
            ("external_port", json!(7777)),
            ("lifetime_s", json!(3600)),
        ] {
            assert_eq!(mapping[field], value, "{scenario}: {field}");
        }
        assert!(!ran.stderr.contains("warning"), "{ran:?}");
    }
}

#[test]
fn a_pinhole_that_was_left_open_is_closed_by_its_id() {
    if !has_ipv6() {
        return;
    }
    let server = Server::start(Scenario::igd2(), Ipv6Addr::LOCALHOST.into()).unwrap();
    let journal = Directory::new();
    let run = |line: &str| {
        let place = format!("--gateway {} --journal {}", server.ssdp_address(), journal.0.display());
        run(&format!("{line} {place}")).done()
    };
    run("open 7777/udp --ipv6");
    assert_eq!(server.with_gateway(|gateway| gateway.pinholes().len()), 1);
    assert!(run("list").stdout.contains("igd-pinhole"));
    assert_eq!(run("close 7777/udp").stdout, "udp 7777 closed\n");
    assert_eq!(server.with_gateway(|gateway| gateway.pinholes().len()), 0);
}

#[test]
fn close_ipv6_closes_pinholes_and_nothing_else() {
    if !has_ipv6() {
        return;
    }
    for method in ["igd", "pcp"] {
        let server = Server::start("all-protocols".parse().unwrap(), Ipv6Addr::LOCALHOST.into()).unwrap();
        let own = server.ssdp_address();
        let at = if method == "pcp" {
            format!("pcp://{}", server.port_control_address())
        } else {
            own.to_string()
        };
        let over_ipv4 = Server::start(Scenario::igd2(), Ipv4Addr::LOCALHOST.into()).unwrap();
        let journal = Directory::new();
        let run = |line: &str, gateway: &str| {
            run(&format!("{line} --gateway {gateway} --journal {}", journal.0.display())).done()
        };
        let mapped = over_ipv4.ssdp_address().to_string();
        run("open 7777/udp --protocol igd", &mapped);
        run(&format!("open 7777/udp --ipv6 --protocol {method}"), &at);
        let open = || server.with_gateway(|gateway| gateway.pinholes().len() + gateway.pcp_pinholes().len());
        assert_eq!(open(), 1, "{method}");
        let ran = run("close 7777 --ipv6", &at);
        assert_eq!(
            ran.stdout,
            "udp 7777 closed\ntcp 7777: no pinhole is known here, and gateways do not list them\n",
            "{method}"
        );
        assert_eq!(open(), 0, "{method}");
        let document = run("--json close 7777/udp --ipv6", &at).json();
        assert_eq!(document["closed"][0]["outcome"], "not-open");
        assert_eq!(document["closed"][0]["existed"], json!(null));
        // The mapping of the same port is another matter.
        assert_eq!(over_ipv4.with_gateway(|gateway| gateway.mappings().len()), 1, "{method}");
    }
}

#[test]
fn a_gateway_that_opens_none_says_why() {
    if !has_ipv6() {
        return;
    }
    for (scenario, status, part) in [
        ("igd1", 3, "no service"),
        ("ipv6-firewall-off", 4, "the firewall is off"),
        ("ipv6-not-allowed", 4, "allow pinholes in the gateway's settings"),
        ("nat-pmp-only", 3, "not spoken"),
    ] {
        let ran = run(&format!("open 7777/udp --ipv6 --simulate={scenario} --timeout 300"));
        assert_eq!(ran.status, Some(status), "{ran:?}");
        assert!(ran.stderr.contains(part), "{ran:?}");
    }
}

#[test]
fn nothing_is_translated() {
    for (line, named) in [
        ("open 80:8080/tcp --ipv6", "80:8080"),
        ("open 7777 --ipv6 --any-port", "--any-port"),
        ("watch 7777 --ipv6 --overwrite", "--overwrite"),
    ] {
        let ran = run(line);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains("--ipv6") && ran.stderr.contains(named), "{ran:?}");
    }
}

#[test]
fn what_cannot_lead_over_ipv6_is_wrong_usage() {
    for (line, part) in [
        ("open 7777/udp --ipv6 --gateway 127.0.0.1:9", "IPv6 address"),
        ("open 7777/udp --ipv6 --gateway pcp://127.0.0.1:9", "IPv6 address"),
        ("watch 7777/udp --ipv6 --gateway http://127.0.0.1:5000/desc.xml", "IPv6 address"),
        ("open 7777/udp --ipv6 --protocol nat-pmp --simulate", "NAT-PMP knows no IPv6"),
        ("close 7777/udp --ipv6 --gateway 127.0.0.1:9", "IPv6 address"),
        ("close 7777/udp --ipv6 --force", "--force"),
    ] {
        let ran = run(line);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains("--ipv6") && ran.stderr.contains(part), "{ran:?}");
    }
}
