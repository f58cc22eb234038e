//! One mapping for all protocols: who is asked first, who may begin, and who has won.
//!
//! Probes of all protocols leave together. PCP's is the request itself where PCP is the preferred protocol: it is
//! the only one whose first answer can be the grant. The first that can grant begins, unless a better one that was
//! asked a moment ago may be about to answer; the first grant wins, and what the others may have made is taken
//! back.

mod asking;
mod contender;
mod ending;
mod preferred;
mod ways;

pub(super) use contender::{Contender, Phase};

use super::Client;
use super::error::{Attempt, Failure};
use super::granted::Method;
use super::operation::{Operation, OperationId, Stage, Task};
use super::timer::Timer;
use crate::Time;
use core::net::IpAddr;
use core::time::Duration;

/// How much later than the first a better protocol may answer and still be taken.
const BETTER: Duration = Duration::from_millis(25);
/// How long a protocol that has begun has the gateway to itself: on a bad link, the next one may be luckier.
pub(super) const HEDGE: Duration = Duration::from_secs(1);
/// How long a protocol may stay silent where another one has said no, or is there for the last resort.
const SILENCE: Duration = Duration::from_secs(2);
/// How long UPnP may stay silent where only its table could tell why PCP will not give a port: gateways take 50 ms.
const SILENCE_OF_TABLE: Duration = Duration::from_millis(250);

/// Whether a protocol may be asked for what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Now,
    /// Not before then, unless something happens.
    At(Time),
    /// When another one has failed.
    After,
}

impl Client {
    /// Whether it is the turn of UPnP at this gateway.
    pub(super) fn turn_of_igd(&mut self, now: Time, id: OperationId, gateway: IpAddr) -> Turn {
        self.turn(now, id, gateway, Method::Igd)
    }

    /// A better protocol is waited for, and so is one that has begun.
    fn turn(&mut self, now: Time, id: OperationId, gateway: IpAddr, method: Method) -> Turn {
        let rank = self.rank(gateway, method);
        let Some(operation) = self.operations.get_mut(&id) else { return Turn::After };
        let first_ready = *operation.first_ready.get_or_insert(now);
        let Some(operation) = self.operations.get(&id) else { return Turn::After };
        let preferred_by = self.gives_way_until(operation, gateway);
        let better_by = first_ready + BETTER;
        let contenders = operation.contenders.iter().filter_map(|contender| {
            let line = self.port_control.line(contender.way);
            if contender.is_open(line) {
                // Silent for that long, or refused: it is no longer about to answer.
                let is_hopeless =
                    first_ready - contender.asked_at >= BETTER || line.is_some_and(|line| line.is_refused());
                let is_better = self.rank(contender.way.0.ip(), contender.method) < rank;
                return (is_better && !is_hopeless).then_some(better_by);
            }
            match contender.phase {
                Phase::Asked(at) => Some(at + HEDGE),
                Phase::Probing | Phase::Ready | Phase::Failed => None,
            }
        });
        let igd = if method == Method::Igd {
            None
        } else if let Some(since) = operation.working_since {
            Some(since + HEDGE)
        } else {
            let is_preferred = self.config.preference(Method::Igd) < self.config.preference(method);
            (operation.igd_is_open() && is_preferred).then_some(better_by)
        };
        match contenders.chain(igd).chain(preferred_by).max() {
            Some(at) if now < at => Turn::At(at),
            _ => Turn::Now,
        }
    }

    /// Something has come to be known that any operation may have waited for.
    pub(super) fn settle_all(&mut self, now: Time) {
        let is_search = |operation: &Operation| matches!(operation.stage, Stage::Searching(_));
        let waiting = self.operations.iter().filter(|(_, operation)| !is_search(operation));
        let waiting: Vec<_> = waiting.map(|(&id, _)| id).collect();
        waiting.into_iter().for_each(|id| self.settle(now, id));
    }

    /// The last resort has its turn when all others have failed, or are silent.
    fn turn_of_last_resort(&self, now: Time, operation: &Operation) -> Turn {
        let is_close = matches!(operation.task, Some(Task::Close(_)));
        if is_close && !operation.tried.is_empty() {
            return Turn::After;
        }
        let mut others = operation.contenders.iter().filter(|other| !other.last_resort);
        let is_waited_for = operation.igd_is_open() || others.any(|other| other.phase != Phase::Failed);
        let silent_at = operation.started + SILENCE;
        if operation.igd_is_open() && !self.igd_is_silent(operation) {
            Turn::After
        } else if is_waited_for && now < silent_at {
            Turn::At(silent_at)
        } else {
            Turn::Now
        }
    }

    /// Lets whoever may begin, begin; and ends what nobody can grant any more.
    pub(super) fn settle(&mut self, now: Time, id: OperationId) {
        if self.operations.get(&id).is_none_or(|operation| operation.abandoned) {
            return;
        }
        while let Some((index, turn)) = self.next_turn(now, id) {
            match turn {
                Turn::Now => self.begin(now, id, index),
                Turn::At(at) => {
                    self.transport.out.timers.set_by(Timer::Choice(id), at);
                    break;
                }
                Turn::After => break,
            }
        }
        let Some(operation) = self.operations.get(&id) else { return };
        if operation.igd_is_open() && matches!(operation.stage, Stage::Seeking) {
            self.choose_gateway(now, id);
        }
        let Some(operation) = self.operations.get(&id) else { return };
        if !operation.has_hope() {
            self.give_up(now, id);
        } else if operation.somebody_is_there {
            self.give_up_silence(now, id);
        }
    }

    /// Which contender is the next to be asked for what is wanted, and when.
    fn next_turn(&mut self, now: Time, id: OperationId) -> Option<(usize, Turn)> {
        let operation = self.operations.get(&id)?;
        let ready = operation.contenders.iter().enumerate();
        let ready = ready.filter(|(_, contender)| contender.phase == Phase::Ready);
        let rank = |contender: &Contender| self.rank(contender.way.0.ip(), contender.method);
        let (index, contender) =
            ready.min_by_key(|(index, contender)| (contender.last_resort, rank(contender), *index))?;
        if contender.last_resort {
            return Some((index, self.turn_of_last_resort(now, operation)));
        }
        let (gateway, method) = (contender.way.0.ip(), contender.method);
        Some((index, self.turn(now, id, gateway, method)))
    }

    /// Whether UPnP has found nobody who may be a gateway.
    fn igd_is_silent(&self, operation: &Operation) -> bool {
        let search = self.gateway_searches.get(&operation.is_ipv6()).and_then(|id| self.searches.get(id));
        matches!(operation.stage, Stage::Seeking) && search.is_some_and(|search| !search.has_candidates())
    }

    /// Somebody has said no: those who say nothing are not waited for to the end.
    fn give_up_silence(&mut self, now: Time, id: OperationId) {
        let Some(operation) = self.operations.get(&id) else { return };
        let mut until = now;
        for contender in operation.contenders.iter().filter(|contender| contender.phase != Phase::Failed) {
            let line = self.port_control.line(contender.way);
            let is_there = line.is_some_and(|line| line.is_there(contender.method));
            if contender.phase == Phase::Ready || is_there {
                return;
            }
            until = until.max(contender.asked_at + SILENCE);
        }
        if operation.igd_is_open() {
            if !self.igd_is_silent(operation) {
                return;
            }
            let sought_at = self.sought_at.get(&operation.is_ipv6()).copied();
            let is_unprovidable = operation.attempts.iter().any(|attempt| attempt.failure.is_unprovidable());
            let patience = if is_unprovidable && operation.insists() { SILENCE_OF_TABLE } else { SILENCE };
            until = until.max(sought_at.unwrap_or_default().max(operation.started) + patience);
        }
        if now < until {
            self.transport.out.timers.set_by(Timer::Choice(id), until);
        } else {
            self.give_up(now, id);
        }
    }

    /// What is to be told of contenders that an operation ends without an answer of.
    pub(super) fn unanswered(&self, operation: &Operation) -> Vec<Attempt> {
        let unanswered = operation.contenders.iter().filter_map(|contender| {
            let line = self.port_control.line(contender.way);
            let failure = match contender.phase {
                Phase::Failed | Phase::Ready => return None,
                _ if contender.talk.giving_back().is_some() => contender.talk.giving_back().cloned()?,
                _ if line.is_some_and(|line| line.is_there(contender.method)) => Failure::NoReply,
                Phase::Asked(_) | Phase::Probing => Failure::NoAnswer,
            };
            Some(Attempt { gateway: contender.gateway(), step: contender.talk.step(), failure })
        });
        unanswered.collect()
    }
}
