//! How many leases are lost to a bad link, and how long a mapping is missing after its gateway has restarted.

use crate::pair::Pair;
use crate::run::number;
use core::time::Duration;
use portcullis_proto::client::{ChangeKind, Event, MappingRequest, Method};
use portcullis_proto::{Lifetime, Protocol};
use portcullis_sim::{LinkConfig, Quirk, Scenario};

const LEASE: u32 = 3_600;
const HOURS: u64 = 24;

fn ways() -> [(Method, Scenario); 3] {
    [
        (Method::Pcp, Scenario::igd2().with(Quirk::NoUpnp).with(Quirk::Pcp)),
        (Method::NatPmp, Scenario::igd1().with(Quirk::NoUpnp).with(Quirk::NatPmp)),
        (Method::Igd, Scenario::igd1()),
    ]
}

fn kept(scenario: Scenario, seed: u64) -> Pair {
    let link = LinkConfig { delay: Duration::from_micros(500), ..LinkConfig::default() };
    let mut pair = Pair::every_protocol(scenario).linked(seed, link);
    let request = MappingRequest::new(Protocol::Udp, 7777.try_into().unwrap());
    pair.keep(request.lifetime(Lifetime::from_seconds(LEASE))).unwrap();
    pair
}

/// Grants and losses of a day over a link that loses so much each way.
fn day(scenario: Scenario, seed: u64, loss: u8) -> (u64, u64) {
    let mut pair = kept(scenario, seed);
    pair.set_link(LinkConfig { loss, delay: Duration::from_micros(500), ..LinkConfig::default() });
    let (mut grants, mut lost) = (1, 0);
    for _ in 0..HOURS {
        pair.drive_for(Duration::from_secs(3_600));
        for (_, event) in core::mem::take(&mut pair.record.events) {
            let Event::Changed(change) = event else { continue };
            match change.kind {
                ChangeKind::Renewed | ChangeKind::Recovered => grants += 1,
                ChangeKind::Lost => lost += 1,
                _ => {}
            }
        }
        pair.record.outputs.clear();
    }
    (grants, lost)
}

#[test]
#[expect(clippy::disallowed_macros, reason = "what is measured is told")]
fn hardly_a_lease_is_lost_on_a_bad_link() {
    let days = number("PORTCULLIS_DAYS").unwrap_or(2);
    for (method, scenario) in ways() {
        for loss in [10, 30, 50] {
            let (mut grants, mut lost) = (0, 0);
            for seed in 0..days {
                let of_day = day(scenario.clone(), seed, loss);
                grants += of_day.0;
                lost += of_day.1;
            }
            eprintln!("{method}, {loss} % lost each way: {lost} of {grants} leases lost in {days} days");
            let most = if loss == 50 { grants / 5_000 } else { 0 };
            assert!(lost <= most, "{method}: {lost} of {grants} leases lost at {loss} %");
        }
    }
}

#[test]
#[expect(clippy::disallowed_macros, reason = "what is measured is told")]
fn a_restarted_gateway_has_the_mapping_soon() {
    let count = number("PORTCULLIS_DAYS").unwrap_or(2) * 10;
    for (method, scenario) in ways() {
        let mut gaps = Vec::new();
        for seed in 0..count {
            let mut pair = kept(scenario.clone(), seed);
            pair.drive_for(Duration::from_millis(60_000 + seed.wrapping_mul(7_919) % 600_000));
            let restarted = pair.now;
            pair.gateway.reboot(restarted);
            while pair.gateway.mappings().is_empty() {
                assert!(pair.step_to(restarted + Duration::from_secs(600)), "{method}: never again");
            }
            gaps.push(pair.now - restarted);
        }
        gaps.sort_unstable();
        let (median, longest) = (gaps[gaps.len() / 2], gaps[gaps.len() - 1]);
        eprintln!(
            "{method}: {count} restarts, mapped again after {median:?} (median), {longest:?} (longest)"
        );
        // A gateway that announces nothing by UPnP is looked at every minute.
        assert!(longest <= Duration::from_secs(if method == Method::Igd { 61 } else { 5 }), "{longest:?}");
    }
}
