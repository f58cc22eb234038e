//! This host has another address than the one that a mapping leads to, behind the same gateway: what leads to the old
//! one is deleted where any way exists, else told and left to its lease.
//!
//! NAT-PMP and PCP know a mapping by the address that asks (RFC 6886 section 3.3, RFC 6887 section 11.3), so from the new
//! one they delete nothing, and say yes to it. UPnP names the external port, and many gateways let any host delete it.

use super::{ChangeKind, KeeperTimer, Kept, MappingId, Phase, Reason};
use crate::Time;
use crate::client::Client;
use crate::client::error::Error;
use crate::client::event::Outcome;
use crate::client::granted::{Granted, Method};
use crate::client::igd::close::{Claim, Close};
use crate::client::journal::EntryId;
use crate::client::operation::{OperationId, Task};
use crate::client::timer::Timer;
use core::num::NonZeroU16;
use core::time::Duration;

/// How long a UPnP service is sought, and asked to delete what leads to the old address, before the mapping is asked for
/// from the new one.
const CLEARING: Duration = Duration::from_secs(2);
/// Leases end a moment later than they are believed to.
const OVER: Duration = Duration::from_secs(1);
/// What was left and may be used again; of more than that, the oldest is not.
const MOST_LEFT: usize = 64;

/// What has become of a grant that leads to an address which this host had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Former {
    /// It leads to an address of ours.
    #[default]
    No,
    /// Nobody has been asked to delete it.
    Untouched,
    Deleted,
    /// It is told as left, and ends by itself.
    Left,
}

impl Client {
    /// Whether a grant leads to an address that is not ours any more.
    pub(in crate::client) fn leads_to_former(&self, granted: &Granted) -> bool {
        let is_known = !self.network.interfaces.is_empty();
        is_known && granted.third_party.is_none() && !self.network.may_be_own(granted.internal_address, None)
    }

    /// What is granted to mappings leads to an address that is gone: nobody else is to spare it.
    pub(super) fn left_address(&mut self, id: MappingId) {
        let Some(kept) = self.keeper.mappings.get(&id).filter(|kept| kept.former == Former::No) else {
            return;
        };
        let Some(granted) = kept.granted.clone().filter(|granted| self.leads_to_former(granted)) else {
            return;
        };
        self.let_go(&granted);
        if let Some(kept) = self.keeper.mappings.get_mut(&id) {
            kept.former = Former::Untouched;
        }
    }

    /// Begins to delete what leads to the old address, where that can be done at all; whether it did.
    pub(super) fn clear_former(&mut self, now: Time, id: MappingId) -> bool {
        let Some(kept) = self.keeper.mappings.get(&id).filter(|kept| kept.former == Former::Untouched) else {
            return false;
        };
        let Some(granted) = kept.granted.clone() else { return false };
        if kept.expires().is_some_and(|at| at <= now) || !self.leads_to_former(&granted) {
            return false;
        }
        let gateway = granted.grantor.remote().ip();
        let is_there = self.network.is_on_link(gateway) || self.network.is_default_gateway(gateway);
        if !is_there || gateway.is_ipv6() || self.config.preference(Method::Igd).is_none() {
            self.leave_behind(now, id, &granted, Reason::NetworkChanged);
            return false;
        }
        if !self.alike(&granted, |other| matches!(other.phase, Phase::Clearing(_))).is_empty() {
            // That ends for both: a second deletion could meet what is mapped after the first.
            if let Some(kept) = self.keeper.mappings.get_mut(&id) {
                kept.retry_at = Some(now + CLEARING);
            }
            self.schedule(now, id);
            return true;
        }
        let operation = self.begin_clearing(now, &granted, CLEARING);
        self.belongs(id, operation, Phase::Clearing(operation));
        self.settle(now, operation);
        true
    }

    /// The mappings that led to the same, and are as `which` says.
    fn alike(&self, granted: &Granted, which: impl Fn(&Kept) -> bool) -> Vec<MappingId> {
        let is_same = |own: &Granted| {
            own.key() == granted.key()
                && (own.internal_address, own.internal_port)
                    == (granted.internal_address, granted.internal_port)
        };
        self.ids(|kept| {
            which(kept) && kept.former != Former::No && kept.granted.as_ref().is_some_and(is_same)
        })
    }

    fn begin_clearing(&mut self, now: Time, granted: &Granted, timeout: Duration) -> OperationId {
        let claim = Claim::Former(granted.internal_address, granted.internal_port);
        let close = Close::new(granted.protocol, granted.external_port, claim);
        let operation = self.begin_seeking(now, Task::Close(close), timeout);
        if let Some(own) = self.operations.get_mut(&operation) {
            own.only_at = Some(granted.grantor.remote().ip());
        }
        operation
    }

    /// The external port of what was left when we had this address before, where we have it again.
    pub(super) fn port_left(&self, id: MappingId) -> Option<NonZeroU16> {
        let request = &self.keeper.mappings.get(&id).filter(|kept| kept.former != Former::No)?.request;
        let is_it = |left: &&Granted| {
            (left.protocol, left.internal_port) == (request.protocol, request.internal_port)
                && self.network.is_own(left.internal_address)
        };
        self.keeper.left.values().find(is_it).map(|left| left.external_port)
    }

    /// What came of it: then the mapping is asked for from the new address.
    pub(super) fn cleared(&mut self, now: Time, id: MappingId, result: Result<Outcome, Error>) {
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        let Some(granted) = kept.granted.clone() else { return };
        let is_gone = is_proof(&granted, &result);
        kept.former = Former::Untouched;
        let alike = self.alike(&granted, |kept| kept.former == Former::Untouched);
        let reason = result.err().map_or(Reason::NetworkChanged, Reason::Failed);
        for &id in &alike {
            if !is_gone {
                self.leave_behind(now, id, &granted, reason.clone());
            } else if let Some(kept) = self.keeper.mappings.get_mut(&id) {
                kept.former = Former::Deleted;
            }
        }
        if let Some(entry) = granted.entry.filter(|_| is_gone) {
            self.strike_out(entry);
        }
        for id in alike {
            if self.keeper.mappings.get(&id).is_some_and(|kept| kept.phase == Phase::Resting) {
                self.map_again(now, id);
            }
        }
    }

    /// It stays at its gateway until its lease is over, and in the journal.
    fn leave_behind(&mut self, now: Time, id: MappingId, granted: &Granted, reason: Reason) {
        if let Some(kept) = self.keeper.mappings.get_mut(&id) {
            kept.former = Former::Left;
        }
        let until = granted.entry.and_then(|entry| self.ledger.expires(entry));
        if let (Some(entry), Some(until)) = (granted.entry, until) {
            if self.keeper.left.len() >= MOST_LEFT {
                self.keeper.left.pop_first();
            }
            self.keeper.left.insert(entry, granted.clone());
            self.transport.out.timers.set(Timer::Keeper(KeeperTimer::Left(entry)), until.max(now));
        }
        self.tell_change_of(id, ChangeKind::LeftBehind, reason, (Some(granted.clone()), until));
    }

    /// The lease of what was left is over.
    pub(super) fn left_is_over(&mut self, now: Time, entry: EntryId) {
        let is_wanted = self.held.is_written_as(Some(entry))
            || self.operations.values().any(|operation| operation.is_written_as(entry));
        match self.ledger.expires(entry).filter(|_| !is_wanted) {
            Some(until) if until > now => {
                self.transport.out.timers.set(Timer::Keeper(KeeperTimer::Left(entry)), until);
            }
            is_over => {
                self.keeper.left.remove(&entry);
                if is_over.is_some() {
                    self.ledger.erase(entry, &mut self.transport.out);
                }
            }
        }
    }

    /// Waits for the ends of what was left, or no more: while nothing is kept, there is nothing to be woken for. Whoever
    /// reads the journal sees by itself what is over.
    pub(super) fn await_left(&mut self, is_awaited: bool) {
        for &entry in self.keeper.left.keys() {
            let timer = Timer::Keeper(KeeperTimer::Left(entry));
            match self.ledger.expires(entry).filter(|_| is_awaited) {
                Some(until) => self.transport.out.timers.set(timer, until),
                None => self.transport.out.timers.clear(timer),
            }
        }
    }

    /// A mapping stands that led to another address of ours before.
    pub(super) fn former_replaced(&mut self, now: Time, id: MappingId, before: &Granted, granted: &Granted) {
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        let former = core::mem::take(&mut kept.former);
        if before.is_replaced_by(granted) {
            // We have the old address again.
            if let Some(entry) = before.entry.filter(|_| before.entry != granted.entry) {
                self.strike_out(entry);
            }
        } else if former == Former::Untouched {
            self.leave_behind(now, id, before, Reason::NetworkChanged);
            if let Some(kept) = self.keeper.mappings.get_mut(&id) {
                kept.former = Former::No;
            }
        }
    }

    /// When a port is free again that an old mapping of ours blocks.
    pub(super) fn unblocked_at(&self, now: Time, id: MappingId) -> Option<Time> {
        let kept = self.keeper.mappings.get(&id).filter(|kept| kept.former == Former::Left)?;
        kept.expires().map(|at| at + OVER).filter(|&at| at > now)
    }
}

/// Whether it is deleted for certain. What NAT-PMP and PCP made need not be in the table that UPnP looks into.
fn is_proof(granted: &Granted, result: &Result<Outcome, Error>) -> bool {
    match result {
        Ok(Outcome::Closed(closed)) => closed.existed() || granted.method() == Method::Igd,
        _ => false,
    }
}
