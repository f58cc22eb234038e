//! Each failure has its kind, and a line that names the gateway, the step and the code: at most 256
//! bytes, all of them printable.

use crate::pair::{Pair, SimPeer, network, udp};
use core::net::SocketAddr;
use portcullis_proto::client::{Client, Config, Error, ErrorKind, Event, Method, Network, SearchOptions};
use portcullis_proto::{Protocol, Time};
use portcullis_sim::{
    ControlUrl, Gateway, HttpOddity, On, PortControlOddity as Oddity, Quirk, Scenario, Topology, hostile,
};

const ADD: On = On::Action("AddPortMapping");

fn mapping(quirks: &[Quirk]) -> Error {
    let scenario = quirks.iter().fold(Scenario::igd1(), |scenario, &quirk| scenario.with(quirk));
    Pair::new(scenario).map(udp(7777).read_back()).unwrap_err()
}

fn assert_printable(text: &str) {
    assert!(text.len() <= 256, "{} bytes: {text}", text.len());
    assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text:?}");
}

#[test]
fn another_device_is_not_blamed_for_the_routers_silence() {
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::AnswersOnly(&[])));
    let television = Scenario::igd1().with(Quirk::Topology(Topology::NotAGateway));
    pair.add(SimPeer::new(Gateway::new(television, SocketAddr::from(([192, 168, 1, 50], 80)))));
    let error = pair.map(udp(7777)).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("no gateway found: 192.168.1.1: search: no answer (is UPnP"), "{text}");
    assert!(text.ends_with("others that answered: Simulated gateway (192.168.1.50)"), "{text}");
}

#[test]
fn a_default_route_without_a_next_hop_is_told_as_that() {
    let mut network = network();
    network.default_gateways.clear();
    network.interfaces[1].name = "tun0".into();
    network.way_out = Some(network.interfaces[1].index);
    let mut pair = Pair::with(Scenario::igd1().with(Quirk::AnswersOnly(&[])), Config::default(), network);
    let text = pair.map(udp(7777)).unwrap_err().to_string();
    assert!(text.contains("the default route names no gateway (tun0)"), "{text}");
}

#[test]
fn a_gateway_without_an_address_of_the_internet_says_why_it_refuses() {
    let shared = Quirk::OutArgument("NewExternalIPAddress", "100.72.1.9");
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::Fault("AddPortMapping", 501)).with(shared));
    let text = pair.map(udp(7777)).unwrap_err().to_string();
    assert!(text.contains("501") && text.contains("100.72.1.9 is shared among customers"), "{text}");
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::Fault("AddPortMapping", 501)));
    let text = pair.map(udp(7777)).unwrap_err().to_string();
    assert!(!text.contains("its own address"), "{text}");
}

#[test]
fn each_failure_has_its_kind_and_names_what_failed() {
    use ErrorKind::{Conflict, Malformed, NoGateway, NoService, Refused, Timeout, Unsupported};
    let fault = |code| Quirk::Fault("AddPortMapping", code);
    let gateway = "Simulated gateway (192.168.1.1)";
    let table: &[(&[Quirk], ErrorKind, &[&str])] = &[
        (&[Quirk::AnswersOnly(&[])], NoGateway, &["search", "nobody answered", "UPnP"]),
        (&[Quirk::Topology(Topology::NotAGateway)], NoGateway, &[gateway, "not an internet gateway"]),
        (&[Quirk::Topology(Topology::NoConnectionService)], NoService, &[gateway, "description"]),
        (
            &[Quirk::Http(On::Description, HttpOddity::Body(hostile::LOGIN_PAGE))],
            NoGateway,
            &["192.168.1.1", "description", "login page"],
        ),
        (&[fault(606)], Refused, &[gateway, "AddPortMapping", "606", "permit"]),
        (&[fault(728)], Refused, &[gateway, "AddPortMapping", "728", "full"]),
        (&[fault(501)], Refused, &[gateway, "AddPortMapping", "501"]),
        (&[fault(725)], Refused, &["725"]),
        (&[fault(899)], Refused, &[gateway, "AddPortMapping", "899"]),
        (&[fault(0)], Refused, &[gateway, "AddPortMapping"]),
        (&[fault(401)], Unsupported, &[gateway, "AddPortMapping", "401"]),
        (&[fault(602)], Unsupported, &["602"]),
        (&[fault(718)], Conflict, &[gateway, "718", "choose another port"]),
        (
            &[Quirk::ForeignMapping(Protocol::Udp, 7777)],
            Conflict,
            &[gateway, "AddPortMapping", "192.168.1.254", "somebody else's"],
        ),
        (&[Quirk::AddIgnored], Malformed, &[gateway, "read-back", "does not have it"]),
        (
            &[Quirk::OutArgument("NewExternalIPAddress", ""), fault(501)],
            Refused,
            &[gateway, "AddPortMapping", "501", "no external address", "is its connection"],
        ),
        (&[Quirk::PrivilegedPortsRefused, fault(606)], Refused, &["606"]),
        (&[Quirk::Http(ADD, HttpOddity::Status(404)), fault(606)], Refused, &["606"]),
        (
            &[Quirk::Http(ADD, HttpOddity::Status(503)), Quirk::Http(ADD, HttpOddity::Body(b""))],
            Refused,
            &[gateway, "AddPortMapping", "503"],
        ),
        (&[Quirk::AnswersAs("AddPortMapping", "Other")], Malformed, &[gateway, "AddPortMapping"]),
        (
            &[Quirk::Http(ADD, HttpOddity::Silent), Quirk::AddIgnored],
            Timeout,
            &[gateway, "AddPortMapping", "in time"],
        ),
        (
            &[Quirk::Http(ADD, HttpOddity::CloseAtOnce), Quirk::AddIgnored],
            Refused,
            &[gateway, "AddPortMapping", "broken"],
        ),
        (&[Quirk::ControlUrl(ControlUrl::RefusedPort)], Refused, &[gateway, "AddPortMapping", "refused"]),
        (&[Quirk::ControlUrl(ControlUrl::Literal("https://192.168.1.1/"))], NoService, &[gateway]),
    ];
    for (quirks, kind, words) in table {
        let error = mapping(quirks);
        let text = error.to_string();
        assert_eq!(error.kind(), *kind, "{quirks:?}: {error:?}");
        for word in *words {
            assert!(text.contains(word), "{quirks:?}: no {word:?} in {text}");
        }
        assert_printable(&text);
    }
}

#[test]
fn a_silent_gateway_that_containers_have_is_told_as_that() {
    for (gateway, is_told) in [("172.17.0.1", true), ("10.0.2.2", true), ("192.168.1.1", false)] {
        let mut network = network();
        network.default_gateways[0].address = gateway.parse().unwrap();
        let silent = "silent".parse().unwrap();
        let mut pair = Pair::with(silent, Config::default(), network);
        let name: &'static str = Box::leak("television ".repeat(20).into_boxed_str());
        let television =
            Scenario::igd1().with(Quirk::Topology(Topology::NotAGateway)).with(Quirk::FriendlyName(name));
        for has_neighbour in [false, true] {
            if has_neighbour {
                pair.add(SimPeer::new(Gateway::new(
                    television.clone(),
                    SocketAddr::from(([192, 168, 1, 50], 80)),
                )));
            }
            let text = pair.map(udp(7777)).unwrap_err().to_string();
            assert_eq!(text.contains(&format!("{gateway} may be a container's bridge")), is_told, "{text}");
            assert_eq!(text.contains("others that answered: television"), has_neighbour, "{text}");
            assert!(!has_neighbour || text.contains(&format!("{gateway}: search: no answer")), "{text}");
            assert_printable(&text);
        }
    }
}

#[test]
fn an_external_address_that_is_empty_is_none_and_not_invalid() {
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::OutArgument("NewExternalIPAddress", " ")));
    let error = pair.external_address().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("it has no external address"), "{error}");
}

/// miniupnpd names its own address in the refusal.
#[test]
fn the_address_in_a_refusal_of_pcp_tells_why() {
    let odd = |oddity| Quirk::PortControl(oddity);
    let scenario: Scenario = "pcp-only".parse().unwrap();
    let scenario = scenario.with(odd(Oddity::PcpResult(8))).with(odd(Oddity::AssignsAddress("192.168.5.2")));
    let error = Pair::every_protocol(scenario).map(udp(7777)).unwrap_err();
    assert!(error.to_string().contains("8 NO_RESOURCES: its own address 192.168.5.2 is private"), "{error}");
}

#[test]
fn what_a_gateway_says_does_not_make_a_line_longer_or_unprintable() {
    let long: &'static str = Box::leak("Ünïcödé ".repeat(200).into_boxed_str());
    let ansi = "&#27;[31mred&#x202e;&#10;\u{7}line";
    for name in [long, ansi, ""] {
        for quirk in [
            Quirk::Fault("AddPortMapping", 606),
            Quirk::ForeignMapping(Protocol::Udp, 7777),
            Quirk::GarbageInFaults,
            Quirk::AddIgnored,
        ] {
            for text in ["NewInternalClient", "NewPortMappingDescription"] {
                let quirks = [
                    Quirk::FriendlyName(name),
                    quirk,
                    Quirk::Fault("DeletePortMapping", 606),
                    Quirk::OutArgument(text, long),
                    Quirk::TableSize(1),
                ];
                let scenario = quirks.iter().fold(Scenario::igd1(), |scenario, &quirk| scenario.with(quirk));
                let mut pair = Pair::new(scenario);
                for error in [pair.map(udp(7777).read_back()).err(), pair.close(7777, false).err()] {
                    let Some(error) = error else { continue };
                    assert_printable(&error.to_string());
                }
            }
        }
    }
}

#[test]
fn a_search_names_why_it_failed_too() {
    let error = Pair::new(Scenario::igd1().with(Quirk::AnswersOnly(&[])))
        .discover(SearchOptions::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoGateway);
    assert_printable(&error.to_string());
}

#[test]
fn time_may_heal_some_errors_and_not_others() {
    assert!(mapping(&[Quirk::AnswersOnly(&[])]).is_retryable());
    assert!(mapping(&[Quirk::Http(ADD, HttpOddity::Silent), Quirk::AddIgnored]).is_retryable());
    assert!(!mapping(&[Quirk::Fault("AddPortMapping", 606)]).is_retryable());
    assert!(!mapping(&[Quirk::ForeignMapping(Protocol::Udp, 7777)]).is_retryable());
}

/// Where the system has no more files to give, it tells nothing of the network and gives no socket: neither the network
/// nor a gateway is to blame.
#[test]
fn a_limit_of_open_files_is_not_blamed_on_the_network() {
    let network = || Network { untold: Some(std::io::ErrorKind::QuotaExceeded), ..Network::default() };
    let by = |methods: &[Method]| {
        let config = Config { methods: methods.to_vec(), ..Config::default() };
        let mut client = Client::new(config, network());
        client.map(Time::ZERO, udp(7777), core::time::Duration::from_secs(5));
        while let Some(event) = client.poll_event() {
            if let Event::Finished { result, .. } = event {
                return result.unwrap_err();
            }
        }
        panic!("nothing to wait for");
    };
    for methods in [&[Method::Pcp, Method::NatPmp][..], &[Method::Igd], &[]] {
        let error = by(methods);
        assert_eq!(error.kind(), ErrorKind::Io, "{methods:?}: {error}");
        let text = error.to_string();
        assert!(text.contains("too many open files") && text.contains("ulimit"), "{methods:?}: {text}");
    }
}
