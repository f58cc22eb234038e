//! A device that is announced but dead, silent or dripping costs the real gateway's mapping nothing.

use crate::pair::{Pair, TIMEOUT, udp};
use core::time::Duration;
use portcullis_proto::client::ErrorKind;
use portcullis_sim::{DeadLocation, Quirk, Scenario};

const DEAD: [DeadLocation; 4] =
    [DeadLocation::BlackHole, DeadLocation::Refused, DeadLocation::Silent, DeadLocation::Drip];

fn time_to_map(scenario: Scenario) -> Duration {
    let mut pair = Pair::new(scenario);
    pair.map(udp(7777)).unwrap();
    let took = pair.now.since_start();
    pair.drive_for(Duration::from_secs(10));
    pair.assert_idle();
    took
}

#[test]
fn mapping_takes_as_long_as_without_it() {
    let alone = time_to_map(Scenario::igd1());
    for dead in DEAD {
        assert_eq!(time_to_map(Scenario::igd1().with(Quirk::AlsoAnnounces(dead))), alone, "{dead:?}");
    }
}

#[test]
fn a_whole_street_of_dead_devices_costs_nothing_either() {
    let alone = time_to_map(Scenario::igd1());
    // An address has four places: three dead devices and the gateway itself.
    let street =
        DEAD[..3].iter().fold(Scenario::igd1(), |street, &dead| street.with(Quirk::AlsoAnnounces(dead)));
    assert_eq!(time_to_map(street), alone);
}

#[test]
fn a_dead_device_alone_is_no_gateway_at_the_deadline() {
    for dead in DEAD {
        let mut pair = Pair::new(Scenario::igd1().with(Quirk::AnnouncesOnly(dead)));
        let error = pair.map(udp(7777)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoGateway, "{dead:?}: {error}");
        assert_eq!(pair.now.since_start(), TIMEOUT, "{dead:?}");
        assert!(error.attempts().iter().any(|attempt| attempt.gateway == "192.168.1.1"), "{dead:?}: {error}");
        pair.assert_idle();
    }
}

#[test]
fn nobody_at_all_is_no_gateway_at_the_deadline() {
    for millis in [1, 250, 1_000, 3_000] {
        let mut pair = Pair::new(Scenario::igd1().with(Quirk::AnswersOnly(&[])));
        let timeout = Duration::from_millis(millis);
        let operation = pair.start(|client, now| client.map(now, udp(7777), timeout));
        let error = pair.drive_until_finished(operation).unwrap_err();
        assert_eq!((error.kind(), pair.now.since_start()), (ErrorKind::NoGateway, timeout));
        pair.assert_idle();
    }
}
