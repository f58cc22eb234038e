//! Keeps mappings open: renews them, notices when a gateway has lost them, makes them again, and says what
//! happened.
//!
//! ```text
//! Mapping ─► Active ─► Renewing ─► Active …          Lost only when what was granted has run out
//!    ▲          │          │
//!    └─ Waiting ◄──────────┘   a gateway that restarted, refused, or went silent; another network
//! ```

mod change;
mod recovery;
mod renewal;
mod stale;
mod watch;

pub use change::{Change, ChangeKind, MappingId, Reason};

use super::Client;
use super::granted::{Granted, Grantor};
use super::io::SocketId;
use super::operation::OperationId;
use super::port_control::{Pace, Way};
use super::request::MappingRequest;
use super::timer::Timer;
use crate::{Lifetime, Time};
use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use watch::{Listener, Watch};

/// The shortest lifetime that is asked for, in seconds.
const LEAST_LIFETIME: u32 = 20;

/// What the keeper waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeeperTimer {
    /// The next thing to do for a mapping.
    Mapping(MappingId),
    /// The next look at a gateway.
    Watch(IpAddr),
}

/// What is being done for a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing: it stands, or nobody grants it and it is not yet time to ask again.
    Resting,
    /// It is asked for, of whoever will grant it.
    Mapping(OperationId),
    /// The grant is being extended where it was made.
    Renewing(OperationId),
    /// Its entry is being read, or its pinhole asked for.
    Verifying(OperationId),
    /// It is being deleted: nobody wants it any more.
    Releasing(OperationId),
}

/// A mapping that is kept.
#[derive(Debug)]
struct Kept {
    request: MappingRequest,
    phase: Phase,
    granted: Option<Granted>,
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
    /// Whether something has gone wrong since the last success, and was told.
    degraded: bool,
    lost: bool,
    /// Requests to renew since it was granted, and when the last one was made, counted from the grant.
    renewals: u32,
    renewed_at: Duration,
    verified_at: Time,
    /// When it is renewed because it may not be there any more, or with another lease.
    reassure_at: Option<Time>,
    /// When it was last doubted for another port of ours behind its external one.
    contested_at: Option<Time>,
    /// When to ask again, where nobody grants it.
    retry_at: Option<Time>,
    failures: u32,
}

impl Phase {
    fn operation(self) -> Option<OperationId> {
        match self {
            Self::Resting => None,
            Self::Mapping(id) | Self::Renewing(id) | Self::Verifying(id) | Self::Releasing(id) => Some(id),
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
            granted_at: now,
            confirmed_at: now,
            sent_at: None,
            stands: false,
            reason: Reason::Asked,
            degraded: false,
            lost: false,
            renewals: 0,
            renewed_at: Duration::ZERO,
            verified_at: now,
            reassure_at: None,
            contested_at: None,
            retry_at: None,
            failures: 0,
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

    fn is_at(&self, gateway: IpAddr) -> bool {
        self.granted.as_ref().is_some_and(|granted| granted.grantor.remote().ip() == gateway)
    }

    fn operation(&self) -> Option<OperationId> {
        self.phase.operation()
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

    /// Whether the operation is what deletes the mapping, as its keeping has ended.
    pub(super) fn is_released_by(&self, id: MappingId, operation: OperationId) -> bool {
        let kept = self.mappings.get(&id);
        kept.is_some_and(|kept| matches!(kept.phase, Phase::Releasing(own) if own == operation))
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
        kept.granted = Some(granted);
        self.keeper.mappings.insert(id, kept);
        self.listen();
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
        let standing = self.keeper.mappings.get(&id).and_then(|kept| kept.granted.clone());
        let operation = match standing {
            Some(granted) => self.release(now, &granted, timeout),
            None => {
                let operation = OperationId(self.transport.out.next_id());
                self.report(operation, false, Ok(super::Outcome::Closed(false)));
                operation
            }
        };
        match (self.operations.get_mut(&operation), self.keeper.mappings.get_mut(&id)) {
            (Some(own), Some(kept)) => {
                own.keeper = Some(id);
                kept.phase = Phase::Releasing(operation);
                kept.reason = Reason::Asked;
            }
            _ => self.end_keeping(now, id),
        }
        self.run(now);
        operation
    }

    /// Ends the keeping, and leaves the mapping open until its lifetime is over.
    pub fn stop_keeping_open(&mut self, now: Time, id: MappingId) {
        self.stop_work(now, id);
        if let Some(granted) = self.keeper.mappings.get(&id).and_then(|kept| kept.granted.clone()) {
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
