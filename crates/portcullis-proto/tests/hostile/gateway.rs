//! The budgets of [`budget`](crate::budget) for a default gateway that is hostile in NAT-PMP and PCP.

use crate::budget::{MAP, MOST_HEAP, TIDY, keeps_within_bounds, tells_what_happened};
use crate::pair::{Pair, network, udp};
use core::time::Duration;
use portcullis_proto::client::{Config, Error, Granted, Method, Outcome};
use portcullis_sim::{PortControlOddity, Quirk, Scenario};

/// Datagrams of NAT-PMP and PCP that one mapping may cost, with all that is tidied up.
const MOST_SENT: usize = 40;

/// A gateway that speaks PCP, or NAT-PMP, and nothing else, with these oddities.
pub(crate) fn odd(method: Method, oddities: &[PortControlOddity]) -> Scenario {
    let name = if method == Method::Pcp { "pcp-only" } else { "nat-pmp-only" };
    let scenario: Scenario = name.parse().unwrap();
    oddities.iter().fold(scenario, |scenario, &oddity| scenario.with(Quirk::PortControl(oddity)))
}

/// Maps port 7777 at the gateway, and checks every budget.
#[track_caller]
pub(crate) fn survives(scenario: &Scenario) -> Result<Granted, Error> {
    let mut result = None;
    let heap = allocation_counter::measure(|| result = Some(maps(scenario)));
    assert!(heap.bytes_max <= MOST_HEAP, "{} bytes of heap", heap.bytes_max);
    for steps in (0..12).chain([16, 24, 40]) {
        ends_when_cancelled(scenario, steps);
    }
    result.unwrap()
}

fn pair(scenario: &Scenario) -> Pair {
    Pair::with(scenario.clone(), Config::default(), network())
}

fn within_bounds(pair: &Pair) {
    keeps_within_bounds(&pair.record, &["192.168.1.1".parse().unwrap()]);
    let sent = pair.record.port_control().len();
    assert!(sent <= MOST_SENT, "{sent} datagrams");
}

fn maps(scenario: &Scenario) -> Result<Granted, Error> {
    let mut pair = pair(scenario);
    let operation = pair.start(|client, now| client.map(now, udp(7777), MAP));
    let result = pair.drive_until_finished(operation);
    assert!(pair.now.since_start() <= MAP + MAP / 5, "took {:?}", pair.now);
    pair.drive_for(TIDY);
    within_bounds(&pair);
    match result {
        Ok(Outcome::Mapped(granted)) => {
            pair.assert_idle();
            let operation = pair.start(|client, now| client.release(now, &granted, MAP));
            // It may be as hostile as before.
            pair.drive_until_finished(operation).ok();
            pair.drive_for(TIDY);
            within_bounds(&pair);
            pair.assert_idle();
            Ok(granted)
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => {
            pair.assert_idle();
            tells_what_happened(&error);
            Err(error)
        }
    }
}

fn ends_when_cancelled(scenario: &Scenario, steps: usize) {
    let mut pair = pair(scenario);
    let operation = pair.start(|client, now| client.map(now, udp(7777), MAP));
    for _ in 0..steps {
        pair.step();
    }
    if pair.record.result(operation).is_some() {
        return;
    }
    pair.start(|client, now| client.cancel(now, operation));
    pair.drive_for(TIDY);
    pair.assert_idle();
    let outputs = pair.record.outputs.len();
    pair.drive_for(Duration::from_secs(2));
    assert_eq!(pair.record.outputs.len(), outputs, "outputs after the end");
    assert!(pair.record.result(operation).is_none(), "reported after it was cancelled");
    within_bounds(&pair);
}
