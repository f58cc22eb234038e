//! What may be at gateways although nobody wants it: deleted, unless it is the very thing that somebody wants by now.
//!
//! Many gateways have one table for all protocols, and NAT-PMP and PCP delete by the internal port: whoever deletes what
//! one protocol may have left deletes what another has granted. So what may be one with a mapping that is held goes when
//! that goes, and nothing is deleted while the same port is being asked for.

use super::Client;
use super::device::ControlPoint;
use super::event::{Closed, Outcome};
use super::granted::{Granted, Grantor, Method};
use super::igd::close::{Claim, Close, Mark};
use super::igd::pinhole::delete::Delete;
use super::journal::EntryId;
use super::operation::{Operation, OperationId, Stage, Task};
use super::port_control::talk::{Goal, Wish};
use super::port_control::{Pace, Way};
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
    /// The same where the server has never answered, and may not be there.
    Farewell {
        method: Method,
        way: Way,
        wish: Wish,
    },
}

impl Leftover {
    /// What a grant leaves at its gateway.
    pub(super) fn of(granted: &Granted, description: &str) -> Self {
        let server = granted.grantor.remote();
        Self {
            gateway: granted.gateway.clone(),
            protocol: granted.protocol,
            external_port: granted.external_port,
            entry: granted.entry,
            remains: match &granted.grantor {
                Grantor::ControlPoint(point) => Remains::Entry {
                    point: point.clone(),
                    mark: Mark {
                        internal_port: granted.internal_port,
                        description: description.into(),
                        anywhere: false,
                    },
                },
                Grantor::Pinhole(point, unique_id) => {
                    Remains::Pinhole { point: point.clone(), unique_id: *unique_id }
                }
                Grantor::NatPmp(_) | Grantor::Pcp(..) => Remains::Talk {
                    method: granted.method(),
                    way: granted.way_to(server),
                    wish: Wish::of(granted),
                },
            },
        }
    }

    /// Whether both are deleted by the same request, and struck out with it.
    fn is_same_as(&self, other: &Self) -> bool {
        let is_same_entry = self.entry == other.entry || self.entry.is_none() || other.entry.is_none();
        is_same_entry
            && self.protocol == other.protocol
            && match (&self.remains, &other.remains) {
                (Remains::Entry { point, mark }, Remains::Entry { point: others, mark: other_mark }) => {
                    (point, mark.anywhere, self.external_port)
                        == (others, other_mark.anywhere, other.external_port)
                }
                (
                    Remains::Pinhole { point, unique_id },
                    Remains::Pinhole { point: others, unique_id: other_id },
                ) => (point, unique_id) == (others, other_id),
                (
                    Remains::Talk { method, way, wish } | Remains::Farewell { method, way, wish },
                    Remains::Talk { method: other_method, way: other_way, wish: other_wish }
                    | Remains::Farewell { method: other_method, way: other_way, wish: other_wish },
                ) => (method, way) == (other_method, other_way) && wish.is_same_mapping_as(other_wish),
                _ => false,
            }
    }

    /// Puts it among others, in the place of the one that is the same.
    pub(super) fn put_into(mut self, others: &mut Vec<Self>) {
        match others.iter_mut().find(|other| other.is_same_as(&self)) {
            Some(same) => {
                self.entry = self.entry.or(same.entry);
                if matches!(same.remains, Remains::Talk { .. }) {
                    // To say once that it is not wanted is less than to see it deleted.
                    self.remains = same.remains.clone();
                }
                *same = self;
            }
            None => others.push(self),
        }
    }

    /// Whether its server has never answered.
    pub(super) fn is_farewell(&self) -> bool {
        matches!(self.remains, Remains::Farewell { .. })
    }

    /// Our own port; of a pinhole, it is the external one.
    fn internal_port(&self) -> NonZeroU16 {
        match &self.remains {
            Remains::Entry { mark, .. } => mark.internal_port,
            Remains::Talk { wish, .. } | Remains::Farewell { wish, .. } => wish.internal_port,
            Remains::Pinhole { .. } => self.external_port,
        }
    }

    pub(super) fn key(&self) -> Key {
        let remote = match &self.remains {
            Remains::Entry { point, .. } | Remains::Pinhole { point, .. } => point.remote,
            Remains::Talk { way, .. } | Remains::Farewell { way, .. } => way.0,
        };
        (remote.ip(), self.protocol, self.external_port)
    }
}

/// What names an entry of a gateway's table: the gateway, and the external side.
pub(super) type Key = (IpAddr, Protocol, NonZeroU16);

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
        let own = (self.gateway, self.protocol, self.internal_port);
        let by_talk = operation.contenders.iter().any(|contender| contender.deletes(own));
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
        for leftover in leftovers {
            if let Some(unwanted) = self.unless_wanted(now, leftover) {
                self.take_back(now, unwanted);
            }
        }
    }

    /// What may be deleted: nobody wants it, and nothing that somebody wants is deleted with it. Anything else is left to
    /// whoever wants it.
    pub(super) fn unless_wanted(&mut self, now: Time, leftover: Leftover) -> Option<Leftover> {
        if self.held.covers(&leftover) {
            self.cover(now, leftover);
        } else if self.is_asked_for(&leftover) {
            leftover.put_into(&mut self.undecided);
        } else if let Some(covering) = self.inherited.covered_by(now, &leftover) {
            let (method, external_port) = (covering.method, covering.external_port);
            self.leave_to_others(leftover.entry, method, external_port);
        } else {
            return Some(leftover);
        }
        None
    }

    /// To many gateways it is the very mapping that is held, with another lease by now: that is asked for once more, and
    /// this is deleted with it. Where it was asked for by the same request, it is the same to us too.
    fn cover(&mut self, now: Time, leftover: Leftover) {
        let (gateway, protocol, _) = leftover.key();
        let internal_port = leftover.internal_port();
        let is_there = !leftover.is_farewell();
        if !self.held.is_written_as(leftover.entry) {
            self.held.shade(leftover);
        }
        if is_there {
            self.doubt(now, (gateway, protocol, internal_port));
        }
    }

    /// What stands of another process, made by this method behind this external port, would be deleted with it. The very same
    /// mapping is that one's; another stays written down, for the last one to delete.
    fn leave_to_others(&mut self, entry: Option<EntryId>, method: Method, external_port: NonZeroU16) {
        let Some(entry) = entry.filter(|&entry| !self.held.is_written_as(Some(entry))) else { return };
        if self.ledger.is_left_open(entry) {
            // It is the very one that stood before.
            self.ledger.settled(entry);
        } else if !self.ledger.is_about(entry, external_port) {
            // What stood may be gone, or last for as long as was asked for now: nobody has heard.
            self.wait_for_others(entry);
        } else {
            self.leave_to_living(entry, method);
        }
    }

    /// The external ports at a gateway that are wanted: by this process, and by those that left them open.
    pub(super) fn external_ports_of_ours(
        &self,
        now: Time,
        gateway: IpAddr,
        protocol: Protocol,
    ) -> Vec<NonZeroU16> {
        let mut ports = self.held.external_ports(gateway, protocol);
        ports.extend(self.inherited.external_ports(now, gateway, protocol));
        ports
    }

    fn take_back(&mut self, now: Time, leftover: Leftover) {
        let Leftover { gateway, protocol, external_port, entry, remains } = leftover;
        let id = match remains {
            Remains::Entry { point, mark } => {
                if let Some(entry) = entry.filter(|_| mark.anywhere) {
                    self.ledger.may_be_anywhere(entry);
                }
                let spared = self.external_ports_of_ours(now, point.remote.ip(), protocol);
                let close = Close::new(protocol, external_port, Claim::Added(mark)).sparing(spared);
                let task = Task::Close(close);
                self.work(now, task, gateway, vec![point], TIDY)
            }
            Remains::Pinhole { point, unique_id } => {
                let task = Task::ClosePinhole(Delete::new(unique_id));
                self.work(now, task, gateway, vec![point], TIDY)
            }
            Remains::Talk { method, way, wish } => self.talk_with(now, method, way, Goal::Delete(wish), TIDY),
            Remains::Farewell { method, way, wish } => {
                self.talk_at(now, method, way, Goal::Delete(wish), (TIDY, Pace::Farewell))
            }
        };
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.silent = true;
            operation.entry = entry;
        }
    }

    /// Whether somebody asks for what may be one with a leftover.
    pub(super) fn is_asked_for(&self, leftover: &Leftover) -> bool {
        let (protocol, internal_port) = (leftover.protocol, leftover.internal_port());
        !matches!(leftover.remains, Remains::Pinhole { .. })
            && self.operations.values().any(|operation| operation.asks_for(protocol, internal_port))
    }

    /// Whether an operation other than this one asks for a port of ours.
    pub(super) fn is_asked_for_by_another(
        &self,
        id: OperationId,
        protocol: Protocol,
        internal_port: NonZeroU16,
    ) -> bool {
        let mut others = self.operations.iter().filter(|&(&other, _)| other != id);
        others.any(|(_, other)| other.asks_for(protocol, internal_port))
    }

    /// Deletes what nobody asks for any more.
    pub(super) fn decide(&mut self, now: Time) {
        if !self.undecided.is_empty() {
            let undecided = core::mem::take(&mut self.undecided);
            self.tidy(now, undecided);
        }
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
        if let Some(leftover) = self.undeleted(&operation) {
            leftover.put_into(&mut self.undecided);
        }
        // As with a release of what was mapped again meanwhile: the port is the newer mapping's.
        self.tell(now, id, operation.keeper.take(), operation.silent, Ok(Outcome::Closed(Closed::StillKept)));
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
                remains: Remains::Talk { method: contender.method, way: contender.way, wish: wish.clone() },
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
}
