//! An interface that a person chose: everybody is asked from its address, and what is mapped leads there.

use crate::pair::{Pair, network, udp};
use core::net::IpAddr;
use core::time::Duration;
use portcullis_proto::client::{Config, Interface, InterfaceAddress, Method, Network};
use portcullis_sim::Scenario;

const SECOND: &str = "192.168.1.9";
const WLAN: &str = "192.168.1.8";

/// Two addresses on one interface, and another interface on the same link.
fn ambiguous() -> Network {
    let mut network = network();
    let address = |address: &str| InterfaceAddress {
        address: address.parse().unwrap(),
        prefix_length: 24,
        deprecated: false,
        temporary: false,
    };
    network.interfaces[1].addresses.push(address(SECOND));
    network.interfaces.push(Interface {
        name: "wlan0".into(),
        index: 3,
        multicast: true,
        loopback: false,
        addresses: vec![address(WLAN)],
    });
    let mut gateway = network.default_gateways[0];
    gateway.interface = 3;
    network.default_gateways.push(gateway);
    network
}

fn pair(interface: Option<&str>, method: Method) -> Pair {
    let (methods, interface) = (vec![method], interface.map(Into::into));
    let config = Config { methods, interface, journal: true, ..Config::default() };
    let scenario: Scenario = "all-protocols".parse().unwrap();
    Pair::with(scenario, config, ambiguous())
}

#[test]
fn what_is_mapped_leads_to_its_address() {
    for (interface, own) in [
        ("wlan0", WLAN),
        (WLAN, WLAN),
        ("eth0", "192.168.1.7"),
        (SECOND, SECOND),
        ("192.168.1.7", "192.168.1.7"),
    ] {
        for method in [Method::Igd, Method::NatPmp, Method::Pcp] {
            let mut pair = pair(Some(interface), method);
            let granted = pair.map(udp(7777)).unwrap();
            let own: IpAddr = own.parse().unwrap();
            assert_eq!((granted.method(), granted.internal_address), (method, own), "{interface}");
            assert_eq!(pair.gateway.mappings()[0].internal_client, own.to_string(), "{interface} {method:?}");
            assert!(pair.record.locals().iter().all(|local| *local == Some(own)), "{interface}");
            let binds = pair.record.binds();
            assert!(binds.iter().all(|bind| bind.local.ip() == own), "{interface} {method:?}: {binds:?}");
        }
    }
}

/// The gateway knows it by the address that asks.
#[test]
fn a_later_program_closes_it_from_the_same_address() {
    for method in [Method::Igd, Method::NatPmp, Method::Pcp] {
        let mut first = pair(Some(SECOND), method);
        first.map(udp(7777)).unwrap();
        let journal = first.record.journal();
        let mut second = pair(None, method);
        second.gateway = first.gateway;
        second.start(|client, _| client.restore(Vec::new(), journal));
        assert!(second.close(7777, false).unwrap(), "{method:?}");
        second.drive_for(Duration::from_secs(10));
        assert_eq!(second.gateway.mappings().len(), 0, "{method:?}");
    }
}
