//! Hostile URLs in LOCATION, controlURL and URLBase, row by row of docs/ATTACKS.md: whatever they name, the
//! only address that is ever dialled is the one that the datagram came from.

use crate::budget::{NEIGHBOUR, TARGET, Verdict, announcing, once, serving, survives};
use crate::pair::{Pair, Scripted, description, network, reply, search_answer};
use core::net::SocketAddr;
use portcullis_proto::client::{Config, Device, ErrorKind, ExchangeError, Failure, SearchOptions};
use portcullis_proto::wire::http::HttpError;
use portcullis_proto::wire::url::UrlError;

/// Where a LOCATION leads, or nowhere.
#[track_caller]
fn leads_to(location: &str, expected: Option<u16>) {
    let verdict = survives(|| vec![announcing(location)]);
    let connects = verdict.search.record.connects();
    match expected {
        Some(port) => {
            let address = SocketAddr::new(NEIGHBOUR.parse().unwrap(), port);
            assert!(!connects.is_empty(), "{location:?} leads nowhere");
            assert!(connects.iter().all(|remote| *remote == address), "{location:?} leads to {connects:?}");
        }
        None => {
            assert_eq!(connects, [], "{location:?}");
            // Whatever a stranger writes is not the caller's fault.
            let error = verdict.search.result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NoGateway, "{location:?}: {error}");
        }
    }
}

/// Where actions go with this control URL: the ports dialled after the description, and the request targets.
#[track_caller]
fn controlled_by(description: String) -> (Vec<u16>, Vec<String>, Verdict) {
    let verdict = survives(|| {
        let description = description.clone();
        vec![serving(move |request| {
            once(if request.starts_with("GET ") { reply(200, &description) } else { reply(500, "") })
        })]
    });
    let ports = verdict.map.record.connects().into_iter().skip(1).map(|remote| remote.port()).collect();
    let requests = verdict.map.record.requests();
    let target = |request: &String| request.strip_prefix("POST ")?.split(' ').next().map(str::to_owned);
    let targets = requests.iter().filter_map(|(_, request)| target(request)).collect();
    (ports, targets, verdict)
}

#[track_caller]
fn control_leads_to(control_url: &str, port: u16, target: &str) {
    let (ports, targets, _) = controlled_by(description(control_url));
    assert!(!ports.is_empty() && ports.iter().all(|dialled| *dialled == port), "{control_url:?}: {ports:?}");
    assert!(targets.iter().all(|asked| asked == target), "{control_url:?}: {targets:?}");
}

#[track_caller]
fn control_is_refused(control_url: &str, expected: UrlError) {
    let (ports, targets, verdict) = controlled_by(description(control_url));
    assert_eq!((ports, targets), (vec![], vec![]), "{control_url:?}");
    assert_eq!(verdict.map.result.unwrap_err().kind(), ErrorKind::NoService, "{control_url:?}");
    let Ok(described) = &verdict.search.devices()[0].description else { panic!("{control_url:?}") };
    assert_eq!(described.services[0].control_url, Err(expected), "{control_url:?}");
}

/// B1
#[test]
fn a_loopback_location_leads_to_the_device() {
    leads_to("http://[::1]:1900/igd.xml", Some(1900));
    leads_to("http://127.0.0.1:8080/", Some(8080));
    leads_to("http://127.0.0.1:22/", None);
}

/// B2
#[test]
fn a_metadata_service_is_not_asked() {
    leads_to("http://169.254.169.254/latest/", Some(80));
    leads_to("http://metadata.google.internal/", Some(80));
}

/// B3
#[test]
fn disguised_loopback_addresses_lead_to_the_device() {
    for host in ["[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost"] {
        leads_to(&format!("http://{host}:8080/d.xml"), Some(8080));
    }
}

/// B4: there is no way to ask for a name in the core at all.
#[test]
fn names_are_not_resolved() {
    leads_to("http://evil.example:80/", Some(80));
    leads_to("http://evil.example./", Some(80));
}

/// B5
#[test]
fn other_schemes_are_refused() {
    for location in [
        "https://192.168.1.66/",
        "file:///etc/passwd",
        "ftp://192.168.1.66/",
        "gopher://192.168.1.66:5000/x",
        "javascript:alert(1)",
        "/d.xml",
        "192.168.1.66:5000/d.xml",
    ] {
        leads_to(location, None);
    }
    control_is_refused("https://192.168.1.66/ctl", UrlError::Scheme);
    control_is_refused("file:///etc/passwd", UrlError::Scheme);
}

/// B6
#[test]
fn user_names_are_refused() {
    leads_to("http://user:pw@192.168.1.66/", None);
    leads_to("http://192.168.1.66:5000@evil.example/", None);
    control_is_refused("http://user:pw@10.9.9.9/ctl", UrlError::UserInfo);
    // A reference without a slash is a path segment, whatever it looks like.
    control_leads_to("@10.9.9.9:80/x", 5000, "/@10.9.9.9:80/x");
}

/// B7
#[test]
fn impossible_ports_are_refused() {
    for port in ["0", "65536", "99999999999", "-1", "+80", "8 0", "0x50", "65616"] {
        leads_to(&format!("http://192.168.1.66:{port}/"), None);
        control_is_refused(
            &format!("http://192.168.1.66:{port}/"),
            if port == "8 0" { UrlError::Character } else { UrlError::Port },
        );
    }
    leads_to("http://192.168.1.66:/", Some(80));
}

/// B8
#[test]
fn ports_of_other_services_are_refused() {
    for port in [22, 23, 25, 53, 110, 143, 445, 587] {
        leads_to(&format!("http://192.168.1.66:{port}/"), None);
        control_is_refused(&format!("http://192.168.1.66:{port}/ctl"), UrlError::RefusedPort(port));
    }
    // Whatever a raw print server is sent it prints.
    for port in [1723, 2049, 5060, 6000, 9100] {
        leads_to(&format!("http://192.168.1.66:{port}/"), None);
    }
    for port in [80, 81, 88, 443, 6379] {
        leads_to(&format!("http://192.168.1.66:{port}/"), Some(port));
    }
}

/// B8: the first line of whatever is sent is ours.
#[test]
fn no_request_begins_with_what_the_device_chose() {
    let (_, _, verdict) = controlled_by(description("/FLUSHALL"));
    for (_, request) in verdict.map.record.requests() {
        assert!(request.starts_with("GET /") || request.starts_with("POST /"), "{request}");
        assert!(request.lines().next().unwrap().ends_with(" HTTP/1.1"), "{request}");
    }
}

/// B9
#[test]
fn a_path_cannot_end_the_request_line() {
    for path in ["/a\rX", "/a\tb", "/a b", "/a\0b", "/a\u{e4}b", "/a\u{7f}b"] {
        leads_to(&format!("http://192.168.1.66:5000{path}"), None);
    }
    for path in ["/a&#13;&#10;X:y", "/a&#9;b", "/a b", "/a\u{e4}b"] {
        control_is_refused(path, UrlError::Character);
    }
    control_leads_to("/a%0d%0aX:%20y", 5000, "/a%0d%0aX:%20y");
}

/// B10
#[test]
fn long_and_climbing_paths_are_bounded() {
    leads_to(&format!("http://192.168.1.66:5000/{}", "a".repeat(1_500)), None);
    leads_to(&format!("http://192.168.1.66:5000/{}", "a".repeat(64 * 1024)), None);
    control_is_refused(&"a".repeat(64 * 1024), UrlError::TooLong);
    control_leads_to("../../../etc/passwd", 5000, "/etc/passwd");
    control_leads_to("//other:5001/x", 5001, "/x");
    control_leads_to("/ctl?WANIPConnection", 5000, "/ctl?WANIPConnection");
    control_leads_to("?WANIPConnection", 5000, "/d.xml?WANIPConnection");
}

/// B11
#[test]
fn redirects_are_refused() {
    for status in [300, 301, 302, 303, 307, 308] {
        for location in ["http://192.168.1.66:5000/d.xml", "http://10.255.255.1/d.xml", "/d.xml"] {
            let redirect =
                format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            let verdict = survives(|| {
                let redirect = redirect.clone();
                vec![serving(move |_| once(redirect.clone()))]
            });
            let refused = Failure::Exchange(ExchangeError::Http(HttpError::Redirect(status)));
            assert_eq!(*verdict.search.failure(), refused);
            assert_eq!(verdict.search.record.connects().len(), 1);
            let error = verdict.map.result.unwrap_err();
            assert!(error.attempts().iter().any(|attempt| attempt.to_string().contains("redirect refused")));
        }
    }
}

/// B12
#[test]
fn control_urls_of_other_hosts_lead_to_the_device() {
    control_leads_to("http://10.255.255.1:5001/ctl", 5001, "/ctl");
    control_leads_to("http://127.0.0.1/ctl", 80, "/ctl");
    for base in ["http://10.255.255.1:5002/", "http://127.0.0.1:5002/", "http://[::1]:5002/", "file:///", ":"]
    {
        let based =
            description("/ctl").replacen("<device>", &format!("<URLBase>{base}</URLBase><device>"), 1);
        let (ports, _, _) = controlled_by(based);
        assert!(
            !ports.is_empty() && ports.iter().all(|port| [5000, 5002].contains(port)),
            "{base}: {ports:?}"
        );
    }
}

/// B13
#[test]
fn a_link_local_device_is_dialled_on_its_link() {
    let dialled = |source: &str| {
        let mut pair = Pair::new("silent".parse().unwrap());
        pair.add(
            Scripted::new("fe80::66")
                .source(source)
                .on_search(|_| {
                    let answer = search_answer(TARGET, "http://[fe80::1%25eth9]:5000/d.xml");
                    vec![(core::time::Duration::ZERO, answer)]
                })
                .on_request(|_| once(reply(200, &description("http://[fe80::1%25eth9]:5001/ctl")))),
        );
        let mut options = SearchOptions::default();
        options.ipv6 = true;
        let devices = pair.discover(options).unwrap_or_default();
        pair.assert_idle();
        (pair.record.connects(), devices)
    };
    let (connects, devices) = dialled("[fe80::66%2]:1900");
    let address: SocketAddr = "[fe80::66%2]:5000".parse().unwrap();
    assert_eq!(connects[0], address);
    let control: SocketAddr = "[fe80::66%2]:5001".parse().unwrap();
    assert!(connects[1..].iter().all(|remote| *remote == control), "{connects:?}");
    assert!(devices.iter().all(Device::is_usable));
    // Without a scope there is no telling which link it is on.
    assert_eq!(dialled("[fe80::66]:1900"), (vec![], vec![]));
}

/// B14
#[test]
fn impossible_sources_are_refused() {
    for source in [
        "8.8.8.8:1900",
        "239.255.255.250:1900",
        "224.0.0.1:1900",
        "255.255.255.255:1900",
        "192.168.1.255:1900",
        "192.168.1.0:1900",
        "192.168.1.7:1900",
        "127.0.0.1:1900",
        "0.0.0.0:1900",
    ] {
        let verdict = survives(|| vec![announcing("http://192.168.1.66:5000/d.xml").source(source)]);
        assert_eq!(verdict.search.record.connects(), [], "{source}");
        assert_eq!(verdict.search.result.unwrap_err().kind(), ErrorKind::NoGateway, "{source}");
    }
}

/// B14: what a person names is asked, be it this very machine.
#[test]
fn a_named_gateway_may_be_on_loopback() {
    let named: SocketAddr = "127.0.0.1:1900".parse().unwrap();
    let config = Config { gateways: vec![named.into()], ..Config::default() };
    let mut pair =
        Pair::at("127.0.0.1:5000".parse().unwrap(), portcullis_sim::Scenario::igd1(), config, network());
    // Nobody else is listened to.
    pair.add(announcing("http://192.168.1.66:5000/d.xml"));
    let devices = pair.discover(SearchOptions::default()).unwrap();
    assert_eq!(devices.len(), 1);
    assert!(pair.record.connects().iter().all(|remote| remote.ip() == named.ip()));
}

/// B15
#[test]
fn control_urls_that_are_none_are_refused() {
    control_is_refused("", UrlError::Empty);
    control_is_refused("http://", UrlError::Host);
    control_is_refused("http:", UrlError::Host);
    control_is_refused(&"%".repeat(10_000), UrlError::TooLong);
    control_is_refused(":", UrlError::Scheme);
    leads_to("", None);
    leads_to(":", None);
    leads_to("http://", None);
    leads_to(&"%".repeat(1_900), None);
}

/// B16: who answers may do so in another's name, whose web interface is asked for what the liar chose.
#[test]
fn what_does_not_look_like_a_description_is_not_asked_for() {
    for path in [
        "/apply.cgi?action=reboot",
        "/cgi-bin/reboot",
        "/goform/Reboot",
        "/d.xml?x=y",
        "/$(reboot)",
        "/a;b",
        "/%60reboot%60",
        "/../../x",
    ] {
        leads_to(&format!("http://192.168.1.66:5000{path}"), None);
    }
    leads_to("http://192.168.1.66:5000/upnphost/udhisapi.dll?content=uuid:1", Some(5000));
    // What the device itself says of its services is its own.
    control_leads_to("/ctl?x=y", 5000, "/ctl?x=y");
    control_leads_to("/cgi-bin/upnp.cgi", 5000, "/cgi-bin/upnp.cgi");
}
