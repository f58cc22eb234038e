//! Announcements, true and forged: they make a gateway be asked, and nothing in them is believed.

use crate::asked::{asked, lifetime, seconds};
use crate::pair::{Pair, network, network_with_ipv6, udp};
use core::time::Duration;
use portcullis_proto::client::io::Output;
use portcullis_proto::client::{Config, GatewayAddress, Method, Reason};
use portcullis_sim::{HttpOddity, On, PortControlOddity, Quirk, Scenario};

const QUIET: Quirk = Quirk::PortControl(PortControlOddity::NoAnnouncements);
const OTHER_ADDRESS: &str = "81.2.69.160";

fn alive(device: &str, boot_id: u32, location: &str) -> String {
    format!(
        "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nCACHE-CONTROL: max-age=1800\r\n\
         LOCATION: {location}\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\nSERVER: Simulated/1.0 UPnP/1.1 test/1\r\n\
         USN: {device}::upnp:rootdevice\r\nBOOTID.UPNP.ORG: {boot_id}\r\nCONFIGID.UPNP.ORG: 1\r\n\r\n"
    )
}

/// The gateway says, or somebody in its name, that it is alive.
fn notify(pair: &mut Pair, device: &str, boot_id: u32) {
    let text = alive(device, boot_id, "http://192.168.1.1:5000/rootDesc.xml");
    pair.multicast("192.168.1.1:1900", "239.255.255.250:1900", &text);
}

/// NAT-PMP's announcement (RFC 6886 section 3.2.1).
fn announce_nat_pmp(pair: &mut Pair, epoch_time: u32, address: [u8; 4]) {
    let mut payload = vec![0, 128, 0, 0];
    payload.extend(epoch_time.to_be_bytes());
    payload.extend(address);
    announce(pair, payload);
}

/// PCP's (RFC 6887 section 14.1).
fn announce_pcp(pair: &mut Pair, epoch_time: u32) {
    let mut payload = vec![0_u8; 24];
    (payload[0], payload[1]) = (2, 0x80);
    payload[8..12].copy_from_slice(&epoch_time.to_be_bytes());
    announce(pair, payload);
}

fn announce(pair: &mut Pair, payload: Vec<u8>) {
    let (from, to) = ("192.168.1.1:5351".parse().unwrap(), "224.0.0.1:5350".parse().unwrap());
    pair.wire.datagram(pair.now, from, to, payload);
}

/// Datagrams and connections of the client's since then.
fn traffic(pair: &Pair, since: usize) -> usize {
    let is_traffic = |output: &Output| matches!(output, Output::Datagram { .. } | Output::Connect { .. });
    pair.record.outputs[since..].iter().filter(|(_, output)| is_traffic(output)).count()
}

fn port_control(quirks: &[Quirk], methods: &[Method]) -> Pair {
    let scenario = quirks.iter().fold(Scenario::igd2(), |scenario, &quirk| scenario.with(quirk));
    let config = Config { methods: methods.to_vec(), ..Config::default() };
    Pair::with(scenario, config, network())
}

#[test]
fn a_storm_does_not_keep_a_lost_mapping_from_being_made_again() {
    let slow = Quirk::Http(On::Control, HttpOddity::Delay(Duration::from_millis(150)));
    let mut pair = Pair::new(Scenario::igd1().with(slow));
    let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(600))).unwrap();
    pair.drive_for(seconds(65));
    notify(&mut pair, "uuid:1", 1);
    pair.drive_for(seconds(30));
    let now = pair.now;
    pair.gateway.reboot(now);
    for boot_id in 2..152 {
        notify(&mut pair, "uuid:1", boot_id);
        pair.drive_for(Duration::from_millis(200));
        if pair.now - now > seconds(8) {
            assert_eq!(pair.gateway.mappings().len(), 1, "{:?}", pair.now - now);
        }
    }
    assert_eq!(pair.kinds(mapping), ["mapped", "degraded", "recovered"]);
}

#[test]
fn a_storm_makes_little_traffic() {
    let both = [Quirk::NatPmp, Quirk::Pcp, QUIET];
    for methods in
        [vec![Method::Igd], vec![Method::NatPmp], vec![Method::Pcp, Method::NatPmp], vec![Method::Pcp]]
    {
        let mut pair = port_control(&both, &methods);
        let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
        pair.drive_for(seconds(70));
        let before = pair.record.outputs.len();
        for number in 0..1_500 {
            notify(&mut pair, "uuid:1", number);
            announce_nat_pmp(&mut pair, number % 2, [9, 9, 9, 9]);
            announce_pcp(&mut pair, number % 3);
            pair.drive_for(Duration::from_millis(200));
        }
        // Five minutes: seven looks in the first, then one a minute, each of a question or three.
        let sent = traffic(&pair, before);
        assert!(sent <= 50, "{methods:?}: {sent}");
        assert!(pair.is_well(mapping));
        assert!(pair.kinds(mapping).iter().all(|kind| ["mapped", "renewed"].contains(kind)), "{methods:?}");
    }
}

#[test]
fn a_loss_that_is_heard_while_a_mapping_is_asked_for_makes_it_be_asked_for_once_more() {
    for methods in [[Method::Pcp], [Method::NatPmp]] {
        let mut pair = port_control(&[Quirk::NatPmp, Quirk::Pcp, QUIET], &methods);
        pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
        let (second, _) = pair.keep(udp(7778).lifetime(lifetime(86_400))).unwrap();
        pair.drive_for(seconds(70));
        // It restarts, and once more while the first restart is being dealt with.
        for after in [1, 4, 5] {
            let now = pair.now;
            pair.gateway.reboot(now);
            announce_pcp(&mut pair, 0);
            announce_nat_pmp(&mut pair, 0, [81, 2, 69, 142]);
            pair.drive_for(seconds(after));
        }
        pair.drive_for(seconds(20));
        assert_eq!(pair.gateway.mappings().len(), 2, "{methods:?}");
        assert!(pair.is_well(second));
    }
}

#[test]
fn neither_a_loss_nor_an_address_is_believed() {
    for methods in [vec![Method::NatPmp], vec![Method::Pcp, Method::NatPmp], vec![Method::Pcp]] {
        let mut pair = port_control(&[Quirk::NatPmp, Quirk::Pcp, QUIET], &methods);
        let (mapping, granted) = pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
        pair.drive_for(seconds(100));
        for _ in 0..5 {
            announce_nat_pmp(&mut pair, 0, [9, 9, 9, 9]);
            announce_pcp(&mut pair, 0);
            pair.drive_for(seconds(30));
        }
        let told: Vec<_> = pair.kinds(mapping).into_iter().filter(|kind| *kind != "renewed").collect();
        assert_eq!(told, ["mapped"], "{methods:?}");
        let known = pair.changes().last().unwrap().1.granted.clone().unwrap();
        assert_eq!(known.external_address, granted.external_address, "{methods:?}");
    }
}

#[test]
fn a_look_at_a_pcp_gateway_brings_its_address_too() {
    // NAT-PMP is spoken there, too: it is asked once a minute.
    let mut pair = port_control(&[Quirk::NatPmp, Quirk::Pcp, QUIET], &[]);
    let (_, granted) = pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
    assert_eq!(granted.method(), Method::Pcp);
    pair.drive_for(seconds(100));
    let now = pair.now;
    pair.gateway.set_external_address(OTHER_ADDRESS);
    let (at, change) = pair.drive_until("external-address-changed");
    assert!(at - now <= seconds(61), "{:?}", at - now);
    assert_eq!(change.granted.unwrap().external_address, Some(OTHER_ADDRESS.parse().unwrap()));
    let requests = asked(&pair).len();
    pair.drive_for(seconds(600));
    assert_eq!(asked(&pair).len(), requests, "once it is known, nothing is renewed for it");
}

#[test]
fn where_pcp_alone_is_spoken_an_announcement_brings_the_address() {
    for methods in [vec![Method::Pcp, Method::NatPmp], vec![Method::Pcp]] {
        let mut pair = port_control(&[Quirk::NoUpnp, Quirk::Pcp, QUIET], &methods);
        let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
        pair.drive_for(seconds(100));
        let now = pair.now;
        pair.gateway.set_external_address(OTHER_ADDRESS);
        announce_nat_pmp(&mut pair, 86_500, [81, 2, 69, 160]);
        let (at, _) = pair.drive_until("external-address-changed");
        assert!(at - now <= seconds(3), "{:?}", at - now);
        assert_eq!(pair.kinds(mapping), ["mapped", "renewed", "external-address-changed"]);
    }
}

#[test]
fn a_server_whose_nat_pmp_tells_another_address_than_its_pcp_is_not_renewed_for_ever() {
    let pool = Quirk::PortControl(PortControlOddity::AssignsAddress("81.2.69.150"));
    let mut pair = port_control(&[Quirk::NatPmp, Quirk::Pcp, QUIET], &[]);
    pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
    pair.gateway.add_quirk(pool);
    pair.drive_for(seconds(700));
    pair.gateway.remove_quirk(pool);
    pair.drive_for(seconds(700));
    assert!(asked(&pair).len() <= 3, "{}", asked(&pair).len());
}

#[test]
fn an_address_that_changes_is_not_told_as_a_restart() {
    for methods in [vec![Method::NatPmp], vec![Method::Pcp, Method::NatPmp], vec![Method::Pcp]] {
        for quirk in [Quirk::NatPmp, QUIET] {
            let mut pair = port_control(&[Quirk::NatPmp, Quirk::Pcp, quirk], &methods);
            let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
            pair.drive_for(seconds(100));
            let now = pair.now;
            pair.gateway.change_external_address(now, OTHER_ADDRESS);
            pair.drive_for(seconds(80));
            let changes = pair.changes();
            let told = changes.iter().filter(|(_, change)| change.mapping == mapping);
            let reasons: Vec<_> = told.map(|(_, change)| change.reason.clone()).collect();
            assert!(!reasons.contains(&Reason::GatewayRestarted), "{methods:?}: {reasons:?}");
            assert!(pair.kinds(mapping).contains(&"external-address-changed"), "{methods:?}");
            assert!(pair.is_well(mapping));
        }
    }
}

#[test]
fn two_devices_at_one_address_have_boots_of_their_own() {
    let mut pair = Pair::new(Scenario::igd1());
    pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
    pair.drive_for(seconds(70));
    let both = |pair: &mut Pair| {
        for (device, boot_id) in [("uuid:1", 7), ("uuid:2", 1_700_000_000)] {
            notify(pair, device, boot_id);
        }
        pair.drive_for(seconds(1));
    };
    both(&mut pair);
    pair.drive_for(seconds(10));
    let before = pair.record.outputs.len();
    for _ in 0..29 {
        both(&mut pair);
    }
    assert_eq!(traffic(&pair, before), 0);
    // The second of them restarts: that is news.
    pair.gateway.clear_mappings();
    notify(&mut pair, "uuid:2", 1_700_000_001);
    pair.drive_for(seconds(1));
    assert_eq!(pair.gateway.mappings().len(), 1);
}

/// A gateway of IPv6, found at its address `at`.
fn pinhole_pair(at: &str) -> Pair {
    let mut pair = Pair::at(at.parse().unwrap(), Scenario::igd2(), Config::default(), network_with_ipv6());
    pair.own_address_v6 = "2a02:ff0::7".parse().unwrap();
    pair
}

#[test]
fn a_pinhole_comes_back_by_what_is_announced_over_ipv6() {
    for (at, location) in [
        ("[fe80::1]:5000", "http://[fe80::1]:5000/rootDesc.xml"),
        ("[fe80::1]:5000", "http://[2a02:ff0::1]:5000/rootDesc.xml"),
        ("[2a02:ff0::1]:5000", "http://[2a02:ff0::1]:5000/rootDesc.xml"),
        ("[fd99::1]:5000", "http://[2a02:ff0::1]:5000/rootDesc.xml"),
    ] {
        let mut pair = pinhole_pair(at);
        let (mapping, granted) = pair.keep(udp(7777).ipv6().lifetime(lifetime(86_400))).unwrap();
        assert_eq!(granted.method(), Method::IgdPinhole);
        let usn = pair.found_usn();
        let say = |pair: &mut Pair, boot_id| {
            let text = alive(&usn, boot_id, location);
            pair.multicast("[fe80::1]:1900", "[ff02::c]:1900", &text);
        };
        pair.drive_for(seconds(70));
        say(&mut pair, 1);
        pair.drive_for(seconds(30));
        let now = pair.now;
        pair.gateway.reboot(now);
        say(&mut pair, 2);
        let (back, _) = pair.drive_until("recovered");
        assert!(back - now <= seconds(8), "{at}: {:?}", back - now);
        assert_eq!(pair.gateway.pinholes().len(), 1);
        assert_eq!(pair.kinds(mapping), ["mapped", "degraded", "recovered"], "{at}");
    }
}

#[test]
fn what_other_devices_announce_over_ipv6_makes_nobody_ask() {
    let mut pair = pinhole_pair("[fd99::1]:5000");
    pair.keep(udp(7777).ipv6().lifetime(lifetime(86_400))).unwrap();
    pair.drive_for(seconds(70));
    let before = pair.record.outputs.len();
    for boot_id in 0..40 {
        let text = alive("uuid:4", boot_id, "http://[fe80::4]:5000/x.xml");
        pair.multicast("[fe80::4]:1900", "[ff02::c]:1900", &text);
        pair.drive_for(seconds(1));
    }
    assert_eq!(traffic(&pair, before), 0);
}

/// The machine's place in the network is told after the first mapping is kept, as the driver does.
fn named(gateway: &str, methods: &[Method]) -> Pair {
    let gateways = vec![gateway.parse::<GatewayAddress>().unwrap()];
    let config = Config { gateways, methods: methods.to_vec(), ..Config::default() };
    let scenario = Scenario::igd2().with(Quirk::NatPmp).with(Quirk::Pcp);
    Pair::with(scenario, config, portcullis_proto::client::Network::default())
}

#[test]
fn a_gateway_that_was_named_is_heard_too() {
    for methods in [vec![Method::Igd], vec![Method::NatPmp], vec![Method::Pcp]] {
        let mut pair = named("192.168.1.1", &methods);
        let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
        pair.set_network(network());
        pair.drive_for(seconds(70));
        notify(&mut pair, "uuid:1", 1);
        pair.drive_for(seconds(20));
        let now = pair.now;
        pair.gateway.reboot(now);
        notify(&mut pair, "uuid:1", 2);
        let (at, _) = pair.drive_until("recovered");
        assert!(at - now <= seconds(8), "{methods:?}: {:?}", at - now);
        pair.drive_for(seconds(100));
        assert_eq!(pair.kinds(mapping), ["mapped", "degraded", "recovered"]);
        assert!(pair.stop_keeping(mapping).unwrap());
    }
}

#[test]
fn of_a_gateway_that_was_named_its_own_address_alone_is_heard() {
    let mut pair = named("192.168.1.1", &[Method::Igd]);
    pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
    pair.set_network(network());
    pair.drive_for(seconds(70));
    let before = pair.record.outputs.len();
    let text = alive("uuid:1", 2, "http://192.168.1.1:5000/rootDesc.xml");
    pair.multicast("192.168.1.9:1900", "239.255.255.250:1900", &text);
    pair.drive_for(seconds(10));
    assert_eq!(traffic(&pair, before), 0);
}

#[test]
fn on_loopback_nobody_is_listened_to() {
    let gateways = vec!["127.0.0.1".parse::<GatewayAddress>().unwrap()];
    let config = Config { gateways, ..Config::default() };
    let mut pair = Pair::at("127.0.0.1:5000".parse().unwrap(), Scenario::igd2(), config, network());
    pair.own_address = "127.0.0.1".parse().unwrap();
    pair.keep(udp(7777)).unwrap();
    pair.set_network(network_with_ipv6());
    pair.drive_for(seconds(10));
    assert!(pair.record.binds().iter().all(|bind| bind.groups.is_empty()));
}
