//! What NAT-PMP and PCP can be asked for: ports, lifetimes, third parties, filters, peers; and what is told of it.

use crate::pair::{Pair, TIMEOUT, network, udp};
use core::net::IpAddr;
use core::time::Duration;
use portcullis_proto::client::{Config, ErrorKind, Failure, Granted, MappingRequest, Method, OnConflict};
use portcullis_proto::{AddressKind, Lifetime, Protocol};
use portcullis_sim::{PortControlOddity as Oddity, Quirk, Scenario};

fn named(name: &str) -> Scenario {
    name.parse().unwrap()
}

fn odd(oddity: Oddity) -> Quirk {
    Quirk::PortControl(oddity)
}

fn taken(name: &str) -> Scenario {
    named(name).with(Quirk::ForeignMapping(Protocol::Udp, 7_777))
}

fn release(pair: &mut Pair, granted: &Granted) {
    let released = pair.start(|client, now| client.release(now, granted, TIMEOUT));
    pair.drive_until_finished(released).unwrap();
    pair.drive_for(Duration::from_secs(20));
    pair.assert_idle();
}

fn ours(pair: &Pair) -> Vec<u16> {
    let ours = pair.gateway.mappings().iter().filter(|mapping| mapping.internal_client == "192.168.1.7");
    ours.map(|mapping| mapping.external_port).collect()
}

#[test]
fn a_port_that_is_taken_is_a_conflict_and_nothing_stays() {
    for name in ["pcp-only", "nat-pmp-only", "pcp-and-nat-pmp", "all-protocols"] {
        for server_knows_the_option in [true, false] {
            let without = odd(Oddity::PcpWithoutOption(2));
            let scenario = if server_knows_the_option { taken(name) } else { taken(name).with(without) };
            let mut pair = Pair::every_protocol(scenario);
            let error = pair.map(udp(7777)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{name}: {error}");
            // UPnP, whose table would tell whose it is, is waited for no longer.
            assert!(pair.now.since_start() < Duration::from_millis(300), "{name}: {:?}", pair.now);
            pair.drive_for(Duration::from_secs(20));
            pair.assert_idle();
            assert_eq!(ours(&pair), [], "{name}, PREFER_FAILURE: {server_knows_the_option}");
        }
    }
}

/// PCP says of a port that it denies what it says of one that is another's.
#[test]
fn a_port_that_the_rules_deny_is_no_conflict_where_another_protocol_tells() {
    let scenario = |name| named(name).with(Quirk::PrivilegedPortsRefused);
    for (name, kind, says) in [
        ("all-protocols", ErrorKind::Refused, "606"),
        ("nat-pmp-only", ErrorKind::Refused, "NotAuthorized"),
        ("pcp-only", ErrorKind::Conflict, "CANNOT_PROVIDE_EXTERNAL"),
    ] {
        let mut pair = Pair::every_protocol(scenario(name));
        let error = pair.map(udp(80)).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.to_string().contains(says) && error.to_string().contains("permit"), "{name}: {error}");
        pair.drive_for(Duration::from_secs(20));
        pair.assert_idle();
        assert_eq!(ours(&pair), [], "{name}");
    }
}

/// Where there is a NAT between, the gateway maps to that.
#[test]
fn what_leads_to_a_nat_in_front_of_this_host_is_told_as_that() {
    let mut pair = Pair::every_protocol(named("nested-nat"));
    let granted = pair.map(udp(7777)).unwrap();
    assert_eq!((granted.method(), granted.behind_nat), (Method::NatPmp, true));
    // As long as PCP is asked, it goes on saying so.
    let renewed = pair.map(udp(7777)).unwrap();
    assert!(renewed.behind_nat);
    let mut pair = Pair::every_protocol(named("all-protocols"));
    assert!(!pair.map(udp(7777)).unwrap().behind_nat);
}

#[test]
fn any_other_port_is_told_where_it_will_do() {
    for name in ["pcp-only", "nat-pmp-only", "all-protocols", "pcp-other-port"] {
        let mut pair = Pair::every_protocol(taken(name));
        let granted = pair.map(udp(7777).on_conflict(OnConflict::AnyPort)).unwrap();
        assert_ne!(granted.external_port.get(), 7777, "{name}");
        assert_eq!(ours(&pair), [granted.external_port.get()], "{name}");
        release(&mut pair, &granted);
        assert_eq!(ours(&pair), [], "{name}");
    }
}

/// Neither protocol takes a port from its holder; UPnP does, where the gateway lets it.
#[test]
fn only_upnp_overwrites() {
    for name in ["pcp-only", "nat-pmp-only"] {
        let mut pair = Pair::every_protocol(taken(name));
        let error = pair.map(udp(7777).on_conflict(OnConflict::Overwrite)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{name}: {error}");
        pair.drive_for(Duration::from_secs(20));
        assert_eq!(ours(&pair), [], "{name}");
    }
    let mut pair = Pair::every_protocol(taken("all-protocols").with(Quirk::InsecureMode));
    let granted = pair.map(udp(7777).on_conflict(OnConflict::Overwrite)).unwrap();
    assert_eq!((granted.method(), granted.external_port.get()), (Method::Igd, 7777));
    pair.drive_for(Duration::from_secs(20));
    assert_eq!(ours(&pair), [7777]);
}

/// Neither has permanent mappings: 0 on the wire would delete.
#[test]
fn a_permanent_mapping_is_asked_for_as_a_day() {
    for (name, offset) in [("pcp-only", 4), ("nat-pmp-only", 8)] {
        let mut pair = Pair::every_protocol(named(name));
        let granted = pair.map(udp(7777).lifetime(Lifetime::Permanent)).unwrap();
        assert_eq!(granted.lifetime, Lifetime::from_seconds(86_400), "{name}");
        let requests = pair.record.port_control();
        let (.., request) = requests.iter().rfind(|(.., request)| request.len() >= 12).unwrap();
        assert_eq!(request[offset..offset + 4], 86_400_u32.to_be_bytes(), "{name}");
    }
}

/// Quirk 99
#[test]
fn no_more_than_a_year_is_asked_for() {
    const YEAR: u32 = 31_536_000;
    for (name, offset) in [("pcp-only", 4), ("nat-pmp-only", 8)] {
        for (asked, sent) in [(YEAR - 1, YEAR - 1), (YEAR + 1, YEAR), (u32::MAX - 1, YEAR), (u32::MAX, YEAR)]
        {
            let mut pair = Pair::every_protocol(named(name).with(odd(Oddity::LifetimeWraps)));
            let granted = pair.map(udp(7777).lifetime(Lifetime::from_seconds(asked))).unwrap();
            assert_eq!(granted.told_lifetime(), Lifetime::from_seconds(sent), "{name}: {asked}");
            let requests = pair.record.port_control();
            let (.., request) = requests.iter().rfind(|(.., request)| request.len() >= 12).unwrap();
            assert_eq!(request[offset..offset + 4], sent.to_be_bytes(), "{name}: {asked}");
            pair.drive_for(Duration::from_secs(20));
            assert_eq!(ours(&pair), [7777], "{name}: {asked}");
        }
    }
}

#[test]
fn absurd_lifetimes_are_clamped() {
    for name in ["pcp-only", "nat-pmp-only"] {
        for (seconds, told) in [(1, 1), (20, 20), (86_401, 86_400), (u32::MAX, 86_400)] {
            let mut pair = Pair::every_protocol(named(name).with(Quirk::LeaseAlways(seconds)));
            let granted = pair.map(udp(7777)).unwrap();
            assert_eq!(granted.lifetime, Lifetime::from_seconds(told), "{name}: {seconds}");
            assert_eq!(granted.told_lifetime(), Lifetime::from_seconds(seconds), "{name}");
        }
        // For no time at all: that is the answer to a deletion.
        let mut pair = Pair::every_protocol(named(name).with(Quirk::LeaseAlways(0)));
        assert!(pair.map(udp(7777)).is_err());
        pair.drive_for(Duration::from_secs(20));
        pair.assert_idle();
    }
}

/// Attacks E2, E3 and F15.
#[test]
fn an_address_is_told_for_what_it_is_worth() {
    for name in ["pcp-only", "nat-pmp-only"] {
        for (address, kind) in [
            ("81.2.69.142", Some(AddressKind::Public)),
            ("192.168.100.2", Some(AddressKind::Private)),
            ("100.64.0.1", Some(AddressKind::Shared)),
            ("127.0.0.1", Some(AddressKind::Reserved)),
            ("169.254.1.1", Some(AddressKind::Reserved)),
            ("255.255.255.255", Some(AddressKind::Reserved)),
            ("0.0.0.0", None),
        ] {
            let scenario = named(name).with(odd(Oddity::AssignsAddress(address)));
            let mut pair = Pair::every_protocol(scenario);
            let granted = pair.map(udp(7777)).unwrap_or_else(|error| panic!("{name}, {address}: {error}"));
            assert_eq!(granted.external_address.map(AddressKind::of), kind, "{name}, {address}");
            release(&mut pair, &granted);
            assert!(pair.gateway.mappings().is_empty());
        }
    }
    // An address of IPv6 in a mapping of IPv4.
    for address in ["::", "::1", "2001:4860::1"] {
        let mut pair = Pair::every_protocol(named("pcp-only").with(odd(Oddity::AssignsAddress(address))));
        assert_eq!(pair.map(udp(7777)).unwrap().external_address, None, "{address}");
    }
}

/// Attack F14.
#[test]
fn port_0_is_no_port_and_is_given_back() {
    for name in ["pcp-only", "nat-pmp-only"] {
        let mut pair = Pair::every_protocol(named(name).with(odd(Oddity::AssignsPortZero)));
        let error = pair.map(udp(7777)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{name}: {error}");
        pair.drive_for(Duration::from_secs(20));
        pair.assert_idle();
        assert!(pair.gateway.mappings().is_empty(), "{name}");
    }
}

#[test]
fn a_third_party_is_mapped_where_the_server_allows_it() {
    let host: IpAddr = "192.168.1.9".parse().unwrap();
    let mut pair = Pair::every_protocol(named("all-protocols").with(odd(Oddity::ThirdPartyAllowed)));
    let granted = pair.map(udp(7777).third_party(host)).unwrap();
    assert_eq!((granted.method(), granted.internal_address), (Method::Pcp, host));
    assert_eq!(pair.gateway.mappings()[0].internal_client, "192.168.1.9");
    release(&mut pair, &granted);
    assert!(pair.gateway.mappings().is_empty());
    // No other protocol is asked in its place.
    for name in ["all-protocols", "igd2", "nat-pmp-only"] {
        let mut pair = Pair::every_protocol(named(name));
        let error = pair.map(udp(7777).third_party(host)).unwrap_err();
        assert_eq!(error.kind() == ErrorKind::Unsupported, name == "all-protocols", "{name}: {error}");
        assert_eq!((pair.gateway.counters().nat_pmp, pair.gateway.counters().all_posts()), (0, 0));
        assert!(pair.now.since_start() < Duration::from_millis(600), "{name}: {:?}", pair.now);
    }
}

#[test]
fn what_only_pcp_can_do_is_not_done_without_it() {
    let config = Config { methods: vec![Method::Igd, Method::NatPmp], ..Config::default() };
    for request in [
        udp(7777).third_party("192.168.1.9".parse().unwrap()),
        udp(7777).filter("198.51.100.0".parse().unwrap(), 24, None),
        udp(7777).peer("198.51.100.7:53".parse().unwrap()),
    ] {
        let mut pair = Pair::with(named("all-protocols"), config.clone(), network());
        let error = pair.map(request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(error.attempts()[0].failure, Failure::NeedsPcp);
        assert!(pair.gateway.mappings().is_empty());
    }
}

#[test]
fn filters_let_in_whom_they_name() {
    let mut pair = Pair::every_protocol(named("pcp-only"));
    let request = udp(7777).filter("198.51.100.0".parse().unwrap(), 24, None).filter(
        "203.0.113.9".parse().unwrap(),
        32,
        53.try_into().ok(),
    );
    let granted = pair.map(request).unwrap();
    let now = pair.now;
    for (remote, passes) in [
        ("198.51.100.77:9", true),
        ("198.51.101.77:9", false),
        ("203.0.113.9:53", true),
        ("203.0.113.9:54", false),
    ] {
        let inside = pair.gateway.inbound(
            now,
            Protocol::Udp,
            "81.2.69.142:7777".parse().unwrap(),
            remote.parse().unwrap(),
        );
        assert_eq!(inside.is_some(), passes, "{remote}");
    }
    release(&mut pair, &granted);
    assert!(pair.gateway.mappings().is_empty());
    // A server that does not know them maps nothing, rather than something for everybody.
    let mut pair = Pair::every_protocol(named("pcp-only").with(odd(Oddity::PcpWithoutOption(3))));
    let error = pair.map(udp(7777).filter("198.51.100.0".parse().unwrap(), 24, None)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(pair.gateway.mappings().is_empty());
}

#[test]
fn the_mapping_of_a_connection_is_told_whatever_port_it_has() {
    for name in ["pcp-only", "pcp-other-port"] {
        let mut pair = Pair::every_protocol(named(name));
        let peer = "198.51.100.7:53".parse().unwrap();
        let granted = pair.map(udp(7777).peer(peer)).unwrap();
        assert_eq!(granted.external_port.get() == 7777, name == "pcp-only");
        assert_eq!(pair.gateway.pcp_peers().next().unwrap().1, peer);
        assert!(pair.gateway.mappings().is_empty());
        release(&mut pair, &granted);
        assert_eq!(pair.gateway.pcp_peers().count(), 0);
    }
    let mut pair = Pair::every_protocol(named("pcp-only"));
    let error = pair.map(udp(7777).peer("198.51.100.7:0".parse().unwrap())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(pair.record.datagrams().is_empty());
    // Many servers have no PEER.
    let mut pair = Pair::every_protocol(named("pcp-only").with(odd(Oddity::PcpWithoutOpcode(2))));
    assert_eq!(pair.map(udp(7777).peer(peer_of_port_53())).unwrap_err().kind(), ErrorKind::Unsupported);
}

fn peer_of_port_53() -> core::net::SocketAddr {
    "198.51.100.7:53".parse().unwrap()
}

/// A mapping that is asked for again is the same mapping: PCP knows it by the same nonce.
#[test]
fn mapping_again_renews() {
    for name in ["pcp-only", "nat-pmp-only", "all-protocols"] {
        let mut pair = Pair::every_protocol(named(name));
        let first = pair.map(udp(7777)).unwrap();
        let second = pair.map(udp(7777)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(first.grantor, second.grantor, "{name}");
        // The first release leaves it to the other holder.
        release(&mut pair, &first);
        assert_eq!(ours(&pair), [7777], "{name}");
        release(&mut pair, &second);
        assert_eq!(ours(&pair), [], "{name}");
    }
}

#[test]
fn the_same_port_twice_at_once_is_one_mapping() {
    for name in ["pcp-only", "nat-pmp-only", "all-protocols"] {
        for cancel_after in [None, Some(0), Some(400), Some(600), Some(1_000), Some(1_600)] {
            let mut pair = Pair::every_protocol(named(name));
            let (first, second) = pair.start(|client, now| {
                (client.map(now, udp(7777), TIMEOUT), client.map(now, udp(7777), TIMEOUT))
            });
            if let Some(micros) = cancel_after {
                pair.drive_for(Duration::from_micros(micros));
                if pair.record.result(first).is_some() {
                    continue;
                }
                pair.start(|client, now| client.cancel(now, first));
            } else {
                pair.drive_until_finished(first).unwrap();
            }
            pair.drive_until_finished(second).unwrap_or_else(|error| panic!("{name}: {error}"));
            pair.drive_for(Duration::from_secs(20));
            pair.assert_idle();
            assert_eq!(ours(&pair), [7777], "{name}, {cancel_after:?}");
        }
    }
}

/// What is told to be in conflict was there before, and stays.
#[test]
fn giving_back_does_not_take_away_what_is_held() {
    let mut pair = Pair::every_protocol(taken("nat-pmp-only"));
    let granted = pair.map(udp(7777).on_conflict(OnConflict::AnyPort)).unwrap();
    let error = pair.map(udp(7777)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    pair.drive_for(Duration::from_secs(20));
    assert_eq!(ours(&pair), [granted.external_port.get()]);
}

#[test]
fn a_request_for_tcp_and_one_for_udp_are_two() {
    let tcp = MappingRequest::new(Protocol::Tcp, 7777.try_into().unwrap());
    for name in ["pcp-only", "nat-pmp-only"] {
        let mut pair = Pair::every_protocol(named(name));
        let udp = pair.map(udp(7777)).unwrap();
        let tcp = pair.map(tcp.clone()).unwrap();
        release(&mut pair, &udp);
        assert_eq!(pair.gateway.mappings()[0].protocol, Protocol::Tcp, "{name}");
        release(&mut pair, &tcp);
        assert!(pair.gateway.mappings().is_empty(), "{name}");
    }
}
