//! A gateway that has lost its mappings is noticed by whatever it shows first.

use crate::asked::{asked, lifetime, of_one_protocol, seconds};
use crate::pair::{GATEWAY, Pair, network, udp};
use core::time::Duration;
use portcullis_proto::client::io::Output;
use portcullis_proto::client::{Config, Method, Reason};
use portcullis_sim::{PortControlOddity, Quirk, Scenario};

const QUIET: Quirk = Quirk::PortControl(PortControlOddity::NoAnnouncements);

/// Reboots the gateway; how long it takes until the mapping is there again, and why it was asked for.
fn reboot(pair: &mut Pair) -> (Duration, Reason) {
    let now = pair.now;
    pair.gateway.reboot(now);
    pair.drive_until("degraded");
    let (at, change) = pair.drive_until("recovered");
    assert_eq!(pair.gateway.mappings().len(), 1);
    (at - now, change.reason)
}

#[test]
fn an_announcement_brings_it_back_within_five_seconds() {
    for (method, scenario) in of_one_protocol() {
        if method == Method::Igd {
            continue;
        }
        let mut pair = Pair::every_protocol(scenario);
        let (mapping, _) = pair.keep(udp(7777)).unwrap();
        pair.drive_for(seconds(100));
        let (gap, reason) = reboot(&mut pair);
        assert!(gap <= Duration::from_millis(5_010), "{method}: {gap:?}");
        assert_eq!(reason, Reason::GatewayRestarted);
        // The other nine announcements change nothing.
        pair.drive_for(seconds(300));
        assert_eq!(pair.kinds(mapping), ["mapped", "degraded", "recovered"]);
    }
}

#[test]
fn a_second_restart_soon_after_the_first_is_noticed_too() {
    for (method, scenario) in of_one_protocol() {
        if method == Method::Igd {
            continue;
        }
        for after in [500, 1_500, 3_000, 4_500, 5_500] {
            let mut pair = Pair::every_protocol(scenario.clone());
            pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
            pair.drive_for(seconds(100));
            let now = pair.now;
            pair.gateway.reboot(now);
            pair.drive_for(Duration::from_millis(after));
            let now = pair.now;
            pair.gateway.reboot(now);
            pair.drive_for(seconds(15));
            assert_eq!(pair.gateway.mappings().len(), 1, "{method}, {after} ms");
        }
    }
}

#[test]
fn without_announcements_the_look_once_a_minute_brings_it_back() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario.with(QUIET));
        let (mapping, _) = pair.keep(udp(7777)).unwrap();
        pair.drive_for(seconds(100));
        let (gap, _) = reboot(&mut pair);
        assert!(gap <= Duration::from_secs(66), "{method}: {gap:?}");
        pair.drive_for(seconds(300));
        assert_eq!(pair.kinds(mapping), ["mapped", "degraded", "recovered"], "{method}");
    }
}

#[test]
fn the_answer_to_one_mapping_tells_of_all() {
    for (method, scenario) in of_one_protocol() {
        if method == Method::Igd {
            continue;
        }
        let mut pair = Pair::every_protocol(scenario.with(QUIET));
        pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
        pair.drive_for(seconds(61));
        let now = pair.now;
        pair.gateway.reboot(now);
        pair.drive_for(seconds(2));
        pair.keep(udp(7778).lifetime(lifetime(86_400))).unwrap();
        pair.drive_for(Duration::from_millis(5_100));
        assert_eq!(pair.gateway.mappings().len(), 2, "{method}");
    }
}

#[test]
fn a_restart_that_lost_nothing_changes_nothing() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario);
        let (mapping, _) = pair.keep(udp(7777)).unwrap();
        pair.drive_for(seconds(100));
        let now = pair.now;
        pair.gateway.reboot_keeping_state(now);
        pair.drive_for(seconds(300));
        assert_eq!(pair.kinds(mapping), ["mapped"], "{method}");
    }
}

fn notify(kind: &str, boot_id: u32) -> String {
    format!(
        "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nCACHE-CONTROL: max-age=1800\r\n\
         LOCATION: http://{GATEWAY}/rootDesc.xml\r\nNT: upnp:rootdevice\r\nNTS: ssdp:{kind}\r\n\
         SERVER: Simulated/1.0 UPnP/1.1 test/1\r\nUSN: uuid:1::upnp:rootdevice\r\n\
         BOOTID.UPNP.ORG: {boot_id}\r\nCONFIGID.UPNP.ORG: 1\r\n\r\n"
    )
}

#[test]
fn upnp_announces_itself_by_ssdp() {
    let mut pair = Pair::new(Scenario::igd1());
    let (mapping, _) = pair.keep(udp(7777)).unwrap();
    pair.drive_for(seconds(100));
    let alive = |pair: &mut Pair, boot_id| {
        pair.multicast("192.168.1.1:1900", "239.255.255.250:1900", &notify("alive", boot_id));
    };
    // One that is merely alive is read, and has it.
    alive(&mut pair, 1);
    pair.drive_for(seconds(20));
    assert_eq!(pair.kinds(mapping), ["mapped"]);
    // Not just before the next look.
    pair.drive_for(seconds(20));
    let now = pair.now;
    pair.gateway.reboot(now);
    pair.drive_for(seconds(1));
    for _ in 0..6 {
        alive(&mut pair, 2);
    }
    let (at, _) = pair.drive_until("recovered");
    assert!(at - now <= seconds(7), "{:?}", at - now);
    assert_eq!(pair.gateway.mappings().len(), 1);
    pair.drive_for(seconds(200));
    assert_eq!(pair.kinds(mapping), ["mapped", "degraded", "recovered"]);
}

#[test]
fn the_first_word_of_a_gateway_makes_its_table_be_read() {
    let mut pair = Pair::new(Scenario::igd1());
    pair.keep(udp(7777)).unwrap();
    pair.drive_for(seconds(70));
    pair.gateway.clear_mappings();
    pair.multicast("192.168.1.1:1900", "239.255.255.250:1900", &notify("alive", 2));
    pair.drive_for(seconds(1));
    assert_eq!(pair.gateway.mappings().len(), 1);
}

#[test]
fn one_restart_is_told_once_whatever_tells_of_it() {
    for (method, scenario) in of_one_protocol() {
        if method == Method::Igd {
            continue;
        }
        let mut pair = Pair::every_protocol(scenario.with(QUIET));
        let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
        pair.drive_for(seconds(70));
        pair.multicast("192.168.1.1:1900", "239.255.255.250:1900", &notify("alive", 1));
        pair.drive_for(seconds(20));
        let now = pair.now;
        pair.gateway.reboot(now);
        pair.multicast("192.168.1.1:1900", "239.255.255.250:1900", &notify("alive", 2));
        // By SSDP: that the answer to the new request counts anew is the same restart.
        let (at, _) = pair.drive_until("recovered");
        assert!(at - now <= Duration::from_millis(5_010), "{method}: {:?}", at - now);
        let requests = asked(&pair).len();
        pair.drive_for(seconds(30));
        assert_eq!(asked(&pair).len(), requests, "{method}");
        assert_eq!(pair.kinds(mapping), ["mapped", "degraded", "recovered"], "{method}");
    }
}

#[test]
fn an_announcement_of_pcp_tells_of_what_another_protocol_made() {
    for method in [Method::NatPmp, Method::Igd] {
        let scenario = Scenario::igd1().with(Quirk::Pcp).with(Quirk::NatPmp).with(QUIET);
        let config = Config { methods: vec![method], ..Config::default() };
        let mut pair = Pair::with(scenario, config, network());
        pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
        pair.drive_for(seconds(70));
        let now = pair.now;
        pair.gateway.reboot(now);
        // ANNOUNCE, which counts from 0 (RFC 6887 section 14.1).
        let mut announce = vec![0_u8; 24];
        (announce[0], announce[1]) = (2, 0x80);
        pair.wire.datagram(
            now,
            "192.168.1.1:5351".parse().unwrap(),
            "224.0.0.1:5350".parse().unwrap(),
            announce,
        );
        let (at, _) = pair.drive_until("recovered");
        assert!(at - now <= Duration::from_millis(5_100), "{method}: {:?}", at - now);
    }
}

#[test]
fn a_gateway_that_is_alive_and_counts_its_boots_is_not_asked_whether_it_is() {
    let mut pair = Pair::new(Scenario::igd1());
    pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
    pair.drive_for(seconds(70));
    let alive = |pair: &mut Pair| {
        pair.multicast("192.168.1.1:1900", "239.255.255.250:1900", &notify("alive", 1));
        pair.drive_for(seconds(1));
    };
    alive(&mut pair);
    pair.drive_for(seconds(10));
    let before = pair.record.outputs.len();
    alive(&mut pair);
    assert_eq!(pair.record.outputs.len(), before);
}

#[test]
fn strangers_are_not_believed() {
    let mut pair = Pair::every_protocol(Scenario::igd2().with(Quirk::NatPmp).with(Quirk::Pcp));
    let (mapping, _) = pair.keep(udp(7777)).unwrap();
    pair.drive_for(seconds(30));
    let epoch_zero = "\0\u{80}\0\0\0\0\0\0QE\u{1}\u{2}";
    let bytes: Vec<u8> = epoch_zero.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    for from in ["192.168.1.9:5351", "192.168.1.1:5352", "8.8.8.8:5351"] {
        let (from, to) = (from.parse().unwrap(), "224.0.0.1:5350".parse().unwrap());
        for _ in 0..100 {
            let now = pair.now;
            pair.wire.datagram(now, from, to, bytes.clone());
        }
    }
    pair.multicast("192.168.1.9:1900", "239.255.255.250:1900", &notify("byebye", 9));
    let before = asked(&pair).len();
    pair.drive_for(seconds(10));
    assert_eq!(asked(&pair).len(), before);
    assert_eq!(pair.kinds(mapping), ["mapped"]);
}

#[test]
fn a_moved_control_port_is_found_again() {
    let mut pair = Pair::new(Scenario::igd1());
    pair.keep(udp(7777)).unwrap();
    pair.drive_for(seconds(100));
    let now = pair.now;
    pair.gateway.reboot(now);
    pair.gateway.set_http_address("192.168.1.1:5050".parse().unwrap());
    let (at, change) = pair.drive_until("recovered");
    assert!(at - now <= seconds(66), "{:?}", at - now);
    let granted = change.granted.unwrap();
    assert_eq!(granted.grantor.remote().port(), 5_050);
    pair.drive_for(seconds(4_000));
    assert_eq!(pair.gateway.mappings().len(), 1);
}

#[test]
fn what_a_gateway_forgets_without_a_word_is_found_missing_within_ten_minutes() {
    let mut pair = Pair::new(Scenario::igd1());
    let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
    pair.drive_for(seconds(1_000));
    let now = pair.now;
    pair.gateway.clear_mappings();
    let (_, change) = pair.drive_until("degraded");
    assert_eq!(change.reason, Reason::Forgotten);
    let (at, _) = pair.drive_until("recovered");
    assert!(at - now <= seconds(601), "{:?}", at - now);
    assert_eq!(pair.kinds(mapping), ["mapped", "degraded", "recovered"]);
}

#[test]
fn a_flood_of_announcements_makes_no_traffic() {
    let flood = PortControlOddity::AnnouncementFlood {
        count: 10_000,
        interval: Duration::from_millis(10),
        forged: false,
    };
    let mut pair = Pair::every_protocol(Scenario::igd2().with(Quirk::Pcp).with(Quirk::PortControl(flood)));
    let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(86_400))).unwrap();
    let now = pair.now;
    pair.gateway.reboot(now);
    let before = pair.record.outputs.len();
    pair.drive_for(seconds(90));
    let sent =
        pair.record.outputs[before..].iter().filter(|(_, output)| matches!(output, Output::Datagram { .. }));
    assert!(sent.count() <= 20);
    assert!(pair.is_well(mapping));
}
