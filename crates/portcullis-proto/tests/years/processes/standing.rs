//! What stands in the gateway's table, whose it is, and who may touch it.

use super::directory::Row;
use super::home::{Home, Host};
use super::invariant::Invariant;
use super::process::Process;
use super::router::{Change, Key, Number, Slot};
use core::time::Duration;
use portcullis_proto::Time;
use portcullis_proto::client::journal::Custody;
use portcullis_proto::client::{Granted, Method};
use portcullis_sim::Mapping;

/// What the observer knows of a mapping that is in the table.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// Whether a program that is none of ours has made it.
    pub(crate) is_foreign: bool,
    /// Which process has left it open on purpose, and until when.
    pub(crate) left_open: Option<(Number, Option<Time>)>,
    /// When it was made, or touched last.
    pub(crate) changed_at: Time,
}

/// A lease is shortened by what a round trip takes where it is asked for once more.
pub(crate) const ROUND_TRIP: Duration = Duration::from_secs(2);

impl Home {
    /// Somebody has changed the table.
    pub(crate) fn changed(&mut self, change: &Change) {
        self.tell(|| {
            let Change { by, before, after, .. } = change;
            format!("process {by} changes {} to {}", short(before.as_ref()), short(after.as_ref()))
        });
        let now = self.now;
        if let Some(before) = &change.before {
            self.touched(change, before);
        }
        let Some(after) = &change.after else {
            self.standings.remove(&change.slot);
            return;
        };
        let is_same = change.before.as_ref().is_some_and(|before| leads_alike(before, after));
        let key = change.slot.0;
        let by = self.process(change.by).map(|by| &by.command);
        let asks = by.is_some_and(|command| {
            command.asks_for(key) || command.asks_for_any(after.protocol, after.internal_port)
        });
        let overwrites = by.is_some_and(|command| command.overwrites(key));
        let new = Standing { is_foreign: false, left_open: None, changed_at: now };
        let standing = self.standings.entry(change.slot).or_insert(new.clone());
        if is_same {
            standing.changed_at = now;
            // Taken over by whoever asked for just that, and could not know, or was to take it from whomever it is.
            standing.is_foreign &= (after.method == Method::Igd || !asks) && !overwrites;
        } else {
            *standing = new;
        }
    }

    /// What stood before was deleted, replaced, or asked for again.
    fn touched(&mut self, change: &Change, before: &Mapping) {
        let invariant = match &change.after {
            None => Invariant::Deleted,
            Some(after) if !leads_alike(before, after) => Invariant::Replaced,
            Some(after) if ends_earlier(after, before) => Invariant::Shortened,
            Some(_) => return,
        };
        let owner = self.host_of(before);
        let is_own_host = self.process(change.by).is_some_and(|by| Some(by.host) == owner);
        if let Some(owner) = owner {
            self.excuse(owner, change.slot.0, is_own_host.then_some(change.by));
        }
        let Some(by) = self.process(change.by) else { return };
        match self.verdict(by, change, before, invariant) {
            Verdict::May => {}
            Verdict::MayNot(invariant, why) => {
                let what = self.tell_of(change, &why);
                self.violated(invariant, what);
            }
            Verdict::MayIfItSucceeds(why) => {
                let what = self.tell_of(change, &why);
                let violation = self.violation(invariant, what);
                self.doubts.push((change.by, change.slot, violation));
            }
        }
    }

    fn verdict(&self, by: &Process, change: &Change, before: &Mapping, invariant: Invariant) -> Verdict {
        let key = change.slot.0;
        let standing = self.standings.get(&change.slot);
        if by.command.overwrites(key) {
            return Verdict::May;
        }
        if self.host_of(before) != Some(by.host) {
            return Verdict::MayNot(invariant, "it leads to another host".into());
        }
        if by.command.closes(key) && invariant == Invariant::Deleted {
            return Verdict::May;
        }
        if standing.is_some_and(|standing| standing.is_foreign) {
            // NAT-PMP and PCP cannot ask whether this host has a mapping of a port without asking for one, and delete by the
            // port inside.
            let is_taken_over = change.by_talk && change.after.is_some();
            let is_given_back =
                change.after.is_none() && before.method != Method::Igd && by.command.asks_for(key);
            let is_blind = by.command.is_about(before.protocol, before.internal_port)
                && change.after.is_none()
                && !self.speaks_upnp();
            // NAT-PMP says of nothing whose it is, or whether it was there before: what a process was given by it is written
            // down as left open, and goes with all that was (RFC 6886 sections 3.3 and 3.4).
            let is_written_down = change.after.is_none()
                && before.method == Method::NatPmp
                && by.command.is_for_all_left_open()
                && self.is_left_open_by_nat_pmp(by.host, key);
            // They name a mapping by the port inside. That a gateway deletes what UPnP has behind another external port
            // together with it, or in its place, nothing tells (RFC 6886 section 3.4, RFC 6887 section 15).
            let is_deleted_beside = change.by_talk
                && change.after.is_none()
                && before.method == Method::Igd
                && self.has_talked_of(by.host, before);
            // Where the wanted port is another's, what is given in its place may be new or of before.
            let is_indistinct =
                change.by_talk && change.after.is_none() && self.wants_what_is_taken(by, change.slot, before);
            let could_not_know = is_taken_over
                || is_given_back
                || is_blind
                || is_written_down
                || is_deleted_beside
                || is_indistinct;
            return if could_not_know && invariant != Invariant::Replaced {
                Verdict::May
            } else {
                Verdict::MayNot(invariant, "another program made it".into())
            };
        }
        let mut others = self.alive(by.host).filter(|other| other.number != by.number);
        if let Some(other) = others.find(|other| other.holds(change.slot, before.internal_port)) {
            let is_let_go = invariant == Invariant::Deleted && by.has_held(change.slot, before.internal_port);
            let invariant = if is_let_go { Invariant::BeforeTheLast } else { invariant };
            return Verdict::MayNot(invariant, format!("process {} has it", other.number));
        }
        let left_open = standing.and_then(|standing| standing.left_open);
        let is_over = |until: Option<Time>| until.is_some_and(|until| until <= self.now + ROUND_TRIP);
        if let Some((left_by, _)) = left_open.filter(|&(_, until)| !is_over(until)) {
            let is_own_lease = left_by == by.number && invariant == Invariant::Shortened;
            let why = "it was left open on purpose".to_owned();
            return if by.command.is_for_all_left_open() || is_own_lease {
                Verdict::May
            } else if by.command.asks_for(key) && !by.has_left_open {
                Verdict::MayIfItSucceeds(why)
            } else {
                Verdict::MayNot(invariant, why)
            };
        }
        Verdict::May
    }

    /// A process has come to its end, or has all it wants: what it did to what stood before was its own only where it has
    /// succeeded.
    pub(crate) fn judge_doubts(&mut self, number: Number, has_failed: bool) {
        let doubts = core::mem::take(&mut self.doubts);
        for (own, slot, violation) in doubts {
            if own != number {
                self.doubts.push((own, slot, violation));
            } else if has_failed || self.router.borrow().find(slot).is_none() {
                self.add(violation);
            }
        }
    }

    /// What is not in the table any more was not deleted by anybody.
    pub(crate) fn forget_what_is_gone(&mut self) {
        let router = self.router.borrow();
        self.standings.retain(|slot, _| router.find(*slot).is_some());
    }

    /// Nobody of this host could know that what its journal has of this external port is gone, or only the one who has
    /// done it: others that are alive find out when it is time to renew it. What a protocol that it may not use had made, may
    /// stand in a table of its own as far as it knows.
    pub(crate) fn excuse(&mut self, host: usize, key: Key, by: Option<Number>) {
        let command = by.and_then(|by| self.process(by)).map(|by| &by.command);
        let may_not_ask = |row: &Row<'_>| command.is_some_and(|own| !own.may_ask_by(row.entry.method));
        let is_others = |row: &Row<'_>| by.is_some_and(|by| row.alive && row.number != by);
        let rows = self.hosts[host].directory.status(self.now);
        let rows = rows
            .into_iter()
            .filter(|Row { entry, .. }| (entry.protocol, entry.external_port.get()) == key)
            .filter(|row| by.is_none() || is_others(row) || may_not_ask(row));
        let ids: Vec<_> = rows.map(|row| (row.entry.id, is_others(&row))).collect();
        let now = self.now;
        let Host { excused, taken, .. } = &mut self.hosts[host];
        taken.extend(ids.iter().filter(|(_, is_others)| *is_others).map(|&(id, _)| (id, now)));
        excused.extend(ids.into_iter().map(|(id, _)| id));
    }

    /// Whether the journal has it that a process of this host has left this external port open, which NAT-PMP gave it.
    fn is_left_open_by_nat_pmp(&self, host: usize, key: Key) -> bool {
        let rows = self.hosts[host].directory.status(self.now);
        rows.iter().map(|row| row.entry).any(|entry| {
            (entry.protocol, entry.external_port.get()) == key
                && (entry.method, entry.custody) == (Method::NatPmp, Custody::LeftOpen)
        })
    }

    /// Whether the journal has a mapping of the same port inside behind another external port, of NAT-PMP or PCP.
    fn has_talked_of(&self, host: usize, mapping: &Mapping) -> bool {
        let rows = self.hosts[host].directory.status(self.now);
        rows.iter().map(|row| row.entry).any(|entry| {
            (entry.protocol, entry.internal_port.get()) == (mapping.protocol, mapping.internal_port)
                && entry.external_port.get() != mapping.external_port
                && matches!(entry.method, Method::NatPmp | Method::Pcp)
        })
    }

    /// Whether a process asks for a mapping of the same port inside behind an external port that is another's.
    fn wants_what_is_taken(&self, by: &Process, slot: Slot, mapping: &Mapping) -> bool {
        let router = self.router.borrow();
        let is_taken =
            |key: Key| router.find((key, slot.1)).is_some_and(|there| !leads_alike(there, mapping));
        by.command.keys_of(mapping.protocol, mapping.internal_port).into_iter().any(is_taken)
    }

    fn speaks_upnp(&self) -> bool {
        self.plan.speaks.contains(&Method::Igd)
    }

    pub(crate) fn slot_of(&self, granted: &Granted) -> Slot {
        let key = (granted.protocol, granted.external_port.get());
        self.router.borrow().slot_of(key, granted.method())
    }

    fn tell_of(&self, change: &Change, why: &str) -> String {
        let before = short(change.before.as_ref());
        let after = short(change.after.as_ref());
        let command = self.process(change.by).map_or(String::new(), |by| by.command.to_string());
        format!("process {} ({command}) turns {before} into {after}: {why}", change.by)
    }
}

/// Whether something may be done to what stands.
enum Verdict {
    May,
    MayNot(Invariant, String),
    MayIfItSucceeds(String),
}

/// Whether both lead to the same port of the same host.
fn leads_alike(one: &Mapping, other: &Mapping) -> bool {
    (&one.internal_client, one.internal_port) == (&other.internal_client, other.internal_port)
}

/// Whether this one ends earlier, by more than the time on the way.
fn ends_earlier(this: &Mapping, other: &Mapping) -> bool {
    match (this.expires, other.expires) {
        (Some(this), Some(other)) => this + ROUND_TRIP < other,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// A mapping in a few words.
pub(crate) fn short(mapping: Option<&Mapping>) -> String {
    let Some(mapping) = mapping else { return "nothing".into() };
    let Mapping { protocol, external_port, internal_client, internal_port, method, .. } = mapping;
    let until =
        mapping.expires.map_or("for ever".into(), |at| format!("until {}", at.since_start().as_secs()));
    format!("{protocol} {external_port} -> {internal_client}:{internal_port} ({method}, {until})")
}
