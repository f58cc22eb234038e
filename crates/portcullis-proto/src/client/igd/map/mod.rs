//! Adds a port mapping, taking the ways round that real gateways need, and reads it back where the answer
//! leaves a doubt.
//!
//! The entry behind the external port is read before anything is added: a gateway replaces without a word what leads to
//! another port of the same host (WANIPConnection:2 section 2.5.16), which may be another program's.
//!
//! Each refusal that has a known way round changes the next attempt: the lease (725, 402), the
//! description (605, 402), the external port (724, 718). Each way is taken once, and six attempts are
//! the most: a gateway that contradicts itself ends the procedure, not the other way round.

mod read_back;
mod refusal;

use super::call::{Call, CallResult};
use super::close::Mark;
use super::list::List;
use super::{Next, Procedure};
use crate::Lifetime;
use crate::client::device::ControlPoint;
use crate::client::error::{Failure, Step};
use crate::client::exchange::ExchangeError;
use crate::client::request::{MappingRequest, OnConflict};
use crate::igd::wan_connection::{
    Action, AddAnyPortMapping, AddPortMapping, GetSpecificPortMappingEntry, PortMappingEntry,
};
use core::net::IpAddr;
use core::num::NonZeroU16;
use core::time::Duration;

const MOST_ADDS: u8 = 6;
/// How often it is asked that where nobody answers.
const MOST_LOOKS: u8 = 2;
/// How long the gateway may take to say what is behind the external port: one that cannot tell costs no more.
const LOOK_PATIENCE: Duration = Duration::from_millis(1_000);
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
    /// Whether the answer to the Add was not heard.
    pub(in crate::client) unheard: bool,
    /// Whether the gateway had it before it was asked for.
    pub(in crate::client) stood: bool,
}

/// What adds a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Adding {
    /// AddPortMapping.
    This,
    /// AddAnyPortMapping.
    Any,
}

#[derive(Debug)]
enum State {
    /// Reading what is behind the external port, before anything is added; a failure is what came of the last attempt.
    Looking(Adding, Failure),
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
    looks: u8,
    lease_changed: bool,
    description_plain: bool,
    cleared: bool,
    /// Where one of ours was deleted, to be added again.
    replaced: Option<NonZeroU16>,
    /// The external port of an entry that was ours already.
    stood: Option<NonZeroU16>,
    asked_any: bool,
    /// Whether the gateway may have chosen a port that it told nobody.
    port_unheard: bool,
    /// External ports of what stood before, or was asked for by others.
    known_ports: Vec<NonZeroU16>,
    /// Whether an Add was sent of which nobody knows what it did.
    in_doubt: bool,
    /// Whether the answer to the last Add was not heard.
    unheard: bool,
    /// Whether the gateway did not say whether it has the entry, when it was asked for it alone.
    is_untold: bool,
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
            looks: 0,
            lease_changed: false,
            description_plain: false,
            cleared: false,
            replaced: None,
            stood: None,
            asked_any: false,
            port_unheard: false,
            known_ports: Vec::new(),
            in_doubt: false,
            unheard: false,
            is_untold: false,
        }
    }

    /// Whether it looks for what it has added behind a port that nobody heard.
    pub(in crate::client) fn looks_for_port(&self) -> bool {
        self.port_unheard && matches!(self.state, State::Scanning(..))
    }

    /// What leads to our port behind these is known as something else.
    pub(in crate::client) fn sparing(&mut self, ports: Vec<NonZeroU16>) {
        self.known_ports = ports;
    }

    /// Asks for a mapping that lasts at least so long.
    pub(in crate::client) fn lengthen(&mut self, lifetime: Lifetime) {
        self.lifetime = self.lifetime.max(lifetime);
        self.request.lifetime = self.request.lifetime.max(lifetime);
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
        // What stood before is not taken back.
        self.stood != Some(self.external_port)
            && (self.in_doubt || matches!(self.state, State::Confirming(None) | State::Scanning(_, None)))
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

    /// Adds what may be added without harm.
    fn add_unless_taken(&mut self, point: &ControlPoint, adding: Adding, failure: Failure) -> Next<Entry> {
        if self.request.on_conflict == OnConflict::Overwrite {
            return self.add(point, failure);
        }
        self.looks = self.looks.saturating_add(1);
        self.state = State::Looking(adding, failure);
        Next::Call(Call::new(point, &self.specific()).within(LOOK_PATIENCE))
    }

    /// A gateway that cannot be asked is asked for the mapping all the same.
    fn looked(
        &mut self,
        point: &ControlPoint,
        (adding, failure): (Adding, Failure),
        result: CallResult,
    ) -> Next<Entry> {
        let is_unheard =
            matches!(&result, Err(Failure::Exchange(error)) if !matches!(error, ExchangeError::Http(_)));
        let entry = result.ok().and_then(|arguments| self.specific().decode(&arguments).ok());
        match entry {
            Some(entry) if self.is_ours(point, &entry) => {
                if self.is_anothers(&entry) {
                    if entry.lifetime >= self.lifetime {
                        // It lasts, and another lease is not ours to give it.
                        self.stood = Some(self.external_port);
                        return self.done(entry.lifetime);
                    }
                    self.stood = Some(self.external_port);
                    self.lengthen(entry.lifetime);
                    // It stays that program's, and is known by that.
                    self.description.clone_from(&entry.description);
                }
                self.add(point, failure)
            }
            Some(entry) if !entry.internal_client.is_empty() => self.conflict(point, in_the_way(&entry)),
            None if is_unheard && self.looks < MOST_LOOKS => self.add_unless_taken(point, adding, failure),
            _ if adding == Adding::Any => self.add_any(point),
            _ => self.add(point, failure),
        }
    }

    fn add(&mut self, point: &ControlPoint, failure: Failure) -> Next<Entry> {
        if self.adds >= MOST_ADDS {
            return Next::fail(Step::Action(AddPortMapping::NAME), failure);
        }
        self.adds = self.adds.saturating_add(1);
        self.state = State::Adding;
        self.unheard = false;
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
                self.add_unless_taken(point, Adding::This, failure)
            }
            None => Next::fail(Step::Action(AddAnyPortMapping::NAME), failure),
        }
    }

    /// Whether another program of this host has made what leads to our port.
    fn is_anothers(&self, entry: &PortMappingEntry) -> bool {
        self.mark().is_anothers(entry)
    }

    fn is_ours(&self, point: &ControlPoint, entry: &PortMappingEntry) -> bool {
        entry.internal_address() == Some(point.local_address)
            && entry.internal_port == self.request.internal_port.get()
    }

    fn done(&self, lifetime: Lifetime) -> Next<Entry> {
        Next::Done(Ok(Entry {
            external_port: self.external_port,
            lifetime,
            replaces: self.replaced == Some(self.external_port),
            stood: self.stood == Some(self.external_port),
            unheard: self.unheard,
        }))
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
            IpAddr::V4(_) if self.request.anew => self.inspect(point),
            IpAddr::V4(_) => self.add_unless_taken(point, Adding::This, Failure::NotConfirmed),
        }
    }

    fn resume(&mut self, point: &ControlPoint, result: CallResult) -> Next<Entry> {
        match core::mem::replace(&mut self.state, State::Adding) {
            State::Looking(adding, failure) => self.looked(point, (adding, failure), result),
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
