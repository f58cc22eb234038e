//! What is asked for again while it is being deleted: the deletion ends, or it could hit the new mapping.

use super::Client;
use super::event::Outcome;
use super::journal::EntryId;
use super::operation::{Leftover, Operation, OperationId, Remains, Stage, Task};
use super::port_control::Way;
use super::port_control::talk::Wish;
use crate::{Protocol, Time};
use core::net::IpAddr;
use core::num::NonZeroU16;

/// A mapping that is about to be asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coming {
    pub(super) gateway: IpAddr,
    pub(super) protocol: Protocol,
    pub(super) internal_port: NonZeroU16,
    pub(super) external_port: NonZeroU16,
}

impl Coming {
    pub(super) fn by_talk(way: Way, wish: &Wish) -> Self {
        Self {
            gateway: way.0.ip(),
            protocol: wish.protocol,
            internal_port: wish.internal_port,
            external_port: wish.external_port,
        }
    }

    /// Whether an operation deletes, or is about to delete, what may be one with it: gateways have one table for all
    /// protocols.
    fn is_endangered_by(&self, operation: &Operation) -> bool {
        let by_talk = operation.contenders.iter().any(|contender| {
            contender.way.0.ip() == self.gateway
                && contender.talk.deleted().is_some_and(|wish| {
                    (wish.protocol, wish.internal_port) == (self.protocol, self.internal_port)
                })
        });
        let Stage::Working { points, point, .. } = &operation.stage else { return by_talk };
        let is_here = points.get(*point).is_some_and(|point| point.remote.ip() == self.gateway);
        match &operation.task {
            // One that has been sent is waited for: to one gateway changes go one at a time.
            Some(Task::Close(close)) => is_here && close.may_yet_delete(self.protocol, self.external_port),
            _ => by_talk,
        }
    }
}

impl Client {
    /// Ends the deletions that could hit a mapping which an operation is about to ask for. What they were for is
    /// deleted after it, unless the mapping stands in its place.
    pub(super) fn supersede(&mut self, now: Time, by: OperationId, coming: &Coming) {
        let dangers = self.operations.iter().filter(|(_, operation)| coming.is_endangered_by(operation));
        let dangers: Vec<_> = dangers.map(|(&id, _)| id).collect();
        for id in dangers {
            let Some(mut operation) = self.operations.remove(&id) else { continue };
            self.forget(now, id, &operation);
            self.port_control.cancel(|(owner, _)| owner == id, &mut self.transport.out);
            let undeleted = self.undeleted(&operation);
            if let Some(own) = self.operations.get_mut(&by) {
                own.left.extend(undeleted);
            }
            // As with a release of what was mapped again meanwhile: the port is the newer mapping's.
            self.tell(now, id, operation.keeper.take(), operation.silent, Ok(Outcome::Closed(true)));
        }
    }

    /// What an operation was to delete.
    fn undeleted(&self, operation: &Operation) -> Option<Leftover> {
        let entry = operation.entry;
        if let Some(contender) = operation.contenders.first() {
            let wish = contender.talk.deleted()?.clone();
            return Some(Leftover {
                gateway: contender.gateway(),
                protocol: wish.protocol,
                external_port: wish.external_port,
                entry,
                remains: Remains::Talk { method: contender.method, way: contender.way, wish },
            });
        }
        let (Some(Task::Close(close)), Stage::Working { gateway, points, point, .. }) =
            (&operation.task, &operation.stage)
        else {
            return None;
        };
        let mark = close.mark().cloned().or_else(|| self.ledger.mark(entry?))?;
        Some(Leftover {
            gateway: gateway.clone(),
            protocol: close.protocol(),
            external_port: close.external_port(),
            entry,
            remains: Remains::Entry { point: points.get(*point)?.clone(), mark },
        })
    }

    /// Remembers what is to be deleted with the mapping that is held there, once.
    pub(super) fn shade(&mut self, now: Time, leftover: Leftover) {
        let (gateway, protocol, _) = leftover.key();
        let (internal_port, entry) = (leftover.internal_port(), leftover.entry);
        let is_there = !matches!(leftover.remains, Remains::Farewell { .. });
        let old = self.held.shade(leftover).and_then(|old| old.entry);
        if let Some(old) = old.filter(|&old| Some(old) != entry) {
            self.ledger.erase(old, &mut self.transport.out);
        }
        if is_there {
            self.doubt(now, (gateway, protocol, internal_port));
        }
    }

    /// A gateway has refused what an entry of the journal is about, unless somebody else asks for the same.
    pub(super) fn refuse(&mut self, entry: EntryId) {
        let uses = |operation: &Operation| {
            operation.entry == Some(entry)
                || operation.contenders.iter().any(|contender| contender.entry == Some(entry))
        };
        if !self.operations.values().any(uses) {
            self.ledger.refused(entry, &mut self.transport.out);
        }
    }
}
