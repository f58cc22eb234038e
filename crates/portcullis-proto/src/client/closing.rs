//! Closing what is open: by its port, or by what was granted.

use super::Client;
use super::event::Outcome;
use super::granted::{Granted, Grantor, Method};
use super::igd::close::{Claim, Close};
use super::igd::pinhole::delete::Delete;
use super::operation::{OperationId, Task};
use super::port_control::talk::{Goal, Wish};
use crate::{Protocol, Time};
use core::num::NonZeroU16;
use core::time::Duration;

impl Client {
    /// Deletes a mapping that leads to this host; with `force`, whosever it is: [`Outcome::Closed`].
    pub fn close(
        &mut self,
        now: Time,
        protocol: Protocol,
        external_port: NonZeroU16,
        force: bool,
        timeout: Duration,
    ) -> OperationId {
        let known = self.held.by_port(protocol, external_port).cloned();
        if let Some(granted) = known.or_else(|| self.left_at(protocol, external_port)) {
            self.forget_holders(&granted);
            return self.release(now, &granted, timeout);
        }
        let asks = |method| self.config.preference(method).is_some();
        if !asks(Method::Igd) && !asks(Method::NatPmp) {
            // PCP knows a mapping by its nonce alone, and none is known.
            let id = OperationId(self.transport.out.next_id());
            self.report(id, false, Ok(Outcome::Closed(false)));
            return id;
        }
        let claim = if force { Claim::Force } else { Claim::Unproven };
        let task = Task::Close(Close::new(protocol, external_port, claim));
        let id = match self.left_behind(protocol, external_port) {
            // Where it was made; a search, where nothing comes of that: it may have moved (quirk 45).
            Some((entry, gateway, point)) => {
                let remote = point.remote;
                self.work_as(now, task, gateway, vec![point], timeout, |operation| {
                    operation.entry = Some(entry);
                    operation.fixed = false;
                    operation.started = now;
                    operation.tried.push(remote);
                })
            }
            None => self.begin_seeking(now, task, timeout),
        };
        self.enter_close(now, id, (protocol, external_port));
        self.settle(now, id);
        self.run(now);
        id
    }

    /// Deletes a mapping that this client made, where it made it: [`Outcome::Closed`]. Where the same port was
    /// mapped again since, it stays until the last of them is released.
    pub fn release(&mut self, now: Time, granted: &Granted, timeout: Duration) -> OperationId {
        if self.let_go(granted) || self.is_covered(granted) {
            // It was mapped again meanwhile: the port is the newer mapping's.
            let id = OperationId(self.transport.out.next_id());
            self.report(id, false, Ok(Outcome::Closed(true)));
            return id;
        }
        let id = self.delete(now, granted, timeout);
        let shadows = self.held.uncovered();
        self.tidy(now, shadows);
        self.run(now);
        id
    }

    /// Lets go of a mapping without deleting it: it is meant to outlive this process.
    pub fn leave_open(&mut self, granted: &Granted) {
        self.let_go(granted);
        // What stands in its place under other names must not be deleted by anybody either.
        for entry in self.held.uncovered().into_iter().filter_map(|shadow| shadow.entry) {
            self.ledger.erase(entry, &mut self.transport.out);
        }
        if let Some(entry) = granted.entry {
            self.ledger.outlives(entry, &mut self.transport.out);
        }
    }

    /// One holder less; whether there are others.
    pub(super) fn let_go(&mut self, granted: &Granted) -> bool {
        self.held.let_go(granted)
    }

    /// Whoever else holds it: it goes.
    fn forget_holders(&mut self, granted: &Granted) {
        while self.held.let_go(granted) {}
    }

    /// Whether another mapping has taken its place at the gateway, so that deleting it would delete that one.
    fn is_covered(&self, granted: &Granted) -> bool {
        match &granted.grantor {
            Grantor::NatPmp(server) | Grantor::Pcp(server, _) => {
                self.held.covers_wish(self.way_of(granted, *server), &Wish::of(granted))
            }
            Grantor::ControlPoint(_) | Grantor::Pinhole(..) => false,
        }
    }

    /// Deletes a mapping where it was made.
    pub(super) fn delete(&mut self, now: Time, granted: &Granted, timeout: Duration) -> OperationId {
        if self.is_covered(granted) {
            return OperationId(self.transport.out.next_id());
        }
        let gateway = granted.gateway.clone();
        let id = match &granted.grantor {
            Grantor::ControlPoint(point) => {
                let close = Close::new(granted.protocol, granted.external_port, Claim::Ours);
                self.work(now, Task::Close(close), gateway, vec![point.clone()], timeout)
            }
            Grantor::Pinhole(point, unique_id) => {
                let task = Task::ClosePinhole(Delete::new(*unique_id));
                self.work(now, task, gateway, vec![point.clone()], timeout)
            }
            Grantor::NatPmp(server) => {
                self.talk_with(now, Method::NatPmp, (*server, None), Goal::Delete(Wish::of(granted)), timeout)
            }
            Grantor::Pcp(server, _) => {
                let way = self.way_of(granted, *server);
                self.talk_with(now, Method::Pcp, way, Goal::Delete(Wish::of(granted)), timeout)
            }
        };
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.entry = granted.entry;
        }
        id
    }
}
