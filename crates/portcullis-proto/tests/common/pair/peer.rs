//! Who is in the network besides the client.

use super::wire::{Datagram, Wire};
use core::net::{IpAddr, SocketAddr};
use core::ops::{Deref, DerefMut};
use portcullis_proto::Time;
use portcullis_proto::client::io::ConnectionId;
use portcullis_sim::{ConnectionKey, Gateway, Step};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What happens to an attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    /// The connection is established.
    Accepted,
    /// The attempt is refused (RST).
    Refused,
    /// The attempt is not answered.
    BlackHole,
}

/// A device in the network: everything that is sent to its address, and every multicast, comes to it,
/// and what it does goes onto the wire. By default it is deaf.
pub(crate) trait Peer {
    fn address(&self) -> IpAddr;

    fn datagram(&mut self, _now: Time, _datagram: &Datagram, _wire: &mut Wire) {}

    fn connect(
        &mut self,
        _now: Time,
        _connection: ConnectionId,
        _from: SocketAddr,
        _to: SocketAddr,
        _wire: &mut Wire,
    ) -> Accept {
        Accept::BlackHole
    }

    fn bytes(&mut self, _now: Time, _connection: ConnectionId, _bytes: &[u8], _wire: &mut Wire) {}

    /// The client has ended the connection.
    fn closed(&mut self, _now: Time, _connection: ConnectionId) {}

    /// When it does something by itself.
    fn wakes_at(&self) -> Option<Time> {
        None
    }

    fn wake(&mut self, _now: Time, _wire: &mut Wire) {}
}

/// A simulated gateway in the network.
pub(crate) struct SimPeer {
    gateway: Gateway,
    /// Whether its cable is out: nothing reaches it, and nothing leaves it.
    pub(crate) is_off: bool,
    /// Whether datagrams to it are lost.
    pub(crate) is_deaf: bool,
    keys: BTreeMap<ConnectionId, ConnectionKey>,
}

impl SimPeer {
    pub(crate) fn new(gateway: Gateway) -> Self {
        Self { gateway, is_off: false, is_deaf: false, keys: BTreeMap::new() }
    }

    /// Puts what the gateway has to say onto the wire.
    fn pump(&mut self, now: Time, wire: &mut Wire) {
        let ssdp = scoped(SocketAddr::new(self.address(), 1900));
        while let Some((to, payload)) = self.gateway.poll_datagram(now) {
            if !self.is_off {
                wire.datagram(now, ssdp, to, payload);
            }
        }
        while let Some(datagram) = self.gateway.poll_port_control(now) {
            if !self.is_off {
                wire.datagram(now, scoped(datagram.source), datagram.destination, datagram.payload);
            }
        }
        if self.is_off {
            let gateway = &mut self.gateway;
            core::mem::take(&mut self.keys).into_values().for_each(|key| gateway.handle_close(key));
        }
        let gateway = &mut self.gateway;
        self.keys.retain(|&connection, &mut key| {
            loop {
                match gateway.poll_connection(now, key) {
                    Step::Send(bytes) => wire.write(now, connection, bytes),
                    Step::Finish => {
                        wire.finish(now, connection);
                        return false;
                    }
                    Step::Reset => {
                        wire.reset(now, connection);
                        return false;
                    }
                    Step::Wait => return true,
                }
            }
        });
    }
}

impl Peer for SimPeer {
    fn address(&self) -> IpAddr {
        self.gateway.http_address().ip()
    }

    fn datagram(&mut self, now: Time, datagram: &Datagram, wire: &mut Wire) {
        if self.is_off || self.is_deaf {
            return;
        }
        if datagram.to.port() == self.gateway.port_control_address(datagram.from.ip()).port() {
            if !self.gateway.is_port_control_open() {
                wire.refuse(now, datagram);
                return;
            }
            self.gateway.handle_port_control(now, datagram.from, &datagram.payload);
        } else if datagram.to.ip() == self.address() && !self.gateway.is_search_open() {
            wire.refuse(now, datagram);
            return;
        } else {
            self.gateway.handle_datagram(now, datagram.from, &datagram.payload);
        }
        self.pump(now, wire);
    }

    fn connect(
        &mut self,
        now: Time,
        connection: ConnectionId,
        from: SocketAddr,
        to: SocketAddr,
        _: &mut Wire,
    ) -> Accept {
        if self.is_off {
            return Accept::BlackHole;
        }
        match self.gateway.connect(now, to, from) {
            portcullis_sim::Accept::Accepted(key) => {
                self.keys.insert(connection, key);
                Accept::Accepted
            }
            portcullis_sim::Accept::Refused => Accept::Refused,
            portcullis_sim::Accept::BlackHole => Accept::BlackHole,
        }
    }

    fn bytes(&mut self, now: Time, connection: ConnectionId, bytes: &[u8], wire: &mut Wire) {
        if let Some(&key) = self.keys.get(&connection) {
            self.gateway.handle_bytes(now, key, bytes);
        }
        self.pump(now, wire);
    }

    fn closed(&mut self, _: Time, connection: ConnectionId) {
        if let Some(key) = self.keys.remove(&connection) {
            self.gateway.handle_close(key);
        }
    }

    fn wakes_at(&self) -> Option<Time> {
        self.gateway.poll_timeout()
    }

    fn wake(&mut self, now: Time, wire: &mut Wire) {
        self.gateway.handle_timeout(now);
        self.pump(now, wire);
    }
}

impl Deref for SimPeer {
    type Target = Gateway;

    fn deref(&self) -> &Gateway {
        &self.gateway
    }
}

impl DerefMut for SimPeer {
    fn deref_mut(&mut self) -> &mut Gateway {
        &mut self.gateway
    }
}

/// A link-local source comes with the interface it was heard on: the only one here.
fn scoped(mut source: SocketAddr) -> SocketAddr {
    if let SocketAddr::V6(source) = &mut source {
        if source.ip().is_unicast_link_local() {
            source.set_scope_id(2);
        }
    }
    source
}

/// A peer that the test keeps a hand on.
impl<P: Peer> Peer for Rc<RefCell<P>> {
    fn address(&self) -> IpAddr {
        self.borrow().address()
    }

    fn datagram(&mut self, now: Time, datagram: &Datagram, wire: &mut Wire) {
        self.borrow_mut().datagram(now, datagram, wire);
    }

    fn connect(
        &mut self,
        now: Time,
        connection: ConnectionId,
        from: SocketAddr,
        to: SocketAddr,
        wire: &mut Wire,
    ) -> Accept {
        self.borrow_mut().connect(now, connection, from, to, wire)
    }

    fn bytes(&mut self, now: Time, connection: ConnectionId, bytes: &[u8], wire: &mut Wire) {
        self.borrow_mut().bytes(now, connection, bytes, wire);
    }

    fn closed(&mut self, now: Time, connection: ConnectionId) {
        self.borrow_mut().closed(now, connection);
    }

    fn wakes_at(&self) -> Option<Time> {
        self.borrow().wakes_at()
    }

    fn wake(&mut self, now: Time, wire: &mut Wire) {
        self.borrow_mut().wake(now, wire);
    }
}
