//! A device that answers from several addresses is listed once, and nobody hides behind it (quirk 101, attack A15).

use crate::pair::{GATEWAY, Pair, SimPeer, udp};
use core::time::Duration;
use portcullis_proto::client::{Device, SearchOptions};
use portcullis_sim::{Gateway, Quirk, Scenario};

const FIRST: &str = "192.168.1.50:80";
const SECOND: &str = "192.168.1.60:49152";
const THIRD: &str = "192.168.1.70:80";

fn named_as(address: &'static str) -> Scenario {
    Scenario::igd1().with(Quirk::UdnOf(address))
}

fn peer(scenario: Scenario, address: &str) -> SimPeer {
    SimPeer::new(Gateway::new(scenario, address.parse().unwrap()))
}

/// Each device's address, and where else it is.
fn told(devices: &[Device]) -> Vec<(String, Vec<String>)> {
    let also = |device: &Device| device.also_at.iter().map(ToString::to_string).collect();
    devices.iter().map(|device| (device.address.to_string(), also(device))).collect()
}

fn description_at(address: &str) -> String {
    format!("http://{}/rootDesc.xml", address.trim_end_matches(":80"))
}

#[test]
fn a_neighbour_with_three_addresses_is_one_device() {
    let mut pair = Pair::new(Scenario::igd1());
    for address in [FIRST, SECOND, THIRD] {
        pair.add(peer(named_as(FIRST), address));
    }
    let devices = pair.discover(SearchOptions::default()).unwrap();
    let others = vec![description_at(SECOND), description_at(THIRD)];
    assert_eq!(told(&devices), [(GATEWAY.to_owned(), vec![]), (FIRST.to_owned(), others)]);
}

/// Whoever copies the gateway's description and UDN does not take its place, however early it answers.
#[test]
fn the_default_gateway_is_told_by_its_own_address() {
    for delay in [0, 500] {
        let slow = Quirk::SearchDelay(Duration::from_millis(delay));
        let mut pair = Pair::new(Scenario::igd1().with(slow));
        pair.add(peer(named_as(GATEWAY), FIRST));
        let devices = pair.discover(SearchOptions::default()).unwrap();
        assert_eq!(told(&devices), [(GATEWAY.to_owned(), vec![description_at(FIRST)])], "{delay}");
        // Nor is it what a port is mapped with.
        let granted = pair.map(udp(7777)).unwrap();
        assert_eq!(granted.grantor.remote().to_string(), GATEWAY, "{delay}");
    }
}

#[test]
fn what_describes_itself_in_other_words_is_another_device() {
    let others = [
        Scenario::igd2().with(Quirk::UdnOf(GATEWAY)),
        named_as(GATEWAY).with(Quirk::FriendlyName("Another")),
        Scenario::igd1(),
    ];
    for other in others {
        let mut pair = Pair::new(Scenario::igd1());
        pair.add(peer(other, FIRST));
        let devices = pair.discover(SearchOptions::default()).unwrap();
        assert_eq!(told(&devices), [(GATEWAY.to_owned(), vec![]), (FIRST.to_owned(), vec![])]);
    }
}
