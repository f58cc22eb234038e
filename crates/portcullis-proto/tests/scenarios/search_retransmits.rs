//! When the questions go out, where to, and in what words.

use crate::pair::{Pair, network, udp, upnp_alone};
use core::time::Duration;
use portcullis_proto::Time;
use portcullis_proto::client::{Config, SearchOptions};
use portcullis_sim::{Quirk, Scenario};
use std::collections::BTreeSet;

const UNICAST: &str = "192.168.1.1:1900";
const MULTICAST: &str = "239.255.255.250:1900";

fn silent() -> Pair {
    Pair::new(Scenario::igd1().with(Quirk::AnswersOnly(&[])))
}

fn send_times(pair: &Pair) -> Vec<u128> {
    let times: BTreeSet<Time> = pair.record.datagrams().iter().map(|(at, ..)| *at).collect();
    times.iter().map(|at| at.since_start().as_millis()).collect()
}

#[test]
fn questions_are_repeated_after_500_1500_and_3500_ms() {
    for (timeout, times) in [
        (10_000, vec![0, 500, 1_500, 3_500]),
        (3_500, vec![0, 500, 1_500]),
        (2_000, vec![0, 500, 1_500]),
        (1_000, vec![0, 500]),
        (250, vec![0]),
    ] {
        let mut options = SearchOptions::default();
        options.timeout = Duration::from_millis(timeout);
        let mut pair = silent();
        assert!(pair.discover(options).is_err());
        assert_eq!(send_times(&pair), times, "{timeout}");
        assert_eq!(pair.now.since_start().as_millis(), u128::from(timeout), "ends at the deadline");
        pair.assert_idle();
    }
}

#[test]
fn every_target_goes_to_the_gateway_first_and_to_everybody_then() {
    let mut pair = silent();
    pair.start(|client, now| client.discover(now, SearchOptions::default()));
    let sent = pair.record.datagrams();
    let destinations: Vec<_> = sent.iter().map(|(_, to, _)| to.to_string()).collect();
    assert_eq!(destinations[..6], [UNICAST; 6]);
    assert_eq!(destinations[6..], [MULTICAST; 6]);
    let target = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("ST: ")).unwrap();
        line.trim_start_matches("ST: ").to_owned()
    };
    let targets: Vec<_> = sent[..6].iter().map(|(.., text)| target(text)).collect();
    assert_eq!(
        targets,
        [
            "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
            "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
            "urn:schemas-upnp-org:service:WANIPConnection:1",
            "urn:schemas-upnp-org:service:WANIPConnection:2",
            "urn:schemas-upnp-org:service:WANPPPConnection:1",
            "upnp:rootdevice",
        ]
    );
    assert!(targets.iter().eq(sent[6..].iter().map(|(.., text)| target(text)).collect::<Vec<_>>().iter()));
}

#[test]
fn a_search_for_a_gateway_ends_100_ms_after_it_has_one() {
    let mut pair = Pair::new(Scenario::igd1());
    pair.map(udp(7777)).unwrap();
    pair.drive_for(Duration::from_secs(10));
    assert_eq!(send_times(&pair), [0], "no question after the answer");
    let closed = pair.record.outputs.last().unwrap().0;
    assert!(closed.since_start() < Duration::from_millis(110), "{closed:?}");
    pair.assert_idle();
}

#[test]
fn a_lost_question_is_made_up_for_by_the_next() {
    let mut pair = Pair::new(Scenario::igd1());
    let loss = |loss| portcullis_sim::LinkConfig { loss, ..portcullis_sim::LinkConfig::default() };
    pair.wire.up.set_config(loss(100));
    let operation = pair.start(|client, now| client.map(now, udp(7777), Duration::from_secs(5)));
    pair.drive_for(Duration::from_millis(400));
    pair.wire.up.set_config(loss(0));
    pair.drive_until_finished(operation).unwrap();
    assert!(pair.now.since_start() < Duration::from_millis(510), "{:?}", pair.now);
}

#[test]
fn a_known_gateway_is_not_searched_for_again() {
    let mut pair = Pair::new(Scenario::igd1());
    pair.map(udp(7777)).unwrap();
    pair.drive_for(Duration::from_secs(1));
    let sent = pair.record.datagrams().len();
    pair.map(udp(7778)).unwrap();
    pair.list().unwrap();
    assert_eq!(pair.record.datagrams().len(), sent);
    assert_eq!(pair.gateway.counters().gets, 1);
}

#[test]
fn another_network_is_searched_anew() {
    let mut pair = Pair::new(Scenario::igd1());
    pair.map(udp(7777)).unwrap();
    pair.drive_for(Duration::from_secs(1));
    let sent = pair.record.datagrams().len();
    let mut moved = network();
    moved.interfaces[1].name = "wlan0".into();
    pair.start(|client, now| client.set_network(now, moved));
    pair.map(udp(7778)).unwrap();
    // Six targets of the group and of the gateway, and whether anything listens there.
    assert_eq!(pair.record.datagrams().len(), sent + 13);
}

#[test]
fn a_gateway_that_was_named_is_asked_and_nobody_else() {
    let named = |gateway: &str| {
        let config = Config { gateways: vec![gateway.parse().unwrap()], ..upnp_alone() };
        Pair::with(Scenario::igd1(), config, network())
    };
    let mut pair = named("192.168.1.1");
    pair.map(udp(7777)).unwrap();
    assert!(pair.record.datagrams().iter().all(|(_, to, _)| to.to_string() == UNICAST));

    let mut pair = named("http://192.168.1.1:5000/rootDesc.xml");
    pair.map(udp(7777)).unwrap();
    assert!(pair.record.datagrams().is_empty());
    assert!(pair.now.since_start() < Duration::from_millis(10));
}
