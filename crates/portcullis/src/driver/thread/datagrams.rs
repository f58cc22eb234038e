//! UDP sockets.

use super::super::sockets;
use super::{Driver, TURN, token};
use crate::os_error;
use mio::Interest;
use mio::net::UdpSocket;
use portcullis_proto::client::io::{Bind, Input, SocketId};
use std::io;
use std::net::SocketAddr;

/// One byte more than the core reads: what fills it was longer.
const DATAGRAM: usize = 2_049;
/// Longer than the buffer, as Windows says it.
const WSAEMSGSIZE: i32 = 10_040;
/// Its time to live was over, as Windows says it.
const WSAENETRESET: i32 = 10_052;

/// An open UDP socket.
#[derive(Debug)]
pub(super) struct Datagrams {
    pub(super) socket: UdpSocket,
    /// Whether it has one peer, and no other is heard.
    pub(super) is_connected: bool,
}

impl Driver {
    pub(super) fn bind(&mut self, bind: &Bind) {
        let bound = sockets::bind(bind, self.device.as_ref()).and_then(|mut socket| {
            self.poll.registry().register(&mut socket, token(bind.socket.0), Interest::READABLE)?;
            Ok(socket)
        });
        match bound {
            Ok(socket) => {
                let local = bind.peer.and_then(|_| socket.local_addr().ok());
                self.sockets.insert(bind.socket, Datagrams { socket, is_connected: local.is_some() });
                if let Some(local) = local {
                    self.input(Input::Bound { socket: bind.socket, local });
                }
            }
            Err(error) => {
                self.input(Input::SocketFailed { socket: bind.socket, error: os_error::kind(&error) })
            }
        }
    }

    pub(super) fn unbind(&mut self, socket: SocketId) {
        if let Some(mut open) = self.sockets.remove(&socket) {
            let _ = self.poll.registry().deregister(&mut open.socket);
        }
        self.readable.remove(&token(socket.0));
    }

    pub(super) fn send_datagram(&mut self, socket: SocketId, destination: SocketAddr, payload: &[u8]) {
        let Some(open) = self.sockets.get(&socket) else { return };
        let sent = if open.is_connected {
            open.socket.send(payload)
        } else {
            open.socket.send_to(payload, destination)
        };
        match sent {
            Ok(_) => {}
            // As good as lost on the way: it is sent again.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => self.input(Input::SendFailed { socket, error: os_error::kind(&error) }),
        }
    }

    /// Reads a turn's datagrams; whether there may be more.
    pub(super) fn receive(&mut self, socket: SocketId) -> bool {
        let mut buffer = [0; DATAGRAM];
        for _ in 0..TURN {
            let Some(open) = self.sockets.get(&socket) else { return false };
            let is_connected = open.is_connected;
            match open.socket.recv_from(&mut buffer) {
                Ok((length, source)) => {
                    let payload = buffer.get(..length).unwrap_or_default();
                    self.input(Input::Datagram { socket, source, payload });
                    self.drain();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // Of the one peer that there is, or of a host on the way to it.
                Err(error) if is_of_one_datagram(&error) && is_connected => {
                    if error.kind() != io::ErrorKind::Interrupted {
                        self.input(Input::SendFailed { socket, error: os_error::kind(&error) });
                        self.drain();
                    }
                }
                Err(error) if is_of_one_datagram(&error) => {}
                Err(error) => {
                    self.unbind(socket);
                    self.input(Input::SocketFailed { socket, error: os_error::kind(&error) });
                    self.drain();
                    return false;
                }
            }
        }
        true
    }
}

/// Whether the next datagram may be good: somebody's ICMP error, which some systems report here, or (on
/// Windows) a datagram that is too long. Whoever sends such may not silence a search.
fn is_of_one_datagram(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable,
    };
    let of_windows = cfg!(windows) && matches!(error.raw_os_error(), Some(WSAEMSGSIZE | WSAENETRESET));
    let kinds = [Interrupted, ConnectionReset, ConnectionRefused, HostUnreachable, NetworkUnreachable];
    of_windows || kinds.contains(&error.kind())
}
