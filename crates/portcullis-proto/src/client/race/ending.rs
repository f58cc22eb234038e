//! What the answers of NAT-PMP and PCP come to: a grant, a refusal, or something to take back.

use super::super::Client;
use super::super::error::{Attempt, ErrorKind, Failure};
use super::super::event::{Closed, Outcome};
use super::super::granted::{Granted, Grantor, Method};
use super::super::igd::Stop;
use super::super::journal::EntryId;
use super::super::leftovers::{Leftover, Remains};
use super::super::operation::{Operation, OperationId, Task};
use super::super::port_control::talk::{Grant, Next};
use super::super::port_control::{AskResult, End, Ended, Heard, Line, Pace, PortControl};
use super::super::transport::Owner;
use super::{Contender, Phase};
use crate::Time;
use core::net::IpAddr;
use core::num::NonZeroU16;

impl Client {
    /// Requests of NAT-PMP and PCP have ended.
    pub(in crate::client) fn talks_ended(&mut self, now: Time, ended: Ended) {
        for End { asker: (id, index), result, address, is_outstanding } in ended {
            let contender = self.operations.get_mut(&id).and_then(|own| own.contenders.get_mut(index));
            if let Some(contender) = contender {
                contender.is_outstanding = is_outstanding;
                address.into_iter().for_each(|address| contender.talk.told(address));
                self.port_control.look_for_nat(contender.way.0.ip(), &result);
            }
            self.talk_ended(now, id, index, result);
        }
    }

    fn talk_ended(&mut self, now: Time, id: OperationId, index: usize, result: AskResult) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let Some(contender) = operation.contenders.get_mut(index) else { return };
        let way = contender.way;
        let is_there = self.port_control.line(way).is_some_and(|line| line.is_there(contender.method));
        let result = result.map_err(|failure| match failure {
            // Nobody who has never answered is known to be there.
            Failure::NoReply if !is_there => Failure::NoAnswer,
            failure => failure,
        });
        let gateway = contender.gateway();
        let mut next = contender.talk.resume(result);
        let giving_back = contender.talk.giving_back().cloned();
        if let (Next::Ask(_), Some(failure), Some(wish)) = (&next, giving_back, contender.talk.wish()) {
            let stop = Stop { step: contender.talk.step(), failure };
            let (method, wish) = (contender.method, wish.clone());
            // A server that gives another port has not got ours behind the one that was asked for.
            let is_other = matches!(stop.failure, Failure::OtherPort { .. });
            let may_stand = |port: &NonZeroU16| !is_other || *port != wish.external_port;
            // What was asked for in vain may be what somebody else has, or is about to have.
            if self.held.behind(way, &wish).iter().any(may_stand)
                || self.is_asked_for_by_another(id, wish.protocol, wish.internal_port)
            {
                let own = self.operations.get_mut(&id).and_then(|own| own.contenders.get_mut(index));
                let entry = own.and_then(|own| own.entry.take());
                let (protocol, external_port) = (wish.protocol, wish.external_port);
                let remains = Remains::Talk { method, way, wish };
                let leftover = Leftover { gateway: gateway.clone(), protocol, external_port, entry, remains };
                leftover.put_into(&mut self.undecided);
                next = Next::Fail(stop);
            } else if self.keeps_what_was_given(now, id, index, &stop.failure)
                || (is_other && self.ends_with_this(id) && self.may_show_table(way.0.ip()))
            {
                next = Next::Fail(stop);
            }
        }
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let Some(contender) = operation.contenders.get_mut(index) else { return };
        match next {
            Next::Ask(ask) => {
                let pace = contender.pace.clone();
                self.port_control.ask(now, (id, index), way, ask, pace, &mut self.transport.out);
            }
            Next::Ready => {
                contender.phase = Phase::Ready;
                // Whoever is there at all, others need not be waited for in vain.
                operation.somebody_is_there |= contender.last_resort;
                self.settle(now, id);
            }
            Next::Granted(grant) => self.won(now, id, index, grant),
            // By NAT-PMP that is no proof: a deletion of nothing is a success, too (RFC 6886 section 3.4).
            Next::Done => {
                let is_proof = contender.method != Method::NatPmp;
                let closed = if is_proof { Closed::Deleted } else { Closed::Unconfirmed };
                self.over(now, id, Outcome::Closed(closed));
            }
            Next::Address(address) => {
                if let Some(operation) = self.operations.remove(&id) {
                    self.tell_if_another(&operation, way.0.ip(), &gateway);
                    self.operations.insert(id, operation);
                }
                self.over(now, id, Outcome::Address { address: address.into(), gateway })
            }
            Next::Fail(stop) => self.lost(now, id, index, stop),
        }
    }

    /// Whether nobody else goes on asking for the wanted port.
    fn ends_with_this(&self, id: OperationId) -> bool {
        self.operations.get(&id).is_some_and(|operation| operation.insists() || !operation.igd_is_open())
    }

    /// Whether what a contender was given in place of what it wants is not given back: the server would delete what stands
    /// of another process with it, by the internal port that both have.
    fn keeps_what_was_given(&mut self, now: Time, id: OperationId, index: usize, failure: &Failure) -> bool {
        let Some(operation) = self.operations.get_mut(&id) else { return false };
        let Some(contender) = operation.contenders.get_mut(index) else { return false };
        let Some(wish) = contender.talk.wish() else { return false };
        let mut theirs = self.inherited.behind(now, contender.method, contender.way, wish);
        if matches!(failure, Failure::OtherPort { .. }) {
            // A server that gives another port has not got theirs behind the one that was asked for.
            theirs.retain(|&port| port != wish.external_port);
        }
        if theirs.is_empty() {
            return false;
        }
        let entry = contender.entry.take();
        let wish = wish.clone();
        match *failure {
            Failure::OtherPort { offered } if !theirs.contains(&offered) => {
                let (gateway, step) = (contender.gateway(), contender.talk.step());
                let failure = Failure::NotGivenBack { external_port: offered };
                operation.attempts.push(Attempt { gateway, step, failure });
                if let Some(entry) = entry {
                    self.ledger.given_instead(entry, offered, &mut self.transport.out);
                }
            }
            _ => {
                let given = match (failure, contender.talk.given_for()) {
                    (&Failure::OtherPort { offered }, Some(lifetime)) => Some((offered, lifetime)),
                    _ => None,
                };
                let server = contender.way.0;
                // It is theirs, and lasts for as long as it was given for now.
                let is_theirs_to_write = given.is_some_and(|given| {
                    !self.ledger.extended(now, (server, &wish), given, &mut self.transport.out)
                });
                match (entry, given) {
                    (Some(entry), Some((offered, _)))
                        if is_theirs_to_write && !self.held.is_written_as(Some(entry)) =>
                    {
                        // A process that lives does not hear of it.
                        self.ledger.given_instead(entry, offered, &mut self.transport.out);
                        self.wait_for_others(entry);
                    }
                    (Some(entry), _) => self.not_behind(entry, wish.external_port),
                    (None, _) => {}
                }
            }
        }
        true
    }

    /// A server has not got what an entry is about behind the port that it was asked for.
    fn not_behind(&mut self, entry: EntryId, asked_port: NonZeroU16) {
        let is_held = self.held.is_written_as(Some(entry));
        if !is_held {
            self.ledger.displaced(entry, &mut self.transport.out);
        } else if self.ledger.is_about(entry, asked_port) {
            self.ledger.settled(entry);
            self.ledger.ungranted(entry, &mut self.transport.out);
        } else {
            self.ledger.refused(entry, &mut self.transport.out);
        }
    }

    /// An operation has come to something by NAT-PMP or PCP.
    fn over(&mut self, now: Time, id: OperationId, outcome: Outcome) {
        if let Some(operation) = self.operations.remove(&id) {
            self.forget(now, id, &operation);
            self.done(now, id, operation, outcome);
        }
    }

    fn won(&mut self, now: Time, id: OperationId, index: usize, grant: Grant) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let is_address = matches!(operation.task, Some(Task::Address));
        let is_adding = operation.is_adding() && self.transport.has_sent(Owner::Operation(id));
        let has_rivals =
            operation.asked_at.is_some() || Self::has_rivals(&self.port_control, operation, index);
        let Some(contender) = operation.contenders.get_mut(index) else { return };
        let (way, method, entry) = (contender.way, contender.method, contender.entry);
        let gateway = contender.gateway();
        let (Some(wish), Some(line)) = (contender.talk.wish(), self.port_control.line(way)) else { return };
        let Some(local) = line.local() else { return };
        if is_address {
            // The mapping told what it was for: what is left of it is deleted as of any operation that ends.
            match grant.external_address {
                Some(address) => self.over(now, id, Outcome::Address { address, gateway }),
                None => {
                    let stop = Stop { step: contender.talk.step(), failure: Failure::NotConfirmed };
                    operation.left.push(Leftover {
                        gateway,
                        protocol: wish.protocol,
                        external_port: wish.external_port,
                        entry: contender.entry.take(),
                        remains: Remains::Talk { method, way, wish: wish.clone() },
                    });
                    self.lost(now, id, index, stop);
                }
            }
            return;
        }
        if let Some(entry) = entry.filter(|_| grant.external_port != wish.external_port) {
            // Whoever gives another port has not got ours behind the one that was asked for.
            if self.ledger.is_about(entry, wish.external_port) && !self.held.is_written_as(Some(entry)) {
                self.ledger.ungranted(entry, &mut self.transport.out);
            }
        }
        // Who else was asked at the same time may have been given less, and have the last word.
        let rivals = if has_rivals { Some(wish.lifetime) } else { None };
        let least = self.port_control.least_asked(now, way, wish);
        let rivals = rivals.into_iter().chain(contender.least).chain(least).min();
        let lifetime = rivals.map_or(grant.lifetime, |rivals| grant.lifetime.min(rivals));
        let since = self.port_control.asked_since(now, way, wish, grant.lifetime);
        let internal_address = wish.third_party.unwrap_or_else(|| local.ip());
        let mut granted = Granted {
            protocol: wish.protocol,
            internal_address,
            internal_port: wish.internal_port,
            // Over IPv6 nothing is translated.
            external_address: grant.external_address.or(way.0.is_ipv6().then_some(internal_address)),
            external_port: grant.external_port,
            lifetime,
            gateway,
            grantor: match method {
                Method::NatPmp => Grantor::NatPmp(way.0),
                _ => Grantor::Pcp(way.0, wish.nonce),
            },
            default_gateway: None,
            behind_nat: false,
            local: way.1,
            third_party: wish.third_party,
            peer: wish.peer,
            entry,
            replaces: false,
            stood: None,
            unheard: false,
            // What others were granted for longer may be what the server did last.
            told: grant.leased,
            leased: contender.least.map_or(grant.leased, |_| grant.leased.max(wish.lifetime)),
            since,
        };
        contender.phase = Phase::Failed;
        let Some(mut operation) = self.operations.remove(&id) else { return };
        if !is_adding {
            self.forget(now, id, &operation);
            self.done(now, id, operation, Outcome::Mapped(granted));
            return;
        }
        // UPnP is being asked at the same time: what its answer says is taken back.
        let elsewhere = Some(granted.grantor.remote().ip());
        self.hold(now, &mut granted, operation.keeper);
        let outcome = self.taken_over(now, &mut operation, Outcome::Mapped(granted.clone()));
        self.tell(now, id, operation.keeper.take(), operation.silent, Ok(outcome));
        self.abandon(now, id, operation, elsewhere);
        self.doubt_what_is_endangered(now, &granted, false);
    }

    /// Whether others than this contender have been asked for the same at its gateway, and are there.
    fn has_rivals(port_control: &PortControl, operation: &Operation, index: usize) -> bool {
        let gateway = operation.contenders.get(index).map(|contender| contender.way.0.ip());
        let mut others = operation.contenders.iter().enumerate().filter(|&(other, _)| other != index);
        others.any(|(_, other)| {
            Some(other.way.0.ip()) == gateway
                && matches!(other.phase, Phase::Asked(_))
                && other.has_answered(port_control.line(other.way))
        })
    }

    /// A contender is of no use; the next one may be.
    fn lost(&mut self, now: Time, id: OperationId, index: usize, stop: Stop) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        // Where another port will do, or somebody may take this one away, another protocol may still serve. UPnP's table
        // tells why PCP will not give a port; NAT-PMP would give another one, to be taken back.
        let is_told_by_table = stop.failure.is_unprovidable() && operation.igd_is_open();
        let is_conflict = stop.failure.kind() == ErrorKind::Conflict && operation.insists();
        let is_final = is_conflict && !is_told_by_table;
        let Some(contender) = operation.contenders.get_mut(index) else { return };
        contender.phase = Phase::Failed;
        let is_certain = !matches!(stop.failure, Failure::NoAnswer | Failure::NoReply);
        let mut entry = if is_certain && !contender.renews { contender.entry.take() } else { None };
        let renewed = contender.entry.filter(|_| is_certain && contender.renews);
        // Where nobody speaks the protocol, there was nothing to delete.
        let is_farewell = matches!(contender.pace, Pace::Farewell);
        let is_no = matches!(stop.failure, Failure::Pcp(_) | Failure::NatPmp(_));
        let is_absent = stop.failure == Failure::UnsupportedVersion || (is_farewell && is_certain && !is_no);
        if is_absent && contender.talk.is_deleting() {
            entry = entry.or(operation.entry.take());
        }
        // What one protocol will not take back, the gateway's table may.
        let is_kept_back = is_no && contender.talk.is_deleting() && !self.withdrawals.ask(id);
        let kept_back = operation.entry.filter(|_| is_kept_back);
        let gateway = contender.gateway();
        let is_refusal = matches!(
            stop.failure,
            Failure::Pcp(_) | Failure::NatPmp(_) | Failure::Conflict { .. } | Failure::OtherPort { .. }
        );
        if let Some(wish) = contender.talk.wanted().filter(|_| is_refusal && contender.is_outstanding) {
            // What was refused once may be granted by the next request that arrives.
            let (method, way, wish) = (contender.method, contender.way, wish.clone());
            operation.left.extend(entry.take().map(|entry| Leftover {
                gateway: gateway.clone(),
                protocol: wish.protocol,
                external_port: wish.external_port,
                entry: Some(entry),
                remains: Remains::Talk { method, way, wish },
            }));
        }
        let is_displaced = stop.failure.kind() == ErrorKind::Conflict;
        let asked_port = contender.talk.wanted().map(|wish| wish.external_port);
        let not_given_back = match stop.failure {
            Failure::OtherPort { offered } if !contender.talk.has_given_back() => Some(offered),
            _ => None,
        };
        operation.somebody_is_there |= stop.failure.kind() != ErrorKind::NoGateway;
        let failure = stop.failure.where_it_has(contender.talk.external_address());
        operation.attempts.push(Attempt { gateway, step: stop.step, failure });
        if let Some(entry) = entry {
            let is_held = self.held.is_written_as(Some(entry));
            match (not_given_back, asked_port) {
                (Some(offered), _) if !is_held => self.withdraw_given(now, entry, offered),
                (_, Some(asked_port)) if is_displaced => self.not_behind(entry, asked_port),
                _ => self.ledger.refused(entry, &mut self.transport.out),
            }
        } else if let Some(entry) = renewed {
            self.ledger.not_extended(entry, &mut self.transport.out);
        }
        if is_final {
            self.give_up(now, id);
        } else {
            if is_conflict {
                self.leave_to_igd(id);
            }
            self.settle(now, id);
        }
        if let Some(entry) = kept_back {
            self.withdraw_unwanted(now, entry);
        }
    }

    /// Those that have not been asked for what is wanted will not be.
    fn leave_to_igd(&mut self, id: OperationId) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        for (index, contender) in operation.contenders.iter_mut().enumerate() {
            if matches!(contender.phase, Phase::Probing | Phase::Ready) {
                contender.phase = Phase::Failed;
                self.port_control.cancel(|asker| asker == (id, index), &mut self.transport.out);
            }
        }
    }

    /// What contenders may have made, although nobody will hear of it. One that has never answered is told once that
    /// it is not wanted, and the journal remembers it; unless `elsewhere`, the gateway, has granted it by another
    /// protocol, so that silence most likely means absence: then it is told when that grant ends, since before it
    /// could take the grant away.
    pub(in crate::client) fn contenders_leftovers(
        &mut self,
        id: OperationId,
        contenders: Vec<Contender>,
        elsewhere: Option<IpAddr>,
    ) -> Vec<Leftover> {
        let mut leftovers = Vec::new();
        for (index, contender) in contenders.into_iter().enumerate() {
            let Some(wish) = contender.talk.wish().filter(|_| contender.may_have_mapped()) else { continue };
            let has_answered = contender.has_answered(self.port_control.line(contender.way));
            // An answer before this request: it is not under way any more, and what was granted is there.
            let was_granted =
                contender.talk.giving_back().is_some() || !self.port_control.is_asking((id, index));
            let is_sent = was_granted || self.port_control.has_sent((id, index));
            let is_here = elsewhere == Some(contender.way.0.ip());
            let mut entry = contender.entry;
            // Who speaks one of the protocols does not pass over the other in silence.
            let is_silent = !self.port_control.line(contender.way).is_some_and(Line::is_there_at_all);
            if !is_sent || (is_silent && is_here) {
                if let Some(entry) = entry.take() {
                    self.ledger.refused(entry, &mut self.transport.out);
                }
            }
            if !is_sent {
                continue;
            }
            let local = self.port_control.line(contender.way).and_then(|line| line.local());
            if let (Some(entry), Some(local), true) = (entry, local, contender.is_asked_anew()) {
                self.ledger.leads_to(entry, local.ip(), &mut self.transport.out);
            }
            let (method, way, wish) = (contender.method, contender.way, wish.clone());
            leftovers.push(Leftover {
                gateway: contender.gateway(),
                protocol: wish.protocol,
                external_port: wish.external_port,
                entry,
                remains: if has_answered {
                    Remains::Talk { method, way, wish }
                } else {
                    Remains::Farewell { method, way, wish }
                },
            });
        }
        leftovers
    }

    /// What the server said of its own state besides.
    pub(in crate::client) fn heard(&mut self, now: Time, server: IpAddr, heard: Heard) {
        if let Heard::StateLost(address) = heard {
            self.forget_boot(server);
            self.state_lost(now, server, address);
        }
    }
}
