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
/// A table longer than this is read entry by entry: a widespread gateway cannot be asked for any more at once
/// (quirk 66), and which it leaves out is its own choice (quirk 69).
const LONGEST_LISTING: u16 = 100;

#[derive(Clone, Copy, Debug)]
enum State {
    /// GetGenericPortMappingEntry behind the longest listing: is there one?
    Sizing,
    /// GetListOfPortMappings for a protocol.
    Listing(Protocol),
    /// GetGenericPortMappingEntry at an index.
    Generic(u16),
}

#[derive(Debug)]
pub(in crate::client) struct List {
    state: State,
    entries: Vec<PortMappingEntry>,
    seen: BTreeSet<(Protocol, u16, String)>,
    /// What it ended with at once, where that does not tell an empty table from one that is not shown.
    unproven: Option<Box<Failure>>,
}

impl List {
    pub(in crate::client) fn new() -> Self {
        Self { state: State::Generic(0), entries: Vec::new(), seen: BTreeSet::new(), unproven: None }
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

    /// Whether these may be fewer than the gateway has.
    pub(in crate::client) fn is_cut(entries: &[PortMappingEntry]) -> bool {
        entries.len() >= MOST_ENTRIES
    }

    /// The refusal that was read as an empty table, and proves none: 402 and 501 at the first index end a list (quirk 50),
    /// and are said by whoever does not show it, too. 713 and 714 say that there is nothing.
    pub(in crate::client) fn unproven(&self) -> Option<&Failure> {
        self.unproven.as_deref()
    }

    fn done(&mut self) -> Next<Vec<PortMappingEntry>> {
        Next::Done(Ok(core::mem::take(&mut self.entries)))
    }

    fn listing(&mut self, point: &ControlPoint, protocol: Protocol) -> Next<Vec<PortMappingEntry>> {
        self.state = State::Listing(protocol);
        Next::Call(Call::new(point, &listing(protocol)))
    }

    fn generic(&mut self, point: &ControlPoint, index: u16) -> Next<Vec<PortMappingEntry>> {
        self.state = State::Generic(index);
        Next::Call(Call::new(point, &GetGenericPortMappingEntry { index }))
    }

    fn sized(&mut self, point: &ControlPoint, result: CallResult) -> Next<Vec<PortMappingEntry>> {
        match result {
            Ok(_) => self.generic(point, 0),
            Err(Failure::Exchange(error)) => {
                Next::fail(Step::Action(GetGenericPortMappingEntry::NAME), Failure::Exchange(error))
            }
            Err(_) => self.listing(point, Protocol::Tcp),
        }
    }

    fn listed(
        &mut self,
        point: &ControlPoint,
        protocol: Protocol,
        result: CallResult,
    ) -> Next<Vec<PortMappingEntry>> {
        let entries = match result {
            Ok(arguments) => listing(protocol).decode(&arguments).ok(),
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
        let Some(entries) = entries else {
            self.entries.clear();
            self.seen.clear();
            return self.generic(point, 0);
        };
        for entry in entries {
            if !self.is_full() {
                self.keep(entry);
            }
        }
        match protocol {
            Protocol::Tcp => self.listing(point, Protocol::Udp),
            Protocol::Udp => self.done(),
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
                UpnpErrorCode::SpecifiedArrayIndexInvalid | UpnpErrorCode::NoSuchEntryInArray,
                _,
            )) => self.done(),
            Err(Failure::Fault(code @ (UpnpErrorCode::InvalidArgs | UpnpErrorCode::ActionFailed), words)) => {
                self.unproven = (index == 0).then(|| Box::new(Failure::Fault(code, words)));
                self.done()
            }
            // Any other refusal past the first entry ends it as well: 401 has been seen, and bare statuses.
            Err(Failure::Fault(..) | Failure::HttpStatus(_)) if index > 0 => self.done(),
            Err(failure) => Next::fail(step, failure),
        }
    }
}

/// Every mapping of a protocol.
fn listing(protocol: Protocol) -> GetListOfPortMappings {
    GetListOfPortMappings {
        start_port: NonZeroU16::MIN,
        end_port: NonZeroU16::MAX,
        protocol,
        manage: true,
        count: LONGEST_LISTING,
    }
}

impl Procedure for List {
    type Output = Vec<PortMappingEntry>;

    fn start(&mut self, point: &ControlPoint) -> Next<Self::Output> {
        if point.is_version_2() {
            self.state = State::Sizing;
            Next::Call(Call::new(point, &GetGenericPortMappingEntry { index: LONGEST_LISTING }))
        } else {
            self.generic(point, 0)
        }
    }

    fn resume(&mut self, point: &ControlPoint, result: CallResult) -> Next<Self::Output> {
        match self.state {
            State::Sizing => self.sized(point, result),
            State::Listing(protocol) => self.listed(point, protocol, result),
            State::Generic(index) => self.generic_result(point, index, result),
        }
    }
}
