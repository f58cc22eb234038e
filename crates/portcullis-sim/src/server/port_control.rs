//! NAT-PMP and PCP on a real socket.

use crate::gateway::Gateway;
use core::net::{IpAddr, SocketAddr};
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use portcullis_proto::Time;
use portcullis_proto::wire::port_control::PORT;
use socket2::SockRef;
use std::io::{self, ErrorKind};

/// How much is taken before others have their turn.
const MOST_READS: usize = 32;

pub(super) struct PortControl {
    socket: UdpSocket,
    address: SocketAddr,
    /// Sends what somebody else sends: what it sends comes from another port, at least.
    stranger: UdpSocket,
    readable: bool,
}

impl PortControl {
    /// Binds the port: any on loopback, the one of the standards elsewhere. Where nobody is to hear it, the operating
    /// system answers with ICMP, as it does for a socket that is connected to somebody else; and nobody else gets
    /// the port.
    pub(super) fn bind(address: IpAddr, is_open: bool) -> io::Result<Self> {
        let any_port = SocketAddr::new(address, 0);
        let own = if address.is_loopback() { any_port } else { SocketAddr::new(address, PORT) };
        let socket = UdpSocket::bind(own)?;
        if let (IpAddr::V4(interface), false) = (address, address.is_loopback()) {
            SockRef::from(&socket).set_multicast_if_v4(&interface)?;
        }
        let address = socket.local_addr()?;
        if !is_open {
            socket.connect(address)?;
        }
        Ok(Self { socket, address, stranger: UdpSocket::bind(any_port)?, readable: false })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    /// There is something to read; an edge is told once only.
    pub(super) const fn note(&mut self) {
        self.readable = true;
    }

    /// Whether there is more to receive.
    pub(super) fn receive(&mut self, gateway: &mut Gateway, now: Time) -> bool {
        // More than the longest request, so that a longer one is seen as such.
        let mut buffer = [0; 2_048];
        for _ in 0..MOST_READS {
            if !self.readable {
                return false;
            }
            match self.socket.recv_from(&mut buffer) {
                Ok((length, source)) => {
                    gateway.handle_port_control(now, source, buffer.get(..length).unwrap_or_default());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                // An ICMP error of an earlier answer.
                Err(_) => {}
            }
        }
        self.readable
    }

    /// Sends what is due. Announcements go to `listener`, where there is one; else to their group, which loopback
    /// does not reach.
    pub(super) fn send(&self, gateway: &mut Gateway, now: Time, listener: Option<SocketAddr>) {
        while let Some(datagram) = gateway.poll_port_control(now) {
            let destination = match listener {
                Some(listener) if datagram.destination.ip().is_multicast() => Some(listener),
                None if datagram.destination.ip().is_multicast() && self.address.ip().is_loopback() => None,
                _ => Some(datagram.destination),
            };
            let socket = if datagram.source == self.address { &self.socket } else { &self.stranger };
            // A full buffer loses it, as a network may. One of the other family goes nowhere.
            if let Some(destination) = destination {
                let _ = socket.send_to(&datagram.payload, destination);
            }
        }
    }
}
