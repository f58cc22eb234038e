//! The thread that carries bytes between sockets and the gateway.

use super::Shared;
use super::port_control::PortControl;
use crate::gateway::{Accept, ConnectionKey, Gateway, Step};
use core::net::SocketAddr;
use core::sync::atomic::Ordering;
use core::time::Duration;
use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token};
use portcullis_proto::Time;
use socket2::SockRef;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

pub(super) const WAKER: Token = Token(0);
/// The sockets that searches arrive at, from this token on.
const FIRST_SEARCHED: usize = 1;
const PORT_CONTROL: Token = Token(3);
const FIRST_LISTENER: usize = 4;
const FIRST_CONNECTION: usize = 64;

/// Those that have their reply and do not close count too; the oldest goes first.
const MOST_CONNECTIONS: usize = 128;

/// How much is taken from one socket before the others have their turn.
const MOST_READS: usize = 32;

/// How long to leave a socket alone that fails for lack of descriptors or memory.
const BACK_OFF: Duration = Duration::from_millis(50);

pub(super) struct EventLoop {
    poll: Poll,
    shared: Arc<Shared>,
    /// Answers go out through the first one.
    searched: Vec<Searched>,
    port_control: PortControl,
    listeners: Vec<Listener>,
    connections: BTreeMap<Token, Connection>,
    next_token: usize,
}

/// A socket that searches arrive at.
struct Searched {
    socket: UdpSocket,
    readable: bool,
}

struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    readable: bool,
}

struct Connection {
    stream: TcpStream,
    key: ConnectionKey,
    /// What the gateway has said and the socket has not taken.
    outgoing: Vec<u8>,
    readable: bool,
    /// The gateway has ended it; the peer has not.
    finished: bool,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// There may be more to do at once.
    More,
    /// Until something happens.
    Idle,
    Gone,
}

impl EventLoop {
    pub(super) fn new(
        poll: Poll,
        udp: UdpSocket,
        group: Option<UdpSocket>,
        mut port_control: PortControl,
        listeners: Vec<TcpListener>,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        port_control.register(poll.registry(), PORT_CONTROL)?;
        let mut searched = Vec::new();
        for (token, mut socket) in (FIRST_SEARCHED..PORT_CONTROL.0).zip(core::iter::once(udp).chain(group)) {
            poll.registry().register(&mut socket, Token(token), Interest::READABLE)?;
            searched.push(Searched { socket, readable: false });
        }
        let mut registered = Vec::new();
        for (token, mut socket) in (FIRST_LISTENER..FIRST_CONNECTION).zip(listeners) {
            poll.registry().register(&mut socket, Token(token), Interest::READABLE)?;
            registered.push(Listener { address: socket.local_addr()?, socket, readable: false });
        }
        Ok(Self {
            poll,
            shared,
            searched,
            port_control,
            listeners: registered,
            connections: BTreeMap::new(),
            next_token: FIRST_CONNECTION,
        })
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(64);
        while !self.shared.stop.load(Ordering::Acquire) {
            let timeout = self.turn();
            match self.poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return,
            }
            for event in &events {
                self.note(event.token(), event.is_readable());
            }
        }
    }

    /// Remembers what is ready; an edge is told once only.
    fn note(&mut self, token: Token, readable: bool) {
        if token == PORT_CONTROL {
            self.port_control.note();
        } else if let Some(connection) = self.connections.get_mut(&token) {
            connection.readable |= readable;
        } else if let Some(searched) =
            token.0.checked_sub(FIRST_SEARCHED).and_then(|index| self.searched.get_mut(index))
        {
            searched.readable = true;
        } else if let Some(listener) =
            token.0.checked_sub(FIRST_LISTENER).and_then(|index| self.listeners.get_mut(index))
        {
            listener.readable = true;
        }
    }

    /// Does all that can be done now, and says how long there is nothing to do.
    fn turn(&mut self) -> Option<Duration> {
        let shared = Arc::clone(&self.shared);
        let mut gateway = shared.gateway();
        let now = shared.now();
        gateway.handle_timeout(now);

        let mut more = self.port_control.receive(&mut gateway, now);
        for searched in &mut self.searched {
            more |= searched.receive(&mut gateway, now);
        }
        let mut wait: Option<Duration> = None;
        if self.accept(&mut gateway, now).is_err() {
            wait = Some(BACK_OFF);
        }
        let mut due = None;
        let mut gone = Vec::new();
        for (token, connection) in &mut self.connections {
            match connection.turn(&mut gateway, now) {
                Progress::More => more = true,
                Progress::Gone => gone.push(*token),
                Progress::Idle if connection.outgoing.is_empty() && !connection.finished => {
                    due = earliest(due, gateway.poll_connection_timeout(connection.key));
                }
                Progress::Idle => {}
            }
        }
        for token in gone {
            if let Some(mut connection) = self.connections.remove(&token) {
                gateway.handle_close(connection.key);
                let _ = self.poll.registry().deregister(&mut connection.stream);
            }
        }
        while let Some((destination, payload)) = gateway.poll_datagram(now) {
            if let Some(first) = self.searched.first() {
                // A full buffer loses it, as a network may.
                let _ = first.socket.send_to(&payload, destination);
            }
        }
        self.port_control.send(&mut gateway, now, shared.announcement_listener());
        if more {
            return Some(Duration::ZERO);
        }
        if let Some(due) = earliest(due, gateway.poll_device_timeout()) {
            let until = due - now;
            wait = Some(wait.map_or(until, |wait| wait.min(until)));
        }
        wait
    }

    fn accept(&mut self, gateway: &mut Gateway, now: Time) -> io::Result<()> {
        for listener in self.listeners.iter_mut().filter(|listener| listener.readable) {
            loop {
                let (mut stream, peer) = match listener.socket.accept() {
                    Ok(accepted) => accepted,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        listener.readable = false;
                        break;
                    }
                    Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                    Err(error) => return Err(error),
                };
                let Accept::Accepted(key) = gateway.connect(now, listener.address, peer) else {
                    reset(&stream);
                    continue;
                };
                let token = Token(self.next_token);
                self.next_token = self.next_token.wrapping_add(1).max(FIRST_CONNECTION);
                let interest = Interest::READABLE | Interest::WRITABLE;
                if self.poll.registry().register(&mut stream, token, interest).is_err() {
                    gateway.handle_close(key);
                    continue;
                }
                let _ = stream.set_nodelay(true);
                let connection =
                    Connection { stream, key, outgoing: Vec::new(), readable: true, finished: false };
                self.connections.insert(token, connection);
                if self.connections.len() > MOST_CONNECTIONS {
                    if let Some((_, oldest)) = self.connections.pop_first() {
                        gateway.handle_close(oldest.key);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Searched {
    /// Whether there is more to receive.
    fn receive(&mut self, gateway: &mut Gateway, now: Time) -> bool {
        // One byte more than the longest search, so that a longer one is seen as such.
        let mut buffer = [0; 2_049];
        for _ in 0..MOST_READS {
            if !self.readable {
                return false;
            }
            match self.socket.recv_from(&mut buffer) {
                Ok((length, source)) => {
                    gateway.handle_datagram(now, source, buffer.get(..length).unwrap_or_default());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                // An ICMP error of an earlier answer.
                Err(_) => {}
            }
        }
        self.readable
    }
}

impl Connection {
    fn turn(&mut self, gateway: &mut Gateway, now: Time) -> Progress {
        let reading = self.read(gateway, now);
        if reading == Progress::Gone {
            return Progress::Gone;
        }
        match self.write(gateway, now) {
            Progress::Gone => Progress::Gone,
            _ => reading,
        }
    }

    fn read(&mut self, gateway: &mut Gateway, now: Time) -> Progress {
        let mut buffer = [0; 4_096];
        for _ in 0..MOST_READS {
            if !self.readable {
                return Progress::Idle;
            }
            match self.stream.read(&mut buffer) {
                Ok(0) if self.finished => return Progress::Gone,
                Ok(0) => {
                    self.readable = false;
                    gateway.handle_half_close(self.key);
                }
                Ok(length) => gateway.handle_bytes(now, self.key, buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Progress::Gone,
            }
        }
        Progress::More
    }

    fn write(&mut self, gateway: &mut Gateway, now: Time) -> Progress {
        while !self.finished {
            if self.outgoing.is_empty() {
                match gateway.poll_connection(now, self.key) {
                    Step::Send(bytes) => self.outgoing = bytes,
                    Step::Wait => return Progress::Idle,
                    Step::Finish => {
                        self.finished = true;
                        // The peer ends its side when it has read all: closing now could take the last
                        // bytes from it, if it has sent some that were not read.
                        if self.stream.shutdown(Shutdown::Write).is_err() {
                            return Progress::Gone;
                        }
                    }
                    Step::Reset => {
                        reset(&self.stream);
                        return Progress::Gone;
                    }
                }
                continue;
            }
            match self.stream.write(&self.outgoing) {
                Ok(written) => drop(self.outgoing.drain(..written.min(self.outgoing.len()))),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Progress::Idle,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Progress::Gone,
            }
        }
        Progress::Idle
    }
}

/// Makes the end of a connection a reset.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

fn earliest(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    a.into_iter().chain(b).min()
}
