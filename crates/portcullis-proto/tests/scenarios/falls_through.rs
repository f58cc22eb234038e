//! A refusal falls through at once to the next protocol and the next gateway, and every attempt is in the error.

use crate::pair::{Pair, SimPeer, TIMEOUT, network, network_with_two_gateways, udp};
use core::cell::RefCell;
use core::time::Duration;
use portcullis_proto::client::{Attempt, Config, Error, ErrorKind, Failure, Method, Step};
use portcullis_proto::wire::{natpmp, pcp};
use portcullis_sim::{
    Forgery, Gateway, HttpOddity, On, PortControlOddity as Oddity, Quirk, Scenario, VersionAnswer,
};
use std::rc::Rc;

const OTHER: &str = "192.168.1.2:5000";

fn named(name: &str) -> Scenario {
    name.parse().unwrap()
}

fn odd(oddity: Oddity) -> Quirk {
    Quirk::PortControl(oddity)
}

/// The preferred default gateway and another one.
fn two(first: Scenario, second: Scenario) -> (Pair, Rc<RefCell<SimPeer>>) {
    let mut pair = Pair::with(first, Config::default(), network_with_two_gateways());
    let other = Rc::new(RefCell::new(SimPeer::new(Gateway::new(second, OTHER.parse().unwrap()))));
    pair.add(Rc::clone(&other));
    (pair, other)
}

fn told(error: &Error) -> Vec<(&str, Step, &Failure)> {
    error
        .attempts()
        .iter()
        .map(|Attempt { gateway, step, failure, .. }| (gateway.as_str(), *step, failure))
        .collect()
}

fn settles(pair: &mut Pair) {
    pair.drive_for(Duration::from_secs(20));
    pair.assert_idle();
}

#[test]
fn a_refusal_costs_a_round_trip_and_no_more() {
    // PCP refuses, NAT-PMP maps; both refuse, UPnP maps.
    let refused_by_pcp = Scenario::igd2().with(Quirk::Pcp).with(odd(Oddity::PcpResult(2)));
    for (scenario, method, most) in [
        (refused_by_pcp.clone().with(Quirk::NatPmp).with(Quirk::NoUpnp), Method::NatPmp, 2),
        (refused_by_pcp.clone().with(Quirk::NatPmp).with(odd(Oddity::NatPmpResult(2))), Method::Igd, 8),
        (refused_by_pcp.with(Quirk::NatPmp), Method::NatPmp, 2),
    ] {
        let mut pair = Pair::every_protocol(scenario);
        assert_eq!(pair.map(udp(7777)).unwrap().method(), method);
        assert!(pair.now.since_start() <= Duration::from_millis(most), "{:?}", pair.now);
        settles(&mut pair);
        assert_eq!(pair.gateway.mappings().len(), 1);
    }
}

/// What UPnP refuses, NAT-PMP may grant, although it waited for UPnP to be done.
#[test]
fn a_refusal_of_upnp_falls_through_at_once() {
    for quirk in [
        Quirk::Fault("AddPortMapping", 606),
        Quirk::Fault("AddPortMapping", 401),
        Quirk::Http(On::Action("AddPortMapping"), HttpOddity::Delay(Duration::from_secs(3))),
    ] {
        let config = Config { methods: vec![Method::Igd, Method::NatPmp], ..Config::default() };
        let mut pair = Pair::with(named("all-without-pcp").with(quirk), config, network());
        assert_eq!(pair.map(udp(7777)).unwrap().method(), Method::NatPmp, "{quirk:?}");
        let is_slow = matches!(quirk, Quirk::Http(_, HttpOddity::Delay(_)));
        let most = Duration::from_millis(if is_slow { 1_100 } else { 60 });
        assert!(pair.now.since_start() <= most, "{quirk:?}: {:?}", pair.now);
        settles(&mut pair);
        assert_eq!(pair.gateway.mappings().len(), 1, "{quirk:?}");
    }
}

#[test]
fn refused_everywhere_is_an_error_with_every_attempt() {
    let scenario = named("not-authorized")
        .with(Quirk::NatPmp)
        .with(Quirk::Pcp)
        .with(odd(Oddity::PcpResult(2)))
        .with(odd(Oddity::NatPmpResult(2)));
    let mut pair = Pair::every_protocol(scenario);
    let error = pair.map(udp(7777)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let attempts = told(&error);
    let gateway = "192.168.1.1";
    assert!(attempts.contains(&(
        gateway,
        Step::Action("PCP MAP"),
        &Failure::Pcp(pcp::ResultCode::NotAuthorized)
    )));
    assert!(attempts.contains(&(
        gateway,
        Step::Action("NAT-PMP external address"),
        &Failure::NatPmp(natpmp::ResultCode::NotAuthorized)
    )));
    assert!(attempts.iter().any(|(_, step, failure)| {
        *step == Step::Action("AddPortMapping") && matches!(failure, Failure::Fault(..))
    }));
    assert_eq!(attempts.len(), 3, "{attempts:?}");
    assert!(pair.now.since_start() < Duration::from_millis(300), "{:?}", pair.now);
    settles(&mut pair);
}

/// Somebody has said no, and the others say nothing: it is not worth the whole timeout.
#[test]
fn an_error_does_not_wait_for_those_who_are_silent() {
    for name in ["nat-pmp-refused", "pcp-nested-nat", "pcp-error-storm"] {
        let mut pair = Pair::every_protocol(named(name));
        let error = pair.map(udp(7777)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{name}: {error}");
        let took = pair.now.since_start();
        assert!(took <= Duration::from_millis(2_100), "{name}: {took:?}");
        settles(&mut pair);
    }
    // Silent on PCP, and no to NAT-PMP.
    let scenario = named("nat-pmp-refused").with(odd(Oddity::VersionAnswer(VersionAnswer::None)));
    let mut pair = Pair::every_protocol(scenario);
    assert_eq!(pair.map(udp(7777)).unwrap_err().kind(), ErrorKind::Refused);
    assert!(pair.now.since_start() <= Duration::from_millis(2_100), "{:?}", pair.now);
    settles(&mut pair);
}

/// A device that answers the search is waited for, also when others have said no.
#[test]
fn a_slow_upnp_is_still_waited_for() {
    for slow in [
        Quirk::SearchDelay(Duration::from_millis(1_500)),
        Quirk::Http(On::Any, HttpOddity::Delay(Duration::from_millis(1_500))),
    ] {
        let mut pair = Pair::every_protocol(named("pcp-refused").with(slow));
        assert_eq!(pair.map(udp(7777)).unwrap().method(), Method::Igd);
        settles(&mut pair);
    }
}

#[test]
fn icmp_is_a_hint_and_then_a_verdict() {
    let config = Config { methods: vec![Method::Pcp, Method::NatPmp], ..Config::default() };
    let mut pair = Pair::with(named("no-protocol"), config, network());
    let error = pair.map(udp(7777)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoGateway);
    assert!(
        error.attempts().iter().all(|attempt| matches!(attempt.failure, Failure::Unreachable(_))),
        "{error:?}"
    );
    // Two requests each, at the pace of a first contact.
    let sends: Vec<_> =
        pair.record.port_control().iter().map(|(at, ..)| at.since_start().as_millis()).collect();
    assert_eq!(sends, [0, 0, 250, 250]);
    assert!(pair.now.since_start() <= Duration::from_millis(260), "{:?}", pair.now);
    settles(&mut pair);
}

#[test]
fn a_version_that_is_not_spoken_ends_that_protocol_alone() {
    // Every answer twice: the second refusal of PCP is about nothing else.
    let twice = odd(Oddity::Repeats { count: 3, interval: Duration::from_micros(300) });
    for name in ["nat-pmp-only", "nat-pmp-response-bit", "nat-pmp-long-version", "pcp-only"] {
        for preferred in [[Method::Pcp, Method::NatPmp], [Method::NatPmp, Method::Pcp]] {
            let config = Config { methods: preferred.to_vec(), ..Config::default() };
            let mut pair = Pair::with(named(name).with(twice), config, network());
            let granted =
                pair.map(udp(7777)).unwrap_or_else(|error| panic!("{name}, {preferred:?}: {error}"));
            assert_eq!(granted.method() == Method::Pcp, name == "pcp-only");
            settles(&mut pair);
        }
    }
    // One that speaks PCP only, and says so in the layout of NAT-PMP.
    let scenario =
        named("pcp-only").with(odd(Oddity::VersionAnswer(VersionAnswer::NatPmpLayout))).with(twice);
    let mut pair = Pair::every_protocol(scenario);
    assert_eq!(pair.map(udp(7777)).unwrap().method(), Method::Pcp);
}

#[test]
fn the_preferred_gateway_has_the_mapping_by_whatever_it_speaks() {
    for (first, method) in
        [("pcp-only", Method::Pcp), ("nat-pmp-only", Method::NatPmp), ("all-protocols", Method::Pcp)]
    {
        let (mut pair, other) = two(named(first), named("pcp-and-nat-pmp"));
        let granted = pair.map(udp(7777)).unwrap();
        assert_eq!((granted.method(), granted.gateway.as_str()), (method, "192.168.1.1"), "{first}");
        assert!(other.borrow().mappings().is_empty());
        settles(&mut pair);
        assert!(other.borrow().mappings().is_empty());
    }
}

#[test]
fn the_other_gateway_has_it_where_the_preferred_one_refuses() {
    for first in ["nat-pmp-refused", "pcp-nested-nat", "no-protocol", "pcp-error-storm"] {
        for (second, method) in [
            ("pcp-only", Method::Pcp),
            ("nat-pmp-only", Method::NatPmp),
            ("all-protocols", Method::Pcp),
            ("igd2", Method::Igd),
        ] {
            let (mut pair, other) = two(named(first), named(second));
            let granted = pair.map(udp(7777)).unwrap_or_else(|error| panic!("{first}, {second}: {error}"));
            assert_eq!(granted.method(), method, "{first}, {second}");
            assert!(granted.gateway.contains("192.168.1.2"), "{}", granted.gateway);
            assert!(pair.now.since_start() < Duration::from_millis(100), "{first}, {second}: {:?}", pair.now);
            settles(&mut pair);
            assert_eq!(other.borrow().mappings().len(), 1, "{first}, {second}");
            assert!(pair.gateway.mappings().is_empty(), "{first}, {second}");
        }
    }
}

/// Grants of nobody: the next gateway is asked after a while, and what the first may have made is taken back.
#[test]
fn a_gateway_that_falls_silent_after_its_probe_is_not_waited_for_alone() {
    let mute = odd(Oddity::Replaced(Forgery::Cut(3)));
    let (mut pair, other) = two(named("nat-pmp-only"), named("nat-pmp-only"));
    let operation = pair.start(|client, now| client.map(now, udp(7777), TIMEOUT));
    // Both have answered; now the first one hears, and is not heard.
    pair.drive_for(Duration::from_micros(900));
    let scenario = named("nat-pmp-only").with(mute);
    *pair.gateway = Gateway::new(scenario, "192.168.1.1:5000".parse().unwrap());
    assert!(pair.drive_until_finished(operation).is_ok());
    let took = pair.now.since_start();
    assert!(took < Duration::from_millis(2_100), "{took:?}");
    assert_eq!(other.borrow().mappings().len(), 1);
}

#[test]
fn both_gateways_are_named_in_the_error() {
    let (mut pair, _) = two(named("nat-pmp-refused"), named("pcp-nested-nat"));
    let error = pair.map(udp(7777)).unwrap_err();
    for (gateway, failure) in [
        ("192.168.1.1", Failure::NatPmp(natpmp::ResultCode::NotAuthorized)),
        ("192.168.1.2", Failure::Pcp(pcp::ResultCode::AddressMismatch)),
    ] {
        assert!(
            error.attempts().iter().any(|attempt| attempt.gateway == gateway && attempt.failure == failure),
            "{error:?}"
        );
    }
    settles(&mut pair);
}

/// Without a default gateway there is nobody to ask, and that is what is said.
#[test]
fn without_a_default_gateway_that_is_told() {
    let mut network = network();
    network.default_gateways.clear();
    let config = Config { methods: vec![Method::Pcp, Method::NatPmp], ..Config::default() };
    let mut pair = Pair::with(named("pcp-only"), config, network);
    let error = pair.map(udp(7777)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoGateway);
    assert_eq!(error.attempts()[0].failure, Failure::NoDefaultGateway);
    assert_eq!(pair.now.since_start(), Duration::ZERO);
}

/// A gateway that a person named is asked at the port that he named, and nobody else is asked.
#[test]
fn a_named_server_is_asked_and_nobody_else() {
    for (name, method) in
        [("pcp-only", Method::Pcp), ("nat-pmp-only", Method::NatPmp), ("all-protocols", Method::Pcp)]
    {
        let gateways = vec!["pcp://192.168.1.1:6666".parse().unwrap()];
        let config = Config { gateways, ..Config::default() };
        let mut pair = Pair::with(named(name), config, network());
        pair.gateway.set_port_control_address("192.168.1.1:6666".parse().unwrap());
        let granted = pair.map(udp(7777)).unwrap();
        assert_eq!(granted.method(), method, "{name}");
        assert_eq!(granted.grantor.remote().to_string(), "192.168.1.1:6666");
        for (_, destination, _) in pair.record.datagrams() {
            assert_eq!(destination.to_string(), "192.168.1.1:6666");
        }
        let released = pair.start(|client, now| client.release(now, &granted, TIMEOUT));
        pair.drive_until_finished(released).unwrap();
        settles(&mut pair);
        assert!(pair.gateway.mappings().is_empty());
    }
}

/// This host got another address while it asked: the request goes out again from the new one, since a PCP server
/// compares it with the address in the request.
#[test]
fn an_address_that_changes_meanwhile_is_not_asked_from_any_more() {
    let mut pair = Pair::with(named("pcp-only"), Config::default(), network());
    pair.gateway = SimPeer::new(Gateway::new(
        named("pcp-only").with(odd(Oddity::IgnoresFirst(1))),
        "192.168.1.1:5000".parse().unwrap(),
    ));
    let operation = pair.start(|client, now| client.map(now, udp(7777), TIMEOUT));
    pair.drive_for(Duration::from_millis(100));
    let mut moved = network();
    moved.interfaces[1].addresses[0].address = "192.168.1.8".parse().unwrap();
    pair.own_address = "192.168.1.8".parse().unwrap();
    pair.start(|client, now| client.set_network(now, moved));
    let Ok(portcullis_proto::client::Outcome::Mapped(granted)) = pair.drive_until_finished(operation) else {
        panic!("not mapped")
    };
    assert_eq!(granted.internal_address.to_string(), "192.168.1.8");
    assert_eq!(pair.gateway.mappings()[0].internal_client, "192.168.1.8");
    settles(&mut pair);
}
