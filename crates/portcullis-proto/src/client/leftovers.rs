//! What may be at gateways although nobody wants it: deleted, unless it is the very thing that somebody wants by now.
//!
//! Many gateways have one table for all protocols, and NAT-PMP and PCP delete by the internal port: whoever deletes what
//! one protocol may have left deletes what another has granted. So what may be one with a mapping that is held goes when
//! that goes, and nothing is deleted while the same port is being asked for.

use super::device::ControlPoint;
use super::event::Outcome;
use super::granted::{Granted, Grantor, Method};
use super::igd::close::{Claim, Close, Mark};
use super::igd::pinhole::delete::Delete;
use super::journal::EntryId;
use super::operation::{Operation, OperationId, Stage, Task};
use super::port_control::Way;
use super::port_control::talk::{Goal, Wish};
use super::Client;
use crate::igd::ipv6_firewall::UniqueId;
use crate::{Protocol, Time};
use core::net::IpAddr;
use core::num::NonZeroU16;
use core::time::Duration;

/// How long tidying up after a cancelled operation may take.
pub(super) const TIDY: Duration = Duration::from_secs(5);

/// A mapping that may be at a gateway, although nobody will hear of it.
#[derive(Clone, Debug)]
pub(super) struct Leftover {
    pub(super) gateway: String,
    pub(super) protocol: Protocol,
    /// Of the mapping that it is deleted with, where there is one.
    pub(super) external_port: NonZeroU16,
    pub(super) entry: Option<EntryId>,
    pub(super) remains: Remains,
}

/// What it is deleted by.
#[derive(Clone, Debug)]
pub(super) enum Remains {
    /// An entry of a WAN connection's table.
    Entry {
        point: ControlPoint,
        external_port: NonZeroU16,
        mark: Mark,
    },
    Pinhole {
        point: ControlPoint,
        unique_id: UniqueId,
    },
    /// A mapping of NAT-PMP or PCP.
    Talk {
        method: Method,
        way: Way,
        wish: Wish,
    },
}

impl Leftover {
    /// What a grant leaves, to be deleted with the mapping on another external port.
    pub(super) fn of(granted: &Granted, description: &str, external_port: NonZeroU16) -> Self {
        let server = granted.grantor.remote();
        let local = server.is_ipv6().then_some(granted.internal_address);
        Self {
            gateway: granted.gateway.clone(),
            protocol: granted.protocol,
            external_port,
            entry: granted.entry,
            remains: match &granted.grantor {
                Grantor::ControlPoint(point) => Remains::Entry {
                    point: point.clone(),
                    external_port: granted.external_port,
                    mark: Mark { internal_port: granted.internal_port, description: description.into() },
                },
                Grantor::Pinhole(point, unique_id) => {
                    Remains::Pinhole { point: point.clone(), unique_id: *unique_id }
                }
                Grantor::NatPmp(_) | Grantor::Pcp(..) => {
                    Remains::Talk { method: granted.method(), way: (server, local), wish: Wish::of(granted) }
                }
            },
        }
    }

    /// Whether both are deleted by the same request.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.key() == other.key()
            && match (&self.remains, &other.remains) {
                (
                    Remains::Entry { point, external_port, .. },
                    Remains::Entry { point: other_point, external_port: other_port, .. },
                ) => point == other_point && external_port == other_port,
                (
                    Remains::Pinhole { point, unique_id },
                    Remains::Pinhole { point: other_point, unique_id: other_id },
                ) => point == other_point && unique_id == other_id,
                (
                    Remains::Talk { method, way, wish },
                    Remains::Talk { method: other_method, way: other_way, wish: other_wish },
                ) => {
                    (method, way, wish.internal_port, wish.nonce)
                        == (other_method, other_way, other_wish.internal_port, other_wish.nonce)
                }
                _ => false,
            }
    }

    pub(super) fn key(&self) -> Key {
        let remote = match &self.remains {
            Remains::Entry { point, .. } | Remains::Pinhole { point, .. } => point.remote,
            Remains::Talk { way, .. } => way.0,
        };
        (remote.ip(), self.protocol, self.external_port)
    }
}

/// What names an entry of a gateway's table: the gateway, and the external side.
pub(super) type Key = (IpAddr, Protocol, NonZeroU16);

/// An entry of a gateway's table that is ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) internal_port: NonZeroU16,
    /// How many grants stand behind it.
    pub(super) grants: u32,
}

/// A mapping that is about to be asked for, and whatever else may be one with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coming {
    pub(super) gateway: IpAddr,
    pub(super) protocol: Protocol,
    pub(super) internal_port: NonZeroU16,
    pub(super) external_port: NonZeroU16,
}

impl Coming {
    /// Whether an operation deletes, or is about to delete, what may be one with it.
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
    /// Deletes what an operation may have left at gateways, and tells nobody.
    pub(super) fn tidy(&mut self, now: Time, leftovers: Vec<Leftover>) {
        for mut leftover in leftovers {
            if let Some(external_port) = self.holds(&leftover) {
                // To many gateways it is the very mapping that is held.
                leftover.external_port = external_port;
                self.shadow(leftover);
                continue;
            }
            if self.is_asked_for(&leftover) {
                self.undecided.push(leftover);
                continue;
            }
            let Leftover { gateway, protocol, entry, remains, .. } = leftover;
            let id = match remains {
                Remains::Entry { point, external_port, mark } => {
                    let task = Task::Close(Close::new(protocol, external_port, Claim::Added(mark)));
                    self.work(now, task, gateway, vec![point], TIDY)
                }
                Remains::Pinhole { point, unique_id } => {
                    let task = Task::ClosePinhole(Delete::new(unique_id));
                    self.work(now, task, gateway, vec![point], TIDY)
                }
                Remains::Talk { method, way, wish } => {
                    self.talk_with(now, method, way, Goal::Delete(wish), TIDY)
                }
            };
            if let Some(operation) = self.operations.get_mut(&id) {
                operation.silent = true;
                operation.entry = entry;
            }
        }
    }

    /// The external port of the mapping that would be deleted with a leftover, where one is held: NAT-PMP and PCP
    /// delete by the internal port, whatever the external one is.
    fn holds(&self, leftover: &Leftover) -> Option<NonZeroU16> {
        let key = leftover.key();
        if self.held.contains_key(&key) {
            return Some(key.2);
        }
        let Remains::Talk { wish, .. } = &leftover.remains else { return None };
        let is_it = |&(own, held): &(&Key, &Held)| {
            (own.0, own.1, held.internal_port) == (key.0, key.1, wish.internal_port)
        };
        self.held.iter().find(is_it).map(|(own, _)| own.2)
    }

    /// Whether somebody asks for what may be one with a leftover.
    fn is_asked_for(&self, leftover: &Leftover) -> bool {
        let internal_port = match &leftover.remains {
            Remains::Entry { mark, .. } => mark.internal_port,
            Remains::Talk { wish, .. } => wish.internal_port,
            Remains::Pinhole { .. } => return false,
        };
        self.operations.values().any(|operation| operation.asks_for(leftover.protocol, internal_port))
    }

    /// Deletes what nobody asks for any more.
    pub(super) fn decide(&mut self, now: Time) {
        if !self.undecided.is_empty() {
            let undecided = core::mem::take(&mut self.undecided);
            self.tidy(now, undecided);
        }
    }

    /// Remembers what is to be deleted with the mapping that is held there, once.
    pub(super) fn shadow(&mut self, leftover: Leftover) {
        match self.shadows.iter_mut().find(|shadow| shadow.is_same_as(&leftover)) {
            Some(same) => {
                let old = core::mem::replace(same, leftover);
                if let Some(entry) = old.entry.filter(|_| old.entry != same.entry) {
                    self.ledger.erase(entry, &mut self.transport.out);
                }
            }
            None => self.shadows.push(leftover),
        }
    }

    /// The mapping that some leftovers are to be deleted with is another one by now.
    pub(super) fn move_shadows(&mut self, now: Time, from: &Key, to: &Key) {
        if from == to {
            return;
        }
        let (moved, others) = self.shadows.drain(..).partition(|shadow| shadow.key() == *from);
        self.shadows = others;
        let mut elsewhere = Vec::new();
        for mut shadow in moved {
            if (from.0, from.1) == (to.0, to.1) {
                shadow.external_port = to.2;
                self.shadow(shadow);
            } else {
                elsewhere.push(shadow);
            }
        }
        self.tidy(now, elsewhere);
    }

    /// Ends the deletions that could hit a mapping which is about to be asked for; what they were for is decided
    /// afterwards.
    pub(super) fn supersede(&mut self, now: Time, coming: &Coming) {
        let dangers = self.operations.iter().filter(|(_, operation)| coming.is_endangered_by(operation));
        let dangers: Vec<_> = dangers.map(|(&id, _)| id).collect();
        for id in dangers {
            self.break_off_deletion(now, id);
        }
    }

    fn break_off_deletion(&mut self, now: Time, id: OperationId) {
        let Some(mut operation) = self.operations.remove(&id) else { return };
        self.forget(now, id, &operation);
        self.port_control.cancel(|(owner, _)| owner == id, &mut self.transport.out);
        self.undecided.extend(self.undeleted(&operation));
        // As with a release of what was mapped again meanwhile: the port is the newer mapping's.
        self.tell(now, id, operation.keeper.take(), operation.silent, Ok(Outcome::Closed(true)));
    }

    /// What an operation was to delete.
    fn undeleted(&self, operation: &Operation) -> Option<Leftover> {
        let entry = operation.entry;
        if let Some(contender) = operation.contenders.first() {
            let wish = contender.talk.deleted()?;
            return Some(Leftover {
                gateway: contender.gateway(),
                protocol: wish.protocol,
                external_port: wish.external_port,
                entry,
                remains: Remains::Talk {
                    method: contender.method,
                    way: contender.way,
                    wish: wish.clone(),
                },
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
            remains: Remains::Entry {
                point: points.get(*point)?.clone(),
                external_port: close.external_port(),
                mark,
            },
        })
    }
}
