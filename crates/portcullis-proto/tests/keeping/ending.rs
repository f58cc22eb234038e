//! The end of the keeping: whatever is under way, the gateway has nothing of ours afterwards.

use crate::asked::{lifetime, of_one_protocol, seconds};
use crate::pair::{Pair, TIMEOUT, udp};
use core::time::Duration;
use portcullis_proto::client::{Closed, Config, Outcome};
use portcullis_sim::{PortControlOddity, Quirk, Scenario};

fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn what_is_released_is_gone_and_was_said_so() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario);
        let (mapping, _) = pair.keep(udp(7777)).unwrap();
        pair.drive_for(seconds(4_000));
        assert!(pair.stop_keeping(mapping).unwrap(), "{method}");
        assert!(pair.gateway.mappings().is_empty());
        assert_eq!(pair.kinds(mapping).last(), Some(&"released"));
        pair.drive_for(seconds(30));
        pair.assert_idle();
    }
}

#[test]
fn a_release_that_is_cancelled_ends_the_keeping() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario);
        let (mapping, _) = pair.keep(udp(7777)).unwrap();
        let release = pair.start(|client, now| client.stop_keeping(now, mapping, TIMEOUT));
        let now = pair.now;
        pair.client.cancel(now, release);
        pair.drive_for(seconds(30));
        assert!(pair.client.kept(mapping).is_none(), "{method}");
        assert!(!pair.kinds(mapping).contains(&"released"), "{method}: what is cancelled is not told");
        pair.assert_idle();
    }
}

#[test]
fn it_can_be_released_at_every_moment_of_a_renewal() {
    for (method, scenario) in of_one_protocol() {
        for after in 0..24 {
            let mut pair = Pair::every_protocol(scenario.clone());
            let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(120))).unwrap();
            pair.drive_until_asked();
            pair.drive_for(Duration::from_micros(after * 250));
            assert!(pair.stop_keeping(mapping).is_ok(), "{method}, {after}");
            pair.drive_for(seconds(30));
            assert!(pair.gateway.mappings().is_empty(), "{method}, {after}: {:?}", pair.gateway.mappings());
            pair.assert_idle();
        }
    }
}

#[test]
fn it_can_be_released_at_every_moment_of_being_made_again() {
    for (method, scenario) in of_one_protocol() {
        for after in 0..40 {
            let mut pair = Pair::every_protocol(scenario.clone());
            let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(3_600))).unwrap();
            pair.drive_for(seconds(10));
            let now = pair.now;
            pair.gateway.reboot(now);
            pair.drive_until("degraded");
            pair.drive_for(milliseconds(after * 130));
            assert!(pair.stop_keeping(mapping).is_ok(), "{method}, {after}");
            pair.drive_for(seconds(30));
            assert!(pair.gateway.mappings().is_empty(), "{method}, {after}: {:?}", pair.gateway.mappings());
            pair.assert_idle();
        }
    }
}

#[test]
fn a_search_that_is_stopped_leaves_nothing() {
    for (method, scenario) in of_one_protocol() {
        for after in [0, 1, 2, 5, 25, 100, 300, 1_100, 4_000, 9_000] {
            let mut pair = Pair::every_protocol(scenario.clone());
            if after > 1_000 {
                pair.gateway.is_off = true;
            }
            let mapping = pair.start(|client, now| client.keep_asking(now, udp(7777)));
            pair.drive_for(milliseconds(after));
            pair.gateway.is_off = false;
            let operation = pair.start(|client, now| client.stop_keeping(now, mapping, TIMEOUT));
            pair.drive_until_finished(operation).unwrap();
            pair.drive_for(seconds(30));
            assert!(pair.gateway.mappings().is_empty(), "{method}, {after}: {:?}", pair.gateway.mappings());
            pair.assert_idle();
        }
    }
}

#[test]
fn a_gateway_that_is_gone_holds_nobody_up() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario);
        let (mapping, _) = pair.keep(udp(7777)).unwrap();
        pair.gateway.is_off = true;
        let before = pair.now;
        let operation = pair.start(|client, now| client.stop_keeping(now, mapping, seconds(2)));
        assert!(pair.drive_until_finished(operation).is_err());
        assert!(pair.now - before <= seconds(2), "{method}");
        pair.drive_for(seconds(30));
        pair.assert_idle();
    }
}

#[test]
fn whoever_stops_twice_is_told_once() {
    let mut pair = Pair::every_protocol(Scenario::igd1());
    let (mapping, _) = pair.keep(udp(7777)).unwrap();
    let first = pair.start(|client, now| client.stop_keeping(now, mapping, TIMEOUT));
    let second = pair.start(|client, now| client.stop_keeping(now, mapping, TIMEOUT));
    assert_eq!(first, second);
    assert_eq!(pair.drive_until_finished(first), Ok(Outcome::Closed(Closed::Deleted)));
    let third = pair.start(|client, now| client.stop_keeping(now, mapping, TIMEOUT));
    assert_eq!(pair.drive_until_finished(third), Ok(Outcome::Closed(Closed::NotOpen)));
}

#[test]
fn what_is_left_open_stays_until_its_time_is_over() {
    for (_, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario);
        let (mapping, _) = pair.keep(udp(7777).lifetime(lifetime(600))).unwrap();
        pair.start(|client, now| client.stop_keeping_open(now, mapping));
        pair.drive_for(seconds(500));
        pair.assert_idle();
        assert_eq!(pair.gateway.mappings().len(), 1);
        pair.drive_for(seconds(101));
        assert!(pair.gateway.mappings().is_empty());
    }
}

#[test]
fn two_mappings_of_one_gateway_live_and_end_apart() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = Pair::every_protocol(scenario);
        let (one, _) = pair.keep(udp(7777).lifetime(lifetime(600))).unwrap();
        let (other, _) = pair.keep(udp(7778).lifetime(lifetime(1_000))).unwrap();
        pair.drive_for(seconds(3_000));
        let now = pair.now;
        pair.gateway.reboot(now);
        pair.drive_for(seconds(100));
        assert_eq!(pair.gateway.mappings().len(), 2, "{method}");
        assert!(pair.is_well(one) && pair.is_well(other));
        assert!(pair.stop_keeping(one).unwrap());
        pair.drive_for(seconds(3_000));
        assert_eq!(pair.gateway.mappings().len(), 1);
        assert_eq!(pair.gateway.mappings()[0].external_port, 7778);
        assert!(pair.stop_keeping(other).unwrap());
        assert!(pair.gateway.mappings().is_empty(), "{method}");
        pair.drive_for(seconds(30));
        pair.assert_idle();
    }
}

#[test]
fn a_port_that_is_kept_twice_is_open_until_the_second_end() {
    for (method, scenario) in of_one_protocol() {
        let mut pair =
            Pair::with(scenario, Config { journal: true, ..Config::default() }, crate::pair::network());
        let (one, _) = pair.keep(udp(7777).lifetime(lifetime(600))).unwrap();
        let (other, _) = pair.keep(udp(7777).lifetime(lifetime(600))).unwrap();
        pair.drive_for(seconds(2_000));
        pair.stop_keeping(one).unwrap();
        pair.drive_for(seconds(2_000));
        assert_eq!(pair.gateway.mappings().len(), 1, "{method}");
        assert!(pair.is_well(other));
        pair.stop_keeping(other).unwrap();
        assert!(pair.gateway.mappings().is_empty(), "{method}");
        assert!(crate::journal::held(&pair).is_empty(), "{method}: {:?}", crate::journal::held(&pair));
    }
}

#[test]
fn what_all_protocols_made_together_is_gone_together() {
    for seed in 0..200 {
        let delay = PortControlOddity::Delay(milliseconds(700));
        let scenario = Scenario::igd2().with(Quirk::Pcp).with(Quirk::NatPmp).with(Quirk::PortControl(delay));
        let config = Config { journal: true, seed: [seed, 1], ..Config::default() };
        let mut pair = Pair::with(scenario, config, crate::pair::network()).lossy(seed, 30);
        let mapping = pair.start(|client, now| client.keep_asking(now, udp(7777).lifetime(lifetime(120))));
        pair.drive_for(seconds(400 + seed * 3));
        let operation = pair.start(|client, now| client.stop_keeping(now, mapping, TIMEOUT));
        let result = pair.drive_until_finished(operation);
        pair.drive_for(seconds(8));
        let held = crate::journal::held(&pair);
        for left in pair.gateway.mappings() {
            assert!(!held.is_empty(), "{seed}, {result:?}: {left:?}");
        }
        pair.drive_for(seconds(120));
        pair.assert_idle();
    }
}
