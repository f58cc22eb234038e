//! The end of an operation: what came of it, who is told, and what it may have left behind.

use super::Client;
use super::error::{Attempt, Error, ErrorKind, Failure, Step};
use super::event::{Closed, Event, Outcome};
use super::exchange::ExchangeError;
use super::granted::{Granted, Method, Stood};
use super::journal::EntryId;
use super::keeper::MappingId;
use super::leftovers::{Remains, TIDY};
use super::operation::{Operation, OperationId, Stage};
use super::race::Contender;
use super::timer::Timer;
use super::transport::Owner;
use crate::{Lifetime, Time};
use core::net::IpAddr;
use core::time::Duration;

/// What a lease that is read may be too long.
const ROUNDING: Duration = Duration::from_secs(1);

impl Client {
    pub(super) fn out_of_time(&mut self, now: Time, id: OperationId) {
        let mut failures = self.search_failures();
        let named = !self.config.gateways.is_empty();
        let Some(mut operation) = self.operations.remove(&id) else { return };
        if operation.igd_over {
            failures = core::mem::take(&mut operation.search_failures);
        }
        let unanswered = self.unanswered(&operation);
        match operation.out_of_time(unanswered, failures, named) {
            Ok(outcome) => {
                self.forget(now, id, &operation);
                self.done(now, id, operation, outcome);
            }
            Err(error) => {
                let (silent, keeper) = (operation.silent, operation.keeper.take());
                if let Some(mapping) = keeper {
                    self.keeper.asked(mapping, id, self.port_control.sent_at(id));
                }
                self.abandon(now, id, operation, None);
                self.tell(now, id, keeper, silent, Err(error));
            }
        }
    }

    /// Nobody is left to ask.
    pub(super) fn give_up(&mut self, now: Time, id: OperationId) {
        let mut failures = self.search_failures();
        let Some(mut operation) = self.operations.remove(&id) else { return };
        if operation.igd_over {
            failures = core::mem::take(&mut operation.search_failures);
        }
        let unanswered = self.unanswered(&operation);
        operation.attempts.extend(unanswered);
        let nobody_to_ask = operation.contenders.is_empty() && !operation.wants_igd;
        if nobody_to_ask && operation.attempts.is_empty() {
            let (gateway, step) = (String::new(), Step::Search);
            let failure = self.network.untold.map_or(Failure::NoDefaultGateway, Failure::CannotSend);
            operation.attempts.push(Attempt { gateway, step, failure });
        }
        let named = !self.config.gateways.is_empty();
        // Who is not there, does not speak a protocol, or was not asked on a mere guess, has nothing to say of a mapping.
        let says_nothing = |attempt: &Attempt| {
            matches!(attempt.failure.kind(), ErrorKind::NoGateway | ErrorKind::NoService)
                || matches!(attempt.failure, Failure::NotAlone { .. })
        };
        let result = if operation.absent && operation.attempts.iter().all(says_nothing) {
            Ok(Outcome::Closed(Closed::NotOpen))
        } else {
            Err(operation.out_of_gateways(failures, named))
        };
        let (silent, keeper) = (operation.silent, operation.keeper.take());
        self.abandon(now, id, operation, None);
        self.tell(now, id, keeper, silent, result);
    }

    /// An operation has come to something.
    pub(super) fn done(
        &mut self,
        now: Time,
        id: OperationId,
        mut operation: Operation,
        mut outcome: Outcome,
    ) {
        let mut leftovers = core::mem::take(&mut operation.left);
        let elsewhere = match &outcome {
            Outcome::Mapped(granted) => Some(granted.grantor.remote().ip()),
            _ => None,
        };
        let contenders = core::mem::take(&mut operation.contenders);
        let names_others = contenders
            .iter()
            .any(|other| other.talk.deleted().is_some_and(|wish| wish.third_party.is_some()));
        // Whoever keeps it need not know yet whether they are there.
        let is_kept = operation.keeper.is_some() || operation.keeps.is_some();
        let is_rival = |other: &&Contender| {
            elsewhere == Some(other.way.0.ip())
                && (is_kept || other.has_answered(self.port_control.line(other.way)))
        };
        let rivals = contenders.iter().filter(is_rival);
        let rivals: Vec<_> = rivals.filter_map(|other| other.shortest_sent()).collect();
        leftovers.extend(self.contenders_leftovers(id, contenders, elsewhere));
        self.port_control.cancel(|(owner, _)| owner == id, &mut self.transport.out);
        match &mut outcome {
            Outcome::Mapped(granted) => {
                let gateway = granted.grantor.remote().ip();
                granted.default_gateway = self.network.leads_by(gateway);
                granted.behind_nat = self.port_control.is_behind_nat(gateway);
                self.tell_if_another(&operation, gateway, &granted.gateway);
                granted.entry = granted.entry.or(operation.entry);
                if granted.grantor.control_point().is_some() {
                    // A table tells what is left in whole seconds, and perhaps one too many. What was not asked for was
                    // found there.
                    let asked_at =
                        operation.asked_at.or(operation.working_since).unwrap_or(now).since_start();
                    granted.since = Time::from_start(asked_at.saturating_sub(ROUNDING));
                    // NAT-PMP and PCP may have the last word.
                    granted.lifetime = rivals.into_iter().fold(granted.lifetime, Lifetime::min);
                }
                self.hold(now, granted, operation.keeper);
                let key = granted.key();
                // Two services of one gateway share its table.
                let is_same =
                    |remains: &Remains| matches!(remains, Remains::Entry { mark, .. } if !mark.anywhere);
                leftovers.retain(|left| left.key() != key || !is_same(&left.remains));
            }
            Outcome::Closed(_) => {
                // It may have been asked for again meanwhile, and granted behind another port.
                let deleted = operation.deleted_port();
                let stands = |entry| {
                    self.held.is_written_as(Some(entry))
                        || deleted.is_some_and(|port| self.ledger.is_in_table_behind_another(entry, port))
                };
                let is_gone =
                    |&entry: &EntryId| !stands(entry) && (names_others || self.is_ours_to_delete(entry));
                if let Some(entry) = operation.entry.filter(is_gone) {
                    let mark = self.ledger.mark(entry);
                    match mark.and_then(|mark| operation.left_elsewhere(mark)) {
                        Some(leftover) => leftovers.push(leftover),
                        None => self.strike_out(entry),
                    }
                }
            }
            _ => {}
        }
        let granted = match &outcome {
            Outcome::Mapped(granted) => Some(granted.clone()),
            _ => None,
        };
        let deleted = operation.deletes();
        if let (Some(granted), Some((protocol, port))) = (&granted, deleted) {
            // What was broken off may be on its way.
            self.deletions.note(now, (granted.grantor.remote().ip(), protocol, port));
        }
        let outcome = self.taken_over(now, &mut operation, outcome);
        self.tell(now, id, operation.keeper, operation.silent, Ok(outcome));
        self.tidy(now, leftovers);
        let by_talk = |granted: &Granted| matches!(granted.method(), Method::NatPmp | Method::Pcp);
        if granted.as_ref().is_some_and(by_talk) {
            // UPnP was asked too, or was about to be.
            self.leave(now, &operation);
        }
        if let Some(granted) = granted {
            let made_room = deleted == Some((granted.protocol, granted.external_port));
            self.doubt_what_is_endangered(now, &granted, made_room);
        }
    }

    /// Whether a gateway that says it has deleted something has deleted what the entry is about: what leads to an
    /// address that this host had before, NAT-PMP and PCP do not delete for us, and say yes all the same.
    fn is_ours_to_delete(&self, entry: EntryId) -> bool {
        if self.ledger.is_by_external_port(entry) {
            return true;
        }
        let leads_to = self.ledger.internal_address(entry);
        leads_to.is_none_or(|address| self.network.may_be_own(address, None))
    }

    /// What was granted while a request is on its way that may delete or replace it is asked for once more.
    ///
    /// What was deleted to make room for it by the operation that was granted it (`made_room`) was not deleted after that,
    /// where all of it is UPnP's.
    pub(super) fn doubt_what_is_endangered(&mut self, now: Time, granted: &Granted, made_room: bool) {
        let is_danger = |other: &Operation| {
            let deletes = other.deletes() == Some((granted.protocol, granted.external_port));
            let replaces = other.external_port() == Some(granted.external_port)
                && !other.asks_for(granted.protocol, granted.internal_port);
            let withdraws =
                other.contenders.iter().any(|contender| contender.deletes(granted.internal_key()));
            deletes || replaces || withdraws
        };
        let by_talk = matches!(granted.method(), Method::NatPmp | Method::Pcp);
        let since = if by_talk { granted.since } else { granted.since + ROUNDING };
        let was_deleted = (by_talk || !made_room) && self.deletions.has_any_since(since, &granted.key());
        self.doubt_contested(now, granted);
        if was_deleted || self.operations.values().any(is_danger) {
            self.doubt(now, granted.internal_key());
        }
    }

    /// What was to be kept is, once it is granted.
    pub(super) fn taken_over(&mut self, now: Time, operation: &mut Operation, outcome: Outcome) -> Outcome {
        match (operation.keeps.take(), outcome) {
            (Some(request), Outcome::Mapped(granted)) => {
                let mapping = self.take_over(now, granted.clone(), request);
                Outcome::Kept { mapping, granted }
            }
            (_, outcome) => outcome,
        }
    }

    /// A grant of this client stands behind an entry of a gateway's table.
    pub(super) fn hold(&mut self, now: Time, granted: &mut Granted, keeper: Option<MappingId>) {
        self.as_others_at_once(granted, keeper);
        if let Some(entry) = granted.entry.filter(|&entry| {
            // What is renewed behind another port has moved, where NAT-PMP or PCP know it by the internal one.
            let may_be_two = keeper.is_none() || granted.grantor.control_point().is_some();
            may_be_two && self.ledger.is_granted_behind_another(entry, granted.external_port)
        }) {
            granted.entry = Some(self.ledger.split(entry, granted, EntryId(self.random.next_u64())));
        }
        if let Some(known) = self.ledger.same_as(granted) {
            // It was asked for as another, and is one that stands: so it has one entry.
            if let Some(entry) = granted.entry.replace(known) {
                self.ledger.refused(entry, &mut self.transport.out);
            }
        }
        granted.stood = self.inherited.stood(now, granted).or_else(|| self.stood_in_table(granted));
        if let Some(entry) = granted.entry {
            self.inherited.adopt(entry);
        }
        self.held.hold(granted);
        if !matches!(granted.method(), Method::IgdPinhole) {
            self.displace(now, granted);
        }
        self.granted_to_others(now, granted, keeper);
        self.ledger.granted(now, granted, &mut self.transport.out);
    }

    /// By the table's word a mapping was there before: but not if this client has it, and the table names it otherwise than
    /// it was asked to.
    fn stood_in_table(&self, granted: &Granted) -> Option<Stood> {
        match self.held.same_as(granted) {
            Some(held) => granted.stood.and(held.stood),
            None => granted.stood.filter(|_| !granted.entry.is_some_and(|entry| self.ledger.is_kept(entry))),
        }
    }

    /// Nobody wants an operation any more: what it may have left is deleted, and nobody is told. An Add that
    /// is on its way is waited for, since deleting before it arrives would be too early. `elsewhere` is the gateway that
    /// has granted by another protocol what was asked for, if one has.
    pub(super) fn abandon(
        &mut self,
        now: Time,
        id: OperationId,
        mut operation: Operation,
        elsewhere: Option<IpAddr>,
    ) {
        let contenders = core::mem::take(&mut operation.contenders);
        operation.left.extend(self.contenders_leftovers(id, contenders, elsewhere));
        self.port_control.cancel(|(owner, _)| owner == id, &mut self.transport.out);
        if !operation.abandoned && operation.is_adding() && self.transport.has_sent(Owner::Operation(id)) {
            self.transport.cancel(now, |owner| owner == Owner::Address(id));
            operation.keeper = None;
            operation.silent = true;
            operation.abandoned = true;
            operation.deadline = now + TIDY;
            self.transport.out.timers.set(Timer::Operation(id), operation.deadline);
            self.operations.insert(id, operation);
            return;
        }
        self.forget(now, id, &operation);
        if operation.is_adding() && operation.abandoned {
            // No answer came: that leaves it in doubt.
            operation.abandoned_answer(Err(ExchangeError::NoReply));
        }
        self.leave(now, &operation);
    }

    /// An operation is over: what it has left is deleted, and what it has not left is not in the journal.
    pub(super) fn leave(&mut self, now: Time, operation: &Operation) {
        let leftovers = operation.leftovers();
        let entry = operation.entry.filter(|_| operation.is_mapping() && !operation.renews);
        if let Some(entry) = entry.filter(|_| !operation.is_in_doubt()) {
            if !leftovers.iter().any(|leftover| leftover.entry == Some(entry)) {
                self.ledger.refused(entry, &mut self.transport.out);
            }
        }
        self.tidy(now, leftovers);
    }

    /// Ends what an operation has under way.
    pub(super) fn forget(&mut self, now: Time, id: OperationId, operation: &Operation) {
        self.transport.out.timers.clear(Timer::Operation(id));
        self.transport.out.timers.clear(Timer::Choice(id));
        self.transport
            .cancel(now, |owner| matches!(owner, Owner::Operation(own) | Owner::Address(own) if own == id));
        if let Stage::Searching(search) = operation.stage {
            if let Some(mut search) = self.searches.remove(&search) {
                search.end(now, &mut self.transport);
            }
        }
    }

    /// Tells the withdrawal or the keeper of an operation that is theirs, and the caller of any other.
    pub(super) fn tell(
        &mut self,
        now: Time,
        operation: OperationId,
        keeper: Option<MappingId>,
        silent: bool,
        result: Result<Outcome, Error>,
    ) {
        if self.withdrawal_told(now, operation, &result) {
            return;
        }
        match keeper {
            Some(mapping) => self.keeper_done(now, mapping, operation, result),
            None => self.report(operation, silent, result),
        }
    }

    pub(super) fn report(&mut self, operation: OperationId, silent: bool, result: Result<Outcome, Error>) {
        if !silent {
            self.transport.out.push_event(Event::Finished { operation, result });
        }
    }
}
