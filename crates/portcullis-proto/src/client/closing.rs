//! Closing what is open: by its port, or by what was granted.

use super::Client;
use super::error::{Attempt, Error, Failure, Step};
use super::event::{Closed, Outcome};
use super::granted::{Granted, Method, Stood};
use super::igd::close::Claim;
use super::leftovers::Leftover;
use super::operation::OperationId;
use super::withdrawal::{Known, Withdrawal};
use crate::{Protocol, Time};
use core::num::NonZeroU16;
use core::time::Duration;

impl Client {
    /// Closes a port for this host: everything that is known of it is deleted by the protocol that made it, and what the
    /// gateway's table shows of it where that leads to this host; with `force`, whosever it is.
    /// [`Outcome::Closed`].
    pub fn close(
        &mut self,
        now: Time,
        protocol: Protocol,
        external_port: NonZeroU16,
        force: bool,
        timeout: Duration,
    ) -> OperationId {
        let claim = if force { Claim::Force } else { Claim::Unproven };
        let mut known = Vec::new();
        for granted in self.held.by_port(protocol, external_port) {
            self.forget_holders(&granted);
            known.push(Known { granted, claim: claim.clone(), is_certain: true });
        }
        let (inherited, entries) = self.inherited_at(now, protocol, external_port, &claim, false);
        known.extend(inherited);
        let asks = |method| self.config.preference(method).is_some();
        if known.is_empty() && !asks(Method::Igd) && !asks(Method::NatPmp) {
            return self.told_at_once(Err(no_nonce()));
        }
        let withdrawal = Withdrawal::new(protocol, external_port, known, claim, now + timeout);
        self.close_known(now, withdrawal.settling(entries))
    }

    /// With what stood in its place under other names.
    fn close_known(&mut self, now: Time, withdrawal: Withdrawal) -> OperationId {
        let id = self.withdraw(now, withdrawal);
        let shadows = self.held.uncovered();
        self.tidy(now, shadows);
        self.run(now);
        id
    }

    /// Closes the pinholes for IPv6 that this client or the journal knows of a port, and leaves every mapping alone. No
    /// gateway lists its pinholes: of others nothing is known, and [`Closed::NotOpen`] says no more than that.
    /// [`Outcome::Closed`].
    pub fn close_pinholes(
        &mut self,
        now: Time,
        protocol: Protocol,
        external_port: NonZeroU16,
        timeout: Duration,
    ) -> OperationId {
        let claim = Claim::Unproven;
        let mut known = Vec::new();
        for granted in self.held.by_port(protocol, external_port) {
            if granted.grantor.remote().is_ipv6() {
                self.forget_holders(&granted);
                known.push(Known { granted, claim: claim.clone(), is_certain: true });
            }
        }
        let (inherited, entries) = self.inherited_at(now, protocol, external_port, &claim, true);
        known.extend(inherited);
        if known.is_empty() {
            return self.told_at_once(Ok(Closed::NotOpen));
        }
        let withdrawal = Withdrawal::new(protocol, external_port, known, claim, now + timeout);
        self.close_known(now, withdrawal.settling(entries).without_table())
    }

    /// Closes what earlier processes have left open behind a port, and nothing else: where a process that lives has the same
    /// by now, it is that one's. [`Outcome::Closed`].
    pub fn close_left_open(
        &mut self,
        now: Time,
        protocol: Protocol,
        external_port: NonZeroU16,
        timeout: Duration,
    ) -> OperationId {
        let (mut known, is_kept) = self.left_open_at(now, protocol, external_port);
        if known.is_empty() && is_kept {
            return self.told_at_once(Ok(Closed::StillKept));
        } else if known.is_empty() {
            // Whoever made it is not to be asked: as any other port.
            return self.close(now, protocol, external_port, false, timeout);
        }
        // Another protocol may have taken it over, under a description of its own.
        for known in &mut known {
            let mark = known.granted.entry.and_then(|entry| self.ledger.mark(entry));
            known.claim = mark.map_or(Claim::Ours(known.granted.internal_port), Claim::Left);
        }
        let claim = known.first().map_or(Claim::Unproven, |known| known.claim.clone());
        let id = self.withdraw(now, Withdrawal::new(protocol, external_port, known, claim, now + timeout));
        self.run(now);
        id
    }

    /// Deletes a mapping that this client made, where it made it: [`Outcome::Closed`]. Where the same port was
    /// mapped again since, or another process keeps it, it stays until the last of them lets go.
    pub fn release(&mut self, now: Time, granted: &Granted, timeout: Duration) -> OperationId {
        if granted.stood == Some(Stood::Table) {
            // It is another program's, which was here before.
            return self.undo(now, granted, timeout);
        }
        if self.let_go(granted) {
            return self.told_at_once(Ok(Closed::StillKept));
        }
        let claim = Claim::Ours(granted.internal_port);
        let mut known = vec![Known { granted: granted.clone(), claim: claim.clone(), is_certain: true }];
        known.extend(self.spared_with(granted));
        let (protocol, port) = (granted.protocol, granted.external_port);
        let withdrawal = Withdrawal::new(protocol, port, known, claim, now + timeout);
        let id = self.withdraw_unless_kept(now, withdrawal, granted.entry);
        let shadows = self.held.uncovered();
        self.tidy(now, shadows);
        self.run(now);
        id
    }

    /// Lets go of a mapping without deleting it: it is meant to outlive this process.
    pub fn leave_open(&mut self, granted: &Granted) {
        self.let_go(granted);
        // What stands in its place under other names must not be deleted by anybody either; who has never answered has
        // nothing.
        let (silent, shadows): (Vec<_>, Vec<_>) =
            self.held.uncovered().into_iter().partition(Leftover::is_farewell);
        for entry in silent.into_iter().filter_map(|shadow| shadow.entry) {
            self.ledger.erase(entry, &mut self.transport.out);
        }
        // Another program's, which was here before, is that one's.
        let own = granted.entry.filter(|_| granted.stood != Some(Stood::Table));
        if let Some(entry) = granted.entry.filter(|_| own.is_none()) {
            self.ledger.erase(entry, &mut self.transport.out);
        }
        for entry in shadows.into_iter().filter_map(|shadow| shadow.entry).chain(own) {
            if self.ledger.is_about(entry, granted.external_port) {
                self.ledger.leave_open(entry, &mut self.transport.out);
                self.inherited.left_open_here(self.ledger.entry(entry));
            } else {
                // Another one, which cannot be deleted as long as this stands.
                self.wait_for_others(entry);
            }
        }
    }

    /// Undoes what mapped it: deletes it, unless it stood before, by another process's word or in the gateway's table. That
    /// is left as it was, whoever looks after it. [`Outcome::Closed`].
    pub fn undo(&mut self, now: Time, granted: &Granted, timeout: Duration) -> OperationId {
        let stood = match granted.stood {
            Some(stood @ (Stood::LeftOpen | Stood::Table)) => stood,
            // Whoever lives has a word in it.
            Some(Stood::Living) | None => return self.release(now, granted, timeout),
        };
        if !self.let_go(granted) {
            self.leave_open(granted);
        }
        if let Some(entry) = granted.entry.filter(|_| stood != Stood::LeftOpen) {
            // Whoever has it has written it down, or never did.
            self.ledger.erase(entry, &mut self.transport.out);
        }
        self.told_at_once(Ok(Closed::StillKept))
    }

    /// The end of an operation that needed nobody to be asked.
    pub(super) fn told_at_once(&mut self, result: Result<Closed, Error>) -> OperationId {
        let id = OperationId(self.transport.out.next_id());
        self.report(id, false, result.map(Outcome::Closed));
        id
    }

    /// One holder less; whether there are others.
    pub(super) fn let_go(&mut self, granted: &Granted) -> bool {
        self.held.let_go(granted)
    }

    /// Whoever else holds it: it goes.
    pub(super) fn forget_holders(&mut self, granted: &Granted) {
        while self.held.let_go(granted) {}
    }
}

/// By PCP alone, nothing can be closed that the journal does not know.
fn no_nonce() -> Error {
    let (gateway, step, failure) = (String::new(), Step::Action("PCP MAP"), Failure::NoNonce);
    Error::from_attempts(vec![Attempt { gateway, step, failure }])
}
