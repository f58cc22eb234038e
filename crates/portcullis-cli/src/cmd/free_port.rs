//! A port of this host that no program listens on.

use portcullis::Protocol;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::num::NonZeroU16;

/// The operating system chooses for one protocol, and the other may be in use there: so many times, it is asked for
/// another.
const MOST_CHOICES: usize = 64;

/// A free port, which is kept free as long as this lives: two that are chosen side by side are not the same.
#[derive(Debug)]
pub(super) struct FreePort {
    pub(super) port: NonZeroU16,
    _udp: Option<UdpSocket>,
    _tcp: Option<TcpListener>,
}

impl FreePort {
    /// One that is free for all of these protocols. Whoever is to listen there comes later, so that it may be taken by
    /// then, which nobody can rule out.
    pub(super) fn choose(protocols: &[Protocol]) -> io::Result<Self> {
        let any = Ipv4Addr::UNSPECIFIED;
        if !protocols.contains(&Protocol::Udp) {
            let tcp = TcpListener::bind((any, 0))?;
            return Self::of(tcp.local_addr()?.port(), None, Some(tcp));
        }
        // Held until another is chosen, so that it is not chosen again.
        let mut taken = Vec::new();
        for _ in 0..MOST_CHOICES {
            let udp = UdpSocket::bind((any, 0))?;
            let port = udp.local_addr()?.port();
            if !protocols.contains(&Protocol::Tcp) {
                return Self::of(port, Some(udp), None);
            }
            match TcpListener::bind((any, port)) {
                Ok(tcp) => return Self::of(port, Some(udp), Some(tcp)),
                Err(_) => taken.push(udp),
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "no port is free for both UDP and TCP"))
    }

    fn of(port: u16, udp: Option<UdpSocket>, tcp: Option<TcpListener>) -> io::Result<Self> {
        let port = NonZeroU16::new(port).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { port, _udp: udp, _tcp: tcp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_that_are_chosen_side_by_side_differ_and_are_free() {
        let both = [Protocol::Udp, Protocol::Tcp];
        for protocols in [&both[..], &both[..1], &both[1..]] {
            let one = FreePort::choose(protocols).unwrap();
            let other = FreePort::choose(protocols).unwrap();
            assert_ne!(one.port, other.port);
            let port = one.port.get();
            drop(one);
            assert!(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok());
            assert!(TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok());
        }
    }
}
