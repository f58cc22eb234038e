//! Asking NAT-PMP and PCP: for what, by which nonce, and what the journal holds of it.

use super::super::Client;
use super::super::error::{Attempt, Failure, Step};
use super::super::granted::Method;
use super::super::journal::{Custody, Entry, EntryId};
use super::super::leftovers::Coming;
use super::super::operation::{Operation, OperationId, Stage};
use super::super::port_control::talk::{Goal, Wish};
use super::super::port_control::{Asker, Pace, Way};
use super::super::request::{MappingRequest, OnConflict};
use super::{Contender, Phase};
use crate::wire::pcp::Nonce;
use crate::{Lifetime, Protocol, Time};
use core::net::IpAddr;
use core::num::NonZeroU16;
use core::time::Duration;

/// How long the mapping may last that only tells the external address: it is deleted at once, and ends by itself
/// where that gets lost. Servers grant no less (RFC 6887 section 15).
const GLIMPSE: Lifetime = Lifetime::from_seconds(120);

/// What a server may grant to who asks for less (RFC 6887 section 15).
const LEAST_LEASE: Duration = Duration::from_secs(120);

impl Client {
    /// Lets NAT-PMP and PCP take part in a mapping.
    pub(in crate::client) fn enter_map(
        &mut self,
        now: Time,
        id: OperationId,
        request: &MappingRequest,
        pace: &Pace,
    ) {
        let pcp = self.config.preference(Method::Pcp);
        let nat_pmp = self.config.preference(Method::NatPmp);
        if request.ipv6 && self.config.gateways.is_empty() && self.network.global_ipv6(None).is_empty() {
            if let Some(operation) = self.operations.get_mut(&id) {
                let failure = Failure::NoGlobalAddress;
                operation.attempts.push(Attempt { gateway: String::new(), step: Step::Search, failure });
                operation.igd_over = true;
            }
            return;
        }
        let impossible = if request.peer.is_some_and(|peer| peer.port() == 0) {
            Some(Failure::NoPeerPort)
        } else if request.needs_pcp() && pcp.is_none() {
            Some(Failure::NeedsPcp)
        } else {
            None
        };
        if let (Some(failure), Some(operation)) = (impossible, self.operations.get_mut(&id)) {
            let gateway = String::new();
            operation.attempts.push(Attempt { gateway, step: Step::Action("PCP MAP"), failure });
            return;
        }
        let is_here =
            self.config.gateways.is_empty() && !request.ipv6 && (pcp.is_some() || nat_pmp.is_some());
        if let Some(interface) = self.network.way_without_gateway().filter(|_| is_here) {
            let failure = Failure::NoNextHop { interface: interface.name.clone() };
            if let Some(operation) = self.operations.get_mut(&id) {
                operation.attempts.push(Attempt { gateway: String::new(), step: Step::Search, failure });
            }
        }
        let only_at = self.operations.get(&id).and_then(|operation| operation.only_at);
        let ways = self.ways_for(request, only_at);
        for (place, way) in ways.into_iter().enumerate() {
            let longest = self.inherited.longest(now, way.0.ip(), request);
            if longest > Some(Method::Pcp.asked_for(Lifetime::Permanent)) {
                // It stands for longer than either protocol grants: their lease would end it.
                if let Some(operation) = self.operations.get_mut(&id) {
                    let (gateway, step) = (way.0.ip().to_string(), Step::Action("PCP MAP"));
                    operation.attempts.push(Attempt { gateway, step, failure: Failure::WouldShorten });
                }
                continue;
            }
            if let Some(rank) = pcp {
                let others = [nat_pmp, self.config.preference(Method::Igd)];
                let is_preferred = others.into_iter().flatten().all(|other| rank < other);
                let wish = self.wish_for(now, request, way);
                let mut contender = self.contender(now, Method::Pcp, way, Goal::Map(wish));
                contender.pace = pace.clone();
                self.enter(now, id, contender, place == 0 && is_preferred);
            }
            if nat_pmp.is_some() && way.0.is_ipv4() && !request.needs_pcp() {
                let mut wish = Wish::new(request, Nonce([0; 12]));
                wish.lifetime = self.inherited.no_less(now, way.0.ip(), request);
                let mut contender = self.contender(now, Method::NatPmp, way, Goal::Map(wish));
                // It takes no port away from anybody (RFC 6886 section 3.3), and what it gives in place of one may be what
                // another program had.
                contender.last_resort = request.on_conflict == OnConflict::Overwrite;
                self.enter(now, id, contender, false);
            }
        }
    }

    /// Lets NAT-PMP tell the external address; and PCP where nobody else does, which has no question of its own for
    /// it: a mapping of some port tells it, and is deleted again (RFC 6887 section 11.6).
    pub(in crate::client) fn enter_address(&mut self, now: Time, id: OperationId) {
        for way in self.ways(false) {
            if self.config.preference(Method::NatPmp).is_some() {
                let contender = self.contender(now, Method::NatPmp, way, Goal::Address);
                self.enter_giving_way(now, id, contender);
            }
            let Some(port) = self.random.dynamic_port() else { continue };
            if self.config.preference(Method::Pcp).is_some() {
                let mut request = MappingRequest::new(Protocol::Udp, port);
                request.lifetime = GLIMPSE;
                request.on_conflict = OnConflict::AnyPort;
                let wish = Wish::new(&request, self.random.nonce_for(way.0, Protocol::Udp, port));
                let mut contender = self.contender(now, Method::Pcp, way, Goal::Map(wish));
                contender.last_resort = true;
                self.enter(now, id, contender, false);
            }
        }
    }

    /// Lets NAT-PMP close a port where UPnP finds nobody to ask. It knows a mapping by its internal port, and deletes
    /// none but our own (RFC 6886 section 3.4).
    pub(in crate::client) fn enter_close(
        &mut self,
        now: Time,
        id: OperationId,
        (protocol, port): (Protocol, NonZeroU16),
    ) {
        if self.config.preference(Method::NatPmp).is_none() {
            return;
        }
        for way in self.ways(false) {
            let wish = Wish::new(&MappingRequest::new(protocol, port), Nonce([0; 12]));
            let mut behind = self.held.behind(way, &wish);
            behind.extend(self.inherited.behind(now, Method::NatPmp, way, &wish));
            if let Some(other) = behind.into_iter().find(|&external| external != port) {
                // Its internal port is that of another mapping of ours, which would be deleted.
                if let Some(operation) = self.operations.get_mut(&id) {
                    let (gateway, step) = (way.0.ip().to_string(), Step::Action("NAT-PMP MAP"));
                    operation.attempts.push(Attempt { gateway, step, failure: Failure::NotAlone { other } });
                }
                continue;
            }
            let mut contender = self.contender(now, Method::NatPmp, way, Goal::Delete(wish));
            contender.last_resort = true;
            self.enter(now, id, contender, false);
        }
    }

    /// A wish with the nonce of the mapping that is held, or asked for, or that an earlier process left, where there
    /// is one (RFC 6887 section 11.2: the same nonce renews it, and another is refused).
    fn wish_for(&mut self, now: Time, request: &MappingRequest, way: Way) -> Wish {
        let fresh = self.random.nonce_for(way.0, request.protocol, request.internal_port);
        let mut wish = Wish::new(request, fresh);
        wish.lifetime = self.inherited.no_less(now, way.0.ip(), request);
        let asked = || {
            let contenders = self.operations.values().flat_map(|operation| &operation.contenders);
            let same = |other: &&Contender| {
                other.method == Method::Pcp
                    && other.phase != Phase::Failed
                    && other.talk.asks_the_same(&wish)
                    && other.way == way
            };
            contenders.filter(same).find_map(|other| other.talk.wish()).map(|other| other.nonce)
        };
        // A server that ties the nonce to our address takes any nonce for another one.
        let written = || self.ledger.nonce(way.0, request);
        let inherited = || self.inherited.nonce(now, way, request);
        if let Some(nonce) = self.held.nonce(way, &wish).or_else(asked).or_else(written).or_else(inherited) {
            wish.nonce = nonce;
        }
        wish
    }

    /// To a server, what several ask for in the same way is one mapping, and nobody can tell whose request an answer is
    /// to: they all ask for as long as any of them wants.
    fn agree_on_lifetime(&mut self, id: OperationId, index: usize) {
        let contender = |id| self.operations.get(&id).and_then(|own: &Operation| own.contenders.get(index));
        let Some((method, way, wish)) =
            contender(id).and_then(|own| Some((own.method, own.way, own.talk.wanted()?.clone())))
        else {
            return;
        };
        let is_same = |other: &Contender| {
            other.method == method
                && other.way == way
                && other.phase != Phase::Failed
                && other.talk.asks_the_same(&wish)
        };
        let contenders = self.operations.values().flat_map(|operation| &operation.contenders);
        let same: Vec<_> = contenders.filter(|other| is_same(other)).collect();
        let Some(longest) = same.iter().filter_map(|other| other.longest()).max() else { return };
        // What has been sent for less may still come last.
        let shortest = same.iter().filter_map(|other| other.shortest_sent()).min().unwrap_or(longest);
        for (&id, operation) in &mut self.operations {
            for (index, other) in
                operation.contenders.iter_mut().enumerate().filter(|(_, other)| is_same(other))
            {
                if shortest < longest {
                    other.least = Some(shortest);
                }
                if let Some(ask) = other.talk.lengthen(longest) {
                    self.port_control.ask_instead((id, index), &ask);
                }
            }
        }
    }

    /// Adds a contender to an operation and asks its first question: what is wanted itself, or whether it is there.
    pub(in crate::client) fn enter(
        &mut self,
        now: Time,
        id: OperationId,
        mut contender: Contender,
        at_once: bool,
    ) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let index = operation.contenders.len();
        contender.unprobed = at_once;
        let probe = (!at_once).then(|| contender.talk.probe());
        let (way, pace) = (contender.way, contender.pace.clone());
        operation.contenders.push(contender);
        match probe {
            Some(ask) => self.port_control.ask(now, (id, index), way, ask, pace, &mut self.transport.out),
            None => self.begin(now, id, index),
        }
    }

    /// Adds a contender whose first answer is what is wanted: one that is to give way is asked when its turn comes.
    fn enter_giving_way(&mut self, now: Time, id: OperationId, mut contender: Contender) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let gateway = contender.way.0.ip();
        contender.phase = Phase::Ready;
        operation.contenders.push(contender);
        let index = operation.contenders.len().saturating_sub(1);
        let gives_way = self.operations.get(&id).is_some_and(|own| self.preferred_to(own, gateway).is_some());
        if !gives_way {
            self.begin(now, id, index);
        }
    }

    /// Asks a contender for what is wanted.
    pub(super) fn begin(&mut self, now: Time, id: OperationId, index: usize) {
        self.agree_on_lifetime(id, index);
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let Some(contender) = operation.contenders.get_mut(index) else { return };
        let ask = contender.talk.ask();
        contender.phase = Phase::Asked(now);
        let (way, pace) = (contender.way, contender.pace.clone());
        let coming = contender.talk.wanted().map(|wish| Coming {
            gateway: way.0.ip(),
            protocol: wish.protocol,
            internal_port: wish.internal_port,
            external_port: wish.external_port,
        });
        if let Some(coming) = coming {
            self.supersede(now, &coming);
        }
        self.write_down(now, id, index);
        self.port_control.ask(now, (id, index), way, ask, pace, &mut self.transport.out);
    }

    /// Starts an operation that talks to one server, and with nobody else.
    pub(in crate::client) fn talk_with(
        &mut self,
        now: Time,
        method: Method,
        way: Way,
        goal: Goal,
        timeout: Duration,
    ) -> OperationId {
        self.talk_at(now, method, way, goal, (timeout, Pace::FirstContact))
    }

    /// The same at another pace.
    pub(in crate::client) fn talk_at(
        &mut self,
        now: Time,
        method: Method,
        way: Way,
        goal: Goal,
        (timeout, pace): (Duration, Pace),
    ) -> OperationId {
        let mut operation = Operation::new(None, Stage::Seeking, now + timeout);
        operation.fixed = true;
        let id = self.add_operation(operation);
        let mut contender = self.contender(now, method, way, goal);
        contender.pace = pace;
        self.enter(now, id, contender, true);
        id
    }

    /// What a server may have made leads to this address, which was ours when it was asked.
    pub(in crate::client) fn asked_from(&mut self, (id, index): Asker, address: IpAddr) {
        let contender = self.operations.get(&id).and_then(|own| own.contenders.get(index));
        if let Some(entry) = contender.filter(|own| own.is_asked_anew()).and_then(|own| own.entry) {
            self.ledger.leads_to(entry, address, &mut self.transport.out);
        }
    }

    /// It is known from which address of ours a server is asked: what waited for that goes into the journal, and then out.
    pub(in crate::client) fn write_down_waiting(&mut self, now: Time, way: Way) {
        let mut waiting = Vec::new();
        for (&id, operation) in &self.operations {
            for (index, contender) in operation.contenders.iter().enumerate() {
                if contender.way == way
                    && matches!(contender.phase, Phase::Asked(_))
                    && contender.entry.is_none()
                {
                    waiting.push((id, index));
                }
            }
        }
        for (id, index) in waiting {
            self.write_down(now, id, index);
        }
    }

    /// A server is asked again, from another address of ours: that is for another mapping.
    pub(in crate::client) fn write_down_again(&mut self, now: Time, (id, index): Asker) {
        let contender = self.operations.get_mut(&id).and_then(|own| own.contenders.get_mut(index));
        if let Some(contender) = contender.filter(|own| own.is_asked_anew()) {
            contender.entry = None;
            self.write_down(now, id, index);
        }
    }

    /// What a server is about to be asked for goes into the journal first.
    fn write_down(&mut self, now: Time, id: OperationId, index: usize) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let (description, deadline) = (operation.description(), operation.deadline);
        let request = operation.request().cloned();
        let Some(contender) = operation.contenders.get_mut(index) else { return };
        if !contender.talk.may_have_mapped() || contender.entry.is_some() {
            return;
        }
        let Some(wish) = contender.talk.wish() else { return };
        let nonce = (contender.method == Method::Pcp).then_some(wish.nonce);
        // Nothing is sent before the system has said from where, and nobody could delete what leads nowhere.
        let local = self.port_control.line(contender.way).and_then(|line| line.local());
        let Some(local) = local.map(|local| local.ip()) else { return };
        let internal_address = wish.third_party.unwrap_or(local);
        let known = request.and_then(|request| {
            let is_ours = |address| self.network.may_be_own(address, Some(internal_address));
            let known = self.ledger.known(contender.method, contender.way.0, is_ours, &request)?;
            (known.nonce == nonce).then_some(known.id)
        });
        let entry_id = known.unwrap_or_else(|| EntryId(self.random.next_u64()));
        contender.entry = Some(entry_id);
        let lifetime = contender.method.asked_for(wish.lifetime);
        let entry = Entry {
            id: entry_id,
            method: contender.method,
            gateway: contender.gateway(),
            remote: contender.way.0,
            control: None,
            protocol: wish.protocol,
            internal_address,
            internal_port: wish.internal_port,
            external_address: None,
            external_port: wish.external_port,
            nonce,
            unique_id: None,
            description,
            lifetime,
            // It may be asked for again until then.
            expires: lifetime.duration().map(|lifetime| now.max(deadline) + lifetime.max(LEAST_LEASE)),
            granted: false,
            custody: Custody::Kept,
        };
        self.inherited.spare(entry_id);
        self.ledger.asked(entry, &mut self.transport.out);
    }

    /// What an entry of the journal is about has been replaced, unless somebody else asks for the same.
    pub(in crate::client) fn strike_out(&mut self, entry: EntryId) {
        if self.operations.values().any(|operation| operation.is_written_as(entry)) {
            self.ledger.ungranted(entry, &mut self.transport.out);
        } else {
            self.ledger.erase(entry, &mut self.transport.out);
        }
    }
}
