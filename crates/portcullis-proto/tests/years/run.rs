//! Many schedules, on all processors.

use crate::processes::Home;
use crate::processes::invariant::Invariant;
use crate::processes::plan;
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
const ONCE_FAILED: [u64; 43] = [
    2_013, 10_190, 20_497, 30_956, 33_274, 41_520, 42_040, 49_151, 54_848, 60_691, 62_543, 63_482, 64_480,
    66_129, 74_372, 86_898, 87_159, 94_056, 133_326, 182_102, 1_021_783, 1_060_349, 1_094_137, 1_111_366,
    1_153_883, 1_431_856, 1_441_826, 2_166_063, 3_077_466, 3_109_041, 3_200_681, 3_260_307, 3_313_849,
    3_411_355, 3_646_421, 3_668_821, 3_723_064, 3_736_049, 3_752_299, 3_766_268, 3_770_520, 3_930_909,
    3_984_482,
];

/// A kind of schedules, of which each is known by its seed.
struct Kind {
    /// What `PORTCULLIS_KIND` calls it.
    name: &'static str,
    /// Runs one.
    one: fn(u64, &mut Total),
    /// Runs one, and tells what happens in it.
    alone: fn(u64),
}

const TROUBLES: Kind = Kind {
    name: "troubles",
    one: |seed, total| {
        let mut world = World::new(seed, false);
        let result = catch_unwind(AssertUnwindSafe(|| world.run()));
        total.add(seed, world.schedule.span, &world.observer.told, result.is_err());
    },
    alone: |seed| World::new(seed, true).run(),
};

const PROCESSES: Kind = Kind {
    name: "processes",
    one: |seed, total| {
        let mut home = Home::new(seed, false);
        let result = catch_unwind(AssertUnwindSafe(|| home.run()));
        let mut broken = BTreeMap::new();
        for violation in &home.violations {
            broken.entry(violation.invariant).or_insert(violation.commands);
        }
        let is_good_link = plan::is_good(home.plan.link);
        let has_failed =
            result.is_err() || broken.keys().any(|invariant| invariant.is_asserted(is_good_link));
        total.add(seed, home.now.since_start(), &home.counts, has_failed);
        for (invariant, commands) in broken {
            total.broken.entry((invariant, home.plan.sort())).or_default().push((commands, seed));
        }
    },
    alone: |seed| {
        let mut home = Home::new(seed, true);
        home.run();
        let broken: Vec<_> = home.violations.iter().map(ToString::to_string).collect();
        assert!(broken.is_empty(), "\n{}", broken.join("\n"));
    },
};

/// What came of the schedules of one kind.
#[derive(Default)]
struct Total {
    schedules: u64,
    span: Duration,
    told: BTreeMap<&'static str, u64>,
    failed: Vec<u64>,
    /// Which promises were broken in which sort of schedules, by which seeds, and after how many commands.
    broken: BTreeMap<(Invariant, &'static str), Vec<(u64, u64)>>,
}

impl Total {
    fn add(&mut self, seed: u64, span: Duration, told: &BTreeMap<&'static str, u64>, has_failed: bool) {
        self.schedules += 1;
        self.span += span;
        for (&kind, &count) in told {
            *self.told.entry(kind).or_default() += count;
        }
        if has_failed {
            failed(seed);
            self.failed.push(seed);
        }
    }

    fn append(&mut self, mut other: Self) {
        self.schedules += other.schedules;
        self.span += other.span;
        for (kind, count) in other.told {
            *self.told.entry(kind).or_default() += count;
        }
        self.failed.append(&mut other.failed);
        for (kind, mut seeds) in other.broken {
            self.broken.entry(kind).or_default().append(&mut seeds);
        }
    }
}

#[test]
fn what_once_failed_does_not_fail_again() {
    for seed in ONCE_FAILED {
        World::new(seed, false).run();
    }
}

#[test]
fn every_schedule_keeps_what_the_client_promises() {
    run(&TROUBLES);
}

#[test]
fn every_schedule_of_several_processes_keeps_what_is_promised() {
    run(&PROCESSES);
}

fn run(kind: &Kind) {
    let wanted = std::env::var("PORTCULLIS_KIND").ok();
    if wanted.as_ref().is_some_and(|wanted| wanted != kind.name) {
        return;
    }
    if let Some(seed) = number("PORTCULLIS_SEED") {
        // Without a word about the kind, seeds mean what they always have.
        if wanted.is_some() || kind.name == TROUBLES.name {
            (kind.alone)(seed);
        }
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
                    let mut own = Total::default();
                    (kind.one)(first + number, &mut own);
                    total.lock().unwrap().append(own);
                }
            });
        }
    });
    let total = total.into_inner().unwrap();
    report(first, kind, &total, begin.elapsed());
    assert!(
        total.failed.is_empty(),
        "failing seeds, each runs alone with PORTCULLIS_KIND={} and PORTCULLIS_SEED: {:?}",
        kind.name,
        total.failed
    );
}

#[expect(clippy::disallowed_macros, reason = "the seed of a schedule that fails is the point of it")]
fn failed(seed: u64) {
    eprintln!("PORTCULLIS_SEED={seed} fails");
}

#[expect(clippy::disallowed_macros, reason = "what was run is told")]
fn report(first: u64, kind: &Kind, total: &Total, took: Duration) {
    let years = total.span.as_secs_f64() / (365.25 * 86_400.0);
    eprintln!(
        "{} schedules of {} from seed {first}: {years:.1} years in {:.0} s, {} failed; told: {:?}",
        total.schedules,
        kind.name,
        took.as_secs_f64(),
        total.failed.len(),
        total.told
    );
    for ((invariant, sort), seeds) in &total.broken {
        let mut seeds = seeds.clone();
        seeds.sort_unstable();
        let shortest: Vec<_> =
            seeds.iter().take(12).map(|(commands, seed)| format!("{seed} ({commands})")).collect();
        let shortest = shortest.join(", ");
        eprintln!(
            "    {invariant:?}, {sort}: broken by {}, after the fewest commands by {shortest}",
            seeds.len()
        );
    }
}
