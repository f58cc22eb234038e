//! What has to hold when a process ends, and when all is quiet.

use super::directory::{Row, tell};
use super::home::{Home, Host};
use super::invariant::Invariant;
use super::plan::is_good;
use super::process::{Process, Stage};
use super::router::{Key, Number, Slot};
use super::standing::short;
use core::time::Duration;
use portcullis_proto::Time;
use portcullis_proto::client::Method;
use portcullis_proto::client::journal::{Custody, Entry};
use portcullis_sim::Mapping;

/// The journal counts a lease from the answer, the gateway from the request.
const LATE: Duration = Duration::from_secs(8);

impl Home {
    /// A process has ended by itself: what it said has to be so.
    pub(crate) fn judge(&mut self, index: usize) {
        let process = &self.processes[index];
        let (number, host, has_failed) = (process.number, process.host, process.has_failed);
        let is_narrow = !process.command.methods.is_empty();
        self.judge_doubts(number, has_failed);
        for (by, key, said_at) in self.closed.clone() {
            let open = if by == number { self.still_open((number, host), key, said_at) } else { Vec::new() };
            for (_, open) in open {
                let invariant = if is_narrow { Invariant::ClosedNarrowly } else { Invariant::Closed };
                self.violated(invariant, format!("process {number} says closed, and there is {open}"));
            }
        }
        for (by, key) in self.not_closed.clone() {
            let can_be_closed = is_good(self.link) && !is_narrow && by == number;
            let open =
                if can_be_closed { self.still_open((number, host), key, self.now) } else { Vec::new() };
            for (slot, open) in open {
                // Nobody but the program that made it by PCP knows its nonce.
                if !self.is_foreign(slot) || self.plan.speaks.contains(&Method::Igd) {
                    self.violated(Invariant::Closable, format!("process {number} cannot close {open}"));
                }
            }
        }
        for (by, slot, said_at) in self.released.clone() {
            let left = if by == number { self.still_there((number, host), slot, said_at) } else { None };
            if let Some(left) = left {
                let what = format!("process {number} was the last to have it, and there is {left}");
                self.violated(Invariant::AfterTheLast, what);
            }
        }
    }

    /// What leads from this external port to the host, although a process has said that it is closed.
    fn still_open(&self, (number, host): (Number, usize), key: Key, said_at: Time) -> Vec<(Slot, String)> {
        let router = self.router.borrow();
        let is_it = |mapping: &&Mapping| {
            let slot = router.slot(mapping);
            // One that was made since, or is being made, or is kept by another process, is said to be.
            let is_new = self.standings.get(&slot).is_none_or(|standing| standing.changed_at > said_at);
            let is_anothers = self.others(number, host).any(|other| {
                other.holds(slot, mapping.internal_port)
                    || other.stage == Stage::Working && other.command.asks_for(key)
            });
            // What was left open is to be closed, and not what another program has behind the same port by now.
            let is_meant = !self.is_foreign(slot) || !self.cleans_up(number);
            // What another program has made in a table of its own, nobody can look for.
            let is_hidden = slot.1.is_some_and(|method| method != Method::Igd) && self.is_foreign(slot);
            let is_there = slot.0 == key && self.host_of(mapping) == Some(host);
            is_there && is_meant && !is_new && !is_anothers && !is_hidden
        };
        let there = router.gateway.mappings().iter().filter(is_it);
        there.map(|mapping| (router.slot(mapping), short(Some(mapping)))).collect()
    }

    /// Whether this process closes what was left open, whatever that is.
    fn cleans_up(&self, number: Number) -> bool {
        self.process(number).is_some_and(|own| own.command.is_for_all_left_open())
    }

    /// What there still is of a mapping that its last holder has let go.
    fn still_there(&self, (number, host): (Number, usize), slot: Slot, said_at: Time) -> Option<String> {
        let router = self.router.borrow();
        let mapping = router.find(slot).filter(|mapping| self.host_of(mapping) == Some(host))?;
        let standing = self.standings.get(&slot)?;
        let stays = standing.is_foreign || standing.left_open.is_some() || standing.changed_at > said_at;
        let is_wanted = self
            .others(number, host)
            .any(|other| other.holds(slot, mapping.internal_port) || other.command.asks_for(slot.0));
        (!stays && !is_wanted).then(|| short(Some(mapping)))
    }

    /// The other processes of a host that are alive.
    fn others(&self, number: Number, host: usize) -> impl Iterator<Item = &Process> {
        self.alive(host).filter(move |other| other.number != number)
    }

    /// All is quiet: `status` tells what the gateway has.
    pub(crate) fn compare(&mut self) {
        for host in 0..self.hosts.len() {
            self.compare_host(host);
        }
    }

    fn compare_host(&mut self, host: usize) {
        let ours = self.ours(host);
        let Host { directory, excused, unsure, .. } = &self.hosts[host];
        let rows = directory.status(self.now);
        let ends_now = |at: Option<Time>| at.is_some_and(|at| at <= self.now + LATE);
        let mut wrong = Vec::new();
        for Row { entry, number, alive } in rows.iter().filter(|row| row.entry.granted) {
            // What a process that died was deleting, it may have deleted: the next one finds out.
            let is_stale = !alive && entry.custody != Custody::LeftOpen && unsure.contains(number);
            // What nobody wants is told as stale: it may be there, and whoever can deletes it.
            let is_unwanted = entry.custody == Custody::Unwanted;
            let is_known = is_stale || is_unwanted || excused.contains(&entry.id) || ends_now(entry.expires);
            let router = self.router.borrow();
            if !is_known && !router.gateway.mappings().iter().any(|mapping| self.is_row_of(entry, mapping)) {
                let what = format!("host {host}: row {}, and there is no such mapping", tell(entry));
                wrong.push((Invariant::Ghost, what));
            }
        }
        for mapping in &ours {
            let is_row = |row: &&Row<'_>| row.entry.granted && self.is_row_of(row.entry, mapping);
            let may_be_row = |row: &Row<'_>| {
                let Entry { granted, protocol, internal_port, .. } = row.entry;
                !granted && (*protocol, internal_port.get()) == (mapping.protocol, mapping.internal_port)
            };
            let count = rows.iter().filter(is_row).count();
            if count == 0 && !rows.iter().any(may_be_row) && !ends_now(mapping.expires) {
                let what = format!("host {host}: there is {}, and no row of it", short(Some(mapping)));
                wrong.push((Invariant::Missing, what));
            }
        }
        for (invariant, what) in wrong {
            self.violated(invariant, what);
        }
    }

    /// All is cleaned up.
    pub(crate) fn nothing_is_left(&mut self) {
        for host in 0..self.hosts.len() {
            let mut left: Vec<_> = self.ours(host).iter().map(|mapping| short(Some(mapping))).collect();
            let rows = self.hosts[host].directory.status(self.now);
            let granted = rows.into_iter().map(|row| row.entry).filter(|entry| entry.granted);
            left.extend(granted.map(|entry| format!("row {}", tell(entry))));
            for left in left {
                let what = format!("host {host}: all is cleaned up, and there is {left}");
                self.violated(Invariant::CleanedUp, what);
            }
        }
    }

    /// What our processes have made that leads to this host.
    fn ours(&self, host: usize) -> Vec<Mapping> {
        let router = self.router.borrow();
        let ours =
            router.gateway.mappings().iter().filter(|mapping| {
                self.host_of(mapping) == Some(host) && !self.is_foreign(router.slot(mapping))
            });
        ours.cloned().collect()
    }

    /// Whether a program that is none of ours has made it.
    fn is_foreign(&self, slot: Slot) -> bool {
        self.standings.get(&slot).is_some_and(|standing| standing.is_foreign)
    }

    /// Whether a row of the journal tells of this mapping.
    fn is_row_of(&self, row: &Entry, mapping: &Mapping) -> bool {
        let router = self.router.borrow();
        let key = (row.protocol, row.external_port.get());
        router.slot_of(key, row.method) == router.slot(mapping)
            && row.internal_port.get() == mapping.internal_port
            && mapping.internal_client.parse() == Ok(row.internal_address)
    }
}
