//! One mapping for all protocols: who is asked first, who may begin, and who has won.
//!
//! Probes of all protocols leave together. PCP's is the request itself where PCP is the preferred protocol: it is
//! the only one whose first answer can be the grant. The first that can grant begins, unless a better one that was
//! asked a moment ago may be about to answer; the first grant wins, and what the others may have made is taken
//! back.

use super::error::{Attempt, ErrorKind, Failure};
use super::event::Outcome;
use super::granted::{Granted, Grantor, Method};
use super::igd::Stop;
use super::journal::{Entry, EntryId};
use super::network::is_unicast_link_local;
use super::leftovers::{Coming, Leftover, Remains};
use super::operation::{OperationId, Stage};
use super::port_control::talk::{Goal, Grant, Next, Talk, Wish};
use super::port_control::{AskResult, Ended, Heard, Pace, Way};
use super::request::MappingRequest;
use super::timer::Timer;
use super::transport::Owner;
use super::{Client, GatewayAddress};
use crate::wire::{pcp::Nonce, port_control};
use crate::{AddressKind, Time};
use core::net::{IpAddr, SocketAddr, SocketAddrV6};
use core::time::Duration;

/// How much later than the first a better protocol may answer and still be taken.
const BETTER: Duration = Duration::from_millis(25);
/// How long a protocol that has begun has the gateway to itself: on a bad link, the next one may be luckier.
const HEDGE: Duration = Duration::from_secs(1);
/// How long a protocol may stay silent where another one has said no.
const SILENCE: Duration = Duration::from_secs(2);
/// Servers that are asked for one mapping.
const MOST_WAYS: usize = 4;

/// How far a contender has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It was asked, and has not answered.
    Probing,
    /// It can be asked for a mapping.
    Ready,
    /// It was asked for one, at this moment.
    Asked(Time),
    Failed,
}

/// A NAT-PMP or PCP server that takes part in an operation.
#[derive(Debug)]
pub(super) struct Contender {
    pub(super) method: Method,
    pub(super) way: Way,
    pub(super) asked_at: Time,
    pub(super) phase: Phase,
    pub(super) talk: Talk,
    pub(super) pace: Pace,
    pub(super) entry: Option<EntryId>,
    /// Whether a mapping that stands is renewed: a refusal does not undo it.
    pub(super) renews: bool,
}

impl Contender {
    /// The gateway, by its address.
    pub(super) fn gateway(&self) -> String {
        self.way.0.ip().to_string()
    }

    /// Whether it has been asked and nobody knows yet whether it is there.
    fn is_open(&self, is_first_question: bool) -> bool {
        self.phase == Phase::Probing || (is_first_question && matches!(self.phase, Phase::Asked(_)))
    }
}

impl Client {
    /// The servers that NAT-PMP and PCP are spoken with: those that a person named, else the default gateways.
    pub(super) fn ways(&self, ipv6: bool) -> Vec<Way> {
        let mut ways: Vec<Way> = Vec::new();
        if self.config.gateways.is_empty() {
            let chosen = self.config.interface.as_deref();
            for gateway in &self.network.default_gateways {
                let interface =
                    self.network.interfaces.iter().find(|interface| interface.index == gateway.interface);
                let is_chosen = chosen.is_none_or(|name| interface.is_some_and(|own| own.is_called(name)));
                if gateway.address.is_ipv4() == ipv6 || !is_chosen {
                    continue;
                }
                let server = server_of(gateway.address, gateway.interface);
                if ipv6 {
                    // The address that asks is the one that is opened.
                    let own = interface.into_iter().flat_map(|own| own.ipv6());
                    let global = own.filter(|&own| AddressKind::of(own.into()) == AddressKind::Public);
                    ways.extend(global.map(|own| (server, Some(own.into()))));
                } else {
                    ways.push((server, None));
                }
            }
        } else {
            let servers = self.config.gateways.iter().filter_map(GatewayAddress::port_control);
            ways.extend(servers.filter(|server| server.is_ipv6() == ipv6).map(|server| (server, None)));
        }
        let mut distinct: Vec<Way> = Vec::new();
        for way in ways {
            if distinct.len() < MOST_WAYS && !distinct.contains(&way) {
                distinct.push(way);
            }
        }
        distinct
    }

    /// Lets NAT-PMP and PCP take part in a mapping.
    pub(super) fn enter_map(&mut self, now: Time, id: OperationId, request: &MappingRequest, pace: &Pace) {
        let pcp = self.config.preference(Method::Pcp);
        let nat_pmp = self.config.preference(Method::NatPmp);
        for (place, way) in self.ways(request.ipv6).into_iter().enumerate() {
            if let Some(rank) = pcp {
                let others = [nat_pmp, self.config.preference(Method::Igd)];
                let is_preferred = others.into_iter().flatten().all(|other| rank < other);
                let wish = self.wish_for(request, way);
                let mut contender = self.contender(now, Method::Pcp, way, Goal::Map(wish));
                contender.pace = pace.clone();
                self.enter(now, id, contender, place == 0 && is_preferred);
            }
            if nat_pmp.is_some() && way.0.is_ipv4() && !request.needs_pcp() {
                let wish = Wish::new(request, Nonce([0; 12]));
                let contender = self.contender(now, Method::NatPmp, way, Goal::Map(wish));
                self.enter(now, id, contender, false);
            }
        }
    }

    /// A wish with the nonce that the server may know the mapping by already: the same one renews it (RFC 6887
    /// section 11.2).
    fn wish_for(&mut self, request: &MappingRequest, way: Way) -> Wish {
        let fresh = self.random.nonce_for(way.0, request.protocol, request.internal_port);
        let mut wish = Wish::new(request, fresh);
        match request.known {
            Some((server, nonce)) if server == way.0 => {
                wish.nonce = nonce;
                return wish;
            }
            _ => {}
        }
        if let Some(entry) = self.ledger.known(Method::Pcp, way.0, request) {
            wish.nonce = entry.nonce.unwrap_or(fresh);
        }
        wish
    }

    pub(super) fn contender(&mut self, now: Time, method: Method, way: Way, goal: Goal) -> Contender {
        let talk = Talk::new(method, goal, way.0.is_ipv6());
        Contender {
            method,
            way,
            asked_at: now,
            phase: Phase::Probing,
            talk,
            pace: Pace::FirstContact,
            entry: None,
            renews: false,
        }
    }

    /// Adds a contender to an operation and asks its first question: what is wanted itself, or whether it is there.
    pub(super) fn enter(&mut self, now: Time, id: OperationId, mut contender: Contender, at_once: bool) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let index = operation.contenders.len();
        let probe = (!at_once).then(|| contender.talk.probe());
        let (way, pace) = (contender.way, contender.pace.clone());
        operation.contenders.push(contender);
        match probe {
            Some(ask) => self.port_control.ask(now, (id, index), way, ask, pace, &mut self.transport.out),
            None => self.begin(now, id, index),
        }
    }

    /// Asks a contender for what is wanted.
    fn begin(&mut self, now: Time, id: OperationId, index: usize) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let Some(contender) = operation.contenders.get_mut(index) else { return };
        let ask = contender.talk.ask();
        contender.phase = Phase::Asked(now);
        let gateway = contender.way.0.ip();
        let coming = contender.talk.wanted().map(|wish| Coming {
            gateway,
            protocol: wish.protocol,
            internal_port: wish.internal_port,
            external_port: wish.external_port,
        });
        if let Some(coming) = coming {
            self.supersede(now, &coming);
        }
        self.write_down(now, id, index);
        let Some(contender) = self.operations.get(&id).and_then(|own| own.contenders.get(index)) else {
            return;
        };
        let (way, pace) = (contender.way, contender.pace.clone());
        self.port_control.ask(now, (id, index), way, ask, pace, &mut self.transport.out);
    }

    /// What a server is about to be asked for goes into the journal first.
    fn write_down(&mut self, now: Time, id: OperationId, index: usize) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let description = operation.description();
        let request = operation.request().cloned();
        let Some(contender) = operation.contenders.get_mut(index) else { return };
        if !contender.talk.may_have_mapped() || contender.entry.is_some() {
            return;
        }
        let Some(wish) = contender.talk.wish() else { return };
        let nonce = (contender.method == Method::Pcp).then_some(wish.nonce);
        let known = request.and_then(|request| {
            let known = self.ledger.known(contender.method, contender.way.0, &request)?;
            (known.nonce == nonce).then_some(known.id)
        });
        let entry_id = known.unwrap_or_else(|| EntryId(self.random.next_u64()));
        let local = self.port_control.line(contender.way).and_then(|line| line.local());
        let any = contender.way.0.ip();
        contender.entry = Some(entry_id);
        let entry = Entry {
            id: entry_id,
            method: contender.method,
            gateway: contender.gateway(),
            remote: contender.way.0,
            control: None,
            protocol: wish.protocol,
            internal_address: local.map_or_else(|| unspecified_like(any), |local| local.ip()),
            internal_port: wish.internal_port,
            external_address: None,
            external_port: wish.external_port,
            nonce,
            unique_id: None,
            description,
            lifetime: wish.lifetime,
            expires: wish.lifetime.duration().map(|lifetime| now + lifetime),
            granted: false,
            outlives: false,
        };
        self.adopted(entry_id);
        self.ledger.put(entry, &mut self.transport.out);
    }

    /// Until when a protocol has to wait for a better one, or for one that has begun.
    pub(super) fn must_wait(&mut self, now: Time, id: OperationId, method: Method) -> Option<Time> {
        let rank = self.config.preference(method)?;
        let operation = self.operations.get_mut(&id)?;
        let first_ready = *operation.first_ready.get_or_insert(now);
        let mut until = None;
        for contender in &operation.contenders {
            let line = self.port_control.line(contender.way);
            let answered = line.is_some_and(|line| line.has_answered());
            let is_better = self.config.preference(contender.method).is_some_and(|other| other < rank);
            let is_open = contender.is_open(!answered || contender.method == Method::Pcp);
            let at = match contender.phase {
                // Silent for that long, or refused: it is no longer about to answer.
                _ if is_open => {
                    let hopeless = first_ready - contender.asked_at >= BETTER
                        || line.is_some_and(|line| line.is_refused());
                    (is_better && !hopeless).then(|| first_ready + BETTER)
                }
                Phase::Asked(at) => Some(at + HEDGE),
                _ => None,
            };
            until = until.max(at.filter(|&at| now < at));
        }
        let igd = operation.working_since.filter(|_| method != Method::Igd).map(|since| since + HEDGE);
        until.max(igd.filter(|&at| now < at))
    }

    /// Lets whoever may begin, begin.
    pub(super) fn settle(&mut self, now: Time, id: OperationId) {
        let Some(operation) = self.operations.get(&id) else { return };
        if operation.abandoned {
            return;
        }
        let preference = |contender: &Contender| self.config.preference(contender.method);
        let ready = operation
            .contenders
            .iter()
            .enumerate()
            .filter(|(_, contender)| contender.phase == Phase::Ready)
            .min_by_key(|&(index, contender)| (preference(contender), index))
            .map(|(index, contender)| (index, contender.method));
        if let Some((index, method)) = ready {
            match self.must_wait(now, id, method) {
                Some(until) => self.transport.out.timers.set(Timer::Choice(id), until),
                None => return self.begin(now, id, index),
            }
        }
        let Some(operation) = self.operations.get(&id) else { return };
        if operation.wants_igd && !operation.igd_over {
            if matches!(operation.stage, Stage::Seeking) {
                self.choose_gateway(now, id);
            }
        } else if !operation.has_hope() {
            self.give_up(now, id);
        } else if operation.has_verdict() && ready.is_none() {
            self.give_up_silence(now, id);
        }
    }

    /// Somebody has said no: those who say nothing are not waited for to the end.
    fn give_up_silence(&mut self, now: Time, id: OperationId) {
        let Some(operation) = self.operations.get(&id) else { return };
        let open = operation.contenders.iter().filter(|contender| contender.phase != Phase::Failed);
        let line = |way| self.port_control.line(way);
        if open.clone().any(|contender| line(contender.way).is_some_and(|line| line.has_answered())) {
            return;
        }
        match open.map(|contender| contender.asked_at + SILENCE).max() {
            Some(at) if now < at => self.transport.out.timers.set(Timer::Choice(id), at),
            _ => self.give_up(now, id),
        }
    }

    /// Requests of NAT-PMP and PCP have ended.
    pub(super) fn talks_ended(&mut self, now: Time, ended: Ended) {
        for ((id, index), result) in ended {
            self.talk_ended(now, id, index, result);
        }
    }

    fn talk_ended(&mut self, now: Time, id: OperationId, index: usize, result: AskResult) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let Some(contender) = operation.contenders.get_mut(index) else { return };
        let way = contender.way;
        let result = result.map_err(|failure| match failure {
            // Nobody who has never answered is known to be there.
            Failure::NoReply if !self.port_control.line(way).is_some_and(|line| line.has_answered()) => {
                Failure::NoAnswer
            }
            failure => failure,
        });
        let gateway = contender.gateway();
        match contender.talk.resume(result) {
            Next::Ask(ask) => {
                let pace = contender.pace.clone();
                self.port_control.ask(now, (id, index), way, ask, pace, &mut self.transport.out);
            }
            Next::Ready => {
                contender.phase = Phase::Ready;
                self.settle(now, id);
            }
            Next::Granted(grant) => self.won(now, id, index, grant),
            Next::Done => {
                if let Some(operation) = self.operations.remove(&id) {
                    self.forget(now, id, &operation);
                    self.done(now, id, operation, Outcome::Closed(true));
                }
            }
            Next::Address(address) => {
                if let Some(operation) = self.operations.remove(&id) {
                    self.forget(now, id, &operation);
                    self.done(now, id, operation, Outcome::Address { address: address.into(), gateway });
                }
            }
            Next::Fail(stop) => self.lost(now, id, index, stop),
        }
    }

    fn won(&mut self, now: Time, id: OperationId, index: usize, grant: Grant) {
        let Some(mut operation) = self.operations.remove(&id) else { return };
        let Some(contender) = operation.contenders.get_mut(index) else { return };
        let since = match contender.phase {
            Phase::Asked(at) => at,
            _ => now,
        };
        contender.phase = Phase::Failed;
        let (way, method, entry) = (contender.way, contender.method, contender.entry);
        let (Some(wish), Some(local)) =
            (contender.talk.wish(), self.port_control.line(way).and_then(|line| line.local()))
        else {
            return;
        };
        let granted = Granted {
            protocol: wish.protocol,
            internal_address: wish.third_party.unwrap_or_else(|| local.ip()),
            internal_port: wish.internal_port,
            external_address: grant.external_address,
            external_port: grant.external_port,
            lifetime: grant.lifetime,
            gateway: contender.gateway(),
            grantor: match method {
                Method::NatPmp => Grantor::NatPmp(way.0),
                _ => Grantor::Pcp(way.0, wish.nonce),
            },
            third_party: wish.third_party,
            peer: wish.peer,
            entry,
            since,
        };
        self.forget(now, id, &operation);
        let is_adding = operation.is_adding() && self.transport.has_sent(Owner::Operation(id));
        if !is_adding {
            self.done(now, id, operation, Outcome::Mapped(granted));
            return;
        }
        // UPnP is being asked at the same time: what its answer says is taken back.
        self.hold(now, &granted);
        let outcome = self.taken_over(now, &mut operation, Outcome::Mapped(granted));
        self.tell(now, id, operation.keeper.take(), operation.silent, Ok(outcome));
        self.abandon(now, id, operation);
    }

    /// A contender is of no use; the next one may be.
    fn lost(&mut self, now: Time, id: OperationId, index: usize, stop: Stop) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let Some(contender) = operation.contenders.get_mut(index) else { return };
        contender.phase = Phase::Failed;
        let is_certain = !matches!(stop.failure, Failure::NoAnswer | Failure::NoReply);
        let is_final = stop.failure.kind() == ErrorKind::Conflict && !operation.overwrites();
        let gateway = operation.contenders.get(index).map(Contender::gateway).unwrap_or_default();
        operation.attempts.push(Attempt { gateway, step: stop.step, failure: stop.failure });
        let renews = operation.contenders.get(index).is_some_and(|contender| contender.renews);
        if is_certain && !renews {
            if let Some(entry) = operation.contenders.get_mut(index).and_then(|own| own.entry.take()) {
                self.refuse(entry);
            }
        }
        if is_final {
            self.give_up(now, id);
        } else {
            self.settle(now, id);
        }
    }

    /// A gateway has refused what an entry of the journal is about, unless somebody else asks for the same.
    pub(super) fn refuse(&mut self, entry: EntryId) {
        let uses = |operation: &super::Operation| {
            operation.entry == Some(entry)
                || operation.contenders.iter().any(|contender| contender.entry == Some(entry))
        };
        if !self.operations.values().any(uses) {
            self.ledger.refused(entry, &mut self.transport.out);
        }
    }

    /// What contenders may have made, although nobody will hear of it. One that has never answered is told once
    /// that it is not wanted, and not waited for; the journal remembers it, unless `elsewhere` the gateway has
    /// granted it by another protocol, so that silence means absence.
    pub(super) fn contenders_leftovers(
        &mut self,
        now: Time,
        id: OperationId,
        contenders: Vec<Contender>,
        elsewhere: Option<IpAddr>,
    ) -> Vec<Leftover> {
        let mut leftovers = Vec::new();
        for (index, mut contender) in contenders.into_iter().enumerate() {
            let is_asked = matches!(contender.phase, Phase::Asked(_)) && contender.talk.may_have_mapped();
            if !is_asked || contender.renews {
                continue;
            }
            let line = self.port_control.line(contender.way);
            let has_answered = line.is_some_and(|line| line.has_answered());
            let is_here = elsewhere == Some(contender.way.0.ip());
            if !self.port_control.has_sent((id, index)) || (!has_answered && is_here) {
                if let Some(entry) = contender.entry {
                    self.refuse(entry);
                }
            } else if !has_answered {
                let ask = contender.talk.withdraw();
                self.port_control.say(now, contender.way, &ask, &mut self.transport.out);
            } else if let Some(wish) = contender.talk.wish() {
                leftovers.push(Leftover {
                    gateway: contender.gateway(),
                    protocol: wish.protocol,
                    external_port: wish.external_port,
                    entry: contender.entry,
                    remains: Remains::Talk {
                        method: contender.method,
                        way: contender.way,
                        wish: wish.clone(),
                    },
                });
            }
        }
        leftovers
    }

    /// Starts an operation that talks to one server, and with nobody else.
    pub(super) fn talk_with(
        &mut self,
        now: Time,
        method: Method,
        way: Way,
        goal: Goal,
        timeout: Duration,
    ) -> OperationId {
        let mut operation = super::Operation::new(None, Stage::Seeking, now + timeout);
        operation.fixed = true;
        let id = self.add_operation(operation);
        let contender = self.contender(now, method, way, goal);
        self.enter(now, id, contender, true);
        id
    }

    /// What the server said of its own state besides.
    pub(super) fn heard(&mut self, now: Time, server: IpAddr, heard: Heard) {
        if heard == Heard::StateLost {
            self.state_lost(now, server);
        }
    }
}

/// A server's address on its port; a link-local one on its link.
fn server_of(address: IpAddr, interface: u32) -> SocketAddr {
    match address {
        IpAddr::V6(v6) if is_unicast_link_local(address) => {
            SocketAddrV6::new(v6, port_control::PORT, 0, interface).into()
        }
        _ => SocketAddr::new(address, port_control::PORT),
    }
}

fn unspecified_like(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => core::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => core::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}
