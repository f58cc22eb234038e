//! Death, or an error, at every single call to the system on the way. Needs strace.

use super::processes::{command, say};
use super::*;
use crate::driver::clock::Clock;
use std::process::{Command, Stdio};

const CALLS: [&str; 8] =
    ["openat", "flock", "write", "ftruncate", "fsync", "fdatasync", "/^rename", "/^unlink"];

/// Everything that is ever done, as far as it goes; tells what is done.
pub(super) fn everything(directory: &Path) {
    let mut journal = Journal::open(&directory.join("journal")).unwrap();
    let expires = Some(Clock::start().now() + Duration::from_secs(1_000));
    let step = |journal: &mut Journal, record, done: &str| {
        if journal.record(&record).is_ok() {
            say(done);
        }
    };
    step(&mut journal, Record::Put(Entry { expires, ..entry(9) }), "put the first");
    step(&mut journal, Record::Erase(EntryId(9)), "erased the first");
    if ids(&journal.claim(Clock::start().now())) == [1] {
        say("claimed");
    }
    step(&mut journal, Record::Put(Entry { expires, ..entry(10) }), "put");
    step(&mut journal, Record::Put(Entry { expires, granted: true, ..entry(10) }), "granted");
    say("erasing");
    step(&mut journal, Record::Erase(EntryId(1)), "erased 1");
    step(&mut journal, Record::Erase(EntryId(2)), "erased 2");
    if journal.rewrite().is_ok() {
        say("rewritten");
    }
    step(&mut journal, Record::Put(Entry { expires, ..entry(11) }), "put another");
    say("end");
}

const DEATH: &str = "signal=KILL";
const ERROR: &str = "error=EIO";

/// Interferes with the call of this kind and number; whether the helper came to its end.
fn interfere(call: &str, number: u32, what: &str) -> bool {
    let directory = Directory::new();
    let path = directory.0.join("journal");
    let now = Clock::start().now();
    let expires = Some(now + Duration::from_secs(1_000));
    let mut dead = Journal::open(&path).unwrap();
    put(&mut dead, Entry { expires, ..entry(1) });
    put(&mut dead, Entry { expires, ..left(2) });
    drop(dead);

    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", &format!("--trace={call}")]);
    strace.arg(format!("--inject={call}:{what}:when={number}"));
    let helper = command(&directory.0, "everything");
    strace.arg(helper.get_program()).args(helper.get_args());
    for (name, value) in helper.get_envs() {
        strace.env(name, value.unwrap());
    }
    // Neither where a panic came from nor where libraries may be is worth many calls.
    strace.env("RUST_BACKTRACE", "0").env_remove("LD_LIBRARY_PATH");
    let output = strace.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let told = |what: &str| told.lines().any(|line| line == what);

    let mut journal = Journal::open(&path).unwrap();
    let mut found = ids(&journal.claim(now));
    found.extend(ids(&journal.left_open(now)));
    let case =
        format!("{what} at {call} {number}: {found:?} after\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(journal.take_warnings().is_empty(), "{case}");
    let has = |id: u64| found.contains(&id);
    assert!(has(1) || told("erasing"), "{case}");
    assert!(has(2) || told("erasing"), "{case}");
    assert!(has(10) || !told("put"), "{case}");
    assert!(has(11) || !told("put another"), "{case}");
    assert!(!has(2) || !told("erased 2"), "{case}");
    if what == DEATH {
        // After an error, what was claimed may be in two files, and be claimed twice.
        assert!(!has(1) || !told("erased 1"), "{case}");
    }
    let mut unique = found.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), found.len(), "{case}");
    told("end")
}

#[test]
fn neither_death_nor_an_error_at_any_call_loses_anything() {
    let may = Command::new("strace").args(["-qq", "true"]).stderr(Stdio::null()).status();
    if !may.is_ok_and(|status| status.success()) {
        return say("skipped: needs strace");
    }
    for call in CALLS {
        let deaths = (1..500).take_while(|number| !interfere(call, *number, DEATH)).count();
        assert!(deaths > 0, "{call} is never called");
        for number in 1..=deaths {
            interfere(call, u32::try_from(number).unwrap(), ERROR);
        }
        say(format!("{deaths} times {call}"));
    }
}
