//! Keeps mappings open: renews them, notices when a gateway has lost them, makes them again, and says what
//! happened.
//!
//! ```text
//! Mapping ─► Active ─► Renewing ─► Active …          Lost only when what was granted has run out
//!    ▲          │          │
//!    └─ Waiting ◄──────────┘   a gateway that restarted, refused, or went silent; another network
//! ```

mod change;
mod doubt;
mod heed;
mod listening;
mod moved;
mod recovery;
mod renewal;
mod returning;
mod watch;

pub use change::{Change, ChangeKind, MappingId, Reason};

use super::Client;
use super::event::Closed;
use super::granted::{Granted, Grantor, Method, Stood};
use super::io::SocketId;
use super::journal::EntryId;
use super::operation::OperationId;
use super::port_control::{Pace, Way};
use super::request::MappingRequest;
use super::timer::Timer;
use crate::{Lifetime, Time};
use core::net::IpAddr;
use core::time::Duration;
use listening::Listener;
use moved::Former;
use std::collections::BTreeMap;
use watch::Watch;

/// The shortest lifetime that is asked for, in seconds.
const LEAST_LIFETIME: u32 = 20;

/// How wrong may be what is left of a lease, as a table tells it.
const INEXACT: Duration = Duration::from_secs(2);

/// What the keeper waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeeperTimer {
    /// The next thing to do for a mapping.
    Mapping(MappingId),
    /// The next look at a gateway.
    Watch(IpAddr),
    /// The end of what was left at a gateway.
    Left(EntryId),
}

/// What is being done for a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing: it stands, or nobody grants it and it is not yet time to ask again.
    Resting,
    /// What leads to an address that we had is being deleted.
    Clearing(OperationId),
    /// It is asked for, of whoever will grant it.
    Mapping(OperationId),
    /// The grant is being extended where it was made.
    Renewing(OperationId),
    /// Its entry is being read, or its pinhole asked for.
    Verifying(OperationId),
    /// It stands at another gateway than the default one, which is asked for it.
    Returning(OperationId),
    /// It is being deleted: nobody wants it any more.
    Releasing(OperationId),
}

/// Whether a gateway that says yes to a renewal extends the lease (quirk 88).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extends {
    Yes,
    /// It did not: perhaps it is broken for the moment.
    Doubtful,
    /// It did not, and deleting and adding it did.
    No,
}

/// A mapping that is kept.
#[derive(Debug)]
struct Kept {
    request: MappingRequest,
    phase: Phase,
    granted: Option<Granted>,
    /// Whether what is granted leads to an address that we had, and what has become of it.
    former: Former,
    /// Since when its lifetime counts: the earliest moment at which the gateway can have granted it.
    granted_at: Time,
    /// When the last grant came.
    confirmed_at: Time,
    /// When the last request that nobody has answered was sent.
    sent_at: Option<Time>,
    /// Whether the gateway is believed to have it.
    stands: bool,
    /// Why it is asked for, or asked for again.
    reason: Reason,
    /// Whether the gateway lost its state while it was being asked for: the grant may be of before that.
    lost_meanwhile: bool,
    /// Whether asking for it has been begun anew because of that.
    begun_anew: bool,
    /// Whether something has gone wrong since the last success, and was told.
    degraded: bool,
    lost: bool,
    /// Requests to renew since it was granted, and when the last one was made, counted from the grant.
    renewals: u32,
    renewed_at: Duration,
    verified_at: Time,
    extends: Extends,
    /// Whether it is being deleted and made anew, or was the last time.
    renewed_anew: bool,
    /// When it is renewed because it may not be there any more, or with another lease.
    reassure_at: Option<Time>,
    /// When it was last doubted for another port of ours behind its external one.
    contested_at: Option<Time>,
    /// When to ask again, where nobody grants it.
    retry_at: Option<Time>,
    failures: u32,
    /// When the default gateway is asked for it, where another one has it, and how often it was in vain.
    return_at: Option<Time>,
    returns: u32,
}

impl Phase {
    fn operation(self) -> Option<OperationId> {
        match self {
            Self::Resting => None,
            Self::Clearing(id)
            | Self::Mapping(id)
            | Self::Renewing(id)
            | Self::Verifying(id)
            | Self::Returning(id)
            | Self::Releasing(id) => Some(id),
        }
    }
}

impl Kept {
    fn new(mut request: MappingRequest, now: Time) -> Self {
        request.lifetime = lasting(request.lifetime);
        Self {
            request,
            phase: Phase::Resting,
            granted: None,
            former: Former::No,
            granted_at: now,
            confirmed_at: now,
            sent_at: None,
            stands: false,
            reason: Reason::Asked,
            lost_meanwhile: false,
            begun_anew: false,
            degraded: false,
            lost: false,
            renewals: 0,
            renewed_at: Duration::ZERO,
            verified_at: now,
            extends: Extends::Yes,
            renewed_anew: false,
            reassure_at: None,
            contested_at: None,
            retry_at: None,
            failures: 0,
            return_at: None,
            returns: 0,
        }
    }

    /// When what was granted runs out; `None` where it does not, or where there is nothing.
    fn expires(&self) -> Option<Time> {
        let lifetime = self.granted.as_ref()?.lifetime.duration()?;
        Some(self.granted_at + lifetime)
    }

    /// Whether the last request to renew came before the half of the lease, when none is due (RFC 6887 section 11.2.1):
    /// because what was granted may not be there any more.
    fn renewed_in_doubt(&self) -> bool {
        let lifetime = self.granted.as_ref().and_then(|granted| granted.lifetime.duration());
        self.renewals > 0 && lifetime.is_some_and(|lifetime| self.renewed_at.saturating_mul(2) < lifetime)
    }

    /// Whether a renewal for so long was granted what was left in any case, give or take what a table in seconds may be wrong by.
    /// One before the half of the lease proves nothing, nor one that somebody else was quicker with, nor one whose answer
    /// was not heard: it may not have arrived.
    fn is_not_extended_by(&self, now: Time, granted: &Granted, asked: Lifetime) -> bool {
        let lease = |granted: &Granted| granted.leased.duration();
        let Some((before, told)) = self.granted.as_ref().and_then(lease).zip(lease(granted)) else {
            return false;
        };
        let lifetime = self.granted.as_ref().and_then(|granted| granted.lifetime.duration());
        let half = lifetime.and_then(|lifetime| lifetime.checked_div(2)).unwrap_or_default();
        let is_due = self.renewals > 0 && self.renewed_at >= half;
        let Some(left) = self.expires().map(|at| at - now).filter(|left| is_due && *left <= half) else {
            return false;
        };
        let slack = INEXACT.min(before.checked_div(8).unwrap_or_default());
        let asked_for_more = asked.duration().is_none_or(|asked| asked > left.saturating_add(slack));
        asked_for_more
            && !granted.unheard
            && told <= left.saturating_add(slack)
            && left <= told.saturating_add(slack)
    }

    /// Whether it is deleted and made anew where it is to be renewed now. The first time, what stands is better than what
    /// may not be made again: then it is, when an eighth of the lease is left.
    fn is_made_anew(&self, now: Time) -> bool {
        let lease = self.granted.as_ref().and_then(|granted| granted.leased.duration()).unwrap_or_default();
        let is_nearly_over =
            self.expires().is_some_and(|at| at - now <= lease.checked_div(8).unwrap_or_default());
        match self.extends {
            Extends::Yes => false,
            Extends::Doubtful => is_nearly_over,
            Extends::No => true,
        }
    }

    fn is_at(&self, gateway: IpAddr) -> bool {
        self.granted.as_ref().is_some_and(|granted| granted.grantor.remote().ip() == gateway)
    }

    fn operation(&self) -> Option<OperationId> {
        self.phase.operation()
    }

    /// Whether a gateway is being asked for it.
    fn is_asked_for(&self) -> bool {
        matches!(self.phase, Phase::Mapping(_) | Phase::Renewing(_) | Phase::Verifying(_))
    }

    fn is_by(&self, method: Method) -> bool {
        self.granted.as_ref().is_some_and(|granted| granted.method() == method)
    }

    fn external_address(&self) -> Option<IpAddr> {
        self.granted.as_ref().and_then(|granted| granted.external_address)
    }
}

/// Asked for at least: a mapping that is kept has to last until it can be renewed.
fn lasting(lifetime: Lifetime) -> Lifetime {
    lifetime.max(Lifetime::from_seconds(LEAST_LIFETIME))
}

/// The mappings that are kept, and what is done to hear of their gateways.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    mappings: BTreeMap<MappingId, Kept>,
    watches: BTreeMap<IpAddr, Watch>,
    listeners: Vec<Listener>,
    /// What leads to addresses that we had, by its record in the journal, until its lease is over.
    left: BTreeMap<EntryId, Granted>,
    sequence: u64,
}

impl Keeper {
    pub(super) fn is_empty(&self) -> bool {
        self.mappings.is_empty()
    }

    /// Whether a mapping stands at this server.
    pub(super) fn needs_line(&self, way: Way) -> bool {
        let is_there = |granted: &Granted| match granted.grantor {
            Grantor::Pcp(server, _) | Grantor::NatPmp(server) => server == way.0,
            Grantor::ControlPoint(_) | Grantor::Pinhole(..) => false,
        };
        self.mappings.values().any(|kept| kept.granted.as_ref().is_some_and(is_there))
    }

    /// An operation that asks for a mapping ends without an answer; its last request was sent then.
    pub(super) fn asked(&mut self, id: MappingId, operation: OperationId, sent_at: Option<Time>) {
        if let Some(kept) =
            self.mappings.get_mut(&id).filter(|kept| kept.phase.operation() == Some(operation))
        {
            kept.sent_at = kept.sent_at.max(sent_at);
        }
    }

    pub(super) fn has_socket(&self, socket: SocketId) -> bool {
        self.listeners.iter().any(|listener| listener.socket == socket)
    }

    /// A listener is gone; what it would have heard, the next look at the gateway brings.
    pub(super) fn socket_failed(&mut self, socket: SocketId) -> bool {
        let before = self.listeners.len();
        self.listeners.retain(|listener| listener.socket != socket);
        self.listeners.len() < before
    }
}

impl Client {
    /// Maps a port as [`map`](Self::map) does, and keeps it until [`stop_keeping`](Self::stop_keeping): it is
    /// renewed, and made again where it gets lost. [`Outcome::Kept`](super::Outcome::Kept), and
    /// [`Event::Changed`](super::Event::Changed) for everything that happens to it from then on.
    /// No less than 20 seconds is asked for, as it has to last until it can be renewed.
    pub fn keep(&mut self, now: Time, request: MappingRequest, timeout: Duration) -> OperationId {
        // The lease that UPnP granted is told by the table alone.
        let mut wanted = self.as_long_as_kept(request.clone()).read_back();
        wanted.lifetime = lasting(wanted.lifetime);
        let id = self.prepare_map(now, &wanted, timeout);
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.keeps = Some(request);
        }
        self.enter_map(now, id, &wanted, &Pace::FirstContact);
        self.settle(now, id);
        self.run(now);
        id
    }

    /// Asks for a mapping for as long as it takes, and keeps it: as [`keep`](Self::keep), but it does not fail.
    pub fn keep_asking(&mut self, now: Time, request: MappingRequest) -> MappingId {
        let id = MappingId(self.transport.out.next_id());
        self.keeper.mappings.insert(id, Kept::new(request, now));
        self.listen();
        self.await_left(true);
        self.map_again(now, id);
        self.run(now);
        id
    }

    /// [`keep_asking`](Self::keep_asking) as an operation, which ends at once with
    /// [`Outcome::Asking`](super::Outcome::Asking).
    pub fn begin_asking(&mut self, now: Time, request: MappingRequest) -> OperationId {
        let mapping = self.keep_asking(now, request);
        let operation = OperationId(self.transport.out.next_id());
        self.report(operation, false, Ok(super::Outcome::Asking(mapping)));
        operation
    }

    /// A mapping that was made is kept from now on.
    pub(super) fn take_over(&mut self, now: Time, granted: Granted, request: MappingRequest) -> MappingId {
        let id = MappingId(self.transport.out.next_id());
        let mut kept = Kept::new(request, now);
        kept.stands = true;
        kept.granted_at = granted.since;
        self.watch(now, &granted);
        if self.config.gateways.is_empty() {
            kept.is_away(now, &granted);
        }
        kept.granted = Some(granted);
        self.keeper.mappings.insert(id, kept);
        self.listen();
        self.await_left(true);
        self.tell_change(id, ChangeKind::Mapped, Reason::Asked);
        self.schedule(now, id);
        id
    }

    /// Ends the keeping and deletes the mapping: [`Outcome::Closed`](super::Outcome::Closed), and
    /// [`ChangeKind::Released`] where there was one.
    pub fn stop_keeping(&mut self, now: Time, id: MappingId, timeout: Duration) -> OperationId {
        if let Some(Phase::Releasing(operation)) = self.keeper.mappings.get(&id).map(|kept| kept.phase) {
            return operation;
        }
        self.transport.out.timers.clear(Timer::Keeper(KeeperTimer::Mapping(id)));
        self.stop_work(now, id);
        let kept = self.keeper.mappings.get(&id);
        let former = kept.map(|kept| kept.former).unwrap_or_default();
        let standing = kept.and_then(|kept| kept.granted.clone()).filter(|_| former != Former::Deleted);
        let operation = match standing {
            // It was let go when it led to an address that was gone: another mapping may have it again by now.
            Some(granted) if former != Former::No && self.held.same_as(&granted).is_some() => {
                self.told_at_once(Ok(Closed::StillKept))
            }
            Some(granted) => self.release(now, &granted, timeout),
            None => self.told_at_once(Ok(Closed::NotOpen)),
        };
        match self.keeper.mappings.get_mut(&id) {
            Some(kept) if self.withdrawals.tell_keeper(operation, id) => {
                kept.phase = Phase::Releasing(operation);
                kept.reason = Reason::Asked;
            }
            _ => self.end_keeping(now, id),
        }
        self.run(now);
        operation
    }

    /// Ends the keeping and [undoes](Self::undo) what mapped it.
    pub fn undo_keeping(&mut self, now: Time, id: MappingId, timeout: Duration) -> OperationId {
        let kept = self.keeper.mappings.get(&id).filter(|kept| kept.former == Former::No);
        let standing = kept.and_then(|kept| kept.granted.clone());
        let is_undone = |granted: &Granted| matches!(granted.stood, Some(Stood::LeftOpen | Stood::Table));
        let Some(granted) = standing.filter(is_undone) else {
            return self.stop_keeping(now, id, timeout);
        };
        self.stop_work(now, id);
        let operation = self.undo(now, &granted, timeout);
        self.tell_change(id, ChangeKind::HandedOver, Reason::Asked);
        self.end_keeping(now, id);
        self.run(now);
        operation
    }

    /// Ends the keeping, and leaves the mapping open until its lifetime is over.
    pub fn stop_keeping_open(&mut self, now: Time, id: MappingId) {
        self.stop_work(now, id);
        let kept = self.keeper.mappings.get(&id).filter(|kept| kept.former == Former::No);
        if let Some(granted) = kept.and_then(|kept| kept.granted.clone()) {
            self.leave_open(&granted);
        }
        self.end_keeping(now, id);
        self.run(now);
    }

    /// Whether any mapping is kept: then changes of the network matter, and time that passes in sleep.
    pub fn is_keeping(&self) -> bool {
        !self.keeper.is_empty()
    }

    /// What is granted of a mapping that is kept, and when it runs out (`None`: never).
    pub fn kept(&self, id: MappingId) -> Option<(&Granted, Option<Time>)> {
        let kept = self.keeper.mappings.get(&id)?;
        Some((kept.granted.as_ref()?, kept.expires()))
    }

    /// Forgets a mapping, and its gateway where no other is kept there.
    pub(super) fn end_keeping(&mut self, now: Time, id: MappingId) {
        self.transport.out.timers.clear(Timer::Keeper(KeeperTimer::Mapping(id)));
        self.keeper.mappings.remove(&id);
        self.unwatch(now);
    }

    /// Breaks off what is being done for a mapping. What it may have made at a gateway is taken back.
    fn stop_work(&mut self, now: Time, id: MappingId) {
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        let Some(operation) = kept.operation() else { return };
        kept.phase = Phase::Resting;
        self.cancel(now, operation);
    }
}
