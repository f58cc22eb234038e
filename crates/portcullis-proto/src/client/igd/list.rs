//! Reads a gateway's whole table of port mappings.

use super::call::{Call, CallResult};
use super::{Next, Procedure};
use crate::Protocol;
use crate::client::device::ControlPoint;
use crate::client::error::{Failure, Step};
use crate::igd::error_code::UpnpErrorCode;
use crate::igd::wan_connection::{
    Action, GetGenericPortMappingEntry, GetListOfPortMappings, PortMappingEntry,
};
use core::num::NonZeroU16;
use std::collections::BTreeSet;

/// Some gateways never end their list; nobody's table is this long.
const MOST_ENTRIES: usize = 512;
/// Entries asked for at once. It does not spare miniupnpd 2.3.1, which aborts by what the range holds, not by
/// what it is asked for (quirk 66), and does not sort by port (quirk 69).
const PAGE: u16 = 100;

#[derive(Clone, Copy, Debug)]
enum State {
    /// GetListOfPortMappings for a protocol, from a port.
    Page(Protocol, NonZeroU16),
    /// GetGenericPortMappingEntry at an index.
    Generic(u16),
}

#[derive(Debug)]
pub(in crate::client) struct List {
    state: State,
    entries: Vec<PortMappingEntry>,
    seen: BTreeSet<(Protocol, u16, String)>,
}

impl List {
    pub(in crate::client) fn new() -> Self {
        Self { state: State::Generic(0), entries: Vec::new(), seen: BTreeSet::new() }
    }

    /// Whether the entry was new.
    fn keep(&mut self, entry: PortMappingEntry) -> bool {
        let new = self.seen.insert((entry.protocol, entry.external_port, entry.remote_host.clone()));
        if new {
            self.entries.push(entry);
        }
        new
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= MOST_ENTRIES
    }

    fn done(&mut self) -> Next<Vec<PortMappingEntry>> {
        Next::Done(Ok(core::mem::take(&mut self.entries)))
    }

    fn page(
        &mut self,
        point: &ControlPoint,
        protocol: Protocol,
        start_port: NonZeroU16,
    ) -> Next<Vec<PortMappingEntry>> {
        self.state = State::Page(protocol, start_port);
        Next::Call(Call::query(point, &page_action(protocol, start_port)))
    }

    fn generic(&mut self, point: &ControlPoint, index: u16) -> Next<Vec<PortMappingEntry>> {
        self.state = State::Generic(index);
        Next::Call(Call::query(point, &GetGenericPortMappingEntry { index }))
    }

    fn page_result(
        &mut self,
        point: &ControlPoint,
        protocol: Protocol,
        start: NonZeroU16,
        result: CallResult,
    ) -> Next<Vec<PortMappingEntry>> {
        let page = match result {
            Ok(arguments) => page_action(protocol, start).decode(&arguments).ok(),
            // 730 PortMappingNotFound: nothing in the range (WANIPConnection:2 section 2.5.21).
            Err(Failure::Fault(
                UpnpErrorCode::PortMappingNotFound | UpnpErrorCode::NoSuchEntryInArray,
                _,
            )) => Some(Vec::new()),
            Err(Failure::Exchange(error)) => {
                return Next::fail(Step::Action(GetListOfPortMappings::NAME), Failure::Exchange(error));
            }
            Err(_) => None,
        };
        // Whoever advertises the action and cannot do it is asked one entry after the other.
        let Some(page) = page else {
            self.entries.clear();
            self.seen.clear();
            return self.generic(point, 0);
        };
        let full = page.len() >= usize::from(PAGE);
        let last = page.iter().map(|entry| entry.external_port).max();
        let mut new = false;
        for entry in page {
            new |= !self.is_full() && self.keep(entry);
        }
        let next = last.and_then(|port| port.checked_add(1)).and_then(NonZeroU16::new);
        match (next, protocol) {
            (Some(next), _) if full && new && next > start && !self.is_full() => {
                self.page(point, protocol, next)
            }
            (_, Protocol::Tcp) => self.page(point, Protocol::Udp, NonZeroU16::MIN),
            (_, Protocol::Udp) => self.done(),
        }
    }

    fn generic_result(
        &mut self,
        point: &ControlPoint,
        index: u16,
        result: CallResult,
    ) -> Next<Vec<PortMappingEntry>> {
        let step = Step::Action(GetGenericPortMappingEntry::NAME);
        match result {
            Ok(arguments) => {
                let repeated = match (GetGenericPortMappingEntry { index }).decode(&arguments) {
                    Ok(entry) => !self.keep(entry),
                    // An entry without a client or with a port of 0 is passed over (quirk 51).
                    Err(_) => false,
                };
                match index.checked_add(1) {
                    Some(index) if !repeated && !self.is_full() && usize::from(index) < MOST_ENTRIES => {
                        self.generic(point, index)
                    }
                    _ => self.done(),
                }
            }
            // Gateways disagree on how a list ends: 713, 714, 402, 501 (quirk 50).
            Err(Failure::Fault(
                UpnpErrorCode::SpecifiedArrayIndexInvalid
                | UpnpErrorCode::NoSuchEntryInArray
                | UpnpErrorCode::InvalidArgs
                | UpnpErrorCode::ActionFailed,
                _,
            )) => self.done(),
            // Any other refusal past the first entry ends it as well: 401 has been seen, and bare statuses.
            Err(Failure::Fault(..) | Failure::HttpStatus(_)) if index > 0 => self.done(),
            Err(failure) => Next::fail(step, failure),
        }
    }
}

fn page_action(protocol: Protocol, start_port: NonZeroU16) -> GetListOfPortMappings {
    GetListOfPortMappings { start_port, end_port: NonZeroU16::MAX, protocol, manage: true, count: PAGE }
}

impl Procedure for List {
    type Output = Vec<PortMappingEntry>;

    fn start(&mut self, point: &ControlPoint) -> Next<Self::Output> {
        if point.is_version_2() {
            self.page(point, Protocol::Tcp, NonZeroU16::MIN)
        } else {
            self.generic(point, 0)
        }
    }

    fn resume(&mut self, point: &ControlPoint, result: CallResult) -> Next<Self::Output> {
        match self.state {
            State::Page(protocol, start) => self.page_result(point, protocol, start, result),
            State::Generic(index) => self.generic_result(point, index, result),
        }
    }
}
