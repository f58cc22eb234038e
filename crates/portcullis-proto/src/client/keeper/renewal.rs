//! Renewing a mapping where it was made, and what a grant changes.

use super::moved::Former;
use super::recovery::why_lost;
use super::{ChangeKind, Extends, KeeperTimer, MappingId, Phase, Reason};
use crate::client::error::Error;
use crate::client::event::{Closed, Event, Outcome};
use crate::client::granted::{Granted, Grantor, Method};
use crate::client::igd::call::Call;
use crate::client::igd::pinhole::check::Check;
use crate::client::igd::pinhole::update::Update;
use crate::client::leftovers::{Key, Leftover};
use crate::client::operation::{Mapping, Operation, OperationId, Stage, Task};
use crate::client::port_control::talk::{Goal, Wish};
use crate::client::port_control::{Pace, Way};
use crate::client::request::{MappingRequest, OnConflict};
use crate::client::retry;
use crate::client::timer::Timer;
use crate::client::{Client, ControlPoint};
use crate::igd::wan_connection::{Action, GetSpecificPortMappingEntry};
use crate::{Lifetime, Time};
use core::time::Duration;

/// How often a gateway is asked by UPnP whether it still has a mapping or a pinhole: most that forget one do not say so.
const VERIFY: Duration = Duration::from_secs(600);
/// How long one renewal by UPnP may take.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(15);
/// Asked again no sooner than this after a grant, however short it was.
pub(super) const LEAST: Duration = retry::RENEWAL_SPACING;
/// A mapping of which nobody says within this time that it is there, where that is in doubt, is degraded.
const DOUBTED: Duration = Duration::from_secs(30);

impl Client {
    /// Sets the time of the next thing to do for a mapping.
    pub(super) fn schedule(&mut self, _now: Time, id: MappingId) {
        let random = self.random.next_u32();
        let Some(kept) = self.keeper.mappings.get(&id) else { return };
        if kept.phase != Phase::Resting {
            // What runs out meanwhile is told on time, also where that has changed.
            if let Some(at) = kept.expires().filter(|_| !kept.lost) {
                self.transport.out.timers.set(Timer::Keeper(KeeperTimer::Mapping(id)), at);
            }
            return;
        }
        let next = match (&kept.granted, kept.stands) {
            (Some(granted), true) => {
                let renewal = granted.lifetime.duration().and_then(|lifetime| {
                    let at = retry::renewal(lifetime, kept.renewals, kept.renewed_at, random)?;
                    Some((kept.granted_at + at).max(kept.confirmed_at + LEAST))
                });
                let verify = granted.grantor.control_point().map(|_| kept.verified_at + VERIFY);
                // After a failure, what comes first: the next window, or the back-off.
                let due =
                    [renewal, kept.reassure_at, verify, kept.retry_at, kept.returns_at(), kept.expires()];
                due.into_iter().flatten().min()
            }
            // What is gone by its time is told when it is.
            _ => kept.retry_at.into_iter().chain(kept.expires().filter(|_| !kept.lost)).min(),
        };
        let timer = Timer::Keeper(KeeperTimer::Mapping(id));
        match next {
            Some(at) => self.transport.out.timers.set(timer, at),
            None => self.transport.out.timers.clear(timer),
        }
    }

    /// The time of a mapping has come.
    pub(super) fn mapping_due(&mut self, now: Time, id: MappingId) {
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        if matches!(kept.phase, Phase::Releasing(_)) {
            // That it runs out meanwhile is no news.
            return;
        }
        // Whatever is done now, reassures.
        kept.reassure_at.take_if(|at| *at <= now);
        if kept.expires().is_some_and(|at| at <= now) && !kept.lost {
            kept.lost = true;
            kept.stands = false;
            if kept.former == Former::Left {
                // Then the port is free that our own old mapping blocked.
                kept.failures = 0;
            }
            self.tell_change(id, ChangeKind::Lost, Reason::Expired);
            let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
            if kept.phase == Phase::Resting && kept.retry_at.is_none_or(|at| at > now) && kept.failures == 0 {
                kept.retry_at = Some(now.max(kept.confirmed_at + LEAST));
            }
        }
        let Some(kept) = self.keeper.mappings.get(&id) else { return };
        if kept.phase != Phase::Resting {
            return self.schedule(now, id);
        }
        let soonest = kept.sent_at.filter(|_| kept.failures > 0).map(|at| at + LEAST);
        if kept.retry_at.is_some_and(|at| at <= now) || (!kept.stands && kept.retry_at.is_none()) {
            match soonest.filter(|&at| now < at) {
                Some(at) => self.transport.out.timers.set(Timer::Keeper(KeeperTimer::Mapping(id)), at),
                None => self.map_again(now, id),
            }
        } else if kept.stands && kept.returns_at().is_some_and(|at| at <= now) {
            self.return_home(now, id);
        } else if kept.stands && now >= kept.verified_at + VERIFY && self.is_verifiable(id) {
            self.verify(now, id);
        } else if kept.stands || self.may_renew_meanwhile(now, id) {
            self.renew(now, id);
        } else {
            self.schedule(now, id);
        }
    }

    pub(super) fn is_verifiable(&self, id: MappingId) -> bool {
        let granted = self.keeper.mappings.get(&id).and_then(|kept| kept.granted.as_ref());
        granted.is_some_and(|granted| granted.grantor.control_point().is_some())
    }

    /// Asks for more of the same where it was granted.
    pub(super) fn renew(&mut self, now: Time, id: MappingId) {
        let random = self.random.next_u32();
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        kept.reassure_at = None;
        let (Some(granted), Some(expires)) = (kept.granted.clone(), kept.expires()) else {
            // What does not end cannot be extended: whether it is there can be read.
            return if self.is_verifiable(id) { self.verify(now, id) } else { self.schedule(now, id) };
        };
        if let Some(at) = kept.sent_at.map(|at| at + LEAST).filter(|&at| now < at) {
            // What runs out meanwhile is told on time.
            let at = if expires > now { at.min(expires) } else { at };
            self.transport.out.timers.set(Timer::Keeper(KeeperTimer::Mapping(id)), at);
            return;
        }
        if granted.entry.is_some_and(|entry| !self.ledger.has(entry)) {
            // What was written down of it has been struck out: it is asked for as if it were new.
            kept.stands = false;
            return self.map_again(now, id);
        }
        let at = now - kept.granted_at;
        kept.renewals = kept.renewals.saturating_add(1);
        kept.renewed_at = at;
        // Until the next window begins, where there is one.
        let lifetime = expires - kept.granted_at;
        let next = retry::renewal(lifetime, kept.renewals, at, random).unwrap_or(lifetime);
        let until_next = (kept.granted_at + next).max(now + LEAST) - now;
        let until_retry = kept.retry_at.map_or(until_next, |at| at - now);
        let mut until_next = until_next.min(until_retry);
        if kept.renewed_in_doubt() {
            until_next = until_next.min(DOUBTED);
        }
        if kept.stands {
            kept.reason = Reason::Scheduled;
        }
        let anew = kept.is_made_anew(now);
        kept.renewed_anew = anew;
        let request = kept.request.clone();
        let mut request = self.as_long_as_kept(request);
        request.lifetime = self.inherited.no_less(now, granted.grantor.remote().ip(), &request);
        if matches!(granted.method(), Method::Pcp | Method::NatPmp) {
            // A request for less, whose answer is lost, would take away what is left.
            request.lifetime = request.lifetime.max(Lifetime::covering(expires - now));
        }
        if let Some(entry) = granted.entry {
            // Killed before the answer comes, we leave it for as long as we are about to ask for.
            self.ledger.asked_again(now + until_next, entry, request.lifetime, &mut self.transport.out);
        }
        let operation = self.ask_to_renew(now, id, &granted, request, (until_next, anew));
        self.belongs(id, operation, Phase::Renewing(operation));
    }

    fn ask_to_renew(
        &mut self,
        now: Time,
        id: MappingId,
        granted: &Granted,
        request: MappingRequest,
        (until_next, anew): (Duration, bool),
    ) -> OperationId {
        match &granted.grantor {
            Grantor::Pcp(server, _) => {
                let way = granted.way_to(*server);
                let wish = Wish::again(&request, granted);
                let goal = (Method::Pcp, wish, anew);
                self.renew_by(now, id, goal, (way, until_next), granted)
            }
            Grantor::NatPmp(server) => {
                let wish = Wish::again(&request, granted);
                let goal = (Method::NatPmp, wish, anew);
                self.renew_by(now, id, goal, (granted.way_to(*server), until_next), granted)
            }
            Grantor::ControlPoint(point) => {
                // The lease that was granted is told by the table alone.
                let request =
                    request.external_port(granted.external_port).on_conflict(OnConflict::Fail).read_back();
                // What stands is not given up for a refusal of the moment, but where that is how it is extended.
                let may_be_replaced = if granted.replaces || anew { Duration::MAX } else { Duration::ZERO };
                let request = MappingRequest { stands: Some(may_be_replaced), anew, ..request };
                let task = Task::Map(Mapping::new(request, Vec::new()));
                self.renew_at(now, id, task, point, granted, RENEWAL_TIMEOUT.min(until_next))
            }
            Grantor::Pinhole(point, unique_id) => {
                let task = Task::RenewPinhole(granted.clone(), Update::new(*unique_id, request.lifetime));
                self.renew_at(now, id, task, point, granted, RENEWAL_TIMEOUT.min(until_next))
            }
        }
    }

    fn renew_by(
        &mut self,
        now: Time,
        mapping: MappingId,
        (method, wish, anew): (Method, Wish, bool),
        (way, timeout): (Way, Duration),
        granted: &Granted,
    ) -> OperationId {
        let mut operation = Operation::new(None, Stage::Seeking, now + timeout);
        operation.fixed = true;
        operation.keeper = Some(mapping);
        let id = self.add_operation(operation);
        let mut contender = self.contender(now, method, way, Goal::Map(wish));
        contender.pace = Pace::Renewal;
        if anew {
            contender.talk.make_anew();
            contender.pace = Pace::FirstContact;
        }
        contender.entry = granted.entry;
        contender.renews = true;
        self.enter(now, id, contender, true);
        id
    }

    fn renew_at(
        &mut self,
        now: Time,
        mapping: MappingId,
        task: Task,
        point: &ControlPoint,
        granted: &Granted,
        timeout: Duration,
    ) -> OperationId {
        let (gateway, points) = (granted.gateway.clone(), vec![point.clone()]);
        self.work_as(now, task, gateway, points, timeout, |operation| {
            operation.keeper = Some(mapping);
            operation.entry = granted.entry;
            operation.asked_at = Some(now);
            operation.renews = true;
        })
    }

    /// Reads the mapping's entry, or asks for the pinhole by its number.
    pub(super) fn verify(&mut self, now: Time, id: MappingId) {
        let Some(granted) = self.keeper.mappings.get(&id).and_then(|kept| kept.granted.clone()) else {
            return;
        };
        let point = match &granted.grantor {
            Grantor::ControlPoint(point) => point,
            Grantor::Pinhole(point, unique_id) => {
                let task = Task::CheckPinhole(Check::new(*unique_id));
                let operation = self.ask_by(now, id, point, task);
                return self.belongs(id, operation, Phase::Verifying(operation));
            }
            Grantor::Pcp(..) | Grantor::NatPmp(_) => return,
        };
        let action = GetSpecificPortMappingEntry {
            remote_host: None,
            external_port: granted.external_port,
            protocol: granted.protocol,
        };
        let operation = self.ask_for(now, id, point, &action);
        self.belongs(id, operation, Phase::Verifying(operation));
    }

    /// Sends one action for a mapping.
    pub(super) fn ask_for<A: Action>(
        &mut self,
        now: Time,
        mapping: MappingId,
        point: &ControlPoint,
        action: &A,
    ) -> OperationId {
        self.ask_by(now, mapping, point, Task::Call(Some(Call::new(point, action))))
    }

    fn ask_by(&mut self, now: Time, mapping: MappingId, point: &ControlPoint, task: Task) -> OperationId {
        let gateway = point.remote.ip().to_string();
        self.work_as(now, task, gateway, vec![point.clone()], RENEWAL_TIMEOUT, |operation| {
            operation.keeper = Some(mapping);
        })
    }

    /// An operation is a mapping's: the keeper is told of its end.
    pub(super) fn belongs(&mut self, id: MappingId, operation: OperationId, phase: Phase) {
        self.transport.out.timers.clear(Timer::Keeper(KeeperTimer::Mapping(id)));
        let (Some(kept), Some(own)) =
            (self.keeper.mappings.get_mut(&id), self.operations.get_mut(&operation))
        else {
            // It ended as soon as it began, and the keeper was told.
            return;
        };
        own.keeper = Some(id);
        kept.phase = phase;
        // What runs out while something is under way is told on time.
        if let Some(at) = kept.expires().filter(|_| !kept.lost) {
            self.transport.out.timers.set(Timer::Keeper(KeeperTimer::Mapping(id)), at);
        }
    }

    /// An operation of the keeper's has ended.
    pub(in crate::client) fn keeper_done(
        &mut self,
        now: Time,
        id: MappingId,
        operation: OperationId,
        result: Result<Outcome, Error>,
    ) {
        if self.watch_done(now, id, operation, &result) {
            return;
        }
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        let phase = core::mem::replace(&mut kept.phase, Phase::Resting);
        match (phase, result) {
            (Phase::Releasing(_), result) => {
                if let Ok(Outcome::Closed(closed)) = result {
                    let (kind, reason) = match closed {
                        Closed::StillKept => (ChangeKind::HandedOver, Reason::Asked),
                        Closed::Unconfirmed => (ChangeKind::Released, Reason::Unconfirmed),
                        Closed::Ending(within) => (ChangeKind::Released, Reason::Ending(within)),
                        Closed::Deleted | Closed::NotOpen => (ChangeKind::Released, Reason::Asked),
                    };
                    self.tell_change(id, kind, reason);
                }
                self.end_keeping(now, id);
                self.transport.out.push_event(Event::Finished { operation, result });
            }
            (Phase::Verifying(_), result) => self.verified(now, id, result),
            (Phase::Clearing(_), result) => self.cleared(now, id, result),
            (Phase::Renewing(_), Ok(Outcome::Mapped(granted))) => self.renewed(now, id, granted),
            (_, Ok(Outcome::Mapped(granted))) => self.standing(now, id, granted),
            (Phase::Renewing(_), Err(error)) => self.not_renewed(now, id, error),
            (Phase::Returning(_), Err(_)) => self.not_returned(now, id),
            (_, Err(error)) => self.not_mapped(now, id, error),
            _ => self.schedule(now, id),
        }
    }

    /// A gateway has said yes to a renewal. Where that extended nothing, nothing is told: it is the grant that stands.
    fn renewed(&mut self, now: Time, id: MappingId, granted: Granted) {
        let Some(request) = self.keeper.mappings.get(&id).map(|kept| kept.request.clone()) else { return };
        let asked = self.as_long_as_kept(request).lifetime;
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        let is_extended = !kept.is_not_extended_by(now, &granted, asked);
        kept.extends = match (is_extended, kept.renewed_anew) {
            (true, true) => Extends::No,
            (false, false) => Extends::Doubtful,
            // It is well again, or was not the reason.
            (true, false) | (false, true) => Extends::Yes,
        };
        if kept.extends == Extends::Doubtful && kept.stands {
            self.let_go(&granted);
            self.schedule(now, id);
        } else {
            self.standing(now, id, granted);
        }
    }

    /// A grant: what it changes is told, and what it replaces is let go.
    fn standing(&mut self, now: Time, id: MappingId, granted: Granted) {
        let Some(kept) = self.keeper.mappings.get_mut(&id) else { return };
        let mut granted = granted;
        if let Some(before) = &kept.granted {
            // What it was before it was kept; what was lost since, and made again, is our own.
            let is_same = before.key() == granted.key() && !kept.lost;
            let is_as_before = is_same && (kept.stands || granted.stood.is_some());
            granted.stood = before.stood.filter(|_| is_as_before);
        }
        if self.config.gateways.is_empty() {
            kept.is_away(now, &granted);
        }
        let before = kept.granted.replace(granted.clone());
        let description = kept.request.description.clone();
        let grantor = |granted: &Granted| (granted.method(), granted.grantor.remote().ip());
        if before.as_ref().is_none_or(|before| grantor(before) != grantor(&granted)) {
            kept.extends = Extends::Yes;
        }
        let was_down = kept.degraded || kept.lost;
        let is_former = kept.former != Former::No;
        let mut reason = core::mem::replace(&mut kept.reason, Reason::Scheduled);
        if reason == Reason::StateLost {
            let had = before.as_ref().and_then(|before| before.external_address);
            reason = why_lost(had, granted.external_address);
        }
        (kept.granted_at, kept.confirmed_at, kept.verified_at) = (granted.since, now, now);
        (kept.stands, kept.degraded, kept.lost) = (true, false, false);
        (kept.renewals, kept.renewed_at, kept.begun_anew) = (0, Duration::ZERO, false);
        (kept.retry_at, kept.failures, kept.sent_at) = (None, 0, None);
        // What came into doubt while this was under way stays in doubt.
        let is_doubtful =
            core::mem::take(&mut kept.lost_meanwhile) || kept.reassure_at.is_some_and(|at| at > now);
        kept.reassure_at = is_doubtful.then(|| now + LEAST);
        let kind = match (&before, was_down) {
            (None, _) => ChangeKind::Mapped,
            (Some(_), true) => ChangeKind::Recovered,
            (Some(_), false) => ChangeKind::Renewed,
        };
        self.tell_change(id, kind, reason);
        if let Some(before) = &before {
            let (from, to) = (before.external_address, granted.external_address);
            if from != to && to.is_some() {
                let kind = ChangeKind::ExternalAddressChanged { from, to };
                self.tell_change(id, kind, Reason::GatewayTold);
            }
            let (from, to) = (before.external_port, granted.external_port);
            if from != to {
                self.tell_change(id, ChangeKind::PortChanged { from, to }, Reason::GatewayTold);
            }
        }
        self.watch(now, &granted);
        match before {
            Some(before) if is_former => self.former_replaced(now, id, &before, &granted),
            Some(before) => self.replaced(now, &before, &granted, &description),
            None => {}
        }
        self.unwatch(now);
        self.schedule(now, id);
    }

    /// Whether a mapping other than this one stands at a gateway behind an external port.
    pub(in crate::client) fn is_kept(&self, key: &Key, except: Option<MappingId>) -> bool {
        let others = self.keeper.mappings.iter().filter(|&(&id, kept)| kept.stands && Some(id) != except);
        others.filter_map(|(_, kept)| kept.granted.as_ref()).any(|granted| granted.key() == *key)
    }

    /// A request for as long as anybody wants the same port: to the gateway it is one mapping, and the last request
    /// counts.
    pub(in crate::client) fn as_long_as_kept(&self, mut request: MappingRequest) -> MappingRequest {
        let same = self.keeper.mappings.values().map(|kept| &kept.request).filter(|other| {
            (other.protocol, other.internal_port, other.ipv6)
                == (request.protocol, request.internal_port, request.ipv6)
        });
        request.lifetime = same.map(|other| other.lifetime).fold(request.lifetime, Lifetime::max);
        request
    }

    /// A gateway has granted something: that is the lease of every other mapping that is the same entry there.
    pub(in crate::client) fn granted_to_others(
        &mut self,
        now: Time,
        granted: &Granted,
        keeper: Option<MappingId>,
    ) {
        let expires = granted.lifetime.duration().map(|lifetime| granted.since + lifetime);
        let mut others = Vec::new();
        for (&id, kept) in &mut self.keeper.mappings {
            let is_other = kept.stands && Some(id) != keeper;
            let Some(own) = kept.granted.as_mut().filter(|_| is_other) else { continue };
            let Some(is_certain) = own.shares_entry(granted) else { continue };
            let ends = own.lifetime.duration().map(|lifetime| kept.granted_at + lifetime);
            let is_sooner = expires.is_some_and(|at| ends.is_none_or(|ends| at < ends));
            if is_certain || is_sooner {
                (own.lifetime, own.told) = (granted.lifetime, granted.told);
                own.leased = own.leased.max(granted.leased);
                kept.granted_at = granted.since;
                (kept.renewals, kept.renewed_at) = (0, Duration::ZERO);
                others.push(id);
            }
        }
        for id in others {
            self.schedule(now, id);
        }
    }

    /// A grant that another one has taken the place of.
    fn replaced(&mut self, now: Time, before: &Granted, granted: &Granted, description: &str) {
        if self.let_go(before) && before.key() != granted.key() {
            return;
        }
        if before.is_replaced_by(granted) {
            if before.entry != granted.entry {
                if let Some(entry) = before.entry {
                    self.strike_out(entry);
                }
            }
        } else {
            // Best effort: it may be in another network by now. What stands in its place is not deleted with it.
            self.tidy(now, vec![Leftover::of(before, description)]);
        }
        let shadows = self.held.uncovered();
        self.tidy(now, shadows);
    }
}
