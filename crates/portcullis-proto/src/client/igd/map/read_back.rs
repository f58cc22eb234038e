//! Reading back what was added: where the answer leaves a doubt, or the caller wants to be sure.

use super::super::call::{Call, CallResult};
use super::super::list::List;
use super::super::{Next, Procedure, Stop};
use super::{Entry, LONGEST_LEASE, MOST_READS, Map, State, in_the_way};
use crate::Lifetime;
use crate::client::device::ControlPoint;
use crate::client::error::{Failure, Step};
use crate::client::exchange::ExchangeError;
use crate::igd::error_code::UpnpErrorCode;
use crate::igd::wan_connection::{Action, AddAnyPortMapping, AddPortMapping, PortMappingEntry};
use core::num::NonZeroU16;

impl Map {
    /// A plain yes does not tell the lease: a permanent one, or one beyond a week, may have become a week
    /// (WANIPConnection:2 section 2.3.21).
    pub(super) fn is_doubtful(&self) -> bool {
        self.request.read_back
            || self.lifetime == Lifetime::Permanent
            || self.lifetime.as_seconds() > LONGEST_LEASE.as_seconds()
    }

    pub(super) fn confirm(&mut self, point: &ControlPoint, doubt: Option<Failure>) -> Next<Entry> {
        self.reads = self.reads.saturating_add(1);
        self.unheard |= doubt.is_some();
        self.state = State::Confirming(doubt);
        Next::Call(Call::new(point, &self.specific()))
    }

    pub(super) fn confirmed(
        &mut self,
        point: &ControlPoint,
        doubt: Option<Failure>,
        result: CallResult,
    ) -> Next<Entry> {
        let absent = matches!(result, Err(Failure::Fault(UpnpErrorCode::NoSuchEntryInArray, _)));
        // Some gateways say so of what is not there (quirk 96).
        let is_vague = matches!(&result, Err(Failure::Fault(code, _)) if code.says_nothing());
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
            (None, None) if is_vague => {
                self.is_untold = true;
                self.look_for(point, None)
            }
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

    pub(super) fn look_for(&mut self, point: &ControlPoint, unknown: Option<Failure>) -> Next<Entry> {
        let mut list = List::new();
        let next = list.start(point);
        self.state = State::Scanning(list, unknown.clone());
        self.scan(point, unknown, next)
    }

    pub(super) fn scan(
        &mut self,
        point: &ControlPoint,
        unknown: Option<Failure>,
        next: Next<Vec<PortMappingEntry>>,
    ) -> Next<Entry> {
        // Whether the list proves nothing of what is not in it.
        let is_refused = matches!(next, Next::Done(Err(_)));
        let is_unshown =
            is_refused || matches!(&self.state, State::Scanning(list, _) if list.unproven().is_some());
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
                // Neither the one question nor the other says anything.
                None if self.is_untold && is_unshown => self.done(self.lifetime),
                None => self.not_kept(point),
            };
        };
        // What stands behind the wanted port was there before another one was asked for.
        let wanted = self.request.external_port_or_internal();
        let is_new = |port: NonZeroU16| port != wanted && !self.known_ports.contains(&port);
        let ours = entries.filter(|entry| self.is_ours(point, entry));
        let mut ours = ours.filter_map(|entry| Some((NonZeroU16::new(entry.external_port)?, entry)));
        match ours.find(|&(port, _)| is_new(port)) {
            Some((port, entry)) => {
                self.external_port = port;
                self.granted(entry)
            }
            None => self.add_spare(point, failure),
        }
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
}
