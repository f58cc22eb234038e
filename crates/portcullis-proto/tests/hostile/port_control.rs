//! Hostile answers of NAT-PMP and PCP, row by row of docs/ATTACKS.md.

use crate::gateway::{odd, survives};
use crate::pair::{Pair, TIMEOUT, network, udp};
use core::time::Duration;
use portcullis_proto::client::io::Input;
use portcullis_proto::client::{Config, ErrorKind, Failure, Method};
use portcullis_proto::wire::{natpmp, pcp};
use portcullis_proto::{AddressKind, Lifetime};
use portcullis_sim::{Forgery, PortControlOddity as Oddity, Quirk, Scenario};
use std::io;

const BOTH: [Method; 2] = [Method::Pcp, Method::NatPmp];
const OFTEN: Oddity = Oddity::Repeats { count: 1_000, interval: Duration::from_millis(1) };

/// Before the answer, it changes nothing; in place of the answer, it is none.
#[track_caller]
fn is_ignored(method: Method, forgery: Forgery) {
    let granted = survives(&odd(method, &[Oddity::Preceded(forgery)])).unwrap();
    assert_eq!((granted.method(), granted.external_port.get()), (method, 7777), "{forgery:?}");
    let error = survives(&odd(method, &[Oddity::Replaced(forgery)])).unwrap_err();
    // The refusal of the other protocol may have come through unharmed.
    let nobody = matches!(error.kind(), ErrorKind::NoGateway | ErrorKind::NoService | ErrorKind::Timeout);
    assert!(nobody, "{forgery:?}: {error}");
}

/// F1 and F2
#[test]
fn answers_from_elsewhere_are_ignored() {
    for method in BOTH {
        is_ignored(method, Forgery::WrongAddress);
        is_ignored(method, Forgery::WrongPort);
    }
}

/// F3
#[test]
fn answers_of_a_wrong_length_are_ignored() {
    for length in (0..12).chain([23, 24, 25, 28, 56, 58, 59]) {
        is_ignored(Method::Pcp, Forgery::Cut(length));
    }
    for length in 0..8 {
        is_ignored(Method::NatPmp, Forgery::Cut(length));
    }
    for padding in [1, 2, 3, 4, 1_040, 1_041, 1_044, 2_000] {
        is_ignored(Method::Pcp, Forgery::Padded(padding));
        is_ignored(Method::NatPmp, Forgery::Padded(padding));
    }
}

/// F4
#[test]
fn our_own_request_is_no_answer() {
    for method in BOTH {
        is_ignored(method, Forgery::Request);
    }
}

/// F5
#[test]
fn answers_to_other_questions_are_ignored() {
    is_ignored(Method::Pcp, Forgery::WrongOpcode);
    is_ignored(Method::Pcp, Forgery::WrongProtocol);
    is_ignored(Method::Pcp, Forgery::WrongInternalPort);
    for forgery in [Forgery::WrongOpcode, Forgery::WrongProtocol, Forgery::WrongInternalPort] {
        let granted = survives(&odd(Method::NatPmp, &[Oddity::Preceded(forgery)])).unwrap();
        assert_eq!(granted.external_port.get(), 7777, "{forgery:?}");
        assert!(survives(&odd(Method::NatPmp, &[Oddity::Replaced(forgery)])).is_err(), "{forgery:?}");
    }
}

/// F6
#[test]
fn a_nonce_that_is_wrong_in_one_bit_is_not_ours() {
    is_ignored(Method::Pcp, Forgery::WrongNonce);
}

/// F7
#[test]
fn every_result_code_is_told() {
    for code in (2..=6).chain([7, 255, 256, 65_535]) {
        let error = survives(&odd(Method::NatPmp, &[Oddity::NatPmpResult(code)])).unwrap_err();
        let failure = Failure::NatPmp(natpmp::ResultCode::from(code));
        assert!(error.attempts().iter().any(|attempt| attempt.failure == failure), "{code}: {error:?}");
        assert!(matches!(error.kind(), ErrorKind::Refused | ErrorKind::Unsupported), "{code}: {error}");
    }
    for code in (2..=14).chain([127, 128, 255]) {
        let error = survives(&odd(Method::Pcp, &[Oddity::PcpResult(code)])).unwrap_err();
        if code == 11 {
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            continue;
        }
        let failure = Failure::Pcp(pcp::ResultCode::from(code));
        assert!(error.attempts().iter().any(|attempt| attempt.failure == failure), "{code}: {error:?}");
        assert!(matches!(error.kind(), ErrorKind::Refused | ErrorKind::Unsupported), "{code}: {error}");
    }
}

/// F8: nobody is asked twice for the sake of a version.
#[test]
fn a_loop_of_versions_is_not_followed() {
    for versions in [&[1, 2, 3, 255][..], &[255], &[3, 1]] {
        let scenario = odd(Method::Pcp, &[Oddity::OtherVersions(versions)]);
        let error = survives(&scenario).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoService, "{versions:?}: {error}");
        let mut pair = Pair::every_protocol(scenario);
        pair.map(udp(7777)).unwrap_err();
        assert_eq!(pair.gateway.counters().pcp, 1, "{versions:?}");
    }
}

/// The version that was asked in, refused in that very version: there is no other one to ask in.
#[test]
fn a_refusal_of_its_own_version_ends_pcp_at_once() {
    let refuses = Quirk::PortControl(Oddity::OtherVersions(&[2]));
    let error = survives(&odd(Method::Pcp, &[Oddity::OtherVersions(&[2])])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoService, "{error}");
    let attempts = error.attempts();
    assert!(attempts.iter().any(|attempt| attempt.failure == Failure::UnsupportedVersion), "{error:?}");

    let both: Scenario = "pcp-and-nat-pmp".parse().unwrap();
    // With the request in it, and as a bare header.
    for length in [1_100, 24] {
        let cut = Quirk::PortControl(Oddity::OtherVersionsCut(length));
        let mut pair = Pair::every_protocol(both.clone().with(refuses).with(cut));
        let granted = pair.map(udp(7777)).unwrap();
        assert_eq!(granted.method(), Method::NatPmp, "{length}");
        assert_eq!((pair.now.since_start(), pair.gateway.counters().pcp), (Duration::from_millis(2), 1));
    }
}

/// F9
#[test]
fn an_answer_of_nat_pmp_to_pcp_is_acted_on_at_once() {
    for name in ["nat-pmp-only", "nat-pmp-response-bit", "nat-pmp-long-version"] {
        let granted = survives(&name.parse().unwrap()).unwrap();
        assert_eq!(granted.method(), Method::NatPmp, "{name}");
        let mut pair = Pair::every_protocol(name.parse().unwrap());
        pair.map(udp(7777)).unwrap();
        assert_eq!((pair.now.since_start(), pair.gateway.counters().pcp), (Duration::from_millis(2), 1));
    }
}

/// F10
#[test]
fn lifetimes_are_clamped() {
    for method in BOTH {
        for (lifetime, told) in [(1, 1), (u32::MAX, 86_400)] {
            let granted = survives(&odd(method, &[]).with(Quirk::LeaseAlways(lifetime))).unwrap();
            assert_eq!(granted.lifetime, Lifetime::from_seconds(told));
        }
        survives(&odd(method, &[]).with(Quirk::LeaseAlways(0))).unwrap_err();
    }
    for lifetime in [0, 1, u32::MAX] {
        let error = survives(&odd(Method::Pcp, &[Oddity::PcpResult(8), Oddity::ErrorLifetime(lifetime)]))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
}

/// F11: a thousand refusals a second are one.
#[test]
fn a_storm_of_refusals_is_one_verdict() {
    for (method, oddity) in [
        (Method::Pcp, Oddity::PcpResult(8)),
        (Method::Pcp, Oddity::PcpResult(7)),
        (Method::NatPmp, Oddity::NatPmpResult(4)),
    ] {
        let scenario = odd(method, &[oddity, OFTEN]);
        let error = survives(&scenario).unwrap_err();
        let refusals = error.attempts().iter().filter(|attempt| attempt.failure.kind() == ErrorKind::Refused);
        assert_eq!(refusals.count(), 1, "{error:?}");
        let mut pair = Pair::every_protocol(scenario);
        pair.map(udp(7777)).unwrap_err();
        assert!(pair.record.port_control().len() <= 4, "{:?}", pair.record.port_control().len());
    }
}

/// F12
#[test]
fn a_storm_of_answers_is_one_answer() {
    for method in BOTH {
        for oddities in [&[OFTEN][..], &[OFTEN, Oddity::Preceded(Forgery::Previous)]] {
            let granted = survives(&odd(method, oddities)).unwrap();
            assert_eq!(granted.external_port.get(), 7777);
        }
    }
}

/// F13
#[test]
fn an_answer_after_two_minutes_is_nobodys() {
    for method in BOTH {
        let late = Oddity::Delay(Duration::from_secs(130));
        survives(&odd(method, &[late])).unwrap_err();
        let mut pair = Pair::every_protocol(odd(method, &[late]));
        let operation = pair.start(|client, now| client.map(now, udp(7777), Duration::from_secs(5)));
        pair.drive_until_finished(operation).unwrap_err();
        pair.drive_for(Duration::from_secs(20));
        pair.assert_idle();
        // The next request does not take the late answer to the first for its own.
        pair.drive_for(Duration::from_secs(100));
        pair.gateway.remove_quirk(Quirk::PortControl(late));
        let operation = pair.start(|client, now| client.map(now, udp(7778), Duration::from_secs(30)));
        let outcome = pair.drive_until_finished(operation);
        let ports: Vec<_> = pair.gateway.mappings().iter().map(|mapping| mapping.external_port).collect();
        assert!(outcome.is_ok() && ports.contains(&7778), "{outcome:?}, {ports:?}");
    }
}

/// F14
#[test]
fn another_port_is_a_conflict_and_port_0_none() {
    for method in BOTH {
        let error = survives(&odd(method, &[]).with(Quirk::AnyPortNeverTheAsked)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let error = survives(&odd(method, &[Oddity::AssignsPortZero])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
    }
}

/// F15
#[test]
fn an_address_that_no_host_has_is_told_as_that() {
    for method in BOTH {
        for address in ["127.0.0.1", "224.0.0.1", "255.255.255.255", "169.254.1.1"] {
            let granted = survives(&odd(method, &[Oddity::AssignsAddress(address)])).unwrap();
            assert_eq!(
                granted.external_address.map(AddressKind::of),
                Some(AddressKind::Reserved),
                "{address}"
            );
        }
        assert_eq!(
            survives(&odd(method, &[Oddity::AssignsAddress("0.0.0.0")])).unwrap().external_address,
            None
        );
    }
    for address in ["::", "2001:4860::1", "::1"] {
        let granted = survives(&odd(Method::Pcp, &[Oddity::AssignsAddress(address)])).unwrap();
        assert_eq!(granted.external_address, None, "{address}");
    }
}

/// F18: once is a hint, whoever it is from.
#[test]
fn one_icmp_refusal_ends_nothing() {
    for method in BOTH {
        let mut pair = Pair::every_protocol(odd(method, &[Oddity::IgnoresFirst(1)]));
        let operation = pair.start(|client, now| client.map(now, udp(7777), Duration::from_secs(5)));
        let socket = pair.record.binds()[0].socket;
        assert!(pair.record.binds()[0].peer.is_some());
        pair.drive_for(Duration::from_micros(100));
        for _ in 0..50 {
            pair.input(Input::SendFailed { socket, error: io::ErrorKind::ConnectionRefused });
        }
        pair.drive_until_finished(operation).unwrap();
    }
    let error = survives(&"no-protocol".parse().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoGateway);
}

/// F19
#[test]
fn malformed_options_make_an_answer_none() {
    let too_many: &'static [u8] = Vec::leak([128, 0, 0, 0].repeat(200));
    for options in [
        &[2, 0, 0, 4][..],
        &[2, 0, 255, 255],
        &[127, 0, 0, 0],
        &[
            1, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1, 1, 0, 0, 16, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 255, 255, 10, 0, 0, 1,
        ],
        &[3, 0, 0, 1, 0, 0, 0, 0],
        too_many,
    ] {
        let error = survives(&odd(Method::Pcp, &[Oddity::Appends(options)])).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::NoGateway | ErrorKind::NoService | ErrorKind::Timeout),
            "{error}"
        );
    }
    // Those that may be passed over are.
    assert!(survives(&odd(Method::Pcp, &[Oddity::Appends(&[200, 0, 0, 4, 1, 2, 3, 4])])).is_ok());
}

/// F20
#[test]
fn the_layout_of_the_other_version_is_no_answer() {
    for method in BOTH {
        is_ignored(method, Forgery::WrongVersion);
    }
}

/// F21: at the times of RFC 6886 section 3.1, which PCP's first contact keeps to as well.
#[test]
fn the_fourth_and_the_ninth_request_may_be_the_first_that_is_answered() {
    for method in BOTH {
        for (ignored, at) in [(3, 1_750), (8, 63_750)] {
            let scenario = odd(method, &[Oddity::IgnoresFirst(ignored)]);
            let config = Config { methods: vec![method], ..Config::default() };
            let mut pair = Pair::with(scenario, config, network());
            let operation = pair.start(|client, now| client.map(now, udp(7777), Duration::from_secs(300)));
            pair.drive_until_finished(operation).unwrap();
            let sends: Vec<_> =
                pair.record.port_control().iter().map(|(at, ..)| at.since_start().as_millis()).collect();
            let schedule = [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 31_750, 63_750];
            let count = usize::try_from(ignored).unwrap() + 1;
            assert_eq!(sends[..count], schedule[..count], "{method}");
            assert_eq!(sends[count - 1], at);
        }
    }
    let slow: Scenario = "pcp-slow".parse().unwrap();
    assert!(survives(&slow).is_ok());
}

/// F22
#[test]
fn a_nat_in_between_is_told_as_that() {
    let error = survives(&"pcp-nested-nat".parse().unwrap()).unwrap_err();
    let mismatch = Failure::Pcp(pcp::ResultCode::AddressMismatch);
    assert!(error.attempts().iter().any(|attempt| attempt.failure == mismatch), "{error:?}");
    assert!(error.to_string().contains("another NAT"), "{error}");
}

/// F11 and F12: the copy of a refusal ends another request for the same mapping, which is granted all the same.
#[test]
fn a_refusal_that_comes_twice_leaves_nothing_behind() {
    let repeats = Oddity::Repeats { count: 1, interval: Duration::from_micros(300) };
    let refusal = Quirk::PortControl(Oddity::PcpResult(8));
    let mut pair = Pair::every_protocol(odd(Method::Pcp, &[repeats]));
    // The line is there, and the server is known to be.
    pair.map(udp(7000)).unwrap();
    pair.close(7000, false).unwrap();
    pair.gateway.add_quirk(refusal);
    let first = pair.start(|client, now| client.map(now, udp(7777), TIMEOUT));
    pair.drive_for(Duration::from_micros(700));
    pair.gateway.remove_quirk(refusal);
    let second = pair.start(|client, now| client.map(now, udp(7777), TIMEOUT));
    pair.drive_until_finished(first).unwrap_err();
    pair.drive_until_finished(second).unwrap_err();
    assert_eq!(pair.gateway.mappings().len(), 1, "it was granted, and nobody heard");
    pair.drive_for(Duration::from_secs(30));
    assert!(pair.gateway.mappings().is_empty(), "{:?}", pair.gateway.mappings());
}
