//! What a gateway is asked for is in the journal before it is asked, and what is gone is not.

use crate::pair::{CLIENT_IPV6, Pair, Record, TIMEOUT, network, network_with_ipv6, udp};
use core::time::Duration;
use portcullis_proto::client::io::Output;
use portcullis_proto::client::journal::{Custody, Entry, Record as Written};
use portcullis_proto::client::{Config, Granted, MappingRequest, Method};
use portcullis_proto::{Lifetime, Protocol};
use portcullis_sim::{PortControlOddity as Oddity, Quirk, Scenario};

fn named(name: &str) -> Scenario {
    name.parse().unwrap()
}

fn journalling(methods: &[Method]) -> Config {
    Config { methods: methods.to_vec(), journal: true, seed: [5, 5], ..Config::default() }
}

fn pair(name: &str, methods: &[Method]) -> Pair {
    Pair::with(named(name), journalling(methods), network())
}

fn map(pair: &mut Pair, request: MappingRequest) -> Granted {
    pair.map(request).unwrap()
}

/// Every request that could map something is about an entry that is written already.
fn is_written_first(record: &Record) {
    let mut written: Vec<Entry> = Vec::new();
    let mut asked = 0;
    for (_, output) in &record.outputs {
        match output {
            Output::Journal(Written::Put(entry)) => {
                written.retain(|other| other.id != entry.id);
                written.push(entry.clone());
            }
            Output::Journal(Written::Erase(id)) => written.retain(|entry| entry.id != *id),
            Output::Datagram { destination, payload, .. } if destination.port() == 5351 => {
                let (method, lifetime, port) = match payload[..] {
                    [2, 1 | 2, ..] => (Method::Pcp, &payload[4..8], &payload[40..42]),
                    [0, 1 | 2, ..] => (Method::NatPmp, &payload[8..12], &payload[4..6]),
                    _ => continue,
                };
                if lifetime == [0; 4] {
                    continue;
                }
                asked += 1;
                let is_it = |entry: &Entry| {
                    entry.method == method
                        && entry.remote == *destination
                        && entry.internal_port.get().to_be_bytes() == port
                        && entry.nonce.is_none_or(|nonce| nonce.0 == payload[24..36])
                };
                assert!(written.iter().any(is_it), "{method} at {destination}: not in the journal");
            }
            Output::Send { bytes, .. } => {
                let text = String::from_utf8_lossy(bytes);
                let method = if text.contains("#AddPinhole") {
                    Method::IgdPinhole
                } else if text.contains("#AddPortMapping") || text.contains("#AddAnyPortMapping") {
                    Method::Igd
                } else {
                    continue;
                };
                asked += 1;
                assert!(written.iter().any(|entry| entry.method == method), "{method}: not in the journal");
            }
            _ => {}
        }
    }
    assert!(asked > 0);
}

#[test]
fn what_is_asked_for_is_written_first() {
    use Method::{Igd, NatPmp, Pcp};
    for (name, methods) in [
        ("pcp-only", &[][..]),
        ("nat-pmp-only", &[]),
        ("all-protocols", &[]),
        ("igd2", &[]),
        ("igd1", &[]),
        ("permanent-lease-only", &[]),
        ("all-protocols", &[Igd, NatPmp, Pcp]),
        ("all-protocols", &[NatPmp, Igd]),
        ("all-without-pcp", &[]),
    ] {
        let mut pair = pair(name, methods);
        let granted = map(&mut pair, udp(7777));
        is_written_first(&pair.record);
        let held = pair.record.journal();
        let [entry] = &held[..] else { panic!("{name}: {held:?}") };
        assert_eq!(
            (entry.method, entry.granted, entry.custody),
            (granted.method(), true, Custody::Kept),
            "{name}"
        );
        assert_eq!(entry.remote, granted.grantor.remote());
        assert_eq!(entry.external_port, granted.external_port);
        assert_eq!(entry.internal_address, granted.internal_address);
        assert_eq!(entry.external_address, granted.external_address);
        assert_eq!(entry.lifetime, granted.lifetime);
        let expires = granted.lifetime.duration().map(|lifetime| pair.now + lifetime);
        assert_eq!(entry.expires, expires, "{name}");
        let released = pair.start(|client, now| client.release(now, &granted, TIMEOUT));
        pair.drive_until_finished(released).unwrap();
        pair.drive_for(Duration::from_secs(20));
        assert_eq!(pair.record.journal(), [], "{name}");
        pair.assert_idle();
    }
}

#[test]
fn pinholes_are_written_first() {
    for (name, methods) in [("pcp-only", &[][..]), ("igd2", &[]), ("all-protocols", &[Method::Igd])] {
        let http = "[fe80::1]:5000".parse().unwrap();
        let mut pair = Pair::at(http, named(name), journalling(methods), network_with_ipv6());
        let granted = map(&mut pair, udp(7777).ipv6());
        is_written_first(&pair.record);
        let held = pair.record.journal();
        let [entry] = &held[..] else { panic!("{name}: {held:?}") };
        assert_eq!(entry.internal_address.to_string(), CLIENT_IPV6);
        assert_eq!((entry.method, entry.granted), (granted.method(), true));
        assert_eq!(entry.unique_id.is_some(), granted.method() == Method::IgdPinhole);
        let released = pair.start(|client, now| client.release(now, &granted, TIMEOUT));
        pair.drive_until_finished(released).unwrap();
        pair.drive_for(Duration::from_secs(20));
        assert_eq!(pair.record.journal(), [], "{name}");
    }
}

#[test]
fn what_was_refused_is_not_in_the_journal() {
    for name in ["pcp-nested-nat", "nat-pmp-refused", "not-authorized", "conflict", "full"] {
        let mut pair = pair(name, &[]);
        pair.map(udp(7777)).unwrap_err();
        pair.drive_for(Duration::from_secs(20));
        assert_eq!(pair.record.journal(), [], "{name}");
        pair.assert_idle();
    }
    // A port that is taken, told by another port that is given back.
    for name in ["pcp-only", "nat-pmp-only"] {
        let scenario = named(name).with(Quirk::ForeignMapping(Protocol::Udp, 7_777));
        let mut pair = Pair::with(scenario, journalling(&[]), network());
        pair.map(udp(7777)).unwrap_err();
        pair.drive_for(Duration::from_secs(20));
        assert_eq!(pair.record.journal(), [], "{name}");
    }
}

#[test]
fn what_may_be_there_stays_in_the_journal() {
    // It takes the request, and nobody hears its answers.
    let mute = Quirk::PortControl(Oddity::Replaced(portcullis_sim::Forgery::Cut(3)));
    let mut pair = Pair::with(named("pcp-only").with(mute), journalling(&[Method::Pcp]), network());
    pair.map(udp(7777)).unwrap_err();
    pair.drive_for(Duration::from_secs(20));
    pair.assert_idle();
    assert_eq!(pair.record.journal().len(), 1);
    assert!(!pair.record.journal()[0].granted);
    // It heard at least that nobody wants it any more.
    assert!(pair.gateway.mappings().is_empty());
}

#[test]
fn a_cancelled_mapping_leaves_the_journal_when_it_is_deleted() {
    for name in ["pcp-only", "nat-pmp-only", "all-protocols", "igd2", "all-without-pcp"] {
        for micros in (0..6_000).step_by(250) {
            let mut pair = pair(name, &[]);
            let operation = pair.start(|client, now| client.map(now, udp(7777), TIMEOUT));
            pair.drive_for(Duration::from_micros(micros));
            if pair.record.result(operation).is_some() {
                break;
            }
            pair.start(|client, now| client.cancel(now, operation));
            pair.drive_for(Duration::from_secs(20));
            assert_eq!(pair.record.journal(), [], "{name}: {micros} us");
            assert!(pair.gateway.mappings().is_empty(), "{name}: {micros} us");
        }
    }
}

#[test]
fn what_is_left_open_on_purpose_says_so() {
    for name in ["pcp-only", "nat-pmp-only", "igd2", "all-protocols"] {
        let mut pair = pair(name, &[]);
        let granted = map(&mut pair, udp(7777).lifetime(Lifetime::from_seconds(7_200)));
        pair.start(|client, _| client.leave_open(&granted));
        let held = pair.record.journal();
        let [entry] = &held[..] else { panic!("{name}: {held:?}") };
        assert!(entry.custody == Custody::LeftOpen && entry.granted, "{name}");
        pair.drive_for(Duration::from_secs(20));
        assert_eq!(pair.gateway.mappings().len(), 1, "{name}");
        pair.assert_idle();
    }
}

/// A client that finds it in the journal closes it by its port.
#[test]
fn what_was_left_open_is_closed_by_a_later_process() {
    for name in ["pcp-only", "nat-pmp-only", "igd2", "all-protocols"] {
        let mut first = pair(name, &[]);
        let granted = map(&mut first, udp(7777));
        first.start(|client, _| client.leave_open(&granted));
        let mut second = Pair::with(named(name), Config { seed: [6, 6], ..journalling(&[]) }, network());
        core::mem::swap(&mut second.gateway, &mut first.gateway);
        second.now = first.now;
        second.start(|client, _| client.restore(Vec::new(), first.record.journal()));
        assert_eq!(second.close(7777, false), Ok(true), "{name}");
        assert!(second.gateway.mappings().is_empty(), "{name}");
        second.drive_for(Duration::from_secs(20));
        second.assert_idle();
    }
}

/// What is held is asked for once more, and that is cancelled: it is held, and written, as before.
#[test]
fn a_second_request_that_is_cancelled_leaves_the_entry_of_the_first() {
    for name in ["pcp-only", "nat-pmp-only", "igd2", "all-protocols"] {
        for micros in (0..4_000).step_by(250) {
            for ends in [false, true] {
                let mut pair = pair(name, &[]);
                let granted = map(&mut pair, udp(7777));
                let second = pair.start(|client, now| client.map(now, udp(7777), TIMEOUT));
                pair.drive_for(Duration::from_micros(micros));
                if pair.record.result(second).is_some() {
                    continue;
                }
                pair.start(|client, now| client.cancel(now, second));
                pair.drive_for(Duration::from_secs(20));
                let written = pair.record.journal();
                // Another protocol may have taken the request: that is written until the mapping ends.
                let granted_ones = written.iter().filter(|entry| entry.granted).count();
                assert_eq!(granted_ones, 1, "{name}, {micros} us: {written:?}");
                assert_eq!(pair.gateway.mappings().len(), 1, "{name}, {micros} us");
                if ends {
                    let released = pair.start(|client, now| client.release(now, &granted, TIMEOUT));
                    pair.drive_until_finished(released).unwrap();
                } else {
                    pair.start(|client, _| client.leave_open(&granted));
                }
                pair.drive_for(Duration::from_secs(20));
                let left = usize::from(!ends);
                assert_eq!(pair.record.journal().len(), left, "{name}, {micros} us");
                assert_eq!(pair.gateway.mappings().len(), left, "{name}, {micros} us");
                pair.assert_idle();
            }
        }
    }
}
