//! A driver without an operating system: it does what the client wants in thought only, and checks that it wants
//! nothing that it must not.

use crate::pair::network;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use portcullis_proto::Time;
use portcullis_proto::client::io::{ConnectionId, Input, Output, SocketId};
use portcullis_proto::client::{Client, Config, Event, Granted, MappingId, Outcome};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// All that one input may cause.
const MOST_OUTPUTS: usize = 128;
/// Two searches of 24 devices at most, and the actions of the operations.
const MOST_CONNECTIONS: usize = 64;
/// Who is asked anything by datagram: the group, and the default gateway.
const ASKED: [&str; 3] = ["239.255.255.250:1900", "192.168.1.1:1900", "192.168.1.1:5351"];
/// Requests that are remembered, to be answered.
const MOST_REQUESTS: usize = 8;

pub(crate) struct Bare {
    pub(crate) client: Client,
    pub(crate) now: Time,
    pub(crate) timeout: Option<Time>,
    pub(crate) sockets: Vec<SocketId>,
    /// Whether each is established.
    pub(crate) connections: BTreeMap<ConnectionId, bool>,
    pub(crate) sources: BTreeSet<IpAddr>,
    /// What was asked on each: the name of the action, or `GET`.
    pub(crate) asked: BTreeMap<ConnectionId, String>,
    /// Mappings that were made.
    pub(crate) mapped: usize,
    /// Mappings that are kept, and what was granted of any.
    pub(crate) kept: Vec<MappingId>,
    pub(crate) granted: Vec<Granted>,
    /// What was asked last by NAT-PMP and PCP, and where.
    pub(crate) requests: VecDeque<(SocketId, Vec<u8>)>,
    /// How many datagrams were sent to servers of NAT-PMP and PCP.
    pub(crate) sent: usize,
    /// How many sockets were bound for them.
    pub(crate) opened: usize,
}

impl Bare {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            client: Client::new(Config { seed: [seed, 0], ..Config::default() }, network()),
            now: Time::ZERO,
            timeout: None,
            sockets: Vec::new(),
            connections: BTreeMap::new(),
            sources: BTreeSet::new(),
            asked: BTreeMap::new(),
            mapped: 0,
            kept: Vec::new(),
            granted: Vec::new(),
            requests: VecDeque::new(),
            sent: 0,
            opened: 0,
        }
    }

    pub(crate) fn input(&mut self, input: Input<'_>) {
        match input {
            Input::Datagram { source, .. } => {
                self.sources.insert(source.ip());
            }
            Input::Closed { connection, .. } => {
                self.connections.remove(&connection);
            }
            Input::SocketFailed { socket, .. } => self.sockets.retain(|open| *open != socket),
            _ => {}
        }
        self.client.handle_input(self.now, input);
        self.drain();
    }

    pub(crate) fn drain(&mut self) {
        for _ in 0..MOST_OUTPUTS {
            match self.client.poll_output() {
                Output::Bind(bind) => {
                    self.sockets.push(bind.socket);
                    if bind.peer.is_some() {
                        self.opened += 1;
                        let local = SocketAddr::from(([192, 168, 1, 7], 40_000));
                        self.client.handle_input(self.now, Input::Bound { socket: bind.socket, local });
                    }
                }
                Output::Journal(_) => {}
                Output::HandOver(entry) => {
                    self.client.handle_input(self.now, Input::HandedOver { entry, to_another: false });
                }
                Output::Unbind(socket) => self.sockets.retain(|open| *open != socket),
                Output::Connect { connection, remote, .. } => {
                    assert!(self.sources.contains(&remote.ip()), "dials {remote}");
                    assert!(self.connections.insert(connection, false).is_none());
                    assert!(self.connections.len() <= MOST_CONNECTIONS);
                }
                Output::Send { connection, bytes } => {
                    assert_eq!(self.connections.get(&connection), Some(&true));
                    assert!(bytes.starts_with(b"GET /") || bytes.starts_with(b"POST /"));
                    let text = String::from_utf8(bytes).unwrap();
                    let action =
                        text.lines().find_map(|line| line.strip_prefix("SOAPAction: ")?.split_once('#'));
                    let action = action.map_or("GET", |(_, action)| action.trim_end_matches('"'));
                    self.asked.insert(connection, action.to_owned());
                }
                Output::Disconnect(connection) => assert!(self.connections.remove(&connection).is_some()),
                Output::Datagram { socket, destination, payload } => {
                    let to = destination.to_string();
                    let is_asked = ASKED.contains(&to.as_str()) || to.starts_with("[ff0");
                    assert!(is_asked && [1900, 5351].contains(&destination.port()), "asks {to}");
                    assert!(self.sockets.contains(&socket), "sends on a socket that is closed");
                    if destination.port() == 5351 {
                        self.sent += 1;
                        self.requests.push_back((socket, payload));
                        if self.requests.len() > MOST_REQUESTS {
                            self.requests.pop_front();
                        }
                    }
                }
                Output::Timeout(at) => {
                    assert!(
                        at.is_none_or(|at| at > self.now),
                        "due at once, again: {at:?} at {:?}",
                        self.now
                    );
                    // Who has something to do either waits for a moment or for somebody whose answer is asked for.
                    assert!(at.is_some() || self.client.is_idle(), "neither idle nor waiting for a moment");
                    self.timeout = at;
                    while let Some(event) = self.client.poll_event() {
                        match event {
                            Event::Finished { result: Ok(Outcome::Mapped(granted)), .. } => {
                                self.mapped += 1;
                                self.granted.push(granted);
                            }
                            Event::Finished { result: Ok(Outcome::Kept { mapping, .. }), .. } => {
                                self.mapped += 1;
                                self.kept.push(mapping);
                            }
                            _ => {}
                        }
                    }
                    return;
                }
            }
        }
        panic!("no end of outputs");
    }

    /// Lets the time pass that is left to everything under way.
    pub(crate) fn finish(&mut self) {
        self.finish_within(Duration::from_secs(60));
    }

    /// The same where it may take longer.
    pub(crate) fn finish_within(&mut self, most: Duration) {
        let began = self.now;
        for _ in 0..2_000 {
            let Some(at) = self.timeout else { break };
            self.now = at;
            self.input(Input::Timeout);
        }
        assert!(self.client.is_idle());
        assert_eq!(self.timeout, None);
        assert!(self.sockets.is_empty() && self.connections.is_empty());
        assert!(self.now - began < most, "{:?}", self.now);
    }
}
