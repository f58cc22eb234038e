//! The journal as its users see it.

#[cfg(target_os = "linux")]
mod every_call;
#[cfg(unix)]
mod hostile;
mod kept;
#[cfg(target_os = "linux")]
mod processes;
mod taken_over;

use super::*;
use portcullis_proto::client::Method;
use portcullis_proto::wire::pcp::Nonce;
use portcullis_proto::{Lifetime, Protocol};
use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::num::NonZeroU16;
use std::time::Duration;

/// An entry of this name that was not granted yet and expires at 3600 s.
pub(super) fn entry(id: u64) -> Entry {
    Entry {
        id: EntryId(id),
        method: Method::Pcp,
        gateway: "192.168.1.1".into(),
        remote: "192.168.1.1:5351".parse().unwrap(),
        control: None,
        protocol: Protocol::Udp,
        internal_address: "192.168.1.7".parse().unwrap(),
        internal_port: NonZeroU16::new(7_777).unwrap(),
        external_address: None,
        external_port: NonZeroU16::new(7_777).unwrap(),
        nonce: Some(Nonce([7; 12])),
        unique_id: None,
        description: "lobby of Tom & Jerry".into(),
        lifetime: Lifetime::from_seconds(3_600),
        expires: Some(at(3_600)),
        granted: false,
        custody: Custody::Kept,
    }
}

/// One that its process leaves open.
fn left(id: u64) -> Entry {
    Entry { custody: Custody::LeftOpen, granted: true, ..entry(id) }
}

const HERE: &str = "portcullis-journal 1 here this-boot boot";

fn here() -> Origin {
    Origin::from_header(HERE).unwrap()
}

fn at(seconds: u64) -> Time {
    Time::from_start(Duration::from_secs(seconds))
}

impl Journal {
    fn claim(&mut self, now: Time) -> Vec<Entry> {
        self.begin(now, |_| true).0
    }

    fn left_open(&mut self, now: Time) -> Vec<Entry> {
        self.begin(now, |_| true).1.left_open
    }
}

/// A directory that is removed with everything in it.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let name = format!("portcullis-{:016x}", RandomState::new().hash_one(0_u8));
        let path = std::env::temp_dir().join(name);
        system::private_directory().create(&path).unwrap();
        Self(path)
    }

    /// The journal of one more process.
    fn journal(&self) -> Journal {
        let mut journal = Journal::open(&self.0).unwrap();
        journal.here = here();
        journal
    }

    /// What a process leaves that has put these and died.
    fn dead(&self, entries: &[Entry]) -> PathBuf {
        self.dead_of(HERE, entries)
    }

    fn dead_of(&self, header: &str, entries: &[Entry]) -> PathBuf {
        let mut journal = self.journal();
        journal.here = Origin::from_header(header).unwrap();
        for entry in entries {
            journal.record(&Record::Put(entry.clone())).unwrap();
        }
        journal.own.as_ref().unwrap().path().to_owned()
    }

    /// Names of what is there, but for the lock.
    fn names(&self) -> Vec<String> {
        let names =
            fs::read_dir(&self.0).unwrap().map(|found| found.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "lock").collect();
        names.sort();
        names
    }

    /// The ids of all, and whether their process lives.
    fn all(&self, now: Time) -> Vec<(u64, bool)> {
        self.all_as(&here(), now)
    }

    fn all_as(&self, here: &Origin, now: Time) -> Vec<(u64, bool)> {
        let (found, warnings) = Journal::read_as(&self.0, here, now);
        assert!(warnings.is_empty(), "{warnings:?}");
        found.into_iter().map(|found| (found.entry.id.0, found.alive)).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn ids(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.id.0).collect()
}

fn put(journal: &mut Journal, entry: Entry) {
    journal.record(&Record::Put(entry)).unwrap();
}

fn erase(journal: &mut Journal, id: u64) {
    journal.record(&Record::Erase(EntryId(id))).unwrap();
}

fn messages(warnings: &[JournalWarning]) -> String {
    warnings.iter().map(|warning| format!("{warning}\n")).collect()
}
