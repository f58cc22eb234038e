//! Those that have answered: whose turn it is, and which of them are remembered.

use super::super::exchange;
use super::super::igd::call::Call;
use super::candidate::Candidate;
use super::places::{self, Begun, LOOK, Place, Turn};
use crate::Time;
use crate::wire::ssdp::SearchResponse;
use crate::wire::url::RequestTarget;
use core::cmp::Reverse;
use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;

/// Devices remembered of a search; default gateways have places of their own.
const MOST_DEVICES: usize = 16;
const GATEWAY_PLACES: usize = 8;
/// Devices remembered per address.
const MOST_DEVICES_PER_SOURCE: usize = 4;

#[derive(Debug)]
pub(super) struct Candidates {
    /// By number, in the order in which they answered.
    by_number: BTreeMap<usize, Candidate>,
    last_number: usize,
    begun: Begun,
    /// Until then nobody who waits can have a turn, unless an exchange ends.
    look_at: Time,
    /// How many of them wait, and how many are under way: asked after with every datagram of a flood.
    waiting: usize,
    under_way: usize,
}

impl Candidates {
    pub(super) fn new(now: Time) -> Self {
        Self {
            by_number: BTreeMap::new(),
            last_number: 0,
            begun: Begun::default(),
            look_at: now,
            waiting: 0,
            under_way: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    /// Those that have had a turn.
    pub(super) fn heard(&self) -> impl Iterator<Item = &Candidate> {
        self.by_number.values().filter(|candidate| !candidate.is_waiting())
    }

    /// Whether any has come from this sender.
    pub(super) fn has_any_of(&self, sender: IpAddr) -> bool {
        self.of(sender).next().is_some()
    }

    /// Whether nothing more will be learnt of this sender than is known by now.
    pub(super) fn is_known(&self, sender: IpAddr) -> bool {
        self.has_any_of(sender) && self.of(sender).all(Candidate::is_known)
    }

    pub(super) fn get(&self, number: usize) -> Option<&Candidate> {
        self.by_number.get(&number)
    }

    pub(super) fn is_anybody_waiting(&self) -> bool {
        self.waiting > 0
    }

    pub(super) fn is_anybody_under_way(&self) -> bool {
        self.under_way > 0
    }

    /// When those that wait are to be looked at.
    pub(super) fn look_at(&self) -> Option<Time> {
        self.is_anybody_waiting().then_some(self.look_at)
    }

    /// Whether one of them has answered again.
    pub(super) fn answered_again(
        &mut self,
        now: Time,
        address: SocketAddr,
        target: &RequestTarget,
        answer: &SearchResponse,
    ) -> bool {
        let is_it =
            |known: &Candidate| known.device.address == address && known.device.location.target() == target;
        let Some(candidate) = self.by_number.values_mut().find(|known| is_it(known)) else { return false };
        if candidate.answered(answer) {
            self.look_at = now;
            self.count();
        }
        true
    }

    /// Whether nobody listens to this sender any more: enough is known of it that is of use.
    pub(super) fn has_enough_of(&self, sender: IpAddr) -> bool {
        self.of(sender).filter(|known| known.device.is_usable()).count() >= MOST_DEVICES_PER_SOURCE
    }

    /// Whether so much has come from this sender that it only floods.
    pub(super) fn is_crowded_by(&self, sender: IpAddr) -> bool {
        self.of(sender).count() >= MOST_DEVICES_PER_SOURCE
    }

    pub(super) fn add(&mut self, now: Time, candidate: Candidate) {
        let sender = candidate.sender();
        // Where another answer of its sender's could not begin, this one cannot.
        let waits_behind = self.of(sender).any(Candidate::is_waiting);
        if !waits_behind {
            self.look_at = now;
        }
        self.last_number = self.last_number.saturating_add(1);
        self.by_number.insert(self.last_number, candidate);
        self.count();
    }

    /// Forgets who waits where too many do, after this sender's answer.
    pub(super) fn bound_those_who_wait(&mut self, sender: IpAddr) {
        if self.waiting > places::MOST_WAITING_OF_SENDER {
            let forgotten = places::one_too_many(&self.places(), sender);
            forgotten.into_iter().for_each(|number| drop(self.by_number.remove(&number)));
            self.count();
        }
    }

    /// Whose turn it is, where anybody's.
    pub(super) fn next_turn(&mut self, now: Time, started: Time) -> Option<Turn> {
        if now < self.look_at || !self.is_anybody_waiting() {
            return None;
        }
        let turn = places::next(&self.places(), &self.begun, started, now);
        if turn.is_none() {
            self.look_at = now + LOOK;
        }
        turn
    }

    /// One has its turn, and another one, which has had it, is over.
    pub(super) fn begin(&mut self, now: Time, turn: Turn) -> Option<&Candidate> {
        turn.ends.into_iter().for_each(|number| drop(self.by_number.remove(&number)));
        let candidate = self.by_number.get_mut(&turn.begins)?;
        candidate.begin(now);
        candidate.place(turn.begins).iter().for_each(|place| self.begun.note(place));
        self.count();
        self.by_number.get(&turn.begins)
    }

    /// An exchange is over; what to ask next, or nothing when all is known.
    pub(super) fn exchange_ended(
        &mut self,
        now: Time,
        number: usize,
        outcome: exchange::Outcome,
        ask_status: bool,
    ) -> Option<Call> {
        let call = self.by_number.get_mut(&number)?.exchange_ended(outcome, ask_status);
        if call.is_none() {
            self.look_at = now;
            self.count();
        }
        call
    }

    /// Nothing more is waited for.
    pub(super) fn conclude(&mut self) {
        self.by_number.retain(|_, candidate| !candidate.is_waiting());
        self.by_number.values_mut().for_each(Candidate::conclude);
        self.forget_the_least();
    }

    /// Keeps what is known of no more devices than have room, the usable ones rather than others, and those that were
    /// known first.
    pub(super) fn forget_the_least(&mut self) {
        while let Some(number) = self.one_too_many() {
            self.by_number.remove(&number);
        }
        self.count();
    }

    fn one_too_many(&self) -> Option<usize> {
        let known = || self.by_number.iter().filter(|(_, candidate)| candidate.is_known());
        let others = || known().filter(|(_, candidate)| !candidate.is_privileged());
        let mut of_sender: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for (_, candidate) in known() {
            let count = of_sender.entry(candidate.sender()).or_default();
            *count = count.saturating_add(1);
        }
        let crowd = of_sender.into_iter().find(|&(_, count)| count > MOST_DEVICES_PER_SOURCE);
        let value = |&(number, candidate): &(&usize, &Candidate)| (candidate.worth(), Reverse(*number));
        let least = if let Some((sender, _)) = crowd {
            known().filter(|(_, candidate)| candidate.sender() == sender).min_by_key(value)
        } else if others().count() > MOST_DEVICES {
            others().min_by_key(value)
        } else if known().count() > MOST_DEVICES.saturating_add(GATEWAY_PLACES) {
            known().min_by_key(value)
        } else {
            None
        };
        least.map(|(&number, _)| number)
    }

    fn of(&self, sender: IpAddr) -> impl Iterator<Item = &Candidate> {
        self.by_number.values().filter(move |candidate| candidate.sender() == sender)
    }

    /// Those that wait for their turn, and those that are having it.
    fn places(&self) -> Vec<Place> {
        self.by_number.iter().filter_map(|(&number, candidate)| candidate.place(number)).collect()
    }

    fn count(&mut self) {
        let count = |is: fn(&Candidate) -> bool| self.by_number.values().filter(|own| is(own)).count();
        let waiting = count(Candidate::is_waiting);
        let known = count(Candidate::is_known);
        self.under_way = self.by_number.len().saturating_sub(known).saturating_sub(waiting);
        self.waiting = waiting;
    }
}
