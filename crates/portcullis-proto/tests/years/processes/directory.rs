//! The journal of one host: what each process has written, and what the next one is given of it.

use super::command::Command;
use super::router::Number;
use core::fmt;
use portcullis_proto::Time;
use portcullis_proto::client::journal::{Custody, Entry, EntryId, Record};
use std::collections::{BTreeMap, BTreeSet};

type Entries = BTreeMap<EntryId, Entry>;

/// A directory with a file for each process, as the library keeps it.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    files: BTreeMap<Number, Entries>,
    alive: BTreeSet<Number>,
    /// Which entries of dead processes a living one has been told of, and writes where they are.
    elsewhere: BTreeMap<Number, BTreeSet<EntryId>>,
}

/// What a process that starts is given: what dead ones left without meaning to.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) stale: Vec<Entry>,
    pub(crate) others: Others,
}

/// What there is of other processes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Others {
    /// What dead ones left on purpose.
    pub(crate) left_open: Vec<Entry>,
    /// What living ones have.
    pub(crate) living: Vec<Entry>,
}

/// What one process has written of one mapping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) number: Number,
    pub(crate) alive: bool,
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = |entries: &[Entry]| entries.iter().map(tell).collect::<Vec<_>>().join(", ");
        write!(f, "stale [{}]", rows(&self.stale))?;
        write!(f, ", left open [{}]", rows(&self.others.left_open))?;
        write!(f, ", of others [{}]", rows(&self.others.living))
    }
}

impl Directory {
    /// A process starts: what dead ones did not mean to leave is its own from now on.
    pub(crate) fn begin(&mut self, now: Time, number: Number, command: &Command) -> Given {
        self.alive.insert(number);
        self.files.insert(number, Entries::new());
        self.look_again(now, number, command)
    }

    /// A process is about to close something: what ended meanwhile and did not mean to leave what it has is its own, too.
    pub(crate) fn look_again(&mut self, now: Time, number: Number, command: &Command) -> Given {
        let living = self.others(now, number).living;
        let is_kept = |entry: &Entry| {
            let keeps = |other: &&Entry| other.granted && other.custody == Custody::Kept;
            living.iter().filter(keeps).any(|other| other.is_one_with(entry))
        };
        let is_left = |entry: &Entry| {
            entry.custody == Custody::LeftOpen || is_kept(entry) || !command.may_ask_by(entry.method)
        };
        let mut stale = Vec::new();
        for (other, file) in &mut self.files {
            if self.alive.contains(other) {
                continue;
            }
            file.retain(|_, entry| entry.expires.is_none_or(|at| at > now));
            let claimed = file.values().filter(|entry| !is_left(entry));
            stale.extend(claimed.map(|entry| Entry { custody: Custody::Unwanted, ..entry.clone() }));
            file.retain(|_, entry| is_left(entry));
        }
        self.files.retain(|other, file| self.alive.contains(other) || !file.is_empty());
        let own = self.files.entry(number).or_default();
        own.extend(stale.iter().map(|entry| (entry.id, entry.clone())));
        Given { stale, others: self.others(now, number) }
    }

    /// What there is of other processes by now.
    pub(crate) fn others(&mut self, now: Time, number: Number) -> Others {
        let mut others = Others::default();
        for (other, file) in self.files.iter().filter(|(other, _)| **other != number) {
            let entries = file.values().filter(|entry| entry.expires.is_none_or(|at| at > now)).cloned();
            if self.alive.contains(other) {
                others.living.extend(entries);
            } else {
                others.left_open.extend(entries.filter(|entry| entry.custody == Custody::LeftOpen));
            }
        }
        let told = self.elsewhere.entry(number).or_default();
        told.extend(others.left_open.iter().map(|entry| entry.id));
        others
    }

    /// What a process writes: what stays left open, where it is; what it keeps, in its own file.
    pub(crate) fn record(&mut self, number: Number, record: &Record) {
        match record {
            Record::Put(entry) => {
                let was_told = self.elsewhere.get(&number).is_some_and(|told| told.contains(&entry.id));
                let other = if was_told { self.file_of_a_dead(entry.id) } else { None };
                let stays = other.filter(|_| entry.custody == Custody::LeftOpen);
                self.files.entry(stays.unwrap_or(number)).or_default().insert(entry.id, entry.clone());
                if let Some(file) =
                    other.filter(|_| stays.is_none()).and_then(|other| self.files.get_mut(&other))
                {
                    file.remove(&entry.id);
                }
            }
            Record::Erase(id) => {
                let is_own = self.files.get(&number).is_some_and(|own| own.contains_key(id));
                let file = if is_own { Some(number) } else { self.file_of_a_dead(*id) };
                if let Some(file) = file.and_then(|file| self.files.get_mut(&file)) {
                    file.remove(id);
                }
            }
        }
    }

    /// A process lets go of an entry: whether another has the same, whose it is from then on.
    pub(crate) fn hand_over(&mut self, now: Time, number: Number, id: EntryId) -> bool {
        let Some(own) = self.files.get(&number).and_then(|own| own.get(&id)).cloned() else { return false };
        let keeps =
            |other: &&Entry| other.custody != Custody::Unwanted && other.granted && own.is_one_with(other);
        let Others { left_open, living } = self.others(now, number);
        let Some(heir) = living.iter().chain(&left_open).find(keeps) else { return false };
        let lasts_longer = heir.expires.is_some_and(|heirs| own.expires.is_none_or(|own| own > heirs));
        let is_left_open = left_open.iter().any(|entry| entry.id == heir.id);
        if lasts_longer && is_left_open {
            let row = self.files.values_mut().find_map(|file| file.get_mut(&heir.id));
            if let Some(row) = row {
                (row.expires, row.lifetime) = (own.expires, own.lifetime);
            }
        }
        let file = self.files.entry(number).or_default();
        // Made by another protocol, it may be another mapping to the gateway; and an heir may die before it has heard of the
        // longer lease.
        if heir.method == own.method && (is_left_open || !lasts_longer) {
            file.remove(&id);
        } else {
            file.insert(id, Entry { custody: Custody::Unwanted, ..own });
        }
        true
    }

    /// The process has ended, or was killed.
    pub(crate) fn end(&mut self, number: Number) {
        self.alive.remove(&number);
        self.elsewhere.remove(&number);
    }

    /// What `status` tells: every entry that has not run out, and whose it is.
    pub(crate) fn status(&self, now: Time) -> Vec<Row<'_>> {
        let rows = self.files.iter().flat_map(|(&number, file)| {
            let alive = self.alive.contains(&number);
            file.values().map(move |entry| Row { entry, number, alive })
        });
        rows.filter(|row| row.entry.expires.is_none_or(|at| at > now)).collect()
    }

    fn file_of_a_dead(&self, id: EntryId) -> Option<Number> {
        let mut dead = self.files.iter().filter(|(number, _)| !self.alive.contains(number));
        dead.find(|(_, file)| file.contains_key(&id)).map(|(&number, _)| number)
    }
}

/// A row of the journal in a few words.
pub(crate) fn tell(entry: &Entry) -> String {
    let Entry { protocol, external_port, internal_address, internal_port, method, granted, custody, .. } =
        entry;
    let state = if *granted { "granted" } else { "asked" };
    let until = entry.expires.map_or("for ever".into(), |at| format!("until {}", at.since_start().as_secs()));
    format!(
        "{protocol} {external_port} -> {internal_address}:{internal_port} ({method}, {state}, {custody:?}, {until})"
    )
}
