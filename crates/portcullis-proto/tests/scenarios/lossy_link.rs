//! A mapping is made within five seconds although a third of everything is lost each way.
//!
//! Lost datagrams are gone; a lost SYN is repeated after one second and lost data after 200 ms, as
//! operating systems do it.

use crate::pair::{Pair, udp};
use core::time::Duration;
use portcullis_sim::Scenario;
use std::io::Write as _;

const DEADLINE: Duration = Duration::from_secs(5);
const SEEDS: u64 = 400;

/// How many of [`SEEDS`] fail, and how long the others take, sorted.
fn open_often(loss: u8) -> (u64, Vec<Duration>) {
    let (mut failed, mut times) = (0, Vec::new());
    for seed in 0..SEEDS {
        let mut pair = Pair::new(Scenario::igd1()).lossy(seed, loss);
        let operation = pair.start(|client, now| client.map(now, udp(7777), DEADLINE));
        match pair.drive_until_finished(operation) {
            Ok(_) => {
                assert_eq!(pair.gateway.mappings().len(), 1, "seed {seed}");
                times.push(pair.now.since_start());
            }
            Err(_) => failed += 1,
        }
        assert!(pair.now.since_start() <= DEADLINE, "seed {seed}");
        // As many as ever: the hedges are bounded.
        assert!(pair.record.most_connections <= 8, "seed {seed}: {}", pair.record.most_connections);
        pair.drive_for(Duration::from_secs(15));
        pair.assert_idle();
    }
    times.sort();
    (failed, times)
}

fn print(loss: u8, failed: u64, times: &[Duration]) {
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    let (half, most, all) = (at(50), at(99), at(100));
    writeln!(
        std::io::stdout(),
        "{loss} % lost each way: {failed} of {SEEDS} failed; p50 {half:?}, p99 {most:?}, longest {all:?}"
    )
    .unwrap();
}

#[test]
fn opens_within_five_seconds_at_30_percent_loss() {
    let (failed, times) = open_often(30);
    print(30, failed, &times);
    assert!(failed * 1_000 <= SEEDS * 5, "more than 0.5 %: {failed}");
    assert!(times[times.len() / 2] < Duration::from_millis(1_500));
}

#[test]
fn opens_every_time_at_10_percent_loss() {
    let (failed, times) = open_often(10);
    print(10, failed, &times);
    assert_eq!(failed, 0);
    assert!(times[times.len() / 2] < Duration::from_millis(400));
}

#[test]
fn duplicated_and_reordered_datagrams_change_nothing() {
    let mut pair = Pair::new(Scenario::igd2());
    let config = portcullis_sim::LinkConfig {
        duplicate: 50,
        jitter: Duration::from_millis(30),
        ..portcullis_sim::LinkConfig::default()
    };
    pair.wire.up.set_config(config);
    pair.wire.down.set_config(config);
    pair.map(udp(7777)).unwrap();
    assert_eq!(pair.gateway.counters().gets, 1);
    assert_eq!(pair.gateway.counters().posts("AddPortMapping"), 1);
}
