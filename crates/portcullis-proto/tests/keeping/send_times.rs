//! The exact moments of every request, retransmission and renewal.

use crate::asked::{Asked, asked, lifetime, offsets, seconds};
use crate::pair::{Pair, network, udp};
use portcullis_proto::Time;
use portcullis_proto::client::{Config, Method};
use portcullis_sim::{PortControlOddity, Quirk, Scenario};

const SILENT: Quirk = Quirk::PortControl(PortControlOddity::Silent);

fn only(method: Method) -> (Scenario, Config) {
    let quirk = if method == Method::Pcp { Quirk::Pcp } else { Quirk::NatPmp };
    let scenario = Scenario::igd2().with(Quirk::NoUpnp).with(quirk);
    (scenario, Config { methods: vec![method], seed: [1, 2], ..Config::default() })
}

/// Of the mapping that is asked for, without what only looks at the gateway.
fn of(pair: &Pair, method: Method, since: Time) -> Vec<Asked> {
    asked(pair).into_iter().filter(|asked| asked.method == method && asked.at >= since).collect()
}

#[test]
fn a_first_contact_by_pcp_goes_out_nine_times_and_is_given_up() {
    let (scenario, config) = only(Method::Pcp);
    let mut pair = Pair::with(scenario.with(SILENT), config, network());
    let operation = pair.start(|client, now| client.map(now, udp(7777), seconds(600)));
    assert!(pair.drive_until_finished(operation).is_err());
    // RFC 6886 section 3.1, which is faster than the 3 s of RFC 6887: somebody waits.
    assert_eq!(
        offsets(&asked(&pair), Time::ZERO),
        [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 31_750, 63_750]
    );
    assert_eq!((pair.now - Time::ZERO).as_millis(), 127_750);
}

#[test]
fn nat_pmp_asks_for_the_address_nine_times_and_gives_up() {
    let (scenario, config) = only(Method::NatPmp);
    let mut pair = Pair::with(scenario.with(SILENT), config, network());
    let operation = pair.start(|client, now| client.map(now, udp(7777), seconds(600)));
    assert!(pair.drive_until_finished(operation).is_err());
    let sent = pair.record.datagrams();
    assert!(sent.iter().all(|(_, to, payload)| to.port() == 5351 && payload.as_bytes() == [0, 0]));
    let times: Vec<_> = sent.iter().map(|(at, ..)| at.since_start().as_millis()).collect();
    assert_eq!(times, [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 31_750, 63_750]);
    assert_eq!((pair.now - Time::ZERO).as_millis(), 127_750);
}

#[test]
fn a_renewal_that_nobody_answers_goes_out_in_every_window_of_the_rfc() {
    for method in [Method::Pcp, Method::NatPmp] {
        for lease in [600, 3_600, 7_200] {
            let (scenario, config) = only(method);
            let mut pair = Pair::with(scenario, config, network());
            pair.keep(udp(7777).lifetime(lifetime(lease))).unwrap();
            let granted = of(&pair, method, Time::ZERO)[0].at;
            pair.drive_for(seconds(u64::from(lease) / 2 - 1));
            pair.gateway.add_quirk(SILENT);
            let (lost, _) = pair.drive_until("lost");
            let length = f64::from(lease);
            assert!(((lost - granted).as_secs_f64() - length).abs() < 0.001);
            let times: Vec<_> = of(&pair, method, granted)
                .into_iter()
                .filter(|asked| asked.at > granted && asked.at < lost)
                .map(|asked| (asked.at - granted).as_secs_f64())
                .collect();
            // The first in the first window: 1/2 to 5/8.
            assert!((0.5..0.626).contains(&(times[0] / length)), "{method}, {lease}: {times:?}");
            // Then one at least in each of 3/4 to 13/16, 7/8 to 29/32, ...
            for n in 1..3 {
                let (begin, left) =
                    (length - length / f64::from(1 << (n + 1)), length / f64::from(1 << (n + 1)));
                let is_in = |at: &&f64| (begin..=begin + left / 4.0 + 4.0).contains(*at);
                assert!(times.iter().any(|at| is_in(&at)), "{method}, {lease}: window {n}: {times:?}");
            }
            // Apart from the one attempt with all protocols and gateways, once this one seems to be gone.
            let hasty = times.windows(2).filter(|two| two[1] - two[0] < 3.999).count();
            assert!(hasty <= 6, "{method}, {lease}: {times:?}");
            assert!(times.len() >= 30, "{method}, {lease}: {} requests", times.len());
        }
    }
}

#[test]
fn the_moments_of_a_lease_of_ten_minutes_are_these() {
    let (scenario, config) = only(Method::Pcp);
    let mut pair = Pair::with(scenario, config, network());
    pair.keep(udp(7777).lifetime(lifetime(600))).unwrap();
    let granted = of(&pair, Method::Pcp, Time::ZERO)[0].at;
    pair.drive_for(seconds(299));
    pair.gateway.add_quirk(SILENT);
    pair.drive_until("lost");
    let times: Vec<_> = offsets(&of(&pair, Method::Pcp, granted), granted);
    assert_eq!(times, GOLDEN);
}

/// In milliseconds since the grant: at three looks in vain one hasty attempt with all protocols (334 s), then renewals
/// 4, 8 and 16 s apart, each series cut off by the next attempt or window.
const GOLDEN: [u128; 48] = [
    0, 334_001, 334_251, 334_751, 335_751, 337_751, 341_751, 349_001, 353_001, 357_001, 361_001, 365_001,
    369_001, 373_001, 377_001, 381_001, 385_001, 392_426, 396_426, 400_426, 404_426, 408_426, 412_426,
    416_426, 420_426, 428_426, 436_426, 444_426, 460_426, 476_426, 485_305, 489_305, 493_305, 497_305,
    501_305, 505_305, 509_305, 513_305, 521_305, 529_305, 537_305, 553_305, 569_305, 582_406, 586_406,
    590_406, 594_406, 598_406,
];

#[test]
fn what_failed_is_asked_for_again_at_the_pace_of_rfc_6887() {
    let (scenario, config) = only(Method::Pcp);
    let mut pair = Pair::with(scenario.with(SILENT), config, network());
    pair.start(|client, now| client.keep_asking(now, udp(7777)));
    // The first attempt is impatient, and takes 15 s; the next begins after 5 s, give or take a tenth.
    pair.drive_for(seconds(36));
    let later: Vec<_> =
        asked(&pair).into_iter().filter(|asked| asked.at > Time::ZERO + seconds(16)).collect();
    let first = later[0].at - Time::ZERO;
    assert!((19.49..=20.51).contains(&first.as_secs_f64()), "{first:?}");
    let waits: Vec<_> = later.windows(2).map(|two| (two[1].at - two[0].at).as_secs_f64()).collect();
    // 3 s, then 6 s, each give or take a tenth.
    assert!((2.7..=3.3).contains(&waits[0]) && (5.3..=6.7).contains(&waits[1]), "{waits:?}");
}
