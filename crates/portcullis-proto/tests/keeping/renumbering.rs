//! A provider gives the network another prefix of IPv6: the old address is deprecated before it is gone.

use crate::asked::{lifetime, seconds};
use crate::pair::{CLIENT_IPV6, Pair, network_with_ipv6, udp};
use core::net::IpAddr;
use portcullis_proto::client::{Config, InterfaceAddress, MappingId, Method, Network, Reason};
use portcullis_sim::{Quirk, Scenario};

const NEW: &str = "2a02:ff1::7";

/// The network with a second address, and the first deprecated or gone.
fn renumbered(is_deprecated: bool, is_gone: bool) -> Network {
    let mut network = network_with_ipv6();
    let own: IpAddr = CLIENT_IPV6.parse().unwrap();
    let addresses = &mut network.interfaces[1].addresses;
    addresses.iter_mut().filter(|known| known.address == own).for_each(|old| old.deprecated = is_deprecated);
    addresses.retain(|known| known.address != own || !is_gone);
    addresses.push(InterfaceAddress {
        address: NEW.parse().unwrap(),
        prefix_length: 64,
        deprecated: false,
        temporary: false,
    });
    network
}

fn keep(scenario: Scenario, method: Method) -> (Pair, MappingId) {
    let config = Config { journal: true, ..Config::default() };
    let mut pair = Pair::at("[fe80::1]:5000".parse().unwrap(), scenario, config, network_with_ipv6());
    pair.own_address_v6 = CLIENT_IPV6.parse().unwrap();
    let (mapping, granted) = pair.keep(udp(7777).ipv6().lifetime(lifetime(3_600))).unwrap();
    assert_eq!(granted.method(), method);
    pair.drive_for(seconds(100));
    (pair, mapping)
}

/// What was told, but for the new address and that it was renewed to be sure.
fn told(pair: &Pair, mapping: MappingId) -> Vec<&'static str> {
    let kinds = pair.kinds(mapping).into_iter();
    kinds.filter(|kind| !["renewed", "external-address-changed"].contains(kind)).collect()
}

fn by_each() -> [(Scenario, Method); 2] {
    [
        (Scenario::igd2().with(Quirk::NoUpnp).with(Quirk::Pcp), Method::Pcp),
        (Scenario::igd2(), Method::IgdPinhole),
    ]
}

/// The addresses that are open, by whichever protocol.
fn open(pair: &Pair) -> Vec<String> {
    let by_pcp = pair.gateway.pcp_pinholes().iter().map(|mapping| mapping.internal_client.clone());
    let by_upnp = pair.gateway.pinholes().iter().map(|pinhole| pinhole.flow.internal_client.to_string());
    by_pcp.chain(by_upnp).collect()
}

#[test]
fn a_pinhole_moves_when_its_address_is_deprecated() {
    for (scenario, method) in by_each() {
        let (mut pair, mapping) = keep(scenario, method);
        // A second address is no reason.
        pair.set_network(renumbered(false, false));
        pair.drive_for(seconds(30));
        assert_eq!(pair.kinds(mapping), ["mapped"], "{method}");
        let now = pair.now;
        pair.set_network(renumbered(true, false));
        let (at, change) = pair.drive_until("recovered");
        assert!(at - now <= seconds(5), "{method}: {:?}", at - now);
        assert_eq!(change.reason, Reason::NetworkChanged);
        assert_eq!(change.granted.unwrap().internal_address, NEW.parse::<IpAddr>().unwrap(), "{method}");
        pair.drive_for(seconds(10));
        assert_eq!(open(&pair), [NEW], "{method}");
        // The old one is gone for good: that is no news.
        pair.set_network(renumbered(true, true));
        pair.drive_for(seconds(100));
        assert_eq!(told(&pair, mapping), ["mapped", "degraded", "recovered"], "{method}");
        assert_eq!(pair.record.journal().len(), 1, "{method}");
    }
}

#[test]
fn what_led_to_an_address_that_went_at_once_is_told_as_left() {
    for (scenario, method) in by_each() {
        let (mut pair, mapping) = keep(scenario, method);
        let now = pair.now;
        pair.set_network(renumbered(false, true));
        let (at, _) = pair.drive_until("recovered");
        assert!(at - now <= seconds(5), "{method}: {:?}", at - now);
        assert_eq!(told(&pair, mapping), ["mapped", "degraded", "left-behind", "recovered"], "{method}");
        assert_eq!(pair.record.journal().len(), 2, "{method}");
        pair.drive_for(seconds(7_200));
        assert_eq!((open(&pair), pair.record.journal().len()), (vec![NEW.to_owned()], 1), "{method}");
    }
}

#[test]
fn without_another_a_deprecated_address_will_do() {
    for (scenario, method) in by_each() {
        let (mut pair, mapping) = keep(scenario, method);
        let mut network = network_with_ipv6();
        network.interfaces[1].addresses.iter_mut().for_each(|own| own.deprecated = true);
        pair.set_network(network);
        pair.drive_for(seconds(3_600));
        let kinds = pair.kinds(mapping);
        assert!(kinds[1..].iter().all(|kind| *kind == "renewed"), "{method}: {kinds:?}");
    }
}

#[test]
fn a_new_pinhole_is_for_an_address_that_is_not_deprecated() {
    for (scenario, method) in by_each() {
        let at = "[fe80::1]:5000".parse().unwrap();
        let mut pair = Pair::at(at, scenario, Config::default(), renumbered(true, false));
        let granted = pair.map(udp(7777).ipv6()).unwrap();
        assert_eq!((granted.method(), granted.internal_address), (method, NEW.parse().unwrap()));
    }
}
