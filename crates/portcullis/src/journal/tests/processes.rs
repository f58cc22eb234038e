//! More than one process: this very program, run again as a helper.

use super::*;
use crate::driver::clock::Clock;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

const DIRECTORY: &str = "PORTCULLIS_TEST_JOURNAL";
const ROLE: &str = "PORTCULLIS_TEST_ROLE";

/// What another process does: not a test.
#[test]
#[ignore = "run by other tests"]
fn helper() {
    let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
    match &*std::env::var(ROLE).unwrap() {
        "keep" => keep(&directory),
        "write" => write(&directory),
        "claim" => claim(&directory),
        "everything" => every_call::everything(&directory),
        "full" => full(&directory),
        "no-room" => no_room(&directory),
        "read-only" => read_only(&directory),
        role => panic!("{role}"),
    }
}

/// The harness has the standard output to itself.
pub(super) fn say(what: impl std::fmt::Display) {
    writeln!(io::stderr(), "{what}").unwrap();
}

fn wait_for_the_end() {
    let _ = io::stdin().read_to_end(&mut Vec::new());
}

fn keep(directory: &Path) {
    let mut journal = Journal::open(directory).unwrap();
    let expires = Some(Clock::start().now() + Duration::from_secs(1_000));
    put(&mut journal, Entry { expires, ..entry(1) });
    put(&mut journal, Entry { expires, ..left(2) });
    say("ready");
    wait_for_the_end();
}

/// Puts one after the other, each with a few changes, and erases the one before; tells what is safe.
fn write(directory: &Path) {
    let mut journal = Journal::open(directory).unwrap();
    for id in 1.. {
        let entry =
            Entry {
                description: "ä".repeat(500), lifetime: Lifetime::Permanent, expires: None, ..entry(id)
            };
        put(&mut journal, entry.clone());
        say(id);
        for _ in 0..5 {
            put(&mut journal, Entry { granted: true, ..entry.clone() });
        }
        erase(&mut journal, id - 1);
    }
}

fn claim(directory: &Path) {
    let mut journal = Journal::open(directory).unwrap();
    say("ready");
    let _ = io::stdin().read(&mut [0]);
    let claimed = journal.claim(Clock::start().now());
    assert!(journal.take_warnings().is_empty());
    say(ids(&claimed).iter().map(|id| format!("{id} ")).collect::<String>());
    wait_for_the_end();
}

/// In a file system of 64 KiB.
fn full(directory: &Path) {
    let mut journal = Journal::open(&directory.join("journal")).unwrap();
    let permanent = |id| Entry { lifetime: Lifetime::Permanent, expires: None, ..entry(id) };
    put(&mut journal, permanent(1));
    put(&mut journal, permanent(2));
    let mut filler = fs::File::create(directory.join("filler")).unwrap();
    while filler.write(&[0; 512]).is_ok() {}

    // The page that the file has is filled, then there is no more.
    let refused =
        (3..1_000).find_map(|id| journal.record(&Record::Put(permanent(id))).err().map(|error| (id, error)));
    let (refused, error) = refused.unwrap();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(
        error.to_string().contains("cannot write") && error.to_string().contains("do without"),
        "{error}"
    );
    let count = || Journal::read_all(&directory.join("journal"), at(0)).unwrap().0.len() as u64;
    assert_eq!(count(), refused - 1);
    // What is erased may come back, and does no harm; when all is erased it is gone, for which there is room.
    for id in 1..refused {
        let _ = journal.record(&Record::Erase(EntryId(id)));
    }
    assert_eq!(count(), 0);
    drop(filler);
    fs::remove_file(directory.join("filler")).unwrap();
    put(&mut journal, permanent(refused));
    assert_eq!(count(), 1);
}

/// Where no byte can be written to any file.
fn no_room(directory: &Path) {
    let count = || Journal::read_all(directory, at(0)).unwrap().0.len();
    let mut journal = Journal::open(directory).unwrap();
    let now = Clock::start().now();
    let (claimed, left_open) = journal.begin(now, |_| true);
    assert_eq!((ids(&claimed), left_open.left_open.len()), (vec![1, 2], 6));
    let text = messages(&journal.take_warnings());
    assert!(text.contains("File too large") && text.contains("make room"), "{text}");
    // What is left of a file that has more in it cannot be written. What is erased with the last of it can be removed.
    let error = journal.record(&Record::Erase(EntryId(1))).unwrap_err();
    assert!(error.to_string().contains("File too large"), "{error}");
    assert_eq!(count(), 8);
    journal.record(&Record::Erase(EntryId(2))).unwrap();
    assert_eq!(count(), 6);
    let error = journal.record(&Record::Put(entry(9))).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
}

fn read_only(directory: &Path) {
    let path = directory.join("journal");
    let expires = Some(Clock::start().now() + Duration::from_secs(1_000));
    let mut dead = Journal::open(&path).unwrap();
    put(&mut dead, Entry { expires, ..entry(1) });
    put(&mut dead, Entry { expires, ..left(2) });
    drop(dead);
    let mut alive = Journal::open(&path).unwrap();
    put(&mut alive, Entry { expires, ..entry(3) });
    let mut journal = Journal::open(&path).unwrap();
    // Something that is open to be written to keeps a file system from becoming read-only.
    let own = alive.own.take();
    drop(own);
    assert!(Command::new("mount").args(["-o", "remount,ro"]).arg(directory).status().unwrap().success());

    let now = Clock::start().now();
    let error = journal.record(&Record::Put(entry(4))).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ReadOnlyFilesystem);
    assert!(journal.claim(now).is_empty());
    assert!(!journal.take_warnings().is_empty());
    let (found, warnings) = Journal::read_all(&path, now).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(found.iter().map(|found| found.entry.id.0).collect::<Vec<_>>(), [1, 2, 3]);
    let error = Journal::open(&directory.join("another")).unwrap_err();
    assert!(error.to_string().contains("cannot make") && error.to_string().contains("do without"), "{error}");
}

pub(super) fn command(directory: &Path, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--ignored", "--nocapture", "journal::tests::processes::helper"]);
    command.env(DIRECTORY, directory).env(ROLE, role);
    command
}

/// A helper, and what it says.
struct Helper {
    child: Child,
    stdin: Option<ChildStdin>,
    says: BufReader<std::process::ChildStderr>,
}

impl Helper {
    fn start(directory: &Directory, role: &str) -> Self {
        let mut command = command(&directory.0, role);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let says = BufReader::new(child.stderr.take().unwrap());
        Self { stdin: child.stdin.take(), child, says }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn end(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_a_living_process_has_is_its_own_and_what_a_dead_one_had_is_not() {
    let directory = Directory::new();
    let mut helper = Helper::start(&directory, "keep");
    assert_eq!(helper.line(), "ready");
    let now = Clock::start().now();
    // Of this boot, by the system's word.
    let mut journal = Journal::open(&directory.0).unwrap();
    assert!(journal.claim(now).is_empty());
    assert!(journal.left_open(now).is_empty());
    assert_eq!(directory.all_as(&Origin::here(), now), [(1, true), (2, true)]);
    helper.child.kill().unwrap();
    helper.child.wait().unwrap();
    assert_eq!(directory.all_as(&Origin::here(), now), [(1, false), (2, false)]);
    let (claimed, left_open) = journal.begin(now, |_| true);
    assert_eq!((ids(&claimed), ids(&left_open.left_open)), (vec![1], vec![2]));
    assert!(claimed[0].expires.unwrap() - now <= Duration::from_secs(1_000));
    assert!(claimed[0].expires.unwrap() - now > Duration::from_secs(900));
    assert!(journal.claim(now + Duration::from_secs(1_000)).is_empty());
    assert!(journal.left_open(now + Duration::from_secs(1_000)).is_empty());
}

#[test]
fn whenever_a_writer_is_killed_nothing_that_was_safe_is_lost() {
    for round in 0..25_u64 {
        let directory = Directory::new();
        let mut helper = Helper::start(&directory, "write");
        // Some rounds are long enough for the file to be written anew.
        let last = 1 + round * 2;
        while helper.line().parse::<u64>().unwrap() < last {}
        helper.child.kill().unwrap();
        helper.child.wait().unwrap();
        let told: Vec<u64> = (&mut helper.says).lines().map_while(|line| line.ok()?.parse().ok()).collect();
        let told = told.last().copied().unwrap_or(last);

        let mut journal = directory.journal();
        journal.here = Origin::here();
        let claimed = ids(&journal.claim(at(1)));
        assert!(journal.take_warnings().is_empty());
        assert!(claimed.contains(&told), "{told} of {claimed:?}");
        assert!(claimed.iter().all(|id| (told - 1..=told + 1).contains(id)), "{told} of {claimed:?}");
        assert_eq!(directory.names().len(), 1);
    }
}

#[test]
fn of_many_that_claim_at_once_each_entry_goes_to_one() {
    let directory = Directory::new();
    let permanent = |id| Entry { lifetime: Lifetime::Permanent, expires: None, ..entry(id) };
    let header = Origin::here().header();
    for file in 0..20 {
        let entries: Vec<Entry> = (0..5).map(|id| permanent(file * 5 + id)).collect();
        directory.dead_of(&header, &entries);
    }
    let mut helpers: Vec<Helper> = (0..4).map(|_| Helper::start(&directory, "claim")).collect();
    for helper in &mut helpers {
        assert_eq!(helper.line(), "ready");
    }
    for helper in &mut helpers {
        helper.stdin.as_mut().unwrap().write_all(b"!").unwrap();
    }
    let mut claimed = BTreeSet::new();
    for helper in &mut helpers {
        for id in helper.line().split_whitespace() {
            assert!(claimed.insert(id.parse::<u64>().unwrap()), "{id} twice");
        }
    }
    assert_eq!(claimed.len(), 100);
    assert!(directory.all_as(&Origin::here(), at(0)).iter().all(|(_, alive)| *alive));
    for helper in helpers {
        helper.end();
    }
    assert_eq!(directory.all_as(&Origin::here(), at(0)).len(), 100);
}

/// In a file system of its own, in a mount namespace of its own; needs root.
fn in_small_file_system(role: &str) {
    let directory = Directory::new();
    let may = Command::new("unshare").args(["--mount", "true"]).status();
    if !may.is_ok_and(|status| status.success()) {
        writeln!(io::stderr(), "skipped: needs a mount namespace of its own").unwrap();
        return;
    }
    let helper = command(&directory.0, role);
    let script = r#"mount -t tmpfs -o size=64k none "$0" && exec "$@""#;
    let mut shell = Command::new("unshare");
    shell.args(["--mount", "sh", "-c", script]).arg(&directory.0).arg(helper.get_program());
    shell.args(helper.get_args()).env(DIRECTORY, &directory.0).env(ROLE, role);
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn on_a_full_disk_what_is_there_stays_and_nothing_half_is_added() {
    in_small_file_system("full");
}

#[test]
fn without_room_for_a_byte_what_was_left_is_claimed_and_can_be_erased() {
    let directory = Directory::new();
    let header = Origin::here().header();
    let permanent = |entry: Entry| Entry { lifetime: Lifetime::Permanent, expires: None, ..entry };
    directory.dead_of(&header, &[permanent(entry(1)), permanent(entry(2))]);
    // More of these than are left as they are.
    for id in 3..9 {
        directory.dead_of(&header, &[permanent(left(id))]);
    }
    let helper = command(&directory.0, "no-room");
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap '' XFSZ && ulimit -f 0 && exec "$@""#, "sh"]).arg(helper.get_program());
    shell.args(helper.get_args()).env(DIRECTORY, &directory.0).env(ROLE, "no-room");
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn on_a_read_only_disk_everything_can_be_read() {
    in_small_file_system("read-only");
}
