//! Finding devices: which questions when, whose answers count, and when it is over (SSDP, UPnP Device
//! Architecture 1.1 section 1.3).

mod candidate;
mod candidates;
mod listening;
mod location;
mod one_device;
mod places;
mod question;

use super::config::{Config, GatewayAddress, SearchOptions};
use super::device::{Device, with_port};
use super::error::{Attempt, Failure, Ignored, Step};
use super::exchange;
use super::io::{Output, SocketId};
use super::network::Network;
use super::timer::Timer;
use super::transport::{Owner, Transport};
use crate::Time;
use crate::wire::ssdp::{self, Message, SearchResponse};
use crate::wire::url::HttpUrl;
use candidate::Candidate;
use candidates::Candidates;
use core::cmp::Reverse;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use question::Socket;
use std::collections::BTreeMap;
use std::io;

/// Names a search; never used twice in the life of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SearchId(pub(super) u64);

/// When the questions go out, after the start: datagrams get lost.
const SCHEDULE: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(500), Duration::from_millis(1_500), Duration::from_millis(3_500)];
/// What an answer takes beyond the time that it may be held back for.
const ON_ITS_WAY: Duration = Duration::from_millis(100);
/// How long the description of the preferred gateway may take while others are known.
const LAST_WORD: Duration = Duration::from_secs(1);
/// How long one description may take.
const DESCRIPTION_PATIENCE: Duration = Duration::from_secs(5);
/// Failures remembered.
const MOST_FAILURES: usize = 16;

#[derive(Debug)]
pub(super) struct Search {
    id: SearchId,
    options: SearchOptions,
    started: Time,
    sockets: Vec<Socket>,
    /// How often the questions have gone out.
    sent: usize,
    candidates: Candidates,
    answers: BTreeMap<IpAddr, u16>,
    answers_read: u16,
    last_answer: Time,
    /// When a usable gateway was first fully known.
    first_usable: Option<Time>,
    /// Datagrams that the operating system took, as far as it has said.
    asked: u32,
    /// Answers and sockets that came to nothing.
    failures: Vec<Attempt>,
    /// The addresses a person named; empty: anybody on the link may answer.
    named: Vec<IpAddr>,
    /// The gateway that leads to the internet, which others give way to while it may still answer, where one is enough.
    preferred: Option<IpAddr>,
    /// The IPv4 address of ours that everybody is asked from, where a person chose the interface.
    local: Option<IpAddr>,
    /// What hears whether nothing listens there.
    knocking: Option<SocketId>,
    is_refused: bool,
    ended: bool,
}

impl Search {
    pub(super) fn start(
        id: SearchId,
        options: SearchOptions,
        config: &Config,
        network: &Network,
        now: Time,
        transport: &mut Transport,
    ) -> Self {
        let mut gateways =
            if options.gateways.is_empty() { config.gateways.clone() } else { options.gateways.clone() };
        let is_named = !gateways.is_empty();
        gateways.retain(GatewayAddress::speaks_upnp);
        let local = options.interface.as_deref().and_then(|interface| network.chosen_ipv4(interface));
        let mut search = Self {
            id,
            options,
            started: now,
            sockets: Vec::new(),
            sent: 0,
            candidates: Candidates::new(now),
            answers: BTreeMap::new(),
            answers_read: 0,
            last_answer: now,
            first_usable: None,
            asked: 0,
            failures: Vec::new(),
            named: gateways.iter().filter_map(GatewayAddress::ip).collect(),
            preferred: None,
            knocking: None,
            is_refused: false,
            ended: false,
            local,
        };
        if !is_named {
            let interface = search.options.interface.as_deref().filter(|name| !question::means_any(name));
            let is_hasty = search.options.quiet.is_some() && !search.options.ipv6;
            search.preferred = network.preferred_gateway(interface).filter(|_| is_hasty);
            // Before the others: a host that is asked in vain says so a few times, and then once a second.
            let knock = |gateway| question::knock(gateway, search.local, &search.options, &mut transport.out);
            search.knocking = search.preferred.map(knock);
            match question::for_interfaces(&search.options, network, &mut transport.out) {
                Ok(sockets) => search.sockets = sockets,
                Err(failure) => search.note_failure(String::new(), failure),
            }
        } else {
            search.sockets =
                question::for_named(&gateways, search.local, &search.options, &mut transport.out);
            for gateway in &gateways {
                if let GatewayAddress::Location(location) = gateway {
                    if let Some(address) = gateway.socket_address() {
                        let device = Device::new(address, location.clone(), None);
                        search.add_candidate(now, Candidate::new(device, true), transport);
                    }
                }
            }
        }
        search.ask(now, transport);
        search
    }

    pub(super) fn has_socket(&self, socket: SocketId) -> bool {
        self.knocking == Some(socket) || self.sockets.iter().any(|own| own.id == socket)
    }

    /// Until when the preferred gateway may still come to be known, where that is open: a device may hold its answer back
    /// for so long (MX, UPnP Device Architecture 1.1 section 1.3.2), unless nothing listens there.
    pub(super) fn awaits_preferred(&self) -> Option<Time> {
        let preferred = self.preferred.filter(|_| !self.ended && !self.is_refused)?;
        if self.candidates.is_known(preferred) {
            return None;
        }
        let until = if self.candidates.has_any_of(preferred) {
            self.last_answer + LAST_WORD
        } else {
            self.started + Duration::from_secs(self.options.mx().into()) + ON_ITS_WAY
        };
        Some(until.min(self.listens_until()))
    }

    pub(super) fn socket_failed(&mut self, socket: SocketId, error: io::ErrorKind) {
        if self.knocking == Some(socket) {
            return;
        }
        if let Some(at) = self.sockets.iter().position(|own| own.id == socket) {
            // What was given to it before went nowhere.
            let lost = self.sockets.remove(at).asked;
            self.asked = self.asked.saturating_sub(lost);
        }
        let port = question::local_port(&self.options);
        let is_of_port = matches!(error, io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied);
        let failure = if port != 0 && is_of_port {
            Failure::LocalPort { port, error }
        } else {
            Failure::CannotSend(error)
        };
        self.note_failure(String::new(), failure);
    }

    pub(super) fn send_failed(&mut self, socket: SocketId, error: io::ErrorKind) {
        if self.knocking == Some(socket) {
            self.is_refused |= error == io::ErrorKind::ConnectionRefused;
            return;
        }
        self.asked = self.asked.saturating_sub(1);
        self.note_failure(String::new(), Failure::CannotSend(error));
    }

    /// The verdict on a datagram: an answer of somebody who may be a gateway, or nothing.
    pub(super) fn datagram(
        &mut self,
        now: Time,
        source: SocketAddr,
        payload: &[u8],
        network: &Network,
        transport: &mut Transport,
    ) {
        if self.ended || now >= self.listens_until() {
            return;
        }
        if !self.may_answer(source, network) {
            return self.note_stranger(source, payload, network);
        }
        if !self.count_answer(source.ip(), network) {
            return;
        }
        let answer = match Message::decode(payload) {
            Ok(Message::Response(answer)) => answer,
            Ok(_) => return,
            Err(error) => return self.note_ignored(source, Ignored::Malformed(error)),
        };
        if !self.options.wants_all_devices() && !listening::is_gateway_target(&answer.search_target) {
            return;
        }
        match location::parse(&answer.location) {
            Ok(location) => {
                self.answered(now, source, &answer, location.with_host(source.ip()), network, transport)
            }
            Err(error) => self.note_failure(source.ip().to_string(), Failure::Url(error)),
        }
    }

    /// An exchange with a candidate is over. The device, when nothing more will be learnt of it.
    pub(super) fn exchange_ended(
        &mut self,
        now: Time,
        number: usize,
        outcome: exchange::Outcome,
        transport: &mut Transport,
    ) -> Option<&Device> {
        let deadline = self.ends_by();
        let ask_status = self.options.ask_status;
        if let Some(call) = self.candidates.exchange_ended(now, number, outcome, ask_status) {
            transport.call(now, Owner::Candidate(self.id, number), call, deadline);
            return None;
        }
        if self.candidates.get(number)?.device.is_usable() {
            self.first_usable.get_or_insert(now);
        }
        self.candidates.forget_the_least();
        self.take_turns(now, transport);
        self.candidates.get(number).map(|candidate| &candidate.device)
    }

    pub(super) fn timeout(&mut self, now: Time, transport: &mut Transport) {
        if !self.is_over(now) {
            self.ask(now, transport);
        }
    }

    /// Whether a person named those who are asked.
    pub(super) fn is_named(&self) -> bool {
        !self.named.is_empty()
    }

    /// Goes on at least until then: somebody more waits for it.
    pub(super) fn extend(&mut self, deadline: Time) {
        self.options.timeout = self.options.timeout.max(deadline - self.started);
    }

    /// Called after everything that may have ended the search or moved its next step.
    pub(super) fn update(&mut self, now: Time, transport: &mut Transport) {
        if self.ended {
            return;
        }
        self.take_turns(now, transport);
        if self.is_over(now) {
            self.end(now, transport);
        } else {
            self.set_timer(now, transport);
        }
    }

    pub(super) fn end(&mut self, now: Time, transport: &mut Transport) {
        self.ended = true;
        transport.out.timers.clear(Timer::Search(self.id));
        for socket in self.sockets.drain(..).map(|socket| socket.id).chain(self.knocking.take()) {
            transport.out.push(Output::Unbind(socket));
        }
        let id = self.id;
        transport.cancel(now, |owner| matches!(owner, Owner::Candidate(search, _) if search == id));
        self.candidates.conclude();
    }

    /// Whether anybody has answered who may be a gateway.
    pub(super) fn has_candidates(&self) -> bool {
        !self.candidates.is_empty()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Everything found, the gateway to use first: usable ones before others, default gateways before
    /// the rest, connected ones before those that say they are not.
    pub(super) fn devices(&self, network: &Network) -> Vec<Device> {
        let mut devices: Vec<_> = self.candidates.heard().map(|candidate| candidate.device.clone()).collect();
        devices.sort_by_key(|device| {
            let is_default = network.is_default_gateway(device.address.ip());
            Reverse((device.is_usable(), is_default, !device.says_disconnected(), device.is_gateway()))
        });
        devices
    }

    /// The same, each device once, by whatever addresses it answered.
    pub(super) fn devices_once(&self, network: &Network) -> Vec<Device> {
        let is_default = |device: &Device| network.is_default_gateway(device.address.ip());
        one_device::merged(self.devices(network), is_default)
    }

    /// What was tried in vain, for an error.
    pub(super) fn failures(&self) -> Vec<Attempt> {
        let attempt = |device: &Device| {
            // A gateway may map ports and open none of an IPv6 host.
            if self.options.ipv6 { device.without_firewall() } else { device.as_attempt() }
        };
        let devices = self.candidates.heard().filter_map(|candidate| attempt(&candidate.device));
        let mut failures: Vec<_> = self.failures.iter().cloned().chain(devices).collect();
        let has_others = failures.iter().any(|attempt| attempt.step == Step::Description);
        let silent = self.preferred.filter(|&gateway| has_others && !self.candidates.has_any_of(gateway));
        failures.extend(silent.map(|gateway| {
            let (gateway, step) = (gateway.to_string(), Step::Search);
            Attempt { gateway, step, failure: Failure::GatewaySilent }
        }));
        // Where one interface of several cannot send, the others have been asked all the same.
        let unsent = failures.iter().all(|attempt| attempt.failure.is_of_a_socket());
        if failures.is_empty() || (unsent && self.asked > 0) {
            failures.push(Attempt { gateway: String::new(), step: Step::Search, failure: Failure::NoAnswer });
        }
        failures
    }

    /// Sends the questions that are due.
    fn ask(&mut self, now: Time, transport: &mut Transport) {
        let due = SCHEDULE.iter().take_while(|&&after| self.started + after <= now).count();
        if due > self.sent && now < self.listens_until() {
            self.sent = due;
            self.answers.clear();
            self.answers_read = 0;
            let mx = self.options.mx();
            for socket in &mut self.sockets {
                for &destination in &socket.destinations {
                    for target in &self.options.targets {
                        let payload = ssdp::encode_search(destination, target, mx);
                        transport.out.push(Output::Datagram { socket: socket.id, destination, payload });
                        socket.asked = socket.asked.saturating_add(1);
                        self.asked = self.asked.saturating_add(1);
                    }
                }
            }
        }
        self.set_timer(now, transport);
    }

    fn answered(
        &mut self,
        now: Time,
        source: SocketAddr,
        answer: &SearchResponse,
        location: HttpUrl,
        network: &Network,
        transport: &mut Transport,
    ) {
        let address = with_port(source, location.port());
        if self.candidates.answered_again(now, address, location.target(), answer) {
            return self.take_turns(now, transport);
        }
        if self.candidates.has_enough_of(source.ip()) {
            return;
        }
        // Whoever answers on and on does not keep a search from ending quietly.
        if !self.candidates.is_crowded_by(source.ip()) {
            self.last_answer = now;
        }
        let is_privileged = self.is_privileged(source.ip(), network);
        let device = Device::new(address, location, Some(answer));
        self.add_candidate(now, Candidate::new(device, is_privileged), transport);
    }

    fn add_candidate(&mut self, now: Time, candidate: Candidate, transport: &mut Transport) {
        let sender = candidate.sender();
        self.candidates.add(now, candidate);
        self.take_turns(now, transport);
        self.candidates.bound_those_who_wait(sender);
    }

    /// Fetches the descriptions whose turn it is.
    fn take_turns(&mut self, now: Time, transport: &mut Transport) {
        let deadline = (now + DESCRIPTION_PATIENCE).min(self.ends_by());
        while !self.ended && now < self.listens_until() {
            let Some(turn) = self.candidates.next_turn(now, self.started) else { return };
            if let Some(number) = turn.ends {
                transport.cancel(now, |owner| owner == Owner::Candidate(self.id, number));
            }
            let Some(candidate) = self.candidates.begin(now, turn) else { return };
            transport.fetch(
                now,
                Owner::Candidate(self.id, turn.begins),
                candidate.request(deadline, self.local),
            );
        }
    }

    fn listens_until(&self) -> Time {
        self.started + self.options.timeout
    }

    fn ends_by(&self) -> Time {
        self.listens_until() + self.options.grace
    }

    fn is_over(&self, now: Time) -> bool {
        let is_late = now >= self.listens_until();
        // Who has had no turn by the end of the wait for answers gets none.
        let all_known =
            !self.candidates.is_anybody_under_way() && (is_late || !self.candidates.is_anybody_waiting());
        // Without a socket nobody else can answer.
        now >= self.ends_by()
            || (all_known && (is_late || self.sockets.is_empty()))
            || self.quiet_at().is_some_and(|at| now >= at)
    }

    /// When a search that is content with one gateway ends.
    fn quiet_at(&self) -> Option<Time> {
        let quiet_at = self.first_usable?.max(self.last_answer) + self.options.quiet?;
        Some(self.awaits_preferred().map_or(quiet_at, |until| until.max(quiet_at)))
    }

    fn set_timer(&self, now: Time, transport: &mut Transport) {
        let end = if self.candidates.is_anybody_under_way() { self.ends_by() } else { self.listens_until() };
        // Past the time for answers nothing is repeated, although something may still be on its way.
        let repeat = SCHEDULE
            .get(self.sent)
            .map(|&after| self.started + after)
            .filter(|&at| now < self.listens_until() && at < self.listens_until());
        let look = self.candidates.look_at().filter(|_| now < self.listens_until());
        let next = [repeat, self.quiet_at(), look].into_iter().flatten().fold(end, Time::min);
        transport.out.timers.set(Timer::Search(self.id), next);
    }

    fn note_failure(&mut self, gateway: String, failure: Failure) {
        let attempt = Attempt { gateway, step: Step::Search, failure };
        if self.failures.len() < MOST_FAILURES && !self.failures.contains(&attempt) {
            self.failures.push(attempt);
        }
    }
}
