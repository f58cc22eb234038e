//! What lies between the client and its peers: lossy links for datagrams, and TCP as an operating
//! system does it, seen from above.

use super::peer::{Accept, Peer};
use core::net::SocketAddr;
use core::time::Duration;
use portcullis_proto::Time;
use portcullis_proto::client::io::ConnectionId;
use portcullis_sim::{Link, LinkConfig};
use std::collections::BTreeMap;
use std::io;

/// When a SYN is sent, after the call: RFC 6298 with an initial timeout of one second, doubled.
const SYN_SCHEDULE: [u64; 6] = [0, 1_000, 3_000, 7_000, 15_000, 31_000];
/// The first retransmission timeout of data, doubled each time (the least that Linux uses).
const DATA_TIMEOUT: Duration = Duration::from_millis(200);

/// A datagram under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) payload: Vec<u8>,
}

/// What reaches the client.
#[derive(Debug)]
pub(super) enum ToClient {
    Datagram(Datagram),
    Connected(ConnectionId, SocketAddr),
    Bytes(ConnectionId, Vec<u8>),
    Closed(ConnectionId, Option<io::ErrorKind>),
    /// ICMP: nobody is at the address that this socket's datagrams go to.
    Unreachable {
        from: SocketAddr,
        to: SocketAddr,
    },
}

#[derive(Debug)]
enum ToPeer {
    Syn,
    Bytes(Vec<u8>),
    End,
}

/// One connection, from its SYN on.
#[derive(Debug)]
struct Stream {
    from: SocketAddr,
    to: SocketAddr,
    /// Before this nothing more arrives at the peer: bytes keep their order.
    up_at: Time,
    /// The same, at the client.
    down_at: Time,
    /// Whether the peer has ended it.
    ended: bool,
}

/// The network between the client and its peers.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Datagrams of the client's.
    pub(crate) up: Link<Datagram>,
    /// Datagrams to the client.
    pub(crate) down: Link<Datagram>,
    /// What happens to segments: `loss`, `delay`.
    pub(crate) segments: LinkConfig,
    /// Decides which segments are lost.
    dice: Link<()>,
    streams: BTreeMap<ConnectionId, Stream>,
    to_peers: BTreeMap<(Time, u64), (ConnectionId, ToPeer)>,
    to_client: BTreeMap<(Time, u64), ToClient>,
    sequence: u64,
}

impl Wire {
    /// Changes what happens on it from now on. Order is kept, if at all, of what the client sends.
    pub(crate) fn set_config(&mut self, config: LinkConfig) {
        self.up.set_config(config);
        self.down.set_config(LinkConfig { keeps_order: false, ..config });
        self.segments = config;
        self.dice.set_config(LinkConfig {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            duplicate: 0,
            ..config
        });
    }

    /// The same losses for the same seed and the same traffic.
    pub(crate) fn new(seed: u64, config: LinkConfig) -> Self {
        let dice = LinkConfig { delay: Duration::ZERO, jitter: Duration::ZERO, duplicate: 0, ..config };
        Self {
            up: Link::new(seed.wrapping_mul(3), config),
            down: Link::new(
                seed.wrapping_mul(3).wrapping_add(1),
                LinkConfig { keeps_order: false, ..config },
            ),
            segments: config,
            dice: Link::new(seed.wrapping_mul(3).wrapping_add(2), dice),
            streams: BTreeMap::new(),
            to_peers: BTreeMap::new(),
            to_client: BTreeMap::new(),
            sequence: 0,
        }
    }

    /// A peer sends the client a datagram at a moment to come, from any address it likes.
    pub(crate) fn datagram(&mut self, at: Time, from: SocketAddr, to: SocketAddr, payload: Vec<u8>) {
        self.down.send(at, Datagram { from, to, payload });
    }

    /// A peer's host refuses a datagram of the client's (ICMP).
    pub(crate) fn refuse(&mut self, now: Time, datagram: &Datagram) {
        if !self.is_lost() {
            let at = now + self.segments.delay;
            self.push_to_client(at, ToClient::Unreachable { from: datagram.to, to: datagram.from });
        }
    }

    /// A peer writes to a connection at a moment to come.
    pub(crate) fn write(&mut self, at: Time, connection: ConnectionId, bytes: Vec<u8>) {
        if let Some(at) = self.down_arrival(at, connection) {
            self.push_to_client(at, ToClient::Bytes(connection, bytes));
        }
    }

    /// A peer ends a connection in order, after what it has written (FIN).
    pub(crate) fn finish(&mut self, at: Time, connection: ConnectionId) {
        self.end(at, connection, None);
    }

    /// A peer resets a connection (RST).
    pub(crate) fn reset(&mut self, at: Time, connection: ConnectionId) {
        self.end(at, connection, Some(io::ErrorKind::ConnectionReset));
    }

    /// What is on its way to the client is lost: it is not there to take it.
    pub(crate) fn lose_arrivals(&mut self, now: Time) {
        while self.deliver_down(now).is_some() {}
    }

    pub(super) fn send(&mut self, now: Time, from: SocketAddr, to: SocketAddr, payload: Vec<u8>) {
        self.up.send(now, Datagram { from, to, payload });
    }

    pub(super) fn connect(&mut self, now: Time, connection: ConnectionId, from: SocketAddr, to: SocketAddr) {
        let to = SocketAddr::new(to.ip(), to.port());
        let stream = Stream { from, to, up_at: now, down_at: now, ended: false };
        self.streams.insert(connection, stream);
        // The first SYN that gets there and whose answer comes back.
        let passed = SYN_SCHEDULE.into_iter().find(|_| {
            let (there, back) = (self.is_lost(), self.is_lost());
            !there && !back
        });
        if let Some(after) = passed {
            let at = now + Duration::from_millis(after) + self.segments.delay;
            self.push_to_peers(at, connection, ToPeer::Syn);
        }
    }

    pub(super) fn write_up(&mut self, now: Time, connection: ConnectionId, bytes: Vec<u8>) {
        if let Some(at) = self.up_arrival(now, connection) {
            self.push_to_peers(at, connection, ToPeer::Bytes(bytes));
        }
    }

    pub(super) fn disconnect(&mut self, now: Time, connection: ConnectionId) {
        // It is reset: what has not arrived never does.
        self.to_peers.retain(|_, (other, _)| *other != connection);
        if let Some(stream) = self.streams.get_mut(&connection) {
            stream.up_at = now;
        }
        if let Some(at) = self.up_arrival(now, connection) {
            self.push_to_peers(at, connection, ToPeer::End);
        }
    }

    /// When something arrives somewhere.
    pub(super) fn next(&self) -> Option<Time> {
        let first = |at: &(Time, u64)| at.0;
        let segments = [self.to_peers.keys().next().map(first), self.to_client.keys().next().map(first)];
        segments.into_iter().chain([self.up.poll_timeout(), self.down.poll_timeout()]).flatten().min()
    }

    /// Hands over what has arrived at the peers.
    pub(super) fn deliver_up(&mut self, now: Time, peers: &mut [&mut dyn Peer]) {
        while let Some(datagram) = self.up.poll(now) {
            let multicast = datagram.to.ip().is_multicast();
            for peer in peers.iter_mut() {
                let address = peer.address();
                let same_family = address.is_ipv4() == datagram.to.is_ipv4();
                if (multicast && same_family) || address == datagram.to.ip() {
                    peer.datagram(now, &datagram, self);
                }
            }
        }
        while let Some(entry) = self.to_peers.first_entry().filter(|entry| entry.key().0 <= now) {
            let (connection, what) = entry.remove();
            let Some(stream) = self.streams.get(&connection) else { continue };
            let (from, to) = (stream.from, stream.to);
            let peer = peers.iter_mut().find(|peer| peer.address() == to.ip());
            match what {
                ToPeer::Syn => {
                    // What a peer says while it accepts arrives after the news that it did.
                    self.sequence += 1;
                    let sequence = self.sequence;
                    // An address that nobody has is as silent as a black hole.
                    let accept = match peer {
                        Some(peer) => peer.connect(now, connection, from, to, self),
                        None => Accept::BlackHole,
                    };
                    let news = match accept {
                        Accept::Accepted => ToClient::Connected(connection, from),
                        Accept::Refused => {
                            ToClient::Closed(connection, Some(io::ErrorKind::ConnectionRefused))
                        }
                        Accept::BlackHole => continue,
                    };
                    self.to_client.insert((now + self.segments.delay, sequence), news);
                }
                ToPeer::Bytes(bytes) => {
                    if let Some(peer) = peer {
                        peer.bytes(now, connection, &bytes, self);
                    }
                }
                ToPeer::End => {
                    self.streams.remove(&connection);
                    if let Some(peer) = peer {
                        peer.closed(now, connection);
                    }
                }
            }
        }
    }

    /// Takes what has arrived at the client.
    pub(super) fn deliver_down(&mut self, now: Time) -> Option<ToClient> {
        if let Some(entry) = self.to_client.first_entry().filter(|entry| entry.key().0 <= now) {
            return Some(entry.remove());
        }
        self.down.poll(now).map(ToClient::Datagram)
    }

    fn end(&mut self, at: Time, connection: ConnectionId, error: Option<io::ErrorKind>) {
        if let Some(at) = self.down_arrival(at, connection) {
            self.push_to_client(at, ToClient::Closed(connection, error));
        }
        if let Some(stream) = self.streams.get_mut(&connection) {
            stream.ended = true;
        }
    }

    /// When a segment to the client arrives: not before those that were sent earlier.
    fn down_arrival(&mut self, at: Time, connection: ConnectionId) -> Option<Time> {
        let arrival = self.segment(at);
        let stream = self.streams.get_mut(&connection).filter(|stream| !stream.ended)?;
        stream.down_at = stream.down_at.max(arrival);
        Some(stream.down_at)
    }

    fn up_arrival(&mut self, at: Time, connection: ConnectionId) -> Option<Time> {
        let arrival = self.segment(at);
        let stream = self.streams.get_mut(&connection)?;
        stream.up_at = stream.up_at.max(arrival);
        Some(stream.up_at)
    }

    /// When a segment that is sent at this moment arrives, after as many repetitions as it takes.
    fn segment(&mut self, at: Time) -> Time {
        let (mut at, mut timeout) = (at, DATA_TIMEOUT);
        while self.is_lost() {
            at = at + timeout;
            timeout = timeout.saturating_mul(2);
        }
        at + self.segments.delay
    }

    fn is_lost(&mut self) -> bool {
        self.dice.send(Time::ZERO, ());
        self.dice.poll(Time::ZERO).is_none()
    }

    fn push_to_peers(&mut self, at: Time, connection: ConnectionId, what: ToPeer) {
        self.sequence += 1;
        self.to_peers.insert((at, self.sequence), (connection, what));
    }

    fn push_to_client(&mut self, at: Time, what: ToClient) {
        self.sequence += 1;
        self.to_client.insert((at, self.sequence), what);
    }
}
