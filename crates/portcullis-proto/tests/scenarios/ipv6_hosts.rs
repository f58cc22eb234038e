//! A port of an IPv6 host is opened, not mapped: by PCP, or by WANIPv6FirewallControl.

use crate::pair::{CLIENT_IPV6, Pair, TIMEOUT, network, network_with_ipv6, udp};
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use portcullis_proto::Protocol;
use portcullis_proto::client::{Config, ErrorKind, Failure, Granted, InterfaceAddress, Method};
use portcullis_sim::{PortControlOddity as Oddity, Quirk, Scenario};

const GATEWAY: &str = "[fe80::1]:5000";

fn named(name: &str) -> Scenario {
    name.parse().unwrap()
}

fn pair(scenario: Scenario) -> Pair {
    pair_with(scenario, Config::default())
}

fn pair_with(scenario: Scenario, config: Config) -> Pair {
    Pair::at(GATEWAY.parse().unwrap(), scenario, config, network_with_ipv6())
}

/// Whether a packet from the internet comes through to this address of ours.
fn is_open(pair: &mut Pair, address: &str) -> bool {
    let destination = SocketAddr::new(address.parse().unwrap(), 7777);
    let remote = "[2001:4860::1]:9".parse().unwrap();
    pair.gateway.inbound(pair.now, Protocol::Udp, destination, remote) == Some(destination)
}

fn release(pair: &mut Pair, granted: &Granted) {
    let released = pair.start(|client, now| client.release(now, granted, TIMEOUT));
    pair.drive_until_finished(released).unwrap();
    pair.drive_for(Duration::from_secs(20));
    pair.assert_idle();
}

#[test]
fn pcp_opens_it_in_one_round_trip() {
    for name in ["pcp-only", "all-protocols", "pcp-and-nat-pmp"] {
        let mut pair = pair(named(name));
        assert!(!is_open(&mut pair, CLIENT_IPV6));
        let granted = pair.map(udp(7777).ipv6()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(pair.now.since_start(), Duration::from_millis(1), "{name}");
        assert_eq!(granted.method(), Method::Pcp);
        let own: IpAddr = CLIENT_IPV6.parse().unwrap();
        assert_eq!((granted.internal_address, granted.external_address), (own, Some(own)));
        assert_eq!(granted.external_port.get(), 7777);
        assert!(is_open(&mut pair, CLIENT_IPV6), "{name}");
        release(&mut pair, &granted);
        assert!(!is_open(&mut pair, CLIENT_IPV6), "{name}");
        assert!(pair.gateway.mappings().is_empty());
    }
}

#[test]
fn upnp_opens_it_where_pcp_is_not_spoken() {
    for name in ["igd2", "ipv6-pinhole", "pcp-silent", "pcp-refused", "ipv6-second-pinhole"] {
        let mut pair = pair(named(name));
        let granted = pair.map(udp(7777).ipv6()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(granted.method(), Method::IgdPinhole, "{name}");
        let own: IpAddr = CLIENT_IPV6.parse().unwrap();
        assert_eq!((granted.internal_address, granted.external_address), (own, Some(own)));
        assert!(is_open(&mut pair, CLIENT_IPV6), "{name}");
        release(&mut pair, &granted);
        assert!(!is_open(&mut pair, CLIENT_IPV6), "{name}");
        assert!(pair.gateway.pinholes().is_empty(), "{name}");
    }
}

/// Nobody but the host itself is opened, whatever else is on the link.
#[test]
fn the_address_that_is_opened_is_our_own_global_one() {
    let mut pair = pair(named("igd2"));
    let granted = pair.map(udp(7777).ipv6()).unwrap();
    let pinholes = pair.gateway.pinholes();
    assert_eq!(pinholes.len(), 1);
    assert_eq!(pinholes[0].flow.internal_client, CLIENT_IPV6.parse::<Ipv6Addr>().unwrap());
    assert_eq!(granted.internal_address, CLIENT_IPV6.parse::<IpAddr>().unwrap());
    assert!(!is_open(&mut pair, "2a02:ff0::8"));
    // The request came from that address: gateways refuse any other with 606.
    let connects: Vec<_> = pair.record.locals();
    assert_eq!(connects.last(), Some(&CLIENT_IPV6.parse().ok()));
}

#[test]
fn a_refusal_is_explained() {
    for (name, firewall_enabled) in
        [("ipv6-firewall-off", false), ("ipv6-not-allowed", true), ("ipv6-unexplained", true)]
    {
        let mut pair = pair(named(name));
        let error = pair.map(udp(7777).ipv6()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{name}: {error}");
        assert!(
            error.attempts().iter().any(|attempt| matches!(
                attempt.failure,
                Failure::NoPinholes { firewall_enabled: enabled, .. } if enabled == firewall_enabled
            )),
            "{name}: {error:?}"
        );
        pair.drive_for(Duration::from_secs(20));
        pair.assert_idle();
    }
    let mut pair = pair(named("ipv6-full"));
    assert_eq!(pair.map(udp(7777).ipv6()).unwrap_err().kind(), ErrorKind::Refused);
}

#[test]
fn without_a_firewall_service_or_pcp_there_is_nobody_to_ask() {
    for name in ["ipv6-no-service", "igd1", "nat-pmp-only"] {
        let mut pair = pair(named(name));
        let error = pair.map(udp(7777).ipv6()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NoGateway | ErrorKind::NoService), "{name}: {error}");
        assert!(pair.now.since_start() <= TIMEOUT);
        pair.drive_for(Duration::from_secs(20));
        pair.assert_idle();
        assert!(pair.gateway.mappings().is_empty() && pair.gateway.pinholes().is_empty());
    }
}

/// Without an address that the internet reaches there is nothing to open.
#[test]
fn a_host_without_a_global_address_opens_nothing() {
    let mut network = network();
    network.default_gateways.push(network_with_ipv6().default_gateways[1]);
    let mut pair = Pair::at(GATEWAY.parse().unwrap(), named("all-protocols"), Config::default(), network);
    assert!(pair.map(udp(7777).ipv6()).is_err());
    assert!(pair.gateway.pinholes().is_empty() && pair.gateway.pcp_pinholes().is_empty());
    assert!(pair.record.port_control().is_empty());
}

/// A temporary address changes every day (RFC 8981).
#[test]
fn the_address_that_stays_is_opened() {
    for name in ["pcp-only", "ipv6-pinhole"] {
        let mut network = network_with_ipv6();
        let temporary = InterfaceAddress {
            address: "2a02:ff0::c0de".parse().unwrap(),
            prefix_length: 64,
            deprecated: false,
            temporary: true,
        };
        network.interfaces[1].addresses.insert(0, temporary);
        let mut pair = Pair::at(GATEWAY.parse().unwrap(), named(name), Config::default(), network);
        let granted = pair.map(udp(7777).ipv6()).unwrap();
        assert_eq!(granted.internal_address, CLIENT_IPV6.parse::<IpAddr>().unwrap(), "{name}");
    }
}

#[test]
fn an_address_that_is_named_is_opened_and_no_other() {
    let other: Ipv6Addr = "2a02:ff0::c0de".parse().unwrap();
    for name in ["pcp-only", "ipv6-pinhole"] {
        let mut network = network_with_ipv6();
        let own =
            InterfaceAddress { address: other.into(), prefix_length: 64, deprecated: false, temporary: true };
        network.interfaces[1].addresses.push(own);
        let mut pair = Pair::at(GATEWAY.parse().unwrap(), named(name), Config::default(), network);
        let opened: Vec<_> = [CLIENT_IPV6.parse().unwrap(), other]
            .map(|own| pair.map(udp(7777).ipv6_address(own)).unwrap())
            .into_iter()
            .map(|granted| granted.internal_address)
            .collect();
        assert_eq!(opened, [CLIENT_IPV6.parse::<IpAddr>().unwrap(), other.into()], "{name}");
        let gone = "2a02:ff0::dead".parse().unwrap();
        assert!(pair.map(udp(7777).ipv6_address(gone)).is_err(), "{name}");
    }
}

/// An address that has changed by the time that the gateway is asked: the next one is opened.
#[test]
fn each_global_address_is_tried() {
    let mut network = network_with_ipv6();
    let second = InterfaceAddress {
        address: "2a02:ff0::17".parse().unwrap(),
        prefix_length: 64,
        deprecated: false,
        temporary: false,
    };
    network.interfaces[1].addresses.push(second);
    let scenario = named("pcp-only");
    let mut pair = Pair::at(GATEWAY.parse().unwrap(), scenario, Config::default(), network);
    let granted = pair.map(udp(7777).ipv6()).unwrap();
    assert_eq!(granted.internal_address, CLIENT_IPV6.parse::<IpAddr>().unwrap());
    pair.drive_for(Duration::from_secs(20));
    let open: Vec<_> =
        pair.gateway.pcp_pinholes().iter().map(|pinhole| pinhole.internal_client.clone()).collect();
    assert_eq!(open, [CLIENT_IPV6]);
}

#[test]
fn restricted_to_one_protocol_the_other_is_not_asked() {
    for (method, expected) in [(Method::Igd, Method::IgdPinhole), (Method::Pcp, Method::Pcp)] {
        let config = Config { methods: vec![method], ..Config::default() };
        let mut pair = pair_with(named("all-protocols"), config);
        assert_eq!(pair.map(udp(7777).ipv6()).unwrap().method(), expected);
        assert_eq!(pair.gateway.counters().pcp > 0, method == Method::Pcp);
        assert_eq!(pair.gateway.counters().nat_pmp, 0);
    }
}

#[test]
fn a_named_server_over_ipv6_is_asked() {
    let config = Config { gateways: vec!["pcp://[2a02:ff0::1]:5351".parse().unwrap()], ..Config::default() };
    let server: SocketAddr = "[2a02:ff0::1]:5351".parse().unwrap();
    let mut pair =
        Pair::at("[2a02:ff0::1]:5000".parse().unwrap(), named("pcp-only"), config, network_with_ipv6());
    let granted = pair.map(udp(7777).ipv6()).unwrap();
    assert_eq!(granted.grantor.remote(), server);
    assert_eq!(granted.external_address, Some(granted.internal_address));
    release(&mut pair, &granted);
    assert!(pair.gateway.pcp_pinholes().is_empty());
}

#[test]
fn cancelled_at_any_moment_it_leaves_nothing_open() {
    for name in ["all-protocols", "igd2", "ipv6-second-pinhole"] {
        for micros in (0..8_000).step_by(500) {
            let mut pair = pair(named(name));
            let operation = pair.start(|client, now| client.map(now, udp(7777).ipv6(), TIMEOUT));
            pair.drive_for(Duration::from_micros(micros));
            if pair.record.result(operation).is_some() {
                break;
            }
            pair.start(|client, now| client.cancel(now, operation));
            pair.drive_for(Duration::from_secs(20));
            assert!(!is_open(&mut pair, CLIENT_IPV6), "{name}: {micros} us");
            pair.assert_idle();
        }
    }
}

#[test]
fn addresses_that_servers_invent_are_not_ours() {
    for address in ["81.2.69.142", "0.0.0.0", "::"] {
        let scenario = named("pcp-only").with(Quirk::PortControl(Oddity::AssignsAddress(address)));
        let mut pair = pair(scenario);
        let granted = pair.map(udp(7777).ipv6()).unwrap();
        assert_eq!(granted.external_address, CLIENT_IPV6.parse().ok(), "{address}");
    }
}
