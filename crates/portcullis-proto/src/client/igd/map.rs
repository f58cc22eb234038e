//! Adds a port mapping, taking the ways round that real gateways need, and reads it back where the answer
//! leaves a doubt.
//!
//! Each refusal that has a known way round changes the next attempt: the lease (725, 402), the
//! description (605, 402), the external port (724, 718). Each way is taken once, and six attempts are
//! the most: a gateway that contradicts itself ends the procedure, not the other way round.

use super::call::{Call, CallResult};
use super::close::Mark;
use super::list::List;
use super::{Next, Procedure, Stop};
use crate::Lifetime;
use crate::client::device::ControlPoint;
use crate::client::error::{Failure, Step};
use crate::client::exchange::ExchangeError;
use crate::client::request::{MappingRequest, OnConflict};
use crate::igd::error_code::UpnpErrorCode;
use crate::igd::wan_connection::{
    Action, AddAnyPortMapping, AddPortMapping, DeletePortMapping, GetSpecificPortMappingEntry,
    PortMappingEntry,
};
use core::net::IpAddr;
use core::num::NonZeroU16;
use core::time::Duration;

const MOST_ADDS: u8 = 6;
/// How often an entry is read while nobody answers.
const MOST_READS: u8 = 3;
/// How long one of the first attempts may stay unanswered before the table is looked at: on a bad link that
/// is the answer that was lost, and a slow gateway is given all the time there is after them.
const HASTY_ADDS: u8 = 3;
const FIRST_PATIENCE: Duration = Duration::from_millis(1_000);
/// Tried where a permanent lease is refused as an invalid argument: the most that WANIPConnection:2 allows.
const LONGEST_LEASE: Lifetime = Lifetime::from_seconds(604_800);
/// Gateways that refuse a description take a short plain one.
const PLAIN_DESCRIPTION: usize = 32;

/// What the gateway has in its table for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) struct Entry {
    pub(in crate::client) external_port: NonZeroU16,
    pub(in crate::client) lifetime: Lifetime,
    /// Whether one of ours was deleted for it, since the gateway would not extend that.
    pub(in crate::client) replaces: bool,
}

#[derive(Debug)]
enum State {
    Adding,
    AddingAny,
    /// Reading back what was added; a failure is what made it doubtful.
    Confirming(Option<Failure>),
    /// Looking for the entry in the whole table: it was not found by its key, or its key is not known,
    /// which is what the failure tells.
    Scanning(List, Option<Failure>),
    /// Looking at the mapping in the way.
    Inspecting(Failure),
    /// Deleting the mapping in the way, to add again; `ours` is the entry where it was ours.
    Clearing {
        ours: Option<Entry>,
    },
}

#[derive(Debug)]
pub(in crate::client) struct Map {
    request: MappingRequest,
    /// Other external ports to try, in order.
    spare_ports: Vec<NonZeroU16>,
    external_port: NonZeroU16,
    lifetime: Lifetime,
    description: String,
    state: State,
    adds: u8,
    reads: u8,
    lease_changed: bool,
    description_plain: bool,
    cleared: bool,
    replaces: bool,
    asked_any: bool,
    /// Whether the gateway may have chosen a port that it told nobody.
    port_unheard: bool,
    /// Whether an Add was sent of which nobody knows what it did.
    in_doubt: bool,
}

impl Map {
    pub(in crate::client) fn new(request: MappingRequest, spare_ports: Vec<NonZeroU16>) -> Self {
        Self {
            external_port: request.external_port_or_internal(),
            lifetime: request.lifetime,
            description: request.description.clone(),
            request,
            spare_ports,
            state: State::Adding,
            adds: 0,
            reads: 0,
            lease_changed: false,
            description_plain: false,
            cleared: false,
            replaces: false,
            asked_any: false,
            port_unheard: false,
            in_doubt: false,
        }
    }

    /// Whether the answer that is waited for is an Add's.
    pub(in crate::client) fn is_adding(&self) -> bool {
        matches!(self.state, State::Adding | State::AddingAny)
    }

    /// Whether it deletes an entry of ours.
    pub(in crate::client) fn is_clearing(&self) -> bool {
        matches!(self.state, State::Clearing { ours: Some(_) })
    }

    /// Whether it has asked for the deletion of what was in its way.
    pub(in crate::client) fn has_cleared(&self) -> bool {
        self.cleared
    }

    /// Whether the gateway may have a mapping of ours by now, apart from the Add that is under way.
    pub(in crate::client) fn may_have_added(&self) -> bool {
        self.in_doubt || matches!(self.state, State::Confirming(None) | State::Scanning(_, None))
    }

    /// Nobody wants the mapping any more: only what the answer says of the table counts.
    pub(in crate::client) fn abandoned(&mut self, point: &ControlPoint, result: CallResult) {
        self.in_doubt |= match (&self.state, result) {
            (State::AddingAny, Ok(arguments)) => {
                if let Ok(port) = AddAnyPortMapping(self.action(point)).decode(&arguments) {
                    self.external_port = port;
                    self.port_unheard = false;
                }
                true
            }
            (_, Ok(_)) => true,
            (_, Err(failure)) => failure.is_doubtful(),
        };
        self.port_unheard &= self.in_doubt;
    }

    /// How to know the entry that an Add of this mapping made.
    pub(in crate::client) fn mark(&self) -> Mark {
        Mark {
            internal_port: self.request.internal_port,
            description: self.description.clone(),
            anywhere: self.port_unheard,
        }
    }

    pub(in crate::client) fn external_port(&self) -> NonZeroU16 {
        self.external_port
    }

    fn action(&self, point: &ControlPoint) -> AddPortMapping {
        AddPortMapping {
            remote_host: None,
            external_port: self.external_port,
            protocol: self.request.protocol,
            internal_port: self.request.internal_port,
            internal_client: point.local_address,
            enabled: true,
            description: self.description.clone(),
            lifetime: self.lifetime,
        }
    }

    fn add(&mut self, point: &ControlPoint, failure: Failure) -> Next<Entry> {
        if self.adds >= MOST_ADDS {
            return Next::fail(Step::Action(AddPortMapping::NAME), failure);
        }
        self.adds = self.adds.saturating_add(1);
        self.state = State::Adding;
        let call = Call::new(point, &self.action(point));
        Next::Call(if self.adds <= HASTY_ADDS { call.within(FIRST_PATIENCE) } else { call })
    }

    fn add_any(&mut self, point: &ControlPoint) -> Next<Entry> {
        self.adds = self.adds.saturating_add(1);
        self.asked_any = true;
        self.port_unheard = true;
        self.state = State::AddingAny;
        Next::Call(Call::new(point, &AddAnyPortMapping(self.action(point))))
    }

    fn specific(&self) -> GetSpecificPortMappingEntry {
        GetSpecificPortMappingEntry {
            remote_host: None,
            external_port: self.external_port,
            protocol: self.request.protocol,
        }
    }

    fn confirm(&mut self, point: &ControlPoint, doubt: Option<Failure>) -> Next<Entry> {
        self.reads = self.reads.saturating_add(1);
        self.state = State::Confirming(doubt);
        Next::Call(Call::new(point, &self.specific()))
    }

    fn added(&mut self, point: &ControlPoint, result: CallResult) -> Next<Entry> {
        match result {
            Ok(_) if self.is_doubtful() => {
                // Whoever breaks it off now leaves a mapping behind.
                self.in_doubt = true;
                self.confirm(point, None)
            }
            Ok(_) => self.done(self.lifetime),
            Err(failure) if failure.is_doubtful() => {
                self.in_doubt = true;
                self.confirm(point, Some(failure))
            }
            Err(failure) => self.refused(point, failure),
        }
    }

    /// A plain yes does not tell the lease: a permanent one, or one beyond a week, may have become a week
    /// (WANIPConnection:2 section 2.3.21).
    fn is_doubtful(&self) -> bool {
        self.request.read_back
            || self.lifetime == Lifetime::Permanent
            || self.lifetime.as_seconds() > LONGEST_LEASE.as_seconds()
    }

    fn refused(&mut self, point: &ControlPoint, failure: Failure) -> Next<Entry> {
        let code = match &failure {
            Failure::Fault(code, _) => Some(*code),
            _ => None,
        };
        let again = match code {
            Some(UpnpErrorCode::OnlyPermanentLeasesSupported) => self.make_permanent(),
            Some(UpnpErrorCode::InvalidArgs) => self.change_lease() || self.plain_description(),
            Some(UpnpErrorCode::StringArgumentTooLong) => self.plain_description(),
            Some(UpnpErrorCode::SamePortValuesRequired) => {
                let differed = self.external_port != self.request.internal_port;
                self.external_port = self.request.internal_port;
                differed
            }
            // Ports below 1,024 are not given to everybody (quirk 52).
            Some(UpnpErrorCode::ActionNotAuthorized)
                if self.request.on_conflict == OnConflict::AnyPort && self.external_port.get() < 1_024 =>
            {
                return self.add_spare(point, failure);
            }
            // Some gateways say 501 for a port that is taken (quirk 49).
            Some(
                UpnpErrorCode::ConflictInMappingEntry
                | UpnpErrorCode::ConflictWithOtherMechanisms
                | UpnpErrorCode::ActionFailed,
            ) => {
                self.state = State::Inspecting(failure);
                return Next::Call(Call::new(point, &self.specific()));
            }
            _ => false,
        };
        if again { self.add(point, failure) } else { Next::fail(Step::Action(AddPortMapping::NAME), failure) }
    }

    fn make_permanent(&mut self) -> bool {
        if self.request.only_finite {
            return false;
        }
        let finite = self.lifetime != Lifetime::Permanent;
        self.lifetime = Lifetime::Permanent;
        self.lease_changed = true;
        finite
    }

    /// 402 has been seen for a finite lease and for a permanent one (quirk 47).
    fn change_lease(&mut self) -> bool {
        if self.lease_changed {
            return false;
        }
        self.lease_changed = true;
        self.lifetime = match self.lifetime {
            Lifetime::Permanent => LONGEST_LEASE,
            Lifetime::Seconds(_) if self.request.only_finite => return false,
            Lifetime::Seconds(_) => Lifetime::Permanent,
        };
        true
    }

    fn plain_description(&mut self) -> bool {
        let plain: String = self
            .description
            .chars()
            .filter(|character| {
                character.is_ascii_alphanumeric() || matches!(character, ' ' | '-' | '_' | '.')
            })
            .take(PLAIN_DESCRIPTION)
            .collect();
        let next = if self.description_plain || plain == self.description { String::new() } else { plain };
        let changed = next != self.description;
        self.description = next;
        self.description_plain = true;
        // It was the description, then: the lease is the caller's again.
        if changed && self.lifetime != self.request.lifetime {
            self.lifetime = self.request.lifetime;
            self.lease_changed = false;
        }
        changed
    }

    fn confirmed(&mut self, point: &ControlPoint, doubt: Option<Failure>, result: CallResult) -> Next<Entry> {
        let absent = matches!(result, Err(Failure::Fault(UpnpErrorCode::NoSuchEntryInArray, _)));
        let (is_unheard, is_hung_up) = match &result {
            Err(Failure::Exchange(ExchangeError::Broken(_))) => (true, true),
            Err(Failure::Exchange(ExchangeError::Http(_))) => (false, false),
            Err(Failure::Exchange(_)) => (true, false),
            _ => (false, false),
        };
        let entry = result.ok().and_then(|arguments| self.specific().decode(&arguments).ok());
        match (entry, doubt) {
            // Where the Add was not heard of, the entry may be an older one.
            (Some(entry), Some(_)) if self.request.stands.is_some() && self.is_ours(point, &entry) => {
                self.done(entry.lifetime)
            }
            (Some(entry), _) if self.is_ours(point, &entry) => self.granted(&entry),
            (Some(entry), doubt) if !entry.internal_client.is_empty() => {
                let conflict = in_the_way(&entry);
                // The answer that was lost was a 718.
                self.in_doubt = false;
                match doubt {
                    Some(_) => self.conflict(point, conflict),
                    None => Next::fail(Step::ReadBack, conflict),
                }
            }
            (None, Some(failure)) if absent => self.add(point, failure),
            (_, Some(failure)) => Next::fail(Step::Action(AddPortMapping::NAME), failure),
            (None, None) if absent => self.look_for(point, None),
            // Nobody heard what the lease is: it is asked once more, and is then better not believed.
            (None, None) if self.request.read_back && is_unheard && self.reads < MOST_READS => {
                self.confirm(point, None)
            }
            (None, None) if self.request.read_back && is_unheard && !is_hung_up => {
                Next::fail(Step::ReadBack, Failure::NotConfirmed)
            }
            // It said yes, and cannot be asked: that is as sure as it gets.
            (_, None) => self.done(self.lifetime),
        }
    }

    fn look_for(&mut self, point: &ControlPoint, unknown: Option<Failure>) -> Next<Entry> {
        let mut list = List::new();
        let next = list.start(point);
        self.state = State::Scanning(list, unknown.clone());
        self.scan(point, unknown, next)
    }

    fn scan(
        &mut self,
        point: &ControlPoint,
        unknown: Option<Failure>,
        next: Next<Vec<PortMappingEntry>>,
    ) -> Next<Entry> {
        let entries = match (next, unknown.as_ref()) {
            (Next::Call(call), _) => return Next::Call(call),
            (Next::Done(Ok(entries)), _) => {
                self.in_doubt &= unknown.is_none();
                self.port_unheard &= unknown.is_none();
                entries
            }
            // A second mapping would hide the first, whose port nobody knows.
            (Next::Done(Err(Stop { failure: Failure::Exchange(_), .. })), Some(failure)) => {
                self.reads = self.reads.saturating_add(1);
                return if self.reads < MOST_READS {
                    self.look_for(point, unknown)
                } else {
                    Next::fail(Step::Action(AddAnyPortMapping::NAME), failure.clone())
                };
            }
            (Next::Done(Err(_)), _) => Vec::new(),
        };
        let mut entries = entries.iter().filter(|entry| entry.protocol == self.request.protocol);
        let Some(failure) = unknown else {
            let port = self.external_port.get();
            return match entries.find(|entry| entry.external_port == port) {
                Some(entry) if self.is_ours(point, entry) => self.granted(entry),
                Some(entry) => Next::fail(Step::ReadBack, in_the_way(entry)),
                None => Next::fail(Step::ReadBack, Failure::NotConfirmed),
            };
        };
        let ours = entries.find(|entry| self.is_ours(point, entry));
        match ours.and_then(|entry| Some((NonZeroU16::new(entry.external_port)?, entry))) {
            Some((port, entry)) => {
                self.external_port = port;
                self.granted(entry)
            }
            None => self.add_spare(point, failure),
        }
    }

    fn added_any(&mut self, point: &ControlPoint, result: CallResult) -> Next<Entry> {
        let port = result.and_then(|arguments| {
            AddAnyPortMapping(self.action(point)).decode(&arguments).map_err(Failure::Decode)
        });
        match port {
            Ok(port) => {
                self.external_port = port;
                self.port_unheard = false;
                if self.is_doubtful() {
                    self.in_doubt = true;
                    self.confirm(point, None)
                } else {
                    self.done(self.lifetime)
                }
            }
            // Something may be mapped on a port that we were not told.
            Err(failure) if failure.is_doubtful() || matches!(failure, Failure::Decode(_)) => {
                self.in_doubt = true;
                self.look_for(point, Some(failure))
            }
            Err(failure) => {
                self.port_unheard = false;
                self.add_spare(point, failure)
            }
        }
    }

    fn add_spare(&mut self, point: &ControlPoint, failure: Failure) -> Next<Entry> {
        match self.spare_ports.pop() {
            Some(port) => {
                self.external_port = port;
                self.add(point, failure)
            }
            None => Next::fail(Step::Action(AddAnyPortMapping::NAME), failure),
        }
    }

    fn inspected(&mut self, point: &ControlPoint, failure: Failure, result: CallResult) -> Next<Entry> {
        let entry = result.ok().and_then(|arguments| self.specific().decode(&arguments).ok());
        let said = match &failure {
            Failure::Fault(code, _) => Some(*code),
            _ => None,
        };
        if self.request.stands.is_some() && said == Some(UpnpErrorCode::ActionFailed) {
            // What failed says nothing of the mapping that is to be renewed: it is better than none.
            return Next::fail(Step::Action(AddPortMapping::NAME), failure);
        }
        if let Some(entry) = entry.as_ref().filter(|entry| self.is_ours(point, entry)) {
            // It may be a refusal of the moment.
            let lasts = |least| entry.lifetime.duration().is_none_or(|left| left > least);
            if self.request.stands.is_some_and(lasts) {
                return Next::fail(Step::Action(AddPortMapping::NAME), failure);
            }
            // Ours from before: some gateways want it gone before they take it again.
            let ours = Entry { external_port: self.external_port, lifetime: entry.lifetime, replaces: false };
            return if self.cleared { Next::Done(Ok(ours)) } else { self.clear(point, Some(ours)) };
        }
        let mut conflict = match &entry {
            Some(entry) => in_the_way(entry),
            None if said == Some(UpnpErrorCode::ActionFailed) => {
                return Next::fail(Step::Action(AddPortMapping::NAME), failure);
            }
            None => Failure::Conflict { code: None, holder: None, description: String::new() },
        };
        if let Failure::Conflict { code, .. } = &mut conflict {
            *code = said;
        }
        self.conflict(point, conflict)
    }

    /// The port is another's.
    fn conflict(&mut self, point: &ControlPoint, conflict: Failure) -> Next<Entry> {
        match self.request.on_conflict {
            OnConflict::AnyPort if point.is_version_2() && !self.asked_any => self.add_any(point),
            OnConflict::AnyPort if !self.spare_ports.is_empty() => {
                self.external_port = self.spare_ports.remove(0);
                self.add(point, conflict)
            }
            OnConflict::Overwrite if !self.cleared => self.clear(point, None),
            _ => Next::fail(Step::Action(AddPortMapping::NAME), conflict),
        }
    }

    fn clear(&mut self, point: &ControlPoint, ours: Option<Entry>) -> Next<Entry> {
        self.cleared = true;
        self.state = State::Clearing { ours };
        let action = DeletePortMapping {
            remote_host: None,
            external_port: self.external_port,
            protocol: self.request.protocol,
        };
        Next::Call(Call::new(point, &action).repeatable())
    }

    fn cleared(&mut self, point: &ControlPoint, ours: Option<Entry>, result: CallResult) -> Next<Entry> {
        match (result, ours) {
            (Ok(_) | Err(Failure::Fault(UpnpErrorCode::NoSuchEntryInArray, _)), ours) => {
                self.replaces = ours.is_some();
                self.add(point, Failure::NotConfirmed)
            }
            // It can be neither replaced nor removed, and it leads to us: it will do.
            (Err(_), Some(ours)) => Next::Done(Ok(ours)),
            (Err(failure), None) => Next::fail(Step::Action(DeletePortMapping::NAME), failure),
        }
    }

    fn is_ours(&self, point: &ControlPoint, entry: &PortMappingEntry) -> bool {
        entry.internal_address() == Some(point.local_address)
            && entry.internal_port == self.request.internal_port.get()
    }

    fn granted(&self, entry: &PortMappingEntry) -> Next<Entry> {
        // The table tells what remains of a lease, which may be a second less by now.
        let asked = self.lifetime.as_seconds();
        let told = entry.lifetime.as_seconds();
        self.done(if told < asked && asked.saturating_sub(told) <= 1 {
            self.lifetime
        } else {
            entry.lifetime
        })
    }

    fn done(&self, lifetime: Lifetime) -> Next<Entry> {
        Next::Done(Ok(Entry { external_port: self.external_port, lifetime, replaces: self.replaces }))
    }
}

fn in_the_way(entry: &PortMappingEntry) -> Failure {
    Failure::Conflict {
        code: None,
        holder: Some(entry.internal_client.clone()),
        description: entry.description.clone(),
    }
}

impl Procedure for Map {
    type Output = Entry;

    fn start(&mut self, point: &ControlPoint) -> Next<Entry> {
        match point.local_address {
            // WANIPConnection maps IPv4 ports; an IPv6 host's are opened by WANIPv6FirewallControl.
            IpAddr::V6(_) => Next::fail(Step::Action(AddPortMapping::NAME), Failure::NotIpv4),
            IpAddr::V4(_) => self.add(point, Failure::NotConfirmed),
        }
    }

    fn resume(&mut self, point: &ControlPoint, result: CallResult) -> Next<Entry> {
        match core::mem::replace(&mut self.state, State::Adding) {
            State::Adding => self.added(point, result),
            State::AddingAny => self.added_any(point, result),
            State::Confirming(doubt) => self.confirmed(point, doubt, result),
            State::Scanning(mut list, unknown) => {
                let next = list.resume(point, result);
                self.state = State::Scanning(list, unknown.clone());
                self.scan(point, unknown, next)
            }
            State::Inspecting(failure) => self.inspected(point, failure, result),
            State::Clearing { ours } => self.cleared(point, ours, result),
        }
    }
}
