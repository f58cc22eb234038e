//! TCP connections.

use super::super::sockets;
use super::{Driver, TURN, token};
use crate::os_error;
use mio::net::TcpStream;
use mio::{Interest, Token};
use portcullis_proto::client::io::{ConnectionId, Input};
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Read from a connection at once.
const CHUNK: usize = 4 * 1_024;

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    established: bool,
    outgoing: Vec<u8>,
    written: usize,
    /// Whether something has been sent since anything came.
    unanswered: bool,
}

impl Driver {
    pub(super) fn connect(&mut self, connection: ConnectionId, remote: SocketAddr, local: Option<IpAddr>) {
        let opened = sockets::connect(remote, local, self.device.as_ref()).and_then(|mut stream| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, token(connection.0), interest)?;
            Ok(stream)
        });
        match opened {
            Ok(stream) => {
                let open = Connection {
                    stream,
                    established: false,
                    outgoing: Vec::new(),
                    written: 0,
                    unanswered: false,
                };
                self.connections.insert(connection, open);
            }
            Err(error) => self.input(Input::Closed { connection, error: Some(os_error::kind(&error)) }),
        }
    }

    pub(super) fn disconnect(&mut self, connection: ConnectionId) {
        if let Some(mut open) = self.connections.remove(&connection) {
            let _ = self.poll.registry().deregister(&mut open.stream);
            if open.unanswered {
                // A request that is given up must not arrive later, when what it made would be nobody's.
                let _ = SockRef::from(&open.stream).set_linger(Some(Duration::ZERO));
            }
        }
        self.readable.remove(&token(connection.0));
    }

    fn closed(&mut self, connection: ConnectionId, error: Option<io::ErrorKind>) {
        self.disconnect(connection);
        self.input(Input::Closed { connection, error });
        self.drain();
    }

    pub(super) fn writable(&mut self, token: Token) {
        let connection = ConnectionId(token.0 as u64);
        let Some(open) = self.connections.get_mut(&connection) else { return };
        if !open.established {
            match open.stream.take_error() {
                // Answered and reset before we looked; some systems still hand over what came first.
                Ok(Some(error))
                    if error.kind() == io::ErrorKind::ConnectionReset
                        && open.stream.peek(&mut [0]).is_ok_and(|length| length > 0) => {}
                Ok(Some(error)) | Err(error) => {
                    self.closed(connection, Some(os_error::kind(&error)));
                    return;
                }
                Ok(None) if open.stream.peer_addr().is_err() => return,
                Ok(None) => {}
            }
            open.established = true;
            // Where what came in was told first, it was not read, and it is not told again.
            self.readable.insert(token);
            match open.stream.local_addr() {
                Ok(local) => self.input(Input::Connected { connection, local }),
                Err(error) => {
                    self.closed(connection, Some(os_error::kind(&error)));
                    return;
                }
            }
            self.drain();
        }
        self.write(connection);
    }

    pub(super) fn send(&mut self, connection: ConnectionId, bytes: Vec<u8>) {
        if let Some(open) = self.connections.get_mut(&connection) {
            open.outgoing = bytes;
            open.written = 0;
            open.unanswered = true;
        }
        self.write(connection);
    }

    fn write(&mut self, connection: ConnectionId) {
        let Some(open) = self.connections.get_mut(&connection) else { return };
        while let Some(rest) = open.outgoing.get(open.written..).filter(|rest| !rest.is_empty()) {
            match open.stream.write(rest) {
                Ok(0) => return,
                Ok(written) => open.written = open.written.saturating_add(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A peer that answers before it has read everything may close early: what it wrote is read first.
                Err(_) => {
                    self.readable.insert(token(connection.0));
                    return;
                }
            }
        }
    }

    /// Reads a turn's bytes; whether there may be more.
    pub(super) fn read(&mut self, connection: ConnectionId) -> bool {
        let mut buffer = [0; CHUNK];
        for _ in 0..TURN {
            let Some(open) = self.connections.get_mut(&connection) else { return false };
            if !open.established {
                // Refused, perhaps: the event of the failed connect.
                if let Ok(Some(error)) = open.stream.take_error() {
                    self.closed(connection, Some(os_error::kind(&error)));
                }
                return false;
            }
            match open.stream.read(&mut buffer) {
                Ok(0) => {
                    self.closed(connection, None);
                    return false;
                }
                Ok(length) => {
                    open.unanswered = false;
                    let bytes = buffer.get(..length).unwrap_or_default();
                    self.input(Input::Received { connection, bytes });
                    self.drain();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.closed(connection, Some(os_error::kind(&error)));
                    return false;
                }
            }
        }
        true
    }
}
