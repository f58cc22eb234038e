//! Deletes a mapping, after proof that it is ours.

use super::call::{Call, CallResult};
use super::list::List;
use super::{Next, Procedure, Stop};
use crate::Protocol;
use crate::client::device::ControlPoint;
use crate::client::error::{Failure, Step};
use crate::client::event::Closed;
use crate::igd::error_code::UpnpErrorCode;
use crate::igd::wan_connection::{
    Action, DeletePortMapping, GetGenericPortMappingEntry, GetSpecificPortMappingEntry, PortMappingEntry,
};
use core::net::IpAddr;
use core::num::NonZeroU16;

/// How sure the caller is that the mapping may be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::client) enum Claim {
    /// Nothing is known: the gateway has to say that it leads to us.
    Unproven,
    /// An Add of ours may have made it: it is deleted where it is the very entry, and no other program's of
    /// this host.
    Added(Mark),
    /// A process of before made it, and has left it open: it is deleted unless it has the description of another program.
    Left(Mark),
    /// This client made it, to this port of ours: it is deleted unless the gateway says that it leads elsewhere by now.
    Ours(NonZeroU16),
    /// This client made it for this port, when this address was its own: it is deleted where it still leads there.
    Former(IpAddr, NonZeroU16),
    /// The caller wants it gone, whosever it is.
    Force,
}

/// What tells an entry that this client added from those of other programs of the same host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::client) struct Mark {
    pub(in crate::client) internal_port: NonZeroU16,
    pub(in crate::client) description: String,
    /// Whether the gateway chose the external port, and nobody heard which.
    pub(in crate::client) anywhere: bool,
}

impl Mark {
    /// Whether an entry may be the one, as far as the table tells.
    pub(super) fn is_on(&self, entry: &PortMappingEntry) -> bool {
        // Gateways shorten descriptions, or leave them out.
        entry.internal_port == self.internal_port.get()
            && self.description.trim().starts_with(entry.description.trim())
    }

    /// Whether another program of this host has made what leads to our port. One of before, of a process that nobody
    /// remembers, has our description; what PCP or NAT-PMP made, which may be what we are asking for at the same time, is
    /// described by that or by nothing.
    pub(super) fn is_anothers(&self, entry: &PortMappingEntry) -> bool {
        let description = entry.description.trim().to_ascii_lowercase();
        let is_talk =
            ["pcp", "nat-pmp", "natpmp"].into_iter().any(|protocol| description.starts_with(protocol));
        !description.is_empty() && !is_talk && !self.is_on(entry)
    }
}

/// What is looked for in the whole table.
#[derive(Debug)]
enum Sought {
    /// An entry with our mark, behind whatever port.
    Marked,
    /// The entry behind the port. The question about it alone, or its deletion, was refused in a way that some gateways
    /// have for what is not there (quirk 96).
    Port(Failure),
}

#[derive(Debug)]
pub(in crate::client) struct Close {
    protocol: Protocol,
    external_port: NonZeroU16,
    claim: Claim,
    deleting: bool,
    /// The table, while the entry is looked for in all of it.
    table: Option<(List, Sought)>,
    /// External ports of entries with the same mark that are wanted.
    spared: Vec<NonZeroU16>,
    /// What made a deletion doubtful, while the entry is looked for once more.
    doubt: Option<Failure>,
    /// Whether it deletes without having seen that there is anything.
    is_unseen: bool,
    /// Whether the answer to a deletion was not heard: what is not there was deleted by it.
    was_unheard: bool,
}

impl Close {
    pub(in crate::client) fn new(protocol: Protocol, external_port: NonZeroU16, claim: Claim) -> Self {
        Self {
            protocol,
            external_port,
            claim,
            deleting: false,
            table: None,
            spared: Vec::new(),
            doubt: None,
            was_unheard: false,
            is_unseen: false,
        }
    }

    /// The same, which deletes none of these, wherever it has to look.
    pub(in crate::client) fn sparing(mut self, ports: Vec<NonZeroU16>) -> Self {
        self.spared = ports;
        self
    }

    /// Whether what it deletes may be behind any external port.
    pub(in crate::client) fn is_anywhere(&self) -> bool {
        self.mark().is_some_and(|mark| mark.anywhere)
    }

    /// Whether it will delete this entry once it has proof that it is ours, and has not begun to.
    pub(in crate::client) fn may_yet_delete(&self, protocol: Protocol, external_port: NonZeroU16) -> bool {
        !self.deleting
            && matches!(self.claim, Claim::Ours(_) | Claim::Left(_) | Claim::Added(_))
            && self.protocol == protocol
            && (self.is_anywhere() || self.external_port == external_port)
    }

    pub(in crate::client) fn mark(&self) -> Option<&Mark> {
        match &self.claim {
            Claim::Added(mark) => Some(mark),
            Claim::Unproven | Claim::Left(_) | Claim::Ours(_) | Claim::Former(..) | Claim::Force => None,
        }
    }

    pub(in crate::client) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(in crate::client) fn external_port(&self) -> NonZeroU16 {
        self.external_port
    }

    /// Back to the beginning, for another gateway.
    pub(in crate::client) fn restart(&mut self) {
        self.deleting = false;
        self.table = None;
        self.doubt = None;
        self.was_unheard = false;
        self.is_unseen = false;
    }

    fn entry(&self) -> GetSpecificPortMappingEntry {
        GetSpecificPortMappingEntry {
            remote_host: None,
            external_port: self.external_port,
            protocol: self.protocol,
        }
    }

    fn is_ours(&self) -> bool {
        matches!(self.claim, Claim::Ours(_) | Claim::Left(_))
    }

    fn is_former(&self, entry: &PortMappingEntry) -> bool {
        matches!(self.claim, Claim::Former(address, port)
            if entry.internal_address() == Some(address) && entry.internal_port == port.get())
    }

    fn delete(&mut self, point: &ControlPoint) -> Next<Closed> {
        self.deleting = true;
        let action = DeletePortMapping {
            remote_host: None,
            external_port: self.external_port,
            protocol: self.protocol,
        };
        // Deleting twice does no harm: the second time there is nothing.
        Next::Call(Call::new(point, &action).repeatable())
    }

    fn look_through(&mut self, point: &ControlPoint, next: Next<Vec<PortMappingEntry>>) -> Next<Closed> {
        let result = match next {
            Next::Call(call) => return Next::Call(call),
            Next::Done(result) => result,
        };
        let (table, sought) = self.table.take().unzip();
        // What proves no empty table is no more than any other refusal to show it.
        let unproven = table.as_ref().and_then(List::unproven).cloned();
        let result = match unproven {
            Some(failure) => Err(Stop { step: Step::Action(GetGenericPortMappingEntry::NAME), failure }),
            None => result,
        };
        let entries = match (result, sought) {
            (Ok(entries), Some(Sought::Port(failure))) => return self.looked_up(point, entries, failure),
            (Err(_), Some(Sought::Port(_))) if self.claim == Claim::Force && !self.deleting => {
                return self.delete_unseen(point);
            }
            (Err(Stop { failure: Failure::Exchange(error), step }), _) => {
                return Next::fail(step, Failure::Exchange(error));
            }
            (Err(_), Some(Sought::Port(failure))) => return Next::fail(self.step(), failure),
            (Ok(entries), _) => entries,
            (Err(stop), _) => return Next::Done(Err(stop)),
        };
        let Some(mark) = self.mark() else { return Next::Done(Ok(Closed::NotOpen)) };
        let is_it = |entry: &&PortMappingEntry| {
            entry.protocol == self.protocol
                && entry.internal_address() == Some(point.local_address)
                && mark.is_on(entry)
        };
        let ports = entries.iter().filter(is_it).filter_map(|entry| NonZeroU16::new(entry.external_port));
        match ports.into_iter().find(|port| !self.spared.contains(port)) {
            Some(port) => {
                self.external_port = port;
                self.delete(point)
            }
            None => Next::Done(Ok(Closed::NotOpen)),
        }
    }

    /// Deletes what the gateway does not say that it has: some say yes to the deletion of nothing (quirk 100).
    fn delete_unseen(&mut self, point: &ControlPoint) -> Next<Closed> {
        self.is_unseen = true;
        self.delete(point)
    }

    fn look_up(&mut self, point: &ControlPoint, failure: Failure) -> Next<Closed> {
        self.read_table(point, Sought::Port(failure))
    }

    fn read_table(&mut self, point: &ControlPoint, sought: Sought) -> Next<Closed> {
        let mut table = List::new();
        let next = table.start(point);
        self.table = Some((table, sought));
        self.look_through(point, next)
    }

    /// What the table says of the port.
    fn looked_up(
        &mut self,
        point: &ControlPoint,
        entries: Vec<PortMappingEntry>,
        failure: Failure,
    ) -> Next<Closed> {
        let is_cut = List::is_cut(&entries);
        let behind = |entry: &PortMappingEntry| {
            entry.protocol == self.protocol && entry.external_port == self.external_port.get()
        };
        match entries.into_iter().find(behind) {
            Some(entry) if !self.deleting => self.judge(point, entry),
            None if !is_cut => {
                Next::Done(Ok(if self.was_unheard { Closed::Deleted } else { Closed::NotOpen }))
            }
            None if self.claim == Claim::Force && !self.deleting => self.delete_unseen(point),
            _ => Next::fail(self.step(), failure),
        }
    }

    fn step(&self) -> Step {
        Step::Action(if self.deleting { DeletePortMapping::NAME } else { GetSpecificPortMappingEntry::NAME })
    }

    /// Whether what the gateway says of the entry lets it be deleted.
    fn judge(&mut self, point: &ControlPoint, entry: PortMappingEntry) -> Next<Closed> {
        let step = self.step();
        if self.is_former(&entry) || self.claim == Claim::Force {
            return self.delete(point);
        }
        let leads_to_us = entry.internal_address() == Some(point.local_address);
        if leads_to_us && !matches!(self.claim, Claim::Former(..)) {
            return match &self.claim {
                Claim::Added(mark) if !mark.is_on(&entry) => {
                    Next::fail(step, Failure::NotOurs { holder: entry.internal_client })
                }
                Claim::Left(mark) if mark.is_anothers(&entry) => {
                    let holder = format!("{} ({})", entry.internal_client, entry.description.trim());
                    Next::fail(step, Failure::NotOurs { holder })
                }
                Claim::Ours(port) | Claim::Left(Mark { internal_port: port, .. })
                    if entry.internal_port != port.get() =>
                {
                    let holder = format!("{}:{}", entry.internal_client, entry.internal_port);
                    Next::fail(step, Failure::NotOurs { holder })
                }
                _ => self.delete(point),
            };
        }
        if !entry.internal_client.is_empty() {
            return Next::fail(step, Failure::NotOurs { holder: entry.internal_client });
        }
        // Some gateways leave the client out.
        if self.is_ours() { self.delete(point) } else { Next::fail(step, Failure::OwnerUnknown) }
    }
}

impl Procedure for Close {
    type Output = Closed;

    fn start(&mut self, point: &ControlPoint) -> Next<Closed> {
        match (&self.claim, point.local_address) {
            // Reached over IPv6, a gateway knows us by another address than the one it maps to.
            (_, IpAddr::V6(_)) => Next::fail(Step::Action(DeletePortMapping::NAME), Failure::NotIpv4),
            (Claim::Added(mark), _) if mark.anywhere => self.read_table(point, Sought::Marked),
            _ => Next::Call(Call::new(point, &self.entry())),
        }
    }

    fn resume(&mut self, point: &ControlPoint, result: CallResult) -> Next<Closed> {
        if let Some((table, _)) = &mut self.table {
            let next = table.resume(point, result);
            return self.look_through(point, next);
        }
        let step = self.step();
        if let Some(doubt) = self.doubt.take() {
            self.was_unheard = true;
            return match result {
                Err(Failure::Fault(UpnpErrorCode::NoSuchEntryInArray, _)) => Next::Done(Ok(Closed::Deleted)),
                Err(Failure::Fault(code, _)) if code.says_nothing() => self.look_up(point, doubt),
                _ => Next::fail(step, doubt),
            };
        }
        match result {
            // Nothing to delete is what was wanted (quirk 59).
            Err(Failure::Fault(UpnpErrorCode::NoSuchEntryInArray, _)) => Next::Done(Ok(Closed::NotOpen)),
            Ok(_) if self.deleting && self.is_unseen => Next::Done(Ok(Closed::Unconfirmed)),
            Ok(_) if self.deleting => Next::Done(Ok(Closed::Deleted)),
            Err(failure) if self.deleting && failure.is_doubtful() => {
                self.doubt = Some(failure);
                Next::Call(Call::new(point, &self.entry()))
            }
            Err(Failure::Fault(code, words)) if self.deleting && code.says_nothing() => {
                self.look_up(point, Failure::Fault(code, words))
            }
            Err(failure) if self.deleting => Next::fail(step, failure),
            Ok(arguments) => match self.entry().decode(&arguments) {
                Ok(entry) => self.judge(point, entry),
                Err(_) if self.is_ours() => self.delete(point),
                Err(_) if self.claim == Claim::Force => self.delete(point),
                Err(error) => Next::fail(step, Failure::Decode(error)),
            },
            Err(Failure::Exchange(_)) if self.claim == Claim::Force => self.delete_unseen(point),
            Err(Failure::Exchange(error)) => Next::fail(step, Failure::Exchange(error)),
            Err(_) if self.is_ours() => self.delete(point),
            // The list may tell what the entry's own question does not. Whoever tells the caller that it may not know
            // (606), or has another reason, may leave out of the list what is not the caller's.
            Err(Failure::Fault(code, _)) if code.says_nothing() || code == UpnpErrorCode::InvalidArgs => {
                self.look_up(point, Failure::OwnerUnknown)
            }
            Err(_) if self.claim == Claim::Force => self.delete_unseen(point),
            Err(_) => Next::fail(step, Failure::OwnerUnknown),
        }
    }
}
