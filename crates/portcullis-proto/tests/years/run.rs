//! Many schedules, on all processors.

use crate::world::World;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

/// Without a word from outside: few, so that they can be part of every test run.
const FEW: u64 = 20;

pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: {text} is no number")))
}

/// Schedules that a client once failed, and runs again with every test run.
const ONCE_FAILED: [u64; 31] = [
    2_013, 33_274, 54_848, 60_691, 87_159, 94_056, 133_326, 182_102, 1_021_783, 1_060_349, 1_094_137,
    1_111_366, 1_153_883, 1_431_856, 1_441_826, 2_166_063, 3_077_466, 3_109_041, 3_200_681, 3_260_307,
    3_313_849, 3_411_355, 3_646_421, 3_668_821, 3_723_064, 3_736_049, 3_752_299, 3_766_268, 3_770_520,
    3_930_909, 3_984_482,
];

#[derive(Default)]
struct Total {
    schedules: u64,
    span: Duration,
    told: BTreeMap<&'static str, u64>,
    failed: Vec<u64>,
}

#[test]
fn what_once_failed_does_not_fail_again() {
    for seed in ONCE_FAILED {
        World::new(seed, false).run();
    }
}

#[test]
fn every_schedule_keeps_what_the_client_promises() {
    if let Some(seed) = number("PORTCULLIS_SEED") {
        World::new(seed, true).run();
        return;
    }
    let count = number("PORTCULLIS_SCHEDULES").unwrap_or(FEW);
    let first = number("PORTCULLIS_FIRST_SEED").unwrap_or(0);
    let most = number("PORTCULLIS_MINUTES").map(|minutes| Duration::from_secs(minutes * 60));
    let (next, total) = (AtomicU64::new(0), Mutex::new(Total::default()));
    #[expect(clippy::disallowed_methods, reason = "how long it takes, not what happens in it")]
    let begin = Instant::now();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, |count| count.get()) {
            scope.spawn(|| {
                while most.is_none_or(|most| begin.elapsed() < most) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    one(first + number, &total);
                }
            });
        }
    });
    let total = total.into_inner().unwrap();
    report(first, &total, begin.elapsed());
    assert!(
        total.failed.is_empty(),
        "failing seeds, each runs alone with PORTCULLIS_SEED: {:?}",
        total.failed
    );
}

fn one(seed: u64, total: &Mutex<Total>) {
    let mut world = World::new(seed, false);
    let result = catch_unwind(AssertUnwindSafe(|| world.run()));
    let mut total = total.lock().unwrap();
    total.schedules += 1;
    total.span += world.schedule.span;
    for (&kind, &count) in &world.observer.told {
        *total.told.entry(kind).or_default() += count;
    }
    if result.is_err() {
        failed(seed);
        total.failed.push(seed);
    }
}

#[expect(clippy::disallowed_macros, reason = "the seed of a schedule that fails is the point of it")]
fn failed(seed: u64) {
    eprintln!("PORTCULLIS_SEED={seed} fails");
}

#[expect(clippy::disallowed_macros, reason = "what was run is told")]
fn report(first: u64, total: &Total, took: Duration) {
    let years = total.span.as_secs_f64() / (365.25 * 86_400.0);
    eprintln!(
        "{} schedules from seed {first}: {years:.1} years in {:.0} s, {} failed; changes told: {:?}",
        total.schedules,
        took.as_secs_f64(),
        total.failed.len(),
        total.told
    );
}
