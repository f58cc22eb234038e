//! What the client promises, checked after every step against what the gateways have.

use crate::budget::{Budget, SLACK};
use crate::gateways::{Gateways, Name, is_by_port_control};
use crate::pair::Pair;
use core::net::IpAddr;
use core::time::Duration;
use portcullis_proto::client::io::Output;
use portcullis_proto::client::journal::{Entry, EntryId, Record};
use portcullis_proto::client::{Change, ChangeKind, Event, Granted, MappingId, Method, OperationId, Outcome};
use portcullis_proto::wire::pcp::{self, Nonce};
use portcullis_proto::wire::{natpmp, port_control};
use portcullis_proto::{Protocol, Time};
use std::collections::{BTreeMap, BTreeSet};

/// What was told of a mapping last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing yet.
    Asking,
    /// Mapped, renewed or recovered.
    Well,
    Degraded,
    Lost,
}

#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) state: State,
    pub(crate) granted_at: Option<Time>,
}

#[derive(Default)]
pub(crate) struct Observer {
    pub(crate) mappings: BTreeMap<MappingId, Seen>,
    /// What the journal holds.
    pub(crate) journal: BTreeMap<EntryId, Entry>,
    pub(crate) finished: BTreeMap<OperationId, bool>,
    budget: Budget,
    sequence: u64,
    /// The nonce of each mapping at each server, which knows it by our address and port (RFC 6887 section 11.3).
    nonces: BTreeMap<(IpAddr, IpAddr, Protocol, u16), Nonce>,
    /// The servers of NAT-PMP and PCP that this process has heard.
    heard: BTreeSet<IpAddr>,
    /// What was struck out although a server may have it: it had never been heard when its gateway granted the same by
    /// UPnP.
    passed_over: BTreeSet<(IpAddr, Protocol, u16)>,
    /// How often each kind of change was told.
    pub(crate) told: BTreeMap<&'static str, u64>,
    tells: bool,
}

impl Observer {
    pub(crate) fn new(tells: bool) -> Self {
        Self { tells, ..Self::default() }
    }

    /// Reads what has happened since the last time, and forgets it.
    pub(crate) fn look(&mut self, pair: &mut Pair, gateways: &mut Gateways) {
        gateways.look(pair);
        gateways.tell(pair);
        let outputs = core::mem::take(&mut pair.record.outputs);
        for (from, count) in pair.take_heard() {
            self.budget.heard(from, count);
            if from.port() == port_control::PORT {
                self.heard.insert(from.ip());
            }
        }
        for (at, output) in &outputs {
            self.output(*at, pair, gateways, output);
        }
        let events = core::mem::take(&mut pair.record.events);
        for (at, event) in events {
            match event {
                Event::Changed(change) => self.changed(at, &change),
                Event::Finished { operation, result } => {
                    if let Ok(Outcome::Kept { mapping, .. }) = &result {
                        let seen = Seen { state: State::Well, granted_at: Some(at) };
                        self.mappings.entry(*mapping).or_insert(seen);
                    }
                    let again = self.finished.insert(operation, result.is_ok());
                    assert!(again.is_none(), "{operation:?} has ended twice");
                }
                _ => {}
            }
        }
        self.check(pair, gateways);
    }

    fn output(&mut self, at: Time, pair: &Pair, gateways: &Gateways, output: &Output) {
        self.budget.sent(at, output);
        assert!(Budget::is_allowed(output), "I5: {output:?}");
        if self.tells {
            tell_output(at, output);
        }
        match output {
            Output::Journal(Record::Put(entry)) => {
                self.journal.insert(entry.id, entry.clone());
            }
            Output::Journal(Record::Erase(id)) => {
                let entry = self.journal.remove(id).expect("an entry that is struck out was written down");
                let (server, port) = (entry.remote.ip(), entry.internal_port.get());
                let is_talk = matches!(entry.method, Method::Pcp | Method::NatPmp);
                if is_talk
                    && !entry.granted
                    && !self.heard.contains(&server)
                    && gateways.has_by_upnp(pair, server, entry.protocol, port)
                {
                    self.passed_over.insert((server, entry.protocol, port));
                }
                if let Some(nonce) = entry.nonce {
                    self.nonces.retain(|_, known| *known != nonce);
                }
            }
            Output::Datagram { destination, payload, .. } if destination.port() == port_control::PORT => {
                self.asked(pair.own_address, destination.ip(), payload);
            }
            _ => {}
        }
    }

    /// I4: one mapping has one nonce at one server.
    fn asked(&mut self, own: IpAddr, server: IpAddr, payload: &[u8]) {
        let Ok(request) = pcp::Request::decode(payload) else { return };
        let pcp::Opcode::Map(map) = request.opcode else { return };
        if request.lifetime == 0 {
            return;
        }
        let name = (server, own, map.protocol, map.internal_port.get());
        let known = *self.nonces.entry(name).or_insert(map.nonce);
        assert!(known == map.nonce, "I4: another nonce for {name:?}");
    }

    fn changed(&mut self, at: Time, change: &Change) {
        if self.tells {
            tell(at, change);
        }
        assert_eq!(change.sequence, self.sequence + 1, "changes are numbered");
        self.sequence = change.sequence;
        *self.told.entry(change.kind.as_str()).or_default() += 1;
        let seen = self.mappings.entry(change.mapping);
        let seen = seen.or_insert(Seen { state: State::Asking, granted_at: None });
        let next = match (change.kind, seen.state) {
            (ChangeKind::Mapped, State::Asking | State::Degraded) => State::Well,
            (ChangeKind::Renewed, State::Well) => {
                let apart = at - seen.granted_at.unwrap();
                assert!(apart >= Duration::from_secs(4), "I2: renewed {apart:?} after the last time");
                State::Well
            }
            (ChangeKind::Recovered, State::Degraded | State::Lost) => State::Well,
            (ChangeKind::Degraded, State::Asking | State::Well) => State::Degraded,
            (ChangeKind::Lost, State::Well | State::Degraded) => {
                let expires = change.expires.expect("only what runs out is lost");
                assert!(expires <= at, "lost {:?} too early", expires - at);
                State::Lost
            }
            (ChangeKind::ExternalAddressChanged { .. } | ChangeKind::PortChanged { .. }, state) => state,
            (ChangeKind::Released | ChangeKind::HandedOver | ChangeKind::LeftBehind, _) => seen.state,
            (kind, state) => panic!("{kind} after {state:?}"),
        };
        if next == State::Well && !matches!(change.kind, ChangeKind::Released | ChangeKind::LeftBehind) {
            let is_grant =
                matches!(change.kind, ChangeKind::Mapped | ChangeKind::Renewed | ChangeKind::Recovered);
            seen.granted_at = if is_grant { Some(at) } else { seen.granted_at };
        }
        seen.state = next;
    }

    /// I3: what is told to be well is granted, now, and is there unless the gateway lost it by itself.
    fn check(&self, pair: &Pair, gateways: &Gateways) {
        for (&id, seen) in &self.mappings {
            if seen.state != State::Well {
                continue;
            }
            let Some((granted, expires)) = pair.client.kept(id) else { continue };
            let name = name(granted);
            let disturbed = gateways.disturbed.get(&name.0).copied();
            if disturbed.is_some_and(|at| at > pair.now) {
                // It says yes to everything and does nothing.
                continue;
            }
            let until = gateways.granted_until(&name);
            let until = until.unwrap_or_else(|| panic!("I3: {name:?} is well, and was never granted"));
            assert!(until > pair.now, "I3: {name:?} is well, and has run out {:?} ago", pair.now - until);
            // What several protocols asked for at once is asked for once more, to be sure.
            let is_new = seen.granted_at.is_some_and(|at| pair.now - at < REASSURED);
            let is_there = gateways.has(pair, &name);
            if let Some(expires) = expires.filter(|_| is_there || !is_new) {
                // Two who keep one port cannot tell whose answer it is.
                let others = self.mappings.keys().filter(|other| **other != id);
                let others = others.filter_map(|other| Some(self::name(pair.client.kept(*other)?.0)));
                let is_one_of_two = others.into_iter().any(|other| other == name);
                let slack = if is_one_of_two { TRIP } else { SLACK };
                assert!(expires <= until + slack, "I3: {name:?} is believed {:?} too long", expires - until);
            }
            let lost =
                disturbed.is_some_and(|at| seen.granted_at.is_none_or(|granted_at| granted_at <= at + TRIP));
            let is_gap = gateways.may_be_replaced(pair, &name);
            assert!(
                lost || is_new || is_gap || gateways.has(pair, &name),
                "I3: {name:?} is well, and is not there"
            );
        }
    }

    /// I6: nothing of ours is left, or it is in the journal. A server of NAT-PMP or PCP that is not heard is taken for
    /// absent once its gateway has granted the same by UPnP: what it made all the same is left to its lease.
    pub(crate) fn nothing_is_left(&self, pair: &Pair, gateways: &Gateways) {
        for (name, mapping) in gateways.ours(pair) {
            let is_known = self.journal.values().any(|entry| {
                entry.remote.ip() == name.0
                    && entry.protocol == name.1
                    && (entry.external_port.get() == name.2 || entry.internal_port.get() == name.4)
                    && entry.expires.is_none_or(|at| at > pair.now)
            });
            let is_passed_over =
                is_by_port_control(&mapping) && self.passed_over.contains(&(name.0, name.1, name.4));
            assert!(
                is_known || is_passed_over,
                "I6: {mapping:?} is left, and not in the journal: {:#?}",
                self.journal
            );
        }
    }

    /// This machine is in another network, whose servers are others.
    pub(crate) fn next_network(&mut self) {
        self.heard.clear();
    }

    /// Another process has taken the place of the first.
    pub(crate) fn next_process(&mut self) {
        self.mappings.clear();
        self.finished.clear();
        self.nonces.clear();
        self.heard.clear();
        self.sequence = 0;
        self.budget.forget();
    }
}

/// How long it takes at most, on a bad link, until a mapping that may have been deleted by what came late is granted again.
const REASSURED: Duration = Duration::from_secs(60);

/// An answer that was on its way when the gateway lost what it tells of.
const TRIP: Duration = Duration::from_secs(4);

fn name(granted: &Granted) -> Name {
    (
        granted.grantor.remote().ip(),
        granted.protocol,
        granted.external_port.get(),
        granted.internal_address,
        granted.internal_port.get(),
    )
}

#[expect(clippy::disallowed_macros, reason = "a schedule that is run alone tells what happens in it")]
fn tell_output(at: Time, output: &Output) {
    match output {
        Output::Datagram { destination, payload, .. } if destination.port() == port_control::PORT => {
            match pcp::Request::decode(payload) {
                Ok(request) => {
                    eprintln!("{at:?}   to {destination}: {} s, {:?}", request.lifetime, request.opcode)
                }
                Err(_) => eprintln!("{at:?}   to {destination}: {:?}", natpmp::Request::decode(payload)),
            }
        }
        Output::Send { bytes, .. } => {
            let text = String::from_utf8_lossy(bytes);
            let action = text.lines().find(|line| line.starts_with("SOAPAction")).unwrap_or("GET");
            eprintln!("{at:?}   {action}");
        }
        Output::Journal(record) => eprintln!("{at:?}   {record:?}"),
        _ => {}
    }
}

#[expect(clippy::disallowed_macros, reason = "a schedule that is run alone tells what happens in it")]
fn tell(at: Time, change: &Change) {
    eprintln!(
        "{at:?} {:?}: {:?} ({}), until {:?}",
        change.mapping, change.kind, change.reason, change.expires
    );
}
