//! The contract between the core and its driver.

use super::journal::{EntryId, Record};
use crate::Time;
use core::net::{IpAddr, SocketAddr};
use std::io;

/// Names a UDP socket for as long as it is bound. Never used twice in the life of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// Names a TCP connection from [`Output::Connect`] to its end. Never used twice in the life of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What happened, told to the core.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A datagram came in on a socket. Longer ones may be cut to 2,049 bytes: the core refuses them.
    Datagram {
        /// The socket it came in on.
        socket: SocketId,
        /// Who sent it, with the scope id where it is link-local.
        source: SocketAddr,
        /// Its bytes.
        payload: &'a [u8],
    },
    /// A socket that was to have a peer has it.
    Bound {
        /// The socket.
        socket: SocketId,
        /// Our own address on it: what the peer sees.
        local: SocketAddr,
    },
    /// A socket could not be bound, or stopped working; it is gone.
    SocketFailed {
        /// The socket.
        socket: SocketId,
        /// What the operating system said; that there are no more open files to be had is
        /// [`QuotaExceeded`](io::ErrorKind::QuotaExceeded), here and in a connection's end.
        error: io::ErrorKind,
    },
    /// A datagram could not be sent; the socket is still there.
    SendFailed {
        /// The socket.
        socket: SocketId,
        /// What the operating system said.
        error: io::ErrorKind,
    },
    /// A connection is established.
    Connected {
        /// The connection.
        connection: ConnectionId,
        /// Our own address on it: what the gateway sees.
        local: SocketAddr,
    },
    /// Bytes came in on a connection, in order.
    Received {
        /// The connection.
        connection: ConnectionId,
        /// The bytes: never empty.
        bytes: &'a [u8],
    },
    /// The peer ended the connection, or it failed; it is gone.
    Closed {
        /// The connection.
        connection: ConnectionId,
        /// `None` for an orderly end.
        error: Option<io::ErrorKind>,
    },
    /// The answer to [`Output::HandOver`].
    HandedOver {
        /// The entry that was asked about.
        entry: EntryId,
        /// Whether another living process has the same mapping, so that this process's entry is gone from the journal.
        to_another: bool,
    },
    /// The moment of the last [`Output::Timeout`] has come (early or spurious calls do no harm).
    Timeout,
}

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Bind a UDP socket, ready to send and to receive. One with a peer is followed by [`Input::Bound`].
    Bind(Bind),
    /// Write this to the journal. A [`Record::Put`] that is not granted has to be safe on the disk before
    /// anything that follows is done.
    Journal(Record),
    /// Nobody here wants this entry's mapping any more. Where another living process keeps the same one, take the entry
    /// out of the journal, in such a way that of two processes that do this at once only one finds the other; then tell
    /// [`Input::HandedOver`].
    HandOver(EntryId),
    /// Send a datagram. What cannot be sent is reported with [`Input::SendFailed`] and otherwise forgotten.
    Datagram {
        /// The socket to send from.
        socket: SocketId,
        /// Where to.
        destination: SocketAddr,
        /// Its bytes.
        payload: Vec<u8>,
    },
    /// Close a socket. What still arrives on it is nobody's.
    Unbind(SocketId),
    /// Open a TCP connection; [`Input::Connected`] or [`Input::Closed`] follows.
    Connect {
        /// The name of the new connection.
        connection: ConnectionId,
        /// The peer.
        remote: SocketAddr,
        /// The address to connect from, where it matters.
        local: Option<IpAddr>,
    },
    /// Write these bytes to an established connection, head and body together: some gateways read one segment only.
    Send {
        /// The connection.
        connection: ConnectionId,
        /// All bytes of the request.
        bytes: Vec<u8>,
    },
    /// End a connection at once; nothing more is reported of it. A request on it that has not been answered is taken
    /// back, as far as that can be: TCP does not deliver it later where the connection is reset (RST). Never half-close:
    /// some gateways take that as an abort.
    Disconnect(ConnectionId),
    /// Call again at this moment (`None`: only when something happens). Always the last output of a drain.
    Timeout(Option<Time>),
}

/// How to bind a UDP socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// The name of the new socket.
    pub socket: SocketId,
    /// The address to bind; port 0 for any. A port other than 0 is bound with address reuse.
    pub local: SocketAddr,
    /// For multicast: the interface to send through (its index, and for IPv4 its address is `local`).
    pub multicast_interface: Option<u32>,
    /// Time to live (hop limit) of multicast datagrams.
    pub multicast_ttl: u8,
    /// The one peer to connect to: nothing is received from anybody else, and its refusals (ICMP) are
    /// reported with [`Input::SendFailed`].
    pub peer: Option<SocketAddr>,
    /// The groups to join; a socket that listens is bound to their port on every address.
    pub groups: Vec<Group>,
}

/// A multicast group on one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// The group.
    pub address: IpAddr,
    /// The index of the interface.
    pub interface: u32,
}
