//! The gateway: what it is asked goes in with the time, what it answers is taken out.

use crate::connection::Connection;
use crate::counters::Counters;
use crate::device::{DESCRIPTION_PATH, Decoy, Device};
use crate::http::{Reply, Request, Transmission, transmit};
use crate::igd::{control, description, ipv6_firewall};
use crate::mapping::Mapping;
use crate::outbox::Outbox;
use crate::pinhole::Pinhole;
use crate::port_control;
use crate::quirk::{DeadLocation, HttpOddity, On, Quirk};
use crate::scenario::Scenario;
use crate::ssdp;
use core::net::{SocketAddr, SocketAddrV6};
use core::time::Duration;
use portcullis_proto::{Protocol, Time};
use std::collections::BTreeMap;

/// More at once make the oldest one go, so that a `simulate` left running does not fill up.
const MOST_CONNECTIONS: usize = 64;

/// Names a connection to the gateway, until the gateway or its peer ends it. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionKey(u64);

/// What happens to an attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// The connection is established.
    Accepted(ConnectionKey),
    /// The attempt is refused (RST).
    Refused,
    /// The attempt is not answered.
    BlackHole,
}

/// What a connection does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes, and ask again.
    Send(Vec<u8>),
    /// The gateway ends the connection (FIN), which is gone.
    Finish,
    /// The gateway resets the connection (RST), which is gone; also for keys that are not (any more) known.
    Reset,
    /// Nothing, until bytes come in or the moment of [`Gateway::poll_timeout`].
    Wait,
}

/// A simulated gateway. Does no I/O and reads no clock.
///
/// Feed it with `handle_*`, then take with [`poll_datagram`](Self::poll_datagram),
/// [`poll_port_control`](Self::poll_port_control) and, for each connection, [`poll_connection`](Self::poll_connection) until there is nothing left; call again at
/// [`poll_timeout`](Self::poll_timeout). The time never goes back.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) device: Device,
    outbox: Outbox,
    pub(crate) port_control: port_control::Outbox,
    connections: BTreeMap<ConnectionKey, Connection>,
    next_key: u64,
    pub(crate) counters: Counters,
}

impl Gateway {
    /// A gateway that has just started, at [`Time::ZERO`]. `http` is its own address as it stands in
    /// LOCATION.
    pub fn new(scenario: Scenario, http: SocketAddr) -> Self {
        let mut device = Device::new(scenario, http);
        port_control::begin(&mut device);
        Self {
            device,
            outbox: Outbox::default(),
            port_control: port_control::Outbox::default(),
            connections: BTreeMap::new(),
            next_key: 0,
            counters: Counters::default(),
        }
    }

    /// Whether anything listens on the SSDP port: else what is sent to it alone is refused.
    pub fn is_search_open(&self) -> bool {
        !self.device.has(Quirk::NoUpnp)
    }

    /// A datagram came in on the SSDP port. What is not a search is ignored.
    pub fn handle_datagram(&mut self, now: Time, source: SocketAddr, payload: &[u8]) {
        self.handle_timeout(now);
        if !self.is_search_open() {
            return;
        }
        if payload.starts_with(b"M-SEARCH ") {
            self.counters.m_searches = self.counters.m_searches.saturating_add(1);
        }
        for (delay, answer) in ssdp::answers(&self.device, source, payload) {
            self.outbox.push(now + delay, answer);
        }
    }

    /// Takes a datagram that is due, with its destination.
    pub fn poll_datagram(&mut self, now: Time) -> Option<(SocketAddr, Vec<u8>)> {
        self.outbox.poll(now)
    }

    /// `peer` connects to the gateway's own address.
    pub fn accept(&mut self, now: Time, peer: SocketAddr) -> Accept {
        self.connect(now, self.device.http, peer)
    }

    /// The second address where it speaks HTTP, if it has one.
    pub(crate) fn second_http_address(&self) -> Option<SocketAddr> {
        self.device.second_http()
    }

    /// `peer` connects to any address of this gateway's; all but its own and its [`decoys`](Self::decoys)
    /// are refused.
    pub fn connect(&mut self, now: Time, destination: SocketAddr, peer: SocketAddr) -> Accept {
        self.handle_timeout(now);
        if self.device.has(Quirk::NoUpnp) {
            return Accept::Refused;
        }
        let mut connection = Connection::new(peer);
        if destination != self.device.http && Some(destination) != self.device.second_http() {
            let decoy = self.device.decoys.iter().find(|decoy| decoy.address == destination);
            let transmission = match decoy.map(|decoy| decoy.kind) {
                None | Some(DeadLocation::Refused) => return Accept::Refused,
                Some(DeadLocation::BlackHole) => return Accept::BlackHole,
                Some(DeadLocation::Silent) => Transmission::SILENCE,
                Some(DeadLocation::Drip) => self.dripping(),
            };
            connection.reply(now, transmission);
        }
        self.counters.connections = self.counters.connections.saturating_add(1);
        if self.connections.len() >= MOST_CONNECTIONS {
            self.connections.pop_first();
        }
        let key = ConnectionKey(self.next_key);
        self.next_key = self.next_key.saturating_add(1);
        self.connections.insert(key, connection);
        Accept::Accepted(key)
    }

    /// Bytes came in on a connection.
    pub fn handle_bytes(&mut self, now: Time, key: ConnectionKey, bytes: &[u8]) {
        self.handle_timeout(now);
        let Some(connection) = self.connections.get_mut(&key) else { return };
        let Some(request) = connection.push(bytes) else { return };
        let peer = connection.peer();
        let transmission = match request {
            Ok(request) => self.respond(now, peer, &request),
            Err(status) => transmit(Reply::error(status), core::iter::empty()),
        };
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.reply(now, transmission);
        }
    }

    /// The peer has closed its sending direction (FIN), which is the end of it unless it is owed a reply.
    pub fn handle_half_close(&mut self, key: ConnectionKey) {
        let aborts = self.device.has(Quirk::AbortsOnHalfClose);
        // One that is reading, or has said all it has to say, has no timeout.
        if self.connections.get(&key).is_some_and(|connection| aborts || connection.poll_timeout().is_none())
        {
            self.handle_close(key);
        }
    }

    /// The peer has ended the connection; it is gone.
    pub fn handle_close(&mut self, key: ConnectionKey) {
        self.connections.remove(&key);
    }

    /// What a connection does now. Ask until it is [`Step::Wait`] or the end.
    pub fn poll_connection(&mut self, now: Time, key: ConnectionKey) -> Step {
        let Some(connection) = self.connections.get_mut(&key) else { return Step::Reset };
        let step = connection.poll(now);
        if matches!(step, Step::Finish | Step::Reset) {
            self.connections.remove(&key);
        }
        step
    }

    /// Lets time pass: leases end. All calls that are given the time do so too.
    pub fn handle_timeout(&mut self, now: Time) {
        self.device.expire(now);
    }

    /// When something happens by itself: a datagram, a byte or the end of a lease.
    pub fn poll_timeout(&self) -> Option<Time> {
        let connections = self.connections.values().filter_map(Connection::poll_timeout);
        connections.chain(self.poll_device_timeout()).min()
    }

    /// As [`poll_timeout`](Self::poll_timeout), for one connection.
    pub(crate) fn poll_connection_timeout(&self, key: ConnectionKey) -> Option<Time> {
        self.connections.get(&key)?.poll_timeout()
    }

    /// As [`poll_timeout`](Self::poll_timeout), for all but connections.
    pub(crate) fn poll_device_timeout(&self) -> Option<Time> {
        let port_control = port_control::poll_timeout(&self.device, &self.port_control);
        [self.outbox.poll_timeout(), self.device.next_expiry(), port_control].into_iter().flatten().min()
    }

    /// The table of mappings as it was at the last call that was given the time.
    pub fn mappings(&self) -> &[Mapping] {
        self.device.table.as_slice()
    }

    /// The table of pinholes as it was at the last call that was given the time.
    pub fn pinholes(&self) -> &[Pinhole] {
        self.device.pinholes.as_slice()
    }

    /// Whether an IPv6 packet from the internet comes through, by a pinhole of UPnP, which counts it, or of PCP.
    pub fn admits(
        &mut self,
        now: Time,
        protocol: Protocol,
        source: SocketAddrV6,
        destination: SocketAddrV6,
    ) -> bool {
        self.handle_timeout(now);
        let filtered = ipv6_firewall::status(&self.device).firewall_enabled;
        self.device.pinholes.pass(protocol, source, destination)
            || port_control::inbound(&self.device, protocol, destination.into(), source.into()).is_some()
            || !filtered
    }

    /// Puts a mapping into the table, as another client, another protocol or a person could.
    pub fn add_mapping(&mut self, mapping: Mapping) {
        self.device.table.put(mapping);
    }

    /// Forgets all mappings and pinholes and tells nobody, as some gateways do.
    pub fn clear_mappings(&mut self) {
        self.device.table.clear();
        self.device.pinholes.clear();
        self.device.port_control.forget_mappings();
    }

    /// What it has been asked.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The device description's URL as announced.
    pub fn location(&self) -> String {
        self.device.location()
    }

    /// Its own address for HTTP.
    pub fn http_address(&self) -> SocketAddr {
        self.device.http
    }

    /// Moves HTTP to another address, as a reboot may (45).
    pub fn set_http_address(&mut self, http: SocketAddr) {
        self.device.http = http;
    }

    /// The addresses that the scenario names and that lead nowhere; by default on the ports that follow
    /// that of HTTP.
    pub fn decoys(&self) -> &[Decoy] {
        &self.device.decoys
    }

    /// Gives the `index`th decoy another address.
    pub fn set_decoy_address(&mut self, index: usize, address: SocketAddr) {
        if let Some(decoy) = self.device.decoys.get_mut(index) {
            decoy.address = address;
        }
    }

    /// The external address, as text because some gateways report what is none. By default `81.2.69.142`.
    pub fn set_external_address(&mut self, address: impl ToString) {
        self.device.external_address = address.to_string();
    }

    /// Gives it one more quirk from now on: what it could do so far, it does in another way, or not any more.
    pub fn add_quirk(&mut self, quirk: Quirk) {
        self.device.quirks.push(quirk);
    }

    /// Takes a quirk away: what it could not do for a while, it does again.
    pub fn remove_quirk(&mut self, quirk: Quirk) {
        self.device.quirks.remove(quirk);
    }

    /// Restarts it: mappings, connections and pending answers are lost, the uptime and the epoch time begin
    /// anew, BOOTID.UPNP.ORG grows, and those who listen are told (RFC 6886 section 3.2.1, RFC 6887 section 14.1).
    pub fn reboot(&mut self, now: Time) {
        self.device.reboot(now);
        port_control::begin_to_announce(&mut self.device, now);
        self.forget_answers();
    }

    /// Restarts it, and it has kept its mappings: connections and pending answers are lost, the uptime begins
    /// anew and BOOTID.UPNP.ORG grows. The epoch time goes on, as nothing has to be made again.
    pub fn reboot_keeping_state(&mut self, now: Time) {
        self.device.restart(now);
        self.forget_answers();
    }

    fn forget_answers(&mut self) {
        self.outbox.clear();
        port_control::lose_answers(&mut self.port_control);
        self.connections.clear();
    }

    fn respond(&mut self, now: Time, peer: core::net::IpAddr, request: &Request) -> Transmission {
        let (on, reply) = match request.method.as_str() {
            "GET" => {
                self.counters.gets = self.counters.gets.saturating_add(1);
                // Some announce their description with a query.
                let path = request.target.split('?').next().unwrap_or_default();
                if self.is_description(path) {
                    (vec![On::Any, On::Description], Reply::xml(200, description::document(&self.device)))
                } else {
                    let service = description::service_description(&self.device, path);
                    (vec![On::Any], service.map_or(Reply::error(404), |text| Reply::xml(200, text)))
                }
            }
            "POST" => {
                let peer = self.device.seen(peer);
                let control::Controlled { action, reply } =
                    control::respond(&mut self.device, &mut self.counters, now, peer, request);
                return transmit(
                    reply,
                    self.oddities(|on| match on {
                        On::Any | On::Control => true,
                        On::Action(name) => action.as_deref() == Some(name),
                        On::Description => false,
                    }),
                );
            }
            _ => (vec![On::Any], Reply::error(405)),
        };
        transmit(reply, self.oddities(|which| on.contains(&which)))
    }

    /// Its own path, or the one that the scenario announces in its place.
    fn is_description(&self, path: &str) -> bool {
        let announced = self.device.location();
        let announced = announced.split('?').next().unwrap_or_default();
        path == DESCRIPTION_PATH || (path.starts_with('/') && path.len() > 1 && announced.ends_with(path))
    }

    fn oddities(&self, applies: impl Fn(On) -> bool) -> impl Iterator<Item = HttpOddity> {
        self.device.quirks.iter().filter_map(move |quirk| match quirk {
            Quirk::Http(on, oddity) if applies(on) => Some(oddity),
            _ => None,
        })
    }

    /// The description, at one byte per second.
    fn dripping(&self) -> Transmission {
        let reply = Reply::xml(200, description::document(&self.device));
        transmit(reply, core::iter::once(HttpOddity::Drip(Duration::from_secs(1))))
    }
}
