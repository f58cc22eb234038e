//! A client and the devices around it in one network, in memory and in virtual time.
//!
//! [`Pair`] drives the client as any driver does and checks, at every drain, that the client keeps its
//! side of the contract. Datagrams cross lossy [`Link`](portcullis_sim::Link)s; connections lose
//! segments and get them again as an operating system would send them.

mod keeping;
mod peer;
mod record;
mod scripted;
mod wire;

pub(crate) use peer::{Accept, Peer, SimPeer};
pub(crate) use record::Record;
pub(crate) use scripted::{Scripted, Tcp, description, reply, search_answer};
pub(crate) use wire::{Datagram, Wire};

use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU16;
use core::time::Duration;
use portcullis_proto::client::io::{ConnectionId, Input, Output, SocketId};
use portcullis_proto::client::journal::EntryId;
use portcullis_proto::client::{
    Client, Closed, Config, DefaultGateway, Device, Error, Event, Granted, Interface, InterfaceAddress,
    MappingRequest, Method, Network, OperationId, Outcome, SearchOptions,
};
use portcullis_proto::igd::wan_connection::PortMappingEntry;
use portcullis_proto::{Protocol, Time};
use portcullis_sim::{Gateway, LinkConfig, Scenario};
use std::collections::BTreeMap;
use std::io;
use wire::ToClient;

/// The client's own address.
pub(crate) const CLIENT: &str = "192.168.1.7";
/// Its global address of IPv6, in networks that have IPv6.
pub(crate) const CLIENT_IPV6: &str = "2a02:ff0::7";
/// The default gateway: the simulated one, at this address.
pub(crate) const GATEWAY: &str = "192.168.1.1:5000";
/// Time enough for everything that ends.
const FOR_EVER: Duration = Duration::from_secs(3_600);
/// The deadline of operations whose test does not say.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(15);
/// More to do in one drain is a client that has lost its bounds.
const MOST_OUTPUTS: usize = 256;
/// More turns in one moment is a client that spins.
const MOST_TURNS: u32 = 20_000;

/// A client, its gateway, and whoever else is in the network.
pub(crate) struct Pair {
    pub(crate) client: Client,
    /// The default gateway.
    pub(crate) gateway: SimPeer,
    /// Everybody else.
    pub(crate) peers: Vec<Box<dyn Peer>>,
    /// What lies between.
    pub(crate) wire: Wire,
    pub(crate) now: Time,
    /// All that the client did and said.
    pub(crate) record: Record,
    /// What the operating system says to every bind, where it refuses.
    pub(crate) bind_error: Option<io::ErrorKind>,
    sockets: BTreeMap<SocketId, SocketAddr>,
    /// The peers of those that have one.
    connected: BTreeMap<SocketId, SocketAddr>,
    /// Sockets that have got their peer, and of which the client is to be told.
    bound: Vec<(SocketId, SocketAddr)>,
    /// Sockets that hear multicast.
    listeners: Vec<(SocketId, SocketAddr)>,
    connections: BTreeMap<ConnectionId, bool>,
    /// Our address, where the operating system chooses it.
    pub(crate) own_address: IpAddr,
    /// The same over IPv6.
    pub(crate) own_address_v6: IpAddr,
    /// How many datagrams came from each source since somebody asked.
    heard: BTreeMap<SocketAddr, u32>,
    /// Entries that another living process has, too.
    pub(crate) heirs: Vec<EntryId>,
    /// Whether it is the test that tells the client of them.
    pub(crate) leaves_heirs_to_the_test: bool,
    /// How many of its questions about them are not answered.
    owes_answers: usize,
    /// What the client is to be told of them.
    handed_over: Vec<(EntryId, bool)>,
    timeout: Option<Time>,
    next_port: u16,
    turns: u32,
}

impl Pair {
    /// A client that knows nothing yet and speaks UPnP alone, and a gateway on a perfect link of half a millisecond
    /// each way.
    pub(crate) fn new(scenario: Scenario) -> Self {
        Self::with(scenario, upnp_alone(), network())
    }

    /// The same with a client that speaks every protocol.
    pub(crate) fn every_protocol(scenario: Scenario) -> Self {
        Self::with(scenario, Config::default(), network())
    }

    /// The same with a configuration and a network of the test's own.
    pub(crate) fn with(scenario: Scenario, config: Config, network: Network) -> Self {
        Self::at(GATEWAY.parse().unwrap(), scenario, config, network)
    }

    /// The same with the gateway somewhere else.
    pub(crate) fn at(http: SocketAddr, scenario: Scenario, config: Config, network: Network) -> Self {
        Self {
            client: Client::new(config, network),
            gateway: SimPeer::new(Gateway::new(scenario, http)),
            peers: Vec::new(),
            wire: Wire::new(0, LinkConfig { delay: Duration::from_micros(500), ..LinkConfig::default() }),
            now: Time::ZERO,
            record: Record::default(),
            bind_error: None,
            sockets: BTreeMap::new(),
            connected: BTreeMap::new(),
            bound: Vec::new(),
            listeners: Vec::new(),
            connections: BTreeMap::new(),
            own_address: CLIENT.parse().unwrap(),
            own_address_v6: "fe80::7".parse().unwrap(),
            heard: BTreeMap::new(),
            heirs: Vec::new(),
            leaves_heirs_to_the_test: false,
            owes_answers: 0,
            handed_over: Vec::new(),
            timeout: None,
            next_port: 40_000,
            turns: 0,
        }
    }

    /// The same over a link that loses `loss` of 100 datagrams and segments each way.
    pub(crate) fn lossy(mut self, seed: u64, loss: u8) -> Self {
        self.wire =
            Wire::new(seed, LinkConfig { loss, delay: Duration::from_micros(500), ..LinkConfig::default() });
        self
    }

    /// The same over links like this.
    pub(crate) fn linked(mut self, seed: u64, link: LinkConfig) -> Self {
        self.wire = Wire::new(seed, link);
        self
    }

    /// One more device in the network.
    pub(crate) fn add(&mut self, peer: impl Peer + 'static) {
        self.peers.push(Box::new(peer));
    }

    /// Calls the client and does what it wants done.
    pub(crate) fn start<T>(&mut self, call: impl FnOnce(&mut Client, Time) -> T) -> T {
        let value = call(&mut self.client, self.now);
        self.drain();
        value
    }

    /// Tells the client what happened and does what it wants done.
    pub(crate) fn input(&mut self, input: Input<'_>) {
        self.client.handle_input(self.now, input);
        self.drain();
        assert!(self.timeout.is_none_or(|at| at > self.now), "due at once, again: {:?}", self.timeout);
    }

    /// Lets time pass until something happens, and lets it happen. False when nothing will any more.
    pub(crate) fn step(&mut self) -> bool {
        self.step_until(Time::from_start(Duration::MAX))
    }

    /// Lets everything happen that happens within `duration`.
    pub(crate) fn drive_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.step_until(until) {}
        self.now = until;
    }

    /// Lets time pass until the operation is over.
    pub(crate) fn drive_until_finished(&mut self, operation: OperationId) -> Result<Outcome, Error> {
        let until = self.now + FOR_EVER;
        loop {
            if let Some(result) = self.record.result(operation) {
                return result.clone();
            }
            assert!(self.step_until(until), "never finished: {operation:?}");
        }
    }

    /// Maps a port and waits for the end of it.
    pub(crate) fn map(&mut self, request: MappingRequest) -> Result<Granted, Error> {
        let operation = self.start(|client, now| client.map(now, request, TIMEOUT));
        match self.drive_until_finished(operation)? {
            Outcome::Mapped(granted) => Ok(granted),
            other => panic!("{other:?}"),
        }
    }

    /// Closes a UDP port and waits for the end of it: whether there was something to close.
    pub(crate) fn close(&mut self, port: u16, force: bool) -> Result<bool, Error> {
        Ok(self.close_port(port, force)?.existed())
    }

    /// Closes a UDP port and waits for the end of it: what came of it.
    pub(crate) fn close_port(&mut self, port: u16, force: bool) -> Result<Closed, Error> {
        let port = NonZeroU16::new(port).unwrap();
        let operation = self.start(|client, now| client.close(now, Protocol::Udp, port, force, TIMEOUT));
        match self.drive_until_finished(operation)? {
            Outcome::Closed(closed) => Ok(closed),
            other => panic!("{other:?}"),
        }
    }

    /// Reads the gateway's table and waits for the end of it.
    pub(crate) fn list(&mut self) -> Result<Vec<PortMappingEntry>, Error> {
        let operation = self.start(|client, now| client.list(now, TIMEOUT));
        match self.drive_until_finished(operation)? {
            Outcome::Mappings(entries) => Ok(entries),
            other => panic!("{other:?}"),
        }
    }

    /// Asks for the external address and waits for the end of it.
    pub(crate) fn external_address(&mut self) -> Result<IpAddr, Error> {
        let operation = self.start(|client, now| client.external_address(now, TIMEOUT));
        match self.drive_until_finished(operation)? {
            Outcome::Address { address, .. } => Ok(address),
            other => panic!("{other:?}"),
        }
    }

    /// Searches for devices and waits for the end of it.
    pub(crate) fn discover(&mut self, options: SearchOptions) -> Result<Vec<Device>, Error> {
        let operation = self.start(|client, now| client.discover(now, options));
        match self.drive_until_finished(operation)? {
            Outcome::Devices(devices) => Ok(devices),
            other => panic!("{other:?}"),
        }
    }

    /// Nothing is under way, and nothing is left open.
    pub(crate) fn assert_idle(&self) {
        assert!(self.client.is_idle());
        assert_eq!(self.timeout, None);
        assert!(self.sockets.is_empty(), "{:?}", self.sockets);
        assert!(self.connections.is_empty(), "{:?}", self.connections);
    }

    /// How many connections are open or being opened.
    pub(crate) fn open_connections(&self) -> usize {
        self.connections.len()
    }

    /// How many UDP sockets are open.
    pub(crate) fn open_sockets(&self) -> usize {
        self.sockets.len()
    }

    pub(super) fn step_until(&mut self, until: Time) -> bool {
        let next = [self.timeout, self.next_of_others()].into_iter().flatten().min();
        let Some(next) = next.filter(|&next| next <= until) else { return false };
        if next > self.now {
            self.now = next;
            self.turns = 0;
        }
        self.turns += 1;
        assert!(self.turns < MOST_TURNS, "spins at {:?}", self.now);
        self.turn();
        true
    }

    /// When something happens that is not the client's doing.
    pub(super) fn next_of_others(&self) -> Option<Time> {
        let peers = self.peers.iter().map(|peer| peer.wakes_at());
        peers.chain([self.gateway.wakes_at(), self.wire.next()]).flatten().min()
    }

    /// Everything that is due now.
    fn turn(&mut self) {
        self.turn_of_others();
        while let Some(arrived) = self.wire.deliver_down(self.now) {
            self.arrived(arrived);
        }
        if self.timeout.is_some_and(|at| at <= self.now) {
            self.input(Input::Timeout);
        }
    }

    /// What is due now at the others.
    pub(super) fn turn_of_others(&mut self) {
        let now = self.now;
        let Self { gateway, peers, wire, .. } = self;
        let mut everybody: Vec<&mut dyn Peer> = vec![gateway];
        everybody.extend(peers.iter_mut().map(|peer| &mut **peer as &mut dyn Peer));
        for peer in &mut everybody {
            if peer.wakes_at().is_some_and(|at| at <= now) {
                peer.wake(now, wire);
            }
        }
        wire.deliver_up(now, &mut everybody);
    }

    fn arrived(&mut self, arrived: ToClient) {
        if let ToClient::Datagram(datagram) = &arrived {
            let heard = self.heard.entry(datagram.from).or_default();
            *heard = heard.saturating_add(1);
        }
        match arrived {
            ToClient::Datagram(Datagram { from, to, payload }) if to.ip().is_multicast() => {
                let hears = |local: &SocketAddr| local.port() == to.port() && local.is_ipv4() == to.is_ipv4();
                let listeners: Vec<_> = self
                    .listeners
                    .iter()
                    .filter(|(_, local)| hears(local))
                    .map(|(socket, _)| *socket)
                    .collect();
                for socket in listeners {
                    self.input(Input::Datagram { socket, source: from, payload: &payload });
                }
            }
            ToClient::Datagram(Datagram { from, to, payload }) => {
                let socket = self.sockets.iter().find(|(_, local)| **local == to).map(|(&socket, _)| socket);
                // What arrives for a socket that is closed is nobody's.
                if let Some(socket) = socket {
                    self.input(Input::Datagram { socket, source: from, payload: &payload });
                }
            }
            ToClient::Unreachable { from, to } => {
                // The operating system tells whoever has connected the socket to that peer.
                let socket = self.sockets.iter().find(|(socket, local)| {
                    **local == to && self.connected.get(socket).is_some_and(|peer| peer.ip() == from.ip())
                });
                if let Some((&socket, _)) = socket {
                    self.input(Input::SendFailed { socket, error: io::ErrorKind::ConnectionRefused });
                }
            }
            ToClient::Connected(connection, local) => {
                if let Some(established) = self.connections.get_mut(&connection) {
                    *established = true;
                    self.input(Input::Connected { connection, local });
                }
            }
            ToClient::Bytes(connection, bytes) => {
                if self.connections.contains_key(&connection) {
                    self.input(Input::Received { connection, bytes: &bytes });
                }
            }
            ToClient::Closed(connection, error) => {
                if self.connections.remove(&connection).is_some() {
                    self.input(Input::Closed { connection, error });
                }
            }
        }
    }

    /// Answers the client's question whether another process has the same.
    pub(crate) fn tell_of_heir(&mut self, entry: EntryId, to_another: bool) {
        self.owes_answers -= 1;
        self.input(Input::HandedOver { entry, to_another });
    }

    fn drain(&mut self) {
        let mut failed = Vec::new();
        for turn in 0.. {
            assert!(turn < MOST_OUTPUTS, "no end of outputs at {:?}", self.now);
            let output = self.client.poll_output();
            if let Output::Timeout(at) = output {
                assert!(at.is_none_or(|at| at >= self.now), "timeout in the past: {at:?} at {:?}", self.now);
                // Who has asked for an heir is told before anything else.
                let waits = at.is_some() || self.owes_answers > 0;
                assert!(waits || self.client.is_idle(), "no moment to wait for at {:?}", self.now);
                self.timeout = at;
                break;
            }
            failed.extend(self.perform(&output));
            self.record.output(self.now, output);
        }
        for turn in 0.. {
            assert!(turn < MOST_OUTPUTS, "no end of events at {:?}", self.now);
            let Some(event) = self.client.poll_event() else { break };
            self.record.event(self.now, event);
        }
        for (socket, local) in core::mem::take(&mut self.bound) {
            self.input(Input::Bound { socket, local });
        }
        for (socket, error) in failed {
            self.input(Input::SocketFailed { socket, error });
        }
        for (entry, to_another) in core::mem::take(&mut self.handed_over) {
            self.tell_of_heir(entry, to_another);
        }
    }

    /// Does what an output says; a socket that could not be bound comes back.
    fn perform(&mut self, output: &Output) -> Option<(SocketId, io::ErrorKind)> {
        match output {
            Output::Bind(bind) => {
                if let Some(error) = self.bind_error {
                    return Some((bind.socket, error));
                }
                let local = self.local(bind.local);
                if let Some(peer) = bind.peer {
                    self.bound.push((bind.socket, local));
                    self.connected.insert(bind.socket, peer);
                }
                if !bind.groups.is_empty() {
                    self.listeners.push((bind.socket, bind.local));
                }
                assert!(self.sockets.insert(bind.socket, local).is_none(), "bound twice: {bind:?}");
            }
            Output::Datagram { socket, destination, payload } => {
                // One that could not be bound is not known to the client yet.
                if self.bind_error.is_none() {
                    let &from = self.sockets.get(socket).expect("a socket that is bound");
                    self.wire.send(self.now, from, *destination, payload.clone());
                }
            }
            Output::Unbind(socket) => {
                self.listeners.retain(|(listener, _)| listener != socket);
                assert!(self.bind_error.is_some() || self.sockets.remove(socket).is_some());
            }
            Output::Connect { connection, remote, local } => {
                let known = self.connections.insert(*connection, false);
                assert!(known.is_none(), "connected twice: {connection:?}");
                let any = if remote.is_ipv4() { "0.0.0.0" } else { "::" };
                let from = self.local(SocketAddr::new(local.unwrap_or(any.parse().unwrap()), 0));
                self.wire.connect(self.now, *connection, from, *remote);
                self.record.open(self.connections.len());
            }
            Output::Send { connection, bytes } => {
                assert_eq!(self.connections.get(connection), Some(&true), "sent before it is established");
                self.wire.write_up(self.now, *connection, bytes.clone());
            }
            Output::Disconnect(connection) => {
                assert!(self.connections.remove(connection).is_some(), "ended twice: {connection:?}");
                self.wire.disconnect(self.now, *connection);
            }
            Output::HandOver(entry) => {
                self.owes_answers += 1;
                if !self.leaves_heirs_to_the_test {
                    self.handed_over.push((*entry, self.heirs.contains(entry)));
                }
            }
            Output::Journal(_) | Output::Timeout(_) => {}
        }
        None
    }

    /// What the operating system binds where an address or a port is left to it.
    fn local(&mut self, wanted: SocketAddr) -> SocketAddr {
        let mut local = wanted;
        if local.ip().is_unspecified() {
            local.set_ip(if local.is_ipv4() { self.own_address } else { self.own_address_v6 });
        }
        if local.port() == 0 {
            // As an operating system does: round and round.
            self.next_port = self.next_port.checked_add(1).unwrap_or(40_000);
            local.set_port(self.next_port);
        }
        local
    }
}

/// The configuration of a client that speaks UPnP alone.
pub(crate) fn upnp_alone() -> Config {
    Config { methods: vec![Method::Igd], ..Config::default() }
}

/// A home network of one link, with IPv4 and IPv6, and the loopback interface beside it.
pub(crate) fn network() -> Network {
    let address = |address: &str, prefix_length| InterfaceAddress {
        address: address.parse().unwrap(),
        prefix_length,
        deprecated: false,
        temporary: false,
    };
    Network {
        interfaces: vec![
            Interface {
                name: "lo".into(),
                index: 1,
                multicast: false,
                loopback: true,
                addresses: vec![address("127.0.0.1", 8), address("::1", 128)],
            },
            Interface {
                name: "eth0".into(),
                index: 2,
                multicast: true,
                loopback: false,
                addresses: vec![address(CLIENT, 24), address("fd99::7", 64), address("fe80::7", 64)],
            },
        ],
        default_gateways: vec![DefaultGateway { address: "192.168.1.1".parse().unwrap(), interface: 2 }],
        ..Network::default()
    }
}

/// The same network with a global address and a default gateway of IPv6, too.
pub(crate) fn network_with_ipv6() -> Network {
    let mut network = network();
    let address = InterfaceAddress {
        address: CLIENT_IPV6.parse().unwrap(),
        prefix_length: 64,
        deprecated: false,
        temporary: false,
    };
    network.interfaces[1].addresses.push(address);
    network.default_gateways.push(DefaultGateway { address: "fe80::1".parse().unwrap(), interface: 2 });
    network
}

/// The same network with two default gateways, of which the first is preferred.
pub(crate) fn network_with_two_gateways() -> Network {
    let mut network = network();
    network.default_gateways.push(DefaultGateway { address: "192.168.1.2".parse().unwrap(), interface: 2 });
    network
}

/// A request for the same UDP port on both sides.
pub(crate) fn udp(port: u16) -> MappingRequest {
    MappingRequest::new(Protocol::Udp, NonZeroU16::new(port).unwrap())
}

/// What was found, by the events of a search.
pub(crate) fn found(events: &[(Time, Event)]) -> Vec<(Time, Device)> {
    let found = events.iter().filter_map(|(at, event)| match event {
        Event::Found { device, .. } => Some((*at, device.clone())),
        _ => None,
    });
    found.collect()
}
