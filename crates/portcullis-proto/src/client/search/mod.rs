//! Finding devices: which questions when, whose answers count, and when it is over (SSDP, UPnP Device
//! Architecture 1.1 section 1.3).

mod candidate;
mod question;

use super::config::{Config, GatewayAddress, SearchOptions};
use super::device::{Device, with_port};
use super::error::{Attempt, Failure, Step};
use super::exchange;
use super::io::{Output, SocketId};
use super::network::{self, Network};
use super::timer::Timer;
use super::transport::{Owner, Transport};
use crate::Time;
use crate::wire::ssdp::{self, Message, SearchResponse};
use crate::wire::url::HttpUrl;
use candidate::Candidate;
use core::cmp::Reverse;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
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
/// How long one description may take.
const DESCRIPTION_PATIENCE: Duration = Duration::from_secs(5);
/// Answers read per search and per source: beyond that it is a flood.
const MOST_ANSWERS: u16 = 1_024;
const MOST_ANSWERS_PER_SOURCE: u16 = 64;
/// Devices looked at per search; default gateways have places of their own.
const MOST_CANDIDATES: usize = 16;
const GATEWAY_PLACES: usize = 8;
/// Devices looked at per address.
const MOST_CANDIDATES_PER_SOURCE: usize = 4;
/// Sources whose answers are counted.
const MOST_SOURCES: usize = 256;

#[derive(Debug)]
pub(super) struct Search {
    id: SearchId,
    options: SearchOptions,
    started: Time,
    sockets: Vec<Socket>,
    /// How often the questions have gone out.
    sent: usize,
    candidates: Vec<Candidate>,
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
        let mut search = Self {
            id,
            options,
            started: now,
            sockets: Vec::new(),
            sent: 0,
            candidates: Vec::new(),
            answers: BTreeMap::new(),
            answers_read: 0,
            last_answer: now,
            first_usable: None,
            asked: 0,
            failures: Vec::new(),
            named: gateways.iter().filter_map(GatewayAddress::ip).collect(),
            ended: false,
        };
        if !is_named {
            match question::for_interfaces(&search.options, network, &mut transport.out) {
                Ok(sockets) => search.sockets = sockets,
                Err(failure) => search.note_failure(String::new(), failure),
            }
        } else {
            search.sockets = question::for_named(&gateways, &search.options, &mut transport.out);
            for gateway in &gateways {
                if let GatewayAddress::Location(location) = gateway {
                    if let Some(address) = gateway.socket_address() {
                        search.add_candidate(now, Device::new(address, location.clone(), None), transport);
                    }
                }
            }
        }
        search.ask(now, transport);
        search
    }

    pub(super) fn has_socket(&self, socket: SocketId) -> bool {
        self.sockets.iter().any(|own| own.id == socket)
    }

    pub(super) fn socket_failed(&mut self, socket: SocketId, error: io::ErrorKind) {
        if let Some(at) = self.sockets.iter().position(|own| own.id == socket) {
            // What was given to it before went nowhere.
            let lost = self.sockets.remove(at).asked;
            self.asked = self.asked.saturating_sub(lost);
        }
        self.note_failure(String::new(), Failure::CannotSend(error));
    }

    pub(super) fn send_failed(&mut self, error: io::ErrorKind) {
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
        let listening = !self.ended && now < self.listens_until();
        let heard = listening && self.may_answer(source, network);
        if !heard || !self.count_answer(source.ip(), network) {
            return;
        }
        let Ok(Message::Response(answer)) = Message::decode(payload) else { return };
        if !self.options.wants_all_devices() && !is_gateway_target(&answer.search_target) {
            return;
        }
        match HttpUrl::parse(&answer.location) {
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
        index: usize,
        outcome: exchange::Outcome,
        transport: &mut Transport,
    ) -> Option<&Device> {
        let deadline = self.ends_by();
        let candidate = self.candidates.get_mut(index)?;
        if let Some(call) = candidate.exchange_ended(outcome, self.options.ask_status) {
            transport.call(now, Owner::Candidate(self.id, index), call, deadline);
            return None;
        }
        if candidate.device.is_usable() {
            self.first_usable.get_or_insert(now);
        }
        Some(&candidate.device)
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
        if self.is_over(now) {
            self.end(now, transport);
        } else {
            self.set_timer(now, transport);
        }
    }

    pub(super) fn end(&mut self, now: Time, transport: &mut Transport) {
        self.ended = true;
        transport.out.timers.clear(Timer::Search(self.id));
        for socket in self.sockets.drain(..) {
            transport.out.push(Output::Unbind(socket.id));
        }
        let id = self.id;
        transport.cancel(now, |owner| matches!(owner, Owner::Candidate(search, _) if search == id));
        self.candidates.iter_mut().for_each(Candidate::conclude);
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
        let mut devices: Vec<_> = self.candidates.iter().map(|candidate| candidate.device.clone()).collect();
        devices.sort_by_key(|device| {
            let is_default = network.is_default_gateway(device.address.ip());
            Reverse((device.is_usable(), is_default, !device.says_disconnected(), device.is_gateway()))
        });
        devices
    }

    /// What was tried in vain, for an error.
    pub(super) fn failures(&self) -> Vec<Attempt> {
        let attempt = |device: &Device| {
            // A gateway may map ports and open none of an IPv6 host.
            if self.options.ipv6 { device.without_firewall() } else { device.as_attempt() }
        };
        let devices = self.candidates.iter().filter_map(|candidate| attempt(&candidate.device));
        let mut failures: Vec<_> = self.failures.iter().cloned().chain(devices).collect();
        // Where one interface of several cannot send, the others have been asked all the same.
        let unsent = failures.iter().all(|attempt| matches!(attempt.failure, Failure::CannotSend(_)));
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

    fn may_answer(&self, source: SocketAddr, network: &Network) -> bool {
        if !self.named.is_empty() {
            return self.named.contains(&source.ip());
        }
        let canonical = source.ip().to_canonical();
        // A link-local address without a scope does not say on which link it could be dialled.
        let nowhere = match source {
            SocketAddr::V6(v6) => v6.scope_id() == 0 && network::is_unicast_link_local(source.ip()),
            SocketAddr::V4(_) => false,
        };
        let nobody = nowhere
            || canonical.is_loopback()
            || canonical.is_unspecified()
            || canonical.is_multicast()
            || canonical == IpAddr::V4(Ipv4Addr::BROADCAST);
        !nobody
            && !network.is_own(canonical)
            && (network.is_on_link(canonical) || network.is_default_gateway(canonical))
    }

    /// Default gateways, and those that a person named, have places and counts of their own.
    fn is_privileged(&self, source: IpAddr, network: &Network) -> bool {
        network.is_default_gateway(source) || !self.named.is_empty()
    }

    fn count_answer(&mut self, source: IpAddr, network: &Network) -> bool {
        let is_new = !self.answers.contains_key(&source);
        let crowded = self.answers_read >= MOST_ANSWERS || (is_new && self.answers.len() >= MOST_SOURCES);
        // A crowd of others must not drown the answer that matters.
        if crowded && !self.is_privileged(source, network) {
            return false;
        }
        let count = self.answers.entry(source).or_default();
        if *count >= MOST_ANSWERS_PER_SOURCE {
            return false;
        }
        *count = count.saturating_add(1);
        self.answers_read = self.answers_read.saturating_add(1);
        true
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
        let known = self.candidates.iter_mut().position(|known| {
            known.device.address == address && known.device.location.target() == location.target()
        });
        if let Some(index) = known {
            let Some(candidate) = self.candidates.get_mut(index) else { return };
            candidate.device.answered(answer);
            if candidate.retry() {
                self.fetch(now, index, transport);
            }
            return;
        }
        let from_here =
            self.candidates.iter().filter(|known| known.device.address.ip() == source.ip()).count();
        let places = if self.is_privileged(source.ip(), network) {
            MOST_CANDIDATES.saturating_add(GATEWAY_PLACES)
        } else {
            MOST_CANDIDATES
        };
        if from_here < MOST_CANDIDATES_PER_SOURCE && self.candidates.len() < places {
            self.last_answer = now;
            self.add_candidate(now, Device::new(address, location, Some(answer)), transport);
        }
    }

    fn add_candidate(&mut self, now: Time, device: Device, transport: &mut Transport) {
        self.candidates.push(Candidate::new(device));
        self.fetch(now, self.candidates.len().saturating_sub(1), transport);
    }

    fn fetch(&self, now: Time, index: usize, transport: &mut Transport) {
        let deadline = (now + DESCRIPTION_PATIENCE).min(self.ends_by());
        if let Some(candidate) = self.candidates.get(index) {
            transport.fetch(now, Owner::Candidate(self.id, index), candidate.request(deadline));
        }
    }

    fn listens_until(&self) -> Time {
        self.started + self.options.timeout
    }

    fn ends_by(&self) -> Time {
        self.listens_until() + self.options.grace
    }

    fn is_over(&self, now: Time) -> bool {
        let all_known = self.candidates.iter().all(Candidate::is_known);
        // Without a socket nobody else can answer.
        now >= self.ends_by()
            || (all_known && (now >= self.listens_until() || self.sockets.is_empty()))
            || self.quiet_at().is_some_and(|at| now >= at)
    }

    /// When a search that is content with one gateway ends.
    fn quiet_at(&self) -> Option<Time> {
        Some(self.first_usable?.max(self.last_answer) + self.options.quiet?)
    }

    fn set_timer(&self, now: Time, transport: &mut Transport) {
        let all_known = self.candidates.iter().all(Candidate::is_known);
        let end = if all_known { self.listens_until() } else { self.ends_by() };
        // Past the time for answers nothing is repeated, although something may still be on its way.
        let repeat = SCHEDULE
            .get(self.sent)
            .map(|&after| self.started + after)
            .filter(|&at| now < self.listens_until() && at < self.listens_until());
        let next = [repeat, self.quiet_at()].into_iter().flatten().fold(end, Time::min);
        transport.out.timers.set(Timer::Search(self.id), next);
    }

    fn note_failure(&mut self, gateway: String, failure: Failure) {
        let attempt = Attempt { gateway, step: Step::Search, failure };
        if self.failures.len() < MOST_CANDIDATES && !self.failures.contains(&attempt) {
            self.failures.push(attempt);
        }
    }
}

/// What a gateway, or a device that may hide one, answers for.
fn is_gateway_target(target: &str) -> bool {
    [
        ":InternetGatewayDevice:",
        ":WANIPConnection:",
        ":WANPPPConnection:",
        ":WANConnectionDevice:",
        ":WANDevice:",
    ]
    .iter()
    .any(|part| target.contains(part))
        || target.eq_ignore_ascii_case("upnp:rootdevice")
}
