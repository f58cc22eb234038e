//! SSDP on a network, with its multicast group, and what keeps it from running on a real one.

use core::net::Ipv4Addr;
use std::io;
use std::net::UdpSocket;

/// UPnP Device Architecture 1.1 section 1.2.
const SSDP_PORT: u16 = 1_900;

/// An address like any on the internet: nothing is sent to it (RFC 5737).
const ANYWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(198, 51, 100, 1), 9);

/// What searches arrive at, on the network of `address`.
pub(super) struct Searches {
    /// Unicast ones; answers go out through it.
    pub(super) unicast: UdpSocket,
    pub(super) multicast: UdpSocket,
}

/// Binds to `address` and to the group, and to nothing else.
pub(super) fn bind(address: Ipv4Addr) -> io::Result<Searches> {
    if !address.is_private() && !address.is_link_local() {
        let message = "a simulated gateway has a private or link-local address";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    if reaches_the_internet()? {
        let message = "this machine has a route to the internet, so its network is a real one; \
                       a simulated gateway would deceive everybody there";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    Ok(Searches { unicast: UdpSocket::bind((address, SSDP_PORT))?, multicast: join(address)? })
}

/// Whether there is a way out, by whatever interface. The routing table is asked; no packet is sent.
fn reaches_the_internet() -> io::Result<bool> {
    Ok(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.connect(ANYWHERE).is_ok())
}

#[cfg(unix)]
fn join(address: Ipv4Addr) -> io::Result<UdpSocket> {
    use core::net::SocketAddr;
    use socket2::{Domain, Protocol, Socket, Type};

    let group = Ipv4Addr::new(239, 255, 255, 250);
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    // Others on this machine may have joined as well.
    socket.set_reuse_address(true)?;
    // Not to any address: what is sent to another one of this machine's is none of ours.
    socket.bind(&SocketAddr::from((group, SSDP_PORT)).into())?;
    socket.join_multicast_v4(&group, &address)?;
    Ok(socket.into())
}

/// Elsewhere a socket cannot be bound to a group.
#[cfg(not(unix))]
fn join(_: Ipv4Addr) -> io::Result<UdpSocket> {
    Err(io::ErrorKind::Unsupported.into())
}
