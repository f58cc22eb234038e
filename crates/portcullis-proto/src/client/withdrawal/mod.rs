//! The end of an open port: every mapping that is known of it is deleted by the protocol that made it; where that is
//! refused, or proves nothing, the gateway's table is looked at and what it has deleted there.
//!
//! A withdrawal is made of operations that ask one gateway each, and is told how each of them ended. What their ends
//! amount to is in [`evidence`].

mod evidence;
mod given;

use super::Client;
use super::error::{Attempt, Error, ErrorKind, Failure, Step as At};
use super::event::{Closed, Outcome};
use super::granted::{Granted, Grantor, Method};
use super::igd::close::{Claim, Close};
use super::igd::pinhole::delete::Delete;
use super::journal::EntryId;
use super::keeper::MappingId;
use super::leftovers::{Leftover, TIDY};
use super::operation::{OperationId, Pinhole, Task};
use super::port_control::talk::{Goal, Wish};
use super::request::MappingRequest;
use crate::{AddressKind, Lifetime, Protocol, Time};
use core::net::IpAddr;
use core::num::NonZeroU16;
use core::time::Duration;
use evidence::{Evidence, Step};
use std::collections::BTreeMap;

/// How long a gateway that has said yes by NAT-PMP is given to show its table.
const TABLE_PATIENCE: Duration = Duration::from_secs(1);
/// The shortest lifetime, for what a server will not delete: it grants what it grants at least, and ends it then.
const SHORTEST: Lifetime = Lifetime::from_seconds(1);

/// Who is told of the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Whoever asked for it.
    Caller,
    /// The keeper, whose mapping it was.
    Keeper(MappingId),
    /// Nobody: it was left by a dead process.
    Nobody,
}

/// A mapping that is known, and by what it may be deleted from a table.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) granted: Granted,
    pub(super) claim: Claim,
    /// Whether the gateway has said yes to it: what was only asked for is settled by whatever comes of this.
    pub(super) is_certain: bool,
}

/// What is being asked.
#[derive(Debug)]
enum Asking {
    /// The journal: whether another process keeps it.
    Journal(EntryId),
    /// The gateway's table: what is behind the external port in whose place it was given.
    Wanted(OperationId, NonZeroU16),
    /// Those who granted it; which of the known mappings each deletes.
    Grantors(BTreeMap<OperationId, usize>),
    /// The gateway's table.
    Table(OperationId),
    /// The external address.
    Address(OperationId),
    /// The number of a pinhole that PCP will not delete, by asking for it once more.
    Number(OperationId),
    /// The deletion of that pinhole.
    Pinhole(OperationId),
    /// A shorter lifetime, for what cannot be deleted.
    Shortening(OperationId),
}

#[derive(Debug)]
pub(super) struct Withdrawal {
    protocol: Protocol,
    external_port: NonZeroU16,
    known: Vec<Known>,
    /// Further entries of the journal that are about the same port.
    entries: Vec<EntryId>,
    /// How the table is looked at.
    claim: Claim,
    told: Told,
    deadline: Time,
    asking: Asking,
    evidence: Evidence,
    /// A pinhole that PCP would not delete, and why.
    refused_pinhole: Option<(Granted, Error)>,
    /// Whether nothing but what is known is meant.
    is_without_table: bool,
}

/// Every withdrawal under way.
#[derive(Debug, Default)]
pub(super) struct Withdrawals(BTreeMap<OperationId, Withdrawal>);

impl Withdrawals {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The withdrawal that an operation belongs to.
    fn of(&self, operation: OperationId) -> Option<OperationId> {
        self.0.iter().find(|(_, withdrawal)| withdrawal.asking.has(operation)).map(|(&id, _)| id)
    }

    /// Whether an operation is part of one.
    pub(super) fn ask(&self, operation: OperationId) -> bool {
        self.of(operation).is_some()
    }

    /// Whether the mapping of an entry is being deleted.
    pub(super) fn has(&self, entry: EntryId) -> bool {
        let mut known = self.0.values().flat_map(|withdrawal| &withdrawal.known);
        known.any(|known| known.granted.entry == Some(entry))
    }

    /// From now on it is the keeper that is told; false where it has ended already.
    pub(super) fn tell_keeper(&mut self, id: OperationId, mapping: MappingId) -> bool {
        self.0.get_mut(&id).is_some_and(|withdrawal| {
            withdrawal.told = Told::Keeper(mapping);
            true
        })
    }
}

impl Asking {
    fn has(&self, operation: OperationId) -> bool {
        match self {
            Self::Journal(_) => false,
            Self::Grantors(operations) => operations.contains_key(&operation),
            Self::Wanted(own, _)
            | Self::Table(own)
            | Self::Address(own)
            | Self::Number(own)
            | Self::Pinhole(own)
            | Self::Shortening(own) => *own == operation,
        }
    }

    fn operations(self) -> Vec<OperationId> {
        match self {
            Self::Journal(_) => Vec::new(),
            Self::Grantors(operations) => operations.into_keys().collect(),
            Self::Wanted(own, _)
            | Self::Table(own)
            | Self::Address(own)
            | Self::Number(own)
            | Self::Pinhole(own)
            | Self::Shortening(own) => vec![own],
        }
    }
}

impl Withdrawal {
    pub(super) fn new(
        protocol: Protocol,
        external_port: NonZeroU16,
        known: Vec<Known>,
        claim: Claim,
        deadline: Time,
    ) -> Self {
        Self {
            protocol,
            external_port,
            known,
            entries: Vec::new(),
            claim,
            told: Told::Caller,
            deadline,
            asking: Asking::Grantors(BTreeMap::new()),
            evidence: Evidence::default(),
            refused_pinhole: None,
            is_without_table: false,
        }
    }

    /// The same, for which no table of mappings is looked into.
    pub(super) fn without_table(mut self) -> Self {
        self.is_without_table = true;
        self
    }

    /// The same, of which this one is told.
    pub(super) fn telling(mut self, told: Told) -> Self {
        self.told = told;
        self
    }

    /// The same, at whose end these entries of the journal are settled too.
    pub(super) fn settling(mut self, entries: Vec<EntryId>) -> Self {
        self.entries = entries;
        self
    }

    /// Whether all that is known was granted by the server of this mapping, by NAT-PMP or PCP. What was only asked for by
    /// PCP may be what it does not say a word about.
    fn is_all_of(&self, granted: &Granted) -> bool {
        let is_its = |known: &Known| {
            let is_heard = match known.granted.method() {
                Method::NatPmp => true,
                Method::Pcp => known.is_certain,
                Method::Igd | Method::IgdPinhole => false,
            };
            is_heard && known.granted.grantor.remote() == granted.grantor.remote()
        };
        granted.method() == Method::NatPmp && self.known.iter().all(is_its)
    }

    /// The gateway whose table shows it: that of the first mapping over IPv4.
    fn gateway(&self) -> Option<IpAddr> {
        let remotes = self.known.iter().map(|known| known.granted.grantor.remote().ip());
        remotes.into_iter().find(IpAddr::is_ipv4)
    }

    /// The first mapping that NAT-PMP's or PCP's server knows, over IPv4.
    fn talked_of(&self) -> Option<&Granted> {
        let granted = self.known.iter().map(|known| &known.granted);
        let is_talk = |granted: &&Granted| matches!(granted.grantor, Grantor::NatPmp(_) | Grantor::Pcp(..));
        granted.filter(is_talk).find(|granted| granted.grantor.remote().is_ipv4())
    }
}

impl Client {
    /// Begins to close a port.
    pub(super) fn withdraw(&mut self, now: Time, withdrawal: Withdrawal) -> OperationId {
        let id = OperationId(self.transport.out.next_id());
        self.withdrawals.0.insert(id, withdrawal);
        self.ask_grantors(now, id);
        id
    }

    /// Begins to close a port unless another living process keeps it, which the journal is asked about.
    pub(super) fn withdraw_unless_kept(
        &mut self,
        now: Time,
        withdrawal: Withdrawal,
        entry: Option<EntryId>,
    ) -> OperationId {
        let shared = entry.filter(|&entry| {
            self.ledger.entry(entry).is_some_and(|entry| self.inherited.is_kept(now, entry))
        });
        let Some(entry) = shared else { return self.withdraw(now, withdrawal) };
        let id = OperationId(self.transport.out.next_id());
        self.withdrawals.0.insert(id, Withdrawal { asking: Asking::Journal(entry), ..withdrawal });
        self.transport.out.push(super::io::Output::HandOver(entry));
        id
    }

    /// The journal has told whether another living process has the mapping of an entry, whose it is from now on.
    pub(super) fn handed_over(&mut self, now: Time, entry: EntryId, to_another: bool) {
        let is_it =
            |withdrawal: &Withdrawal| matches!(withdrawal.asking, Asking::Journal(own) if own == entry);
        let found = self.withdrawals.0.iter().find(|(_, withdrawal)| is_it(withdrawal)).map(|(&id, _)| id);
        let Some(id) = found else { return };
        if to_another {
            self.ledger.forget(entry);
            self.end_withdrawal(now, id, Ok(Closed::StillKept));
        } else {
            self.ask_grantors(now, id);
        }
    }

    /// Nobody waits for it any more.
    pub(super) fn cancel_withdrawal(&mut self, now: Time, id: OperationId) -> bool {
        let Some(withdrawal) = self.withdrawals.0.remove(&id) else { return false };
        for operation in withdrawal.asking.operations() {
            self.cancel(now, operation);
        }
        if let Told::Keeper(mapping) = withdrawal.told {
            self.end_keeping(now, mapping);
        }
        true
    }

    /// An operation has ended; whether it was a withdrawal's.
    pub(super) fn withdrawal_told(
        &mut self,
        now: Time,
        operation: OperationId,
        result: &Result<Outcome, Error>,
    ) -> bool {
        let Some(id) = self.withdrawals.of(operation) else { return false };
        let Some(withdrawal) = self.withdrawals.0.get_mut(&id) else { return false };
        match &mut withdrawal.asking {
            Asking::Journal(_) => {}
            Asking::Wanted(_, port) => {
                let port = *port;
                self.wanted_seen(now, id, port, result);
            }
            Asking::Grantors(operations) => {
                let index = operations.remove(&operation);
                let is_over = operations.is_empty();
                self.grantor_ended(id, index, closed(result));
                if is_over {
                    self.grantors_ended(now, id);
                }
            }
            Asking::Table(_) => {
                let step = withdrawal.evidence.after_table(closed(result));
                self.go_on(now, id, step);
            }
            Asking::Address(_) => {
                let address = match result {
                    Ok(Outcome::Address { address, .. }) => Some(*address),
                    _ => withdrawal.talked_of().and_then(|granted| granted.external_address),
                };
                self.address_known(now, id, address);
            }
            Asking::Number(_) => match result {
                Ok(Outcome::Mapped(opened)) => self.delete_pinhole(now, id, opened),
                _ => self.shorten(now, id),
            },
            Asking::Pinhole(_) => match closed(result) {
                Ok(_) => {
                    withdrawal.evidence.deletion(Ok(Closed::Deleted));
                    self.settle_records(now, id);
                }
                Err(_) => self.shorten(now, id),
            },
            Asking::Shortening(_) => self.shortened(now, id, result),
        }
        true
    }

    /// Each protocol deletes what it has granted.
    fn ask_grantors(&mut self, now: Time, id: OperationId) {
        let Some(withdrawal) = self.withdrawals.0.get(&id) else { return };
        let (known, deadline) = (withdrawal.known.clone(), withdrawal.deadline);
        let mut operations = BTreeMap::new();
        for (index, known) in known.iter().enumerate() {
            match self.obstacle(now, &known.granted) {
                None => {
                    let operation = self.delete(now, known, deadline - now);
                    operations.insert(operation, index);
                }
                Some(failure) => {
                    let error = not_deleted(&known.granted, failure);
                    if let Some(withdrawal) = self.withdrawals.0.get_mut(&id) {
                        let by_upnp = known.granted.grantor.control_point().is_some();
                        withdrawal.evidence.not_asked(error, by_upnp);
                    }
                }
            }
        }
        operations.retain(|operation, _| self.operations.contains_key(operation));
        let is_over = operations.is_empty();
        let Some(withdrawal) = self.withdrawals.0.get_mut(&id) else { return };
        withdrawal.asking = Asking::Grantors(operations);
        if is_over {
            self.grantors_ended(now, id);
        }
    }

    /// Why whoever granted it is not asked to delete it: it leads to an address that is not ours any more, or another
    /// mapping of this host's would be deleted with it: NAT-PMP and PCP know them by their internal port alone, and many
    /// gateways have several external ports for one.
    fn obstacle(&self, now: Time, granted: &Granted) -> Option<Failure> {
        let address = granted.internal_address;
        if self.leads_to_former(granted) {
            return Some(Failure::FormerAddress { address });
        }
        let (Grantor::NatPmp(server) | Grantor::Pcp(server, _)) = granted.grantor else { return None };
        let way = granted.way_to(server);
        let wish = Wish::of(granted);
        let mut others = self.held.behind(way, &wish);
        others.extend(self.inherited.behind(now, granted.method(), way, &wish));
        let other = others.into_iter().find(|&port| port != granted.external_port)?;
        Some(Failure::NotAlone { other })
    }

    /// Deletes a mapping where it was made.
    fn delete(&mut self, now: Time, known: &Known, timeout: Duration) -> OperationId {
        let Known { granted, claim, .. } = known;
        let gateway = granted.gateway.clone();
        let id = match &granted.grantor {
            Grantor::ControlPoint(point) => {
                let task = Task::Close(Close::new(granted.protocol, granted.external_port, claim.clone()));
                let may_have_moved = matches!(claim, Claim::Unproven | Claim::Force);
                let remote = point.remote;
                self.work_as(now, task, gateway, vec![point.clone()], timeout, |operation| {
                    // A search, where nothing comes of this: it may have moved (quirk 45).
                    operation.fixed = !may_have_moved;
                    operation.started = now;
                    operation.tried.push(remote);
                    operation.entry = granted.entry;
                })
            }
            Grantor::Pinhole(point, unique_id) => {
                let task = Task::ClosePinhole(Delete::new(*unique_id));
                self.work_as(now, task, gateway, vec![point.clone()], timeout, |_| {})
            }
            Grantor::NatPmp(server) => self.talk_with(
                now,
                Method::NatPmp,
                granted.way_to(*server),
                Goal::Delete(Wish::of(granted)),
                timeout,
            ),
            Grantor::Pcp(server, _) => {
                let way = granted.way_to(*server);
                self.talk_with(now, Method::Pcp, way, Goal::Delete(Wish::of(granted)), timeout)
            }
        };
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.entry = granted.entry;
        }
        id
    }

    fn grantor_ended(&mut self, id: OperationId, index: Option<usize>, result: Result<Closed, Error>) {
        let Some(withdrawal) = self.withdrawals.0.get(&id) else { return };
        let known = index.and_then(|index| withdrawal.known.get(index)).cloned();
        let has_moved = |known: &Known| {
            known.granted.grantor.control_point().is_none() && self.leads_to_former(&known.granted)
        };
        let result = match known.as_ref().filter(|known| has_moved(known)) {
            // It may have been asked from the new address, for which it says yes to a deletion of nothing.
            Some(Known { granted, .. }) if result.is_ok() => {
                let address = granted.internal_address;
                Err(not_deleted(granted, Failure::FormerAddress { address }))
            }
            _ => result,
        };
        let Some(withdrawal) = self.withdrawals.0.get_mut(&id) else { return };
        match (&known, result) {
            (Some(known), Err(error)) if !known.is_certain && is_not_there(&error) => {
                // Nor has anybody ever said that it is.
                withdrawal.evidence.deletion(Ok(Closed::NotOpen));
            }
            (Some(known), Err(error)) if is_pinhole_of_pcp(&known.granted) => {
                withdrawal.refused_pinhole = Some((known.granted.clone(), error));
            }
            (Some(known), Ok(Closed::Deleted)) if known.granted.method() == Method::Pcp => {
                withdrawal.evidence.deleted_by_pcp();
            }
            // What NAT-PMP alone had made, it deletes where it says so (RFC 6886 section 3.4).
            (Some(known), Ok(Closed::Unconfirmed)) if withdrawal.is_all_of(&known.granted) => {
                withdrawal.evidence.deletion(Ok(Closed::Deleted));
            }
            (_, result) => withdrawal.evidence.deletion(result),
        }
    }

    fn grantors_ended(&mut self, now: Time, id: OperationId) {
        let Some(withdrawal) = self.withdrawals.0.get(&id) else { return };
        match withdrawal.refused_pinhole.clone() {
            Some((granted, _)) => self.ask_number(now, id, &granted),
            None => self.settle_records(now, id),
        }
    }

    fn settle_records(&mut self, now: Time, id: OperationId) {
        let speaks_upnp = self.config.preference(Method::Igd).is_some() && self.config.names_upnp();
        let Some(withdrawal) = self.withdrawals.0.get(&id) else { return };
        // Where UPnP granted it, the table has been looked at, but for what leads to an address that is gone.
        let mut known = withdrawal.known.iter().map(|known| &known.granted);
        let is_unseen =
            withdrawal.talked_of().is_some() || known.any(|granted| self.leads_to_former(granted));
        let Some(withdrawal) = self.withdrawals.0.get_mut(&id) else { return };
        let is_doubtful =
            withdrawal.known.iter().all(|known| !known.is_certain) && withdrawal.told != Told::Nobody;
        let step = if withdrawal.is_without_table {
            withdrawal.evidence.after_records(false)
        } else if is_doubtful {
            Step::Table
        } else {
            let has_table = speaks_upnp && is_unseen && withdrawal.gateway().is_some();
            withdrawal.evidence.after_records(has_table)
        };
        self.go_on(now, id, step);
    }

    fn go_on(&mut self, now: Time, id: OperationId, step: Step) {
        match step {
            Step::Table => self.look_at_table(now, id),
            Step::Address => self.ask_address(now, id),
            Step::Again(error) => self.ask_again(now, id, error),
            Step::End(result) => self.end_withdrawal(now, id, result),
        }
    }

    /// By UPnP, at the gateway that granted it or at whichever there is; NAT-PMP is the last resort where nothing is known.
    fn look_at_table(&mut self, now: Time, id: OperationId) {
        let Some(withdrawal) = self.withdrawals.0.get(&id) else { return };
        let until = if withdrawal.evidence.is_hopeful() {
            withdrawal.deadline.min(now + TABLE_PATIENCE)
        } else if withdrawal.evidence.may_ask_again() {
            // Half of the time is for that.
            now + (withdrawal.deadline - now).checked_div(2).unwrap_or_default()
        } else {
            withdrawal.deadline
        };
        let (port, gateway) = ((withdrawal.protocol, withdrawal.external_port), withdrawal.gateway());
        let former =
            withdrawal.known.iter().map(|known| &known.granted).find(|granted| self.leads_to_former(granted));
        let claim = match former {
            Some(granted) => Claim::Former(granted.internal_address, granted.internal_port),
            None => withdrawal.claim.clone(),
        };
        let task = Task::Close(Close::new(port.0, port.1, claim));
        let is_unknown = withdrawal.known.is_empty();
        let operation = self.begin_seeking(now, task, until - now);
        if let Some(operation) = self.operations.get_mut(&operation) {
            operation.only_at = gateway;
        }
        if let Some(withdrawal) = self.withdrawals.0.get_mut(&id) {
            withdrawal.asking = Asking::Table(operation);
        }
        if is_unknown {
            self.enter_close(now, operation, port);
        }
        self.settle(now, operation);
    }

    fn ask_again(&mut self, now: Time, id: OperationId, error: Error) {
        let Some(withdrawal) = self.withdrawals.0.get(&id) else { return };
        let granted = withdrawal.known.iter().map(|known| &known.granted);
        let is_alone = granted.into_iter().all(|granted| self.obstacle(now, granted).is_none());
        if is_alone {
            self.ask_grantors(now, id);
        } else {
            self.end_withdrawal(now, id, Err(error));
        }
    }

    fn ask_address(&mut self, now: Time, id: OperationId) {
        let Some(withdrawal) = self.withdrawals.0.get(&id) else { return };
        let Some(granted) = withdrawal.talked_of() else { return self.address_known(now, id, None) };
        let (way, deadline) = (granted.way_to(granted.grantor.remote()), withdrawal.deadline);
        let known = granted.external_address;
        if self.config.preference(Method::NatPmp).is_none() {
            return self.address_known(now, id, known);
        }
        let operation = self.talk_with(now, Method::NatPmp, way, Goal::Address, deadline - now);
        if let Some(withdrawal) = self.withdrawals.0.get_mut(&id) {
            withdrawal.asking = Asking::Address(operation);
        }
    }

    /// Nobody can be asked: the address that it was granted with is the last that is known.
    fn address_known(&mut self, now: Time, id: OperationId, address: Option<IpAddr>) {
        let Some(withdrawal) = self.withdrawals.0.get_mut(&id) else { return };
        let is_public = address.is_some_and(|address| AddressKind::of(address) == AddressKind::Public);
        let step = withdrawal.evidence.after_address(is_public);
        self.go_on(now, id, step);
    }

    /// A gateway that will not delete a pinhole by PCP may do so by its number, which AddPinhole of the same five values
    /// tells (WANIPv6FirewallControl:1 section 2.6.3).
    fn ask_number(&mut self, now: Time, id: OperationId, granted: &Granted) {
        let speaks_upnp = self.config.preference(Method::Igd).is_some() && self.config.names_upnp();
        let Some(deadline) = self.withdrawals.0.get(&id).map(|withdrawal| withdrawal.deadline) else {
            return;
        };
        if !speaks_upnp || now >= deadline {
            return self.shorten(now, id);
        }
        let request =
            MappingRequest::new(granted.protocol, granted.internal_port).lifetime(granted.lifetime).ipv6();
        let until = deadline.min(now + TABLE_PATIENCE.saturating_mul(2));
        let operation = self.begin_seeking(now, Task::OpenPinhole(Pinhole::new(request)), until - now);
        if let Some(operation) = self.operations.get_mut(&operation) {
            operation.only_from = Some(granted.internal_address);
        }
        if let Some(withdrawal) = self.withdrawals.0.get_mut(&id) {
            withdrawal.asking = Asking::Number(operation);
        }
        self.settle(now, operation);
    }

    fn delete_pinhole(&mut self, now: Time, id: OperationId, opened: &Granted) {
        let Some(deadline) = self.withdrawals.0.get(&id).map(|withdrawal| withdrawal.deadline) else {
            return;
        };
        self.forget_holders(opened);
        let known =
            Known { granted: opened.clone(), claim: Claim::Ours(opened.internal_port), is_certain: true };
        let operation = self.delete(now, &known, (deadline - now).max(TIDY));
        if let Some(withdrawal) = self.withdrawals.0.get_mut(&id) {
            withdrawal.asking = Asking::Pinhole(operation);
        }
    }

    /// What cannot be deleted is asked for with the shortest lifetime.
    fn shorten(&mut self, now: Time, id: OperationId) {
        let Some(withdrawal) = self.withdrawals.0.get(&id) else { return };
        let (deadline, refused) = (withdrawal.deadline, withdrawal.refused_pinhole.clone());
        let Some((granted, _)) = refused else { return };
        let Grantor::Pcp(server, _) = granted.grantor else { return };
        let way = granted.way_to(server);
        let wish = Wish { lifetime: SHORTEST, ..Wish::of(&granted) };
        let operation = self.talk_with(now, Method::Pcp, way, Goal::Map(wish), (deadline - now).max(TIDY));
        if let Some(withdrawal) = self.withdrawals.0.get_mut(&id) {
            withdrawal.asking = Asking::Shortening(operation);
        }
    }

    fn shortened(&mut self, now: Time, id: OperationId, result: &Result<Outcome, Error>) {
        let Some(withdrawal) = self.withdrawals.0.get_mut(&id) else { return };
        let refused = withdrawal.refused_pinhole.take();
        let ending = match (result, refused) {
            (Ok(Outcome::Mapped(granted)), _) => Ok(granted.clone()),
            (_, Some((_, error))) => Err(error),
            _ => return self.settle_records(now, id),
        };
        match ending {
            Ok(granted) => {
                self.leave_open(&granted);
                let within = granted.leased.duration().unwrap_or_default();
                self.end_withdrawal(now, id, Ok(Closed::Ending(within)));
            }
            Err(error) => self.end_withdrawal(now, id, Err(error)),
        }
    }

    fn end_withdrawal(&mut self, now: Time, id: OperationId, result: Result<Closed, Error>) {
        let Some(withdrawal) = self.withdrawals.0.remove(&id) else { return };
        let Withdrawal { known, entries, told, evidence, .. } = withdrawal;
        let result = self.unless_deleted_with_another(result, &known);
        let is_shared = is_for_another(&result);
        // What somebody may have, who was not asked, did not answer or would not delete it, stays written down.
        let is_nowhere = result.as_ref().is_ok_and(|closed| *closed != Closed::StillKept)
            || result.as_ref().is_err_and(is_not_there);
        let uncertain = known.iter().filter(|known| !known.is_certain && is_nowhere);
        let own: Vec<_> = known.iter().map(|known| known.granted.internal_address).collect();
        let is_settled = evidence.is_gone(&result, &own);
        let settled: Vec<_> = if is_settled {
            // What a protocol that was not asked had made need not be in the table that another looks into.
            let others = entries.into_iter().filter(|_| result == Ok(Closed::Deleted));
            known.iter().filter_map(|known| known.granted.entry).chain(others).collect()
        } else {
            uncertain.filter_map(|known| known.granted.entry).collect()
        };
        for entry in settled {
            if !self.held.is_written_as(Some(entry)) {
                self.strike_out(entry);
            }
        }
        if is_settled {
            self.withdraw_what_waited(now);
        } else if is_shared {
            for entry in known.iter().filter_map(|known| known.granted.entry) {
                self.wait_for_others(entry);
            }
        }
        let result = match (result, told) {
            // What it kept is not there any more: nothing of its is left open.
            (Err(_), Told::Keeper(_)) if is_settled => Ok(Closed::NotOpen),
            (result, _) => result,
        };
        let result = result.map(Outcome::Closed);
        match told {
            Told::Caller => self.report(id, false, result),
            Told::Keeper(mapping) => self.keeper_done(now, mapping, id, result),
            Told::Nobody => {}
        }
    }
}

impl Client {
    /// What cannot be deleted alone goes with the other one, where that is this process's.
    fn unless_deleted_with_another(
        &mut self,
        result: Result<Closed, Error>,
        known: &[Known],
    ) -> Result<Closed, Error> {
        let is_shared = is_for_another(&result);
        let Err(error) = result else { return result };
        let mut is_shaded = false;
        for known in known.iter().filter(|_| is_shared) {
            let leftover = Leftover::of(&known.granted, "");
            if self.held.covers(&leftover) {
                self.held.shade(leftover);
                is_shaded = true;
            }
        }
        if is_shaded { Ok(Closed::StillKept) } else { Err(error) }
    }
}

/// Why a mapping was not deleted by whoever granted it.
fn not_deleted(granted: &Granted, failure: Failure) -> Error {
    let (gateway, step) = (granted.gateway.clone(), At::Action("deletion"));
    Error::from_attempts(vec![Attempt { gateway, step, failure }])
}

/// Whether it was not deleted because another one would have been, too.
fn is_for_another(result: &Result<Closed, Error>) -> bool {
    let is_it = |failure: &Failure| matches!(failure, Failure::NotAlone { .. });
    result.as_ref().is_err_and(|error| error.attempts().iter().any(|attempt| is_it(&attempt.failure)))
}

/// Whether nobody is there who could have made it, or what is there is another's.
fn is_not_there(error: &Error) -> bool {
    let says_so = |failure: &Failure| {
        matches!(failure.kind(), ErrorKind::NoGateway | ErrorKind::NoService)
            || matches!(failure, Failure::NotOurs { .. })
    };
    error.attempts().iter().all(|attempt| says_so(&attempt.failure))
}

fn is_pinhole_of_pcp(granted: &Granted) -> bool {
    matches!(granted.grantor, Grantor::Pcp(server, _) if server.is_ipv6())
}

fn closed(result: &Result<Outcome, Error>) -> Result<Closed, Error> {
    match result {
        Ok(Outcome::Closed(closed)) => Ok(*closed),
        Ok(_) => Ok(Closed::NotOpen),
        Err(error) => Err(error.clone()),
    }
}
