//! A NAT-PMP or PCP server that takes part in an operation.

use super::super::Client;
use super::super::granted::Method;
use super::super::journal::EntryId;
use super::super::leftovers::Key;
use super::super::port_control::talk::{Goal, Talk, Wish};
use super::super::port_control::{Line, Pace, Way};
use super::super::request::MappingRequest;
use crate::{Lifetime, Time};
use core::net::IpAddr;

/// How far a contender has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Phase {
    /// It was asked whether it is there, and has not answered.
    Probing,
    /// It can be asked for what is wanted.
    Ready,
    /// It was asked for that, at this moment.
    Asked(Time),
    Failed,
}

#[derive(Debug)]
pub(in crate::client) struct Contender {
    pub(in crate::client) method: Method,
    pub(in crate::client) way: Way,
    pub(in crate::client) asked_at: Time,
    pub(in crate::client) phase: Phase,
    pub(in crate::client) talk: Talk,
    pub(in crate::client) pace: Pace,
    pub(in crate::client) entry: Option<EntryId>,
    /// The shortest lifetime that the same is being asked for, where others ask too.
    pub(super) least: Option<Lifetime>,
    /// Whether a mapping that stands is renewed: a refusal does not undo it.
    pub(in crate::client) renews: bool,
    /// Whether requests of its are under way that nobody has answered, although one was.
    pub(super) is_outstanding: bool,
    /// Whether it is for when nobody else has anything to say.
    pub(super) last_resort: bool,
    /// Whether it was asked for what is wanted without being asked whether it is there.
    pub(super) unprobed: bool,
}

impl Contender {
    pub(super) fn new(now: Time, method: Method, way: Way, goal: Goal) -> Self {
        Self {
            method,
            way,
            asked_at: now,
            phase: Phase::Probing,
            talk: Talk::new(method, goal, way.0.is_ipv6()),
            pace: Pace::FirstContact,
            entry: None,
            least: None,
            renews: false,
            is_outstanding: false,
            last_resort: false,
            unprobed: false,
        }
    }

    fn of_a_named_server(mut self, is_named: bool) -> Self {
        self.talk = self.talk.of_a_named_server(is_named);
        self
    }

    /// The gateway, by its address.
    pub(in crate::client) fn gateway(&self) -> String {
        self.way.0.ip().to_string()
    }

    /// Whether it has answered in its protocol, now or before.
    pub(in crate::client) fn has_answered(&self, line: Option<&Line>) -> bool {
        line.is_some_and(|line| line.has_answered(self.method))
    }

    /// Whether it has been asked and nobody knows yet whether it is there.
    pub(super) fn is_open(&self, line: Option<&Line>) -> bool {
        match self.phase {
            Phase::Probing => true,
            Phase::Asked(_) => self.unprobed && !self.has_answered(line),
            Phase::Ready | Phase::Failed => false,
        }
    }

    /// Whether asked from another address of ours, it asks for another mapping.
    pub(super) fn is_asked_anew(&self) -> bool {
        let is_for_us = self.talk.wanted().is_some_and(|wish| wish.third_party.is_none());
        is_for_us && !self.renews && self.talk.giving_back().is_none()
    }

    /// For how long it asks.
    pub(super) fn longest(&self) -> Option<Lifetime> {
        self.talk.wanted().map(|wish| wish.lifetime)
    }

    /// The least that it has asked for, or that others have asked for at the same time.
    pub(in crate::client) fn shortest_sent(&self) -> Option<Lifetime> {
        if matches!(self.phase, Phase::Asked(_)) { self.least.or(self.longest()) } else { self.least }
    }

    /// Whether an answer that grants the same port at this gateway may be on its way.
    pub(in crate::client) fn may_be_granted(&self, gateway: IpAddr, request: &MappingRequest) -> bool {
        let is_same =
            |wish: &Wish| (wish.protocol, wish.internal_port) == (request.protocol, request.internal_port);
        self.way.0.ip() == gateway
            && matches!(self.phase, Phase::Asked(_))
            && self.talk.wanted().is_some_and(is_same)
    }

    /// Whether it deletes what leads to this port of ours.
    pub(in crate::client) fn deletes(&self, (gateway, protocol, internal_port): Key) -> bool {
        let is_same = |wish: &Wish| (wish.protocol, wish.internal_port) == (protocol, internal_port);
        self.way.0.ip() == gateway && self.talk.deleted().is_some_and(is_same)
    }

    /// Whether a mapping may be there by now, as far as it was sent.
    pub(super) fn may_have_mapped(&self) -> bool {
        matches!(self.phase, Phase::Asked(_)) && self.talk.may_have_mapped() && !self.renews
    }
}

impl Client {
    pub(in crate::client) fn contender(
        &mut self,
        now: Time,
        method: Method,
        way: Way,
        goal: Goal,
    ) -> Contender {
        Contender::new(now, method, way, goal).of_a_named_server(self.is_named_server(way.0))
    }
}
