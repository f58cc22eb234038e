//! What hostile gateways and neighbours can do to a mapping that is kept by NAT-PMP or PCP.

use crate::budget::MOST_HEAP;
use crate::gateway::odd;
use crate::pair::{Pair, TIMEOUT, udp};
use core::time::Duration;
use portcullis_proto::Lifetime;
use portcullis_proto::client::{ChangeKind, Event, Method, Outcome};
use portcullis_sim::{PortControlOddity as Oddity, Quirk, Scenario};

const BOTH: [Method; 2] = [Method::Pcp, Method::NatPmp];

/// Keeps a mapping for ten minutes, ends the keeping, and tells what happened.
fn kept(scenario: Scenario, mut meanwhile: impl FnMut(&mut Pair)) -> (Pair, Vec<ChangeKind>) {
    let mut pair = Pair::every_protocol(scenario);
    let operation = pair.start(|client, now| client.keep(now, udp(7777), TIMEOUT));
    let Ok(Outcome::Kept { mapping, .. }) = pair.drive_until_finished(operation) else { panic!("not kept") };
    for _ in 0..60 {
        meanwhile(&mut pair);
        pair.drive_for(Duration::from_secs(10));
    }
    let operation = pair.start(|client, now| client.stop_keeping(now, mapping, TIMEOUT));
    pair.drive_until_finished(operation).ok();
    pair.drive_for(Duration::from_secs(30));
    pair.assert_idle();
    assert!(pair.gateway.mappings().is_empty(), "{:?}", pair.gateway.mappings());
    let changes = pair.record.events.iter().filter_map(|(_, event)| match event {
        Event::Changed(change) => Some(change.kind),
        _ => None,
    });
    let changes = changes.collect();
    (pair, changes)
}

/// F16: whatever the epoch time is, the mappings of a gateway are made again at most every five seconds.
#[test]
fn an_epoch_time_that_jumps_costs_a_bounded_number_of_requests() {
    for method in BOTH {
        for oddities in [&[Oddity::EpochAlways(0)][..], &[Oddity::EpochAlways(u32::MAX)]] {
            let (pair, _) = kept(odd(method, oddities), |_| {});
            let sent = pair.record.port_control().len();
            assert!(sent <= 200, "{method}: {sent} in ten minutes");
        }
        let mut epochs = [1, 4_000_000_000, 0, u32::MAX, 5, 1_000_000].into_iter().cycle();
        let (pair, _) = kept(odd(method, &[]), |pair| {
            let epoch = epochs.next().unwrap();
            pair.gateway.set_epoch_time(pair.now, epoch);
        });
        let sent = pair.record.port_control().len();
        assert!(sent <= 200, "{method}: {sent} in ten minutes");
    }
}

/// F17: announcements by the thousand, of a stranger and of the gateway itself.
#[test]
fn a_flood_of_announcements_is_one_or_none() {
    for method in BOTH {
        for forged in [true, false] {
            let flood =
                Oddity::AnnouncementFlood { count: 50_000, interval: Duration::from_millis(1), forged };
            let mut outcome = None;
            let heap = allocation_counter::measure(|| outcome = Some(kept(odd(method, &[flood]), |_| {})));
            assert!(heap.bytes_max <= 2 * MOST_HEAP, "{} bytes of heap", heap.bytes_max);
            let (pair, changes) = outcome.unwrap();
            let sent = pair.record.port_control().len();
            assert!(sent <= 60, "{method}, forged {forged}: {sent} requests");
            if forged {
                assert_eq!(changes, [ChangeKind::Mapped, ChangeKind::Released], "{method}");
            }
        }
    }
}

/// F10 and F11 for a mapping that stands: refusals without end do not make us ask without end.
#[test]
fn refusals_of_renewals_are_answered_with_patience() {
    for (method, refusal) in [(Method::Pcp, Oddity::PcpResult(8)), (Method::NatPmp, Oddity::NatPmpResult(4))]
    {
        for error_lifetime in [0, u32::MAX] {
            let short = Quirk::LeaseAlways(120);
            let mut pair =
                Pair::every_protocol(odd(method, &[Oddity::ErrorLifetime(error_lifetime)]).with(short));
            let operation = pair.start(|client, now| client.keep(now, udp(7777), TIMEOUT));
            pair.drive_until_finished(operation).unwrap();
            // From now on it refuses.
            let began = pair.record.port_control().len();
            let refusing = odd(method, &[refusal, Oddity::ErrorLifetime(error_lifetime)]).with(short);
            *pair.gateway = portcullis_sim::Gateway::new(refusing, "192.168.1.1:5000".parse().unwrap());
            pair.drive_for(Duration::from_secs(3_600));
            let sent = pair.record.port_control().len() - began;
            assert!(sent <= 400, "{method}: {sent} in an hour");
        }
    }
}

/// F10: a lifetime of a second, or of 136 years.
#[test]
fn no_lifetime_makes_a_busy_loop() {
    for method in BOTH {
        for (lifetime, most) in [(1, 600), (5, 600), (20, 200), (u32::MAX, 30)] {
            let (pair, _) = kept(odd(method, &[]).with(Quirk::LeaseAlways(lifetime)), |_| {});
            let sent = pair.record.port_control().len();
            assert!(sent <= most, "{method}, {lifetime} s: {sent} in ten minutes");
        }
    }
}

/// F12 for a mapping that stands: an answer that comes again is not one to the renewal, as its epoch time tells.
#[test]
fn an_old_answer_renews_nothing() {
    let keep = |method, oddities: &[Oddity]| {
        let mut pair = Pair::every_protocol(odd(method, oddities));
        let (mapping, _) = pair.keep(udp(7777).lifetime(Lifetime::from_seconds(600))).unwrap();
        pair.gateway.is_deaf = true;
        pair.drive_until_asked();
        (pair, mapping)
    };
    for method in BOTH {
        let asked_at = keep(method, &[]).0.now.since_start();
        let interval = asked_at + Duration::from_secs(2);
        let (mut pair, mapping) = keep(method, &[Oddity::Repeats { count: 1, interval }]);
        assert_eq!(pair.now.since_start(), asked_at);
        pair.drive_for(Duration::from_secs(30));
        let kinds = pair.kinds(mapping);
        assert!(!kinds.contains(&"renewed") && !kinds.contains(&"recovered"), "{method}: {kinds:?}");
        pair.gateway.is_deaf = false;
        pair.drive_for(Duration::from_secs(30));
        assert!(pair.is_well(mapping), "{method}");
    }
}

/// F16: a clock that stands still holds requests up for a moment, and takes nothing away.
#[test]
fn a_gateway_whose_clock_stands_still_maps_and_renews() {
    for method in BOTH {
        for after in [1, 3, 10, 30, 7_201] {
            let mut pair = Pair::every_protocol(odd(method, &[Oddity::EpochAlways(86_400)]));
            let (mapping, _) = pair.keep(udp(7777).lifetime(Lifetime::from_seconds(3_600))).unwrap();
            pair.drive_for(Duration::from_secs(after));
            pair.map(udp(7778)).unwrap_or_else(|error| panic!("{method}, {after} s: {error}"));
            pair.drive_for(Duration::from_secs(15));
            assert!(pair.is_well(mapping), "{method}, {after} s");
            assert!(!pair.kinds(mapping).contains(&"lost"), "{method}, {after} s: {:?}", pair.kinds(mapping));
        }
    }
}
