//! Ports at which nobody answers.

use crate::quirk::DeadLocation;
use core::net::SocketAddr;
use socket2::{Domain, Socket, Type};
use std::io;

/// A TCP port that is taken, so that nobody else gets it, and leads nowhere.
#[derive(Debug)]
pub(super) struct DeadEnd {
    socket: Socket,
    /// The connections that fill the queue of a black hole.
    _fillers: Vec<Socket>,
}

/// One more than what a queue of length 0 holds.
const FILLERS: usize = 2;

impl DeadEnd {
    /// A bound port that does not listen refuses; one whose queue is full and never emptied does not
    /// answer (on Linux; elsewhere it may refuse).
    pub(super) fn bind(kind: DeadLocation, address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.bind(&address.into())?;
        let mut dead_end = Self { socket, _fillers: Vec::new() };
        if kind == DeadLocation::BlackHole {
            dead_end.socket.listen(0)?;
            let address = dead_end.address()?;
            for _ in 0..FILLERS {
                let filler = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
                filler.set_nonblocking(true)?;
                // "In progress" is what is wanted of the last one.
                let _ = filler.connect(&address.into());
                dead_end._fillers.push(filler);
            }
        }
        Ok(dead_end)
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        let address = self.socket.local_addr()?.as_socket();
        address.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
    }
}
