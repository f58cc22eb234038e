//! NAT-PMP and PCP: the sockets towards the servers, and the requests under way.
//!
//! A server is asked on a *line*: a socket connected to it, so that nobody else is heard on it (RFC 6887 section
//! 8.3). A request is a *transaction*: sent, repeated at its pace, answered or given up.

mod asked;
mod budget;
mod line;
mod pace;
pub(super) mod talk;
mod transaction;
mod wish;

pub(super) use line::{Heard, Line};
pub(super) use pace::Pace;
pub(super) use transaction::{Ask, AskResult, Echo};

use super::granted::Method;
use super::io::SocketId;
use super::operation::OperationId;
use super::outbox::Outbox;
use super::timer::Timer;
use crate::wire::port_control::Answer;
use crate::{Lifetime, Time};
use asked::Asked;
use budget::Budget;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use transaction::{To, Transaction};

/// Names a transaction; never used twice in the life of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TransactionId(u64);

/// Whom an answer is for: an operation, and which of its talks.
pub(super) type Asker = (OperationId, usize);

/// A server, and the address of ours that it is to see; `None` leaves that to the operating system.
pub(super) type Way = (SocketAddr, Option<IpAddr>);

/// The longest that an answer is believed to have been on its way.
pub(super) const LONGEST_WAY: Duration = Duration::from_secs(15);

/// What came of the requests that were under way.
pub(super) type Ended = Vec<End>;

#[derive(Debug)]
pub(super) struct End {
    pub(super) asker: Asker,
    pub(super) result: AskResult,
    /// The external address in an answer that says no: it may tell why.
    pub(super) address: Option<IpAddr>,
    /// Whether others like it are under way that nobody has answered.
    pub(super) is_outstanding: bool,
}

#[derive(Debug, Default)]
pub(super) struct PortControl {
    lines: BTreeMap<Way, Line>,
    /// Of each server, for as long as it matters.
    budgets: BTreeMap<IpAddr, Budget>,
    transactions: BTreeMap<TransactionId, Transaction>,
    asked: Asked,
    /// Servers that see another address of ours than we have, until they grant something by PCP.
    behind_nat: BTreeSet<IpAddr>,
}

impl PortControl {
    /// What a server's answer says of a NAT between this host and it, which only PCP tells (RFC 6887 section 7.4).
    pub(super) fn look_for_nat(&mut self, server: IpAddr, result: &AskResult) {
        match result {
            Err(failure) if failure.is_nat_between() => {
                self.behind_nat.insert(server);
            }
            // Not every server looks at the address for other opcodes.
            Ok(Answer::Pcp(response)) if response.opcode.as_ref().is_some_and(|own| own.map().is_some()) => {
                self.behind_nat.remove(&server);
            }
            _ => {}
        }
    }

    /// Whether there is another NAT between this host and a server, as far as that has told.
    pub(super) fn is_behind_nat(&self, server: IpAddr) -> bool {
        self.behind_nat.contains(&server)
    }

    /// Asks at once, where the line is there.
    pub(super) fn ask(&mut self, now: Time, asker: Asker, way: Way, ask: Ask, pace: Pace, out: &mut Outbox) {
        let id = TransactionId(out.next_id());
        if !self.budgets.contains_key(&way.0.ip()) {
            self.budgets.retain(|_, budget| !budget.is_whole(now));
        }
        let budget = self.budgets.entry(way.0.ip()).or_insert_with(Budget::new);
        let line = self.lines.entry(way).or_insert_with(|| Line::open(way, out));
        let mut transaction = Transaction::new(asker, way, ask, pace);
        transaction.send(now, id, To { line, budget, asked: &mut self.asked }, out);
        self.transactions.insert(id, transaction);
    }

    /// What an asker is asking for has changed: from its next request on, it asks for that.
    pub(super) fn ask_instead(&mut self, asker: Asker, ask: &Ask) {
        let own = self.transactions.values_mut().filter(|transaction| transaction.asker == asker);
        own.for_each(|transaction| transaction.ask_instead(ask.clone()));
    }

    /// Ends the requests of these askers; no answer follows.
    pub(super) fn cancel(&mut self, asker: impl Fn(Asker) -> bool, out: &mut Outbox) {
        self.transactions.retain(|&id, transaction| {
            let ends = asker(transaction.asker);
            if ends {
                out.timers.clear(Timer::Transaction(id));
            }
            !ends
        });
    }

    /// Whether a request of the asker's is under way and has been sent.
    pub(super) fn has_sent(&self, asker: Asker) -> bool {
        self.transactions
            .values()
            .any(|transaction| transaction.asker == asker && transaction.was_ever_sent())
    }

    /// Whether a request of the asker's is under way.
    pub(super) fn is_asking(&self, asker: Asker) -> bool {
        self.transactions.values().any(|transaction| transaction.asker == asker)
    }

    /// When a request of the operation's was sent last.
    pub(super) fn sent_at(&self, operation: OperationId) -> Option<Time> {
        let own = self.transactions.values().filter(|transaction| transaction.asker.0 == operation);
        own.filter_map(Transaction::sent_at).max()
    }

    /// Something was due at this moment; much later than that, the machine has slept.
    pub(super) fn woken(&mut self, now: Time, due: Time) {
        self.asked.woken(now, due);
    }

    /// Since when a lease may have run that a server grants now.
    pub(super) fn asked_since(&self, now: Time, way: Way, wish: &talk::Wish, lifetime: Lifetime) -> Time {
        self.asked.since(now, &(way.0.ip(), wish.protocol, wish.internal_port), lifetime)
    }

    /// The shortest lifetime that a server was asked for of late, where several requests asked for the same mapping.
    pub(super) fn least_asked(&self, now: Time, way: Way, wish: &talk::Wish) -> Option<Lifetime> {
        let line = self.lines.get(&way)?;
        let speaks = |by_pcp| line.has_answered(if by_pcp { Method::Pcp } else { Method::NatPmp });
        self.asked.least(now, &(way.0.ip(), wish.protocol, wish.internal_port), speaks)
    }

    /// What is known of a server that is being talked with.
    pub(super) fn line(&self, way: Way) -> Option<&Line> {
        self.lines.get(&way)
    }

    /// A server may have been replaced by one that speaks something else.
    pub(super) fn doubt(&mut self, server: IpAddr) {
        self.lines.iter_mut().filter(|(way, _)| way.0.ip() == server).for_each(|(_, line)| line.doubt());
    }

    /// Closes the lines that `wanted` does not want and that nobody waits at.
    pub(super) fn close_lines(&mut self, wanted: impl Fn(Way) -> bool, out: &mut Outbox) {
        let transactions = &self.transactions;
        self.lines.retain(|&way, line| {
            let stays = wanted(way) || transactions.values().any(|transaction| transaction.way == way);
            if !stays {
                line.close(out);
            }
            stays
        });
    }

    /// A line has its address.
    pub(super) fn bound(&mut self, socket: SocketId, local: SocketAddr) -> Option<Way> {
        let (&way, line) = self.lines.iter_mut().find(|(_, line)| line.socket() == socket)?;
        line.bound(local);
        Some(way)
    }

    /// What waited for the address of a line is sent.
    pub(super) fn send_waiting(&mut self, now: Time, way: Way, out: &mut Outbox) {
        let Some(line) = self.lines.get_mut(&way) else { return };
        let budget = self.budgets.entry(way.0.ip()).or_insert_with(Budget::new);
        for (&id, transaction) in &mut self.transactions {
            if transaction.way == way && !transaction.has_sent() {
                transaction.send(now, id, To { line, budget, asked: &mut self.asked }, out);
            }
        }
    }

    /// The verdict on a datagram: the answer to a request, or nothing. Garbage ends no request.
    pub(super) fn datagram(
        &mut self,
        now: Time,
        socket: SocketId,
        source: SocketAddr,
        payload: &[u8],
        out: &mut Outbox,
    ) -> (Ended, Heard) {
        let nothing = (Vec::new(), Heard::Nothing);
        let Some((&way, line)) = self.lines.iter_mut().find(|(_, line)| line.socket() == socket) else {
            return nothing;
        };
        if source.ip() != way.0.ip() || source.port() != way.0.port() {
            return nothing;
        }
        let Ok(answer) = Answer::decode(payload) else { return nothing };
        let here = || self.transactions.iter().filter(|(_, transaction)| transaction.way == way);
        let result =
            here().find_map(|(&id, transaction)| Some((id, transaction.matches(&answer)?))).or_else(|| {
                here().find_map(|(&id, transaction)| {
                    Some((id, transaction.is_refused_by_version(now, &answer, line)?))
                })
            });
        let result = result.or_else(|| {
            let is_alone = |transaction: &Transaction| {
                let key = |(way, protocol, port): (Way, _, _)| (way.0.ip(), protocol, port);
                transaction.mapping_sent().map(key).is_none_or(|key| self.asked.is_alone(now, &key))
            };
            let loose = here().filter(|(_, transaction)| is_alone(transaction));
            let mut loose =
                loose.filter_map(|(&id, transaction)| Some((id, transaction.matches_loosely(&answer)?)));
            let only = loose.next()?;
            loose.next().is_none().then_some(only)
        });
        let Some((id, result)) = result else { return nothing };
        let asked = self.transactions.get(&id).and_then(Transaction::asked_between);
        if result.is_ok() && asked.is_some_and(|asked| line.waits_out(now, &answer, asked)) {
            return nothing;
        }
        let is_pcp = self.transactions.get(&id).is_some_and(Transaction::is_pcp);
        if is_pcp && matches!(result, Err(super::error::Failure::UnsupportedVersion)) {
            line.forget_pcp();
        }
        let heard = line.heard(now, &answer);
        if result.is_err() {
            confuse(&mut self.transactions, id);
        }
        let budget = self.budgets.entry(way.0.ip()).or_insert_with(Budget::new);
        budget.answered();
        out.timers.clear(Timer::Transaction(id));
        let address = line::external_address(&answer).filter(|_| result.is_err());
        let ended = self.transactions.remove(&id).map(|transaction| transaction.end(result));
        let ended = ended.map(|end| End { address, ..end });
        // Whoever waits to ask a server that may not be there need not wait for one that is.
        for (&id, transaction) in &mut self.transactions {
            if transaction.way == way && !transaction.has_sent() {
                transaction.send(now, id, To { line, budget, asked: &mut self.asked }, out);
            }
        }
        self.agree(way, heard);
        (ended.into_iter().collect(), heard)
    }

    /// Addresses of this host have come or gone: what was bound to one that is gone is bound anew, and what was
    /// asked there is asked again: by whom, and from which address it was before.
    pub(super) fn network_changed(
        &mut self,
        is_own: impl Fn(IpAddr) -> bool,
        out: &mut Outbox,
    ) -> Vec<(Asker, IpAddr)> {
        let mut asked_again = Vec::new();
        for (&way, line) in &mut self.lines {
            let is_gone = |local: SocketAddr| !local.ip().is_loopback() && !is_own(local.ip());
            let Some(before) = line.local().filter(|&local| is_gone(local)) else { continue };
            line.close(out);
            *line = Line::open(way, out);
            for (&id, transaction) in &mut self.transactions {
                if transaction.way == way {
                    out.timers.clear(Timer::Transaction(id));
                    if transaction.has_sent() {
                        asked_again.push((transaction.asker, before.ip()));
                    }
                    transaction.start_again();
                }
            }
        }
        asked_again
    }

    /// Whether an announcement (RFC 6886 section 3.2.1, RFC 6887 section 14.1) says that the server has lost its state.
    /// Anybody may have sent it: what the server's own answers told stays what the next one is compared with.
    pub(super) fn is_news(&self, now: Time, server: IpAddr, announcement: &Answer) -> bool {
        let mut lines = self.lines.iter().filter(|(way, _)| way.0.ip() == server);
        lines.any(|(_, line)| line.is_news(now, announcement))
    }

    /// One loss of state is told once, and not again by what else a server counts: by its other protocol, or on
    /// other lines to it.
    fn agree(&mut self, way: Way, heard: Heard) {
        if matches!(heard, Heard::StateLost(_)) {
            let others =
                self.lines.iter_mut().filter(|(other, _)| other.0.ip() == way.0.ip() && **other != way);
            others.for_each(|(_, line)| line.forget_epochs());
        }
    }

    /// The server, or a host on the way to it, refused a datagram (ICMP).
    pub(super) fn send_failed(&mut self, socket: SocketId, error: io::ErrorKind, out: &mut Outbox) -> Ended {
        let Some((&way, line)) = self.lines.iter_mut().find(|(_, line)| line.socket() == socket) else {
            return Vec::new();
        };
        line.refused();
        let failed = self.transactions.iter_mut().filter(|(_, transaction)| transaction.way == way);
        let failed: Vec<_> =
            failed.filter_map(|(&id, transaction)| Some((id, transaction.refused(error)?))).collect();
        self.end(failed, out)
    }

    /// The line could not be had, or is gone.
    pub(super) fn socket_failed(
        &mut self,
        socket: SocketId,
        error: io::ErrorKind,
        out: &mut Outbox,
    ) -> Ended {
        let Some(way) = self.lines.iter().find(|(_, line)| line.socket() == socket).map(|(&way, _)| way)
        else {
            return Vec::new();
        };
        self.lines.remove(&way);
        self.fail(way, error, out)
    }

    fn fail(&mut self, way: Way, error: io::ErrorKind, out: &mut Outbox) -> Ended {
        let failed: Vec<_> = self
            .transactions
            .iter()
            .filter(|(_, transaction)| transaction.way == way)
            .map(|(&id, _)| (id, Err(super::error::Failure::CannotSend(error))))
            .collect();
        self.end(failed, out)
    }

    /// Who waits for the answer to a request.
    pub(super) fn asker(&self, id: TransactionId) -> Option<Asker> {
        self.transactions.get(&id).map(|transaction| transaction.asker)
    }

    /// It is time to send again, or to give up.
    pub(super) fn timeout(&mut self, now: Time, id: TransactionId, out: &mut Outbox) -> Ended {
        let Some(transaction) = self.transactions.get_mut(&id) else { return Vec::new() };
        let Some(line) = self.lines.get_mut(&transaction.way) else { return Vec::new() };
        let budget = self.budgets.entry(transaction.way.0.ip()).or_insert_with(Budget::new);
        match transaction.timeout(now, id, To { line, budget, asked: &mut self.asked }, out) {
            Some(failure) => self.end(vec![(id, Err(failure))], out),
            None => Vec::new(),
        }
    }

    fn end(&mut self, ended: Vec<(TransactionId, AskResult)>, out: &mut Outbox) -> Ended {
        let mut askers = Vec::new();
        for (id, result) in ended {
            out.timers.clear(Timer::Transaction(id));
            askers.extend(self.transactions.remove(&id).map(|transaction| transaction.end(result)));
        }
        askers
    }
}

/// A refusal does not say which of several requests for one mapping it is to, and a copy of it may be taken for the answer
/// to the next: any of the others may have been granted.
fn confuse(transactions: &mut BTreeMap<TransactionId, Transaction>, id: TransactionId) {
    let Some(mapping) = transactions.get(&id).and_then(Transaction::mapping_sent) else { return };
    let same = |transaction: &&mut Transaction| transaction.mapping_sent() == Some(mapping);
    if transactions.values_mut().filter(same).count() > 1 {
        transactions.values_mut().filter(same).for_each(Transaction::confuse);
    }
}
