//! The loop: commands and packets in, outputs and events out, sleep until the next of them.

use super::clock::Clock;
use super::{Command, Queue, Slot, sockets};
use crate::event::Event;
use crate::net;
use mio::net::{TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token};
use portcullis_proto::Time;
use portcullis_proto::client::io::{ConnectionId, Input, Output, SocketId};
use portcullis_proto::client::{self as proto, Client, Config, Error, ErrorKind, OperationId, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Never the token of a socket or connection: their names begin with 1.
pub(super) const WAKER: Token = Token(0);

/// One byte more than the core reads: what fills it was longer.
const DATAGRAM: usize = 2_049;
/// Read from a connection at once.
const CHUNK: usize = 4 * 1_024;
/// Datagrams or chunks read from one source before the others have their turn.
const TURN: usize = 32;
/// How long deleting a mapping may take that nobody wants any more.
const UNDO_TIMEOUT: Duration = Duration::from_secs(5);
/// A snapshot of the network this old is taken anew before it is used.
const SNAPSHOT_AGE: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    established: bool,
    outgoing: Vec<u8>,
    written: usize,
}

pub(super) struct Driver {
    client: Client,
    /// Whether the client needs to know the network: not when a person named the gateways.
    watches_network: bool,
    snapshot_taken: Time,
    clock: Clock,
    poll: Poll,
    commands: Receiver<Command>,
    sockets: BTreeMap<SocketId, UdpSocket>,
    connections: BTreeMap<ConnectionId, Connection>,
    /// What may have more to read: polling tells of it only once.
    readable: BTreeSet<Token>,
    operations: BTreeMap<OperationId, (u64, Arc<Slot>)>,
    subscribers: Vec<Weak<Queue>>,
    /// When to end at the latest.
    shutdown: Option<Time>,
}

impl Driver {
    pub(super) fn new(config: Config, poll: Poll, commands: Receiver<Command>) -> Self {
        let clock = Clock::start();
        let watches_network = config.gateways.is_empty();
        let network = if watches_network { net::snapshot() } else { proto::Network::default() };
        Self {
            client: Client::new(config, network),
            watches_network,
            snapshot_taken: clock.now(),
            clock,
            poll,
            commands,
            sockets: BTreeMap::new(),
            connections: BTreeMap::new(),
            readable: BTreeSet::new(),
            operations: BTreeMap::new(),
            subscribers: Vec::new(),
            shutdown: None,
        }
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(64);
        loop {
            self.take_commands();
            let wake_at = self.drain();
            if self.shutdown.is_some_and(|at| self.client.is_idle() || self.clock.now() >= at) {
                break;
            }
            let timeout = self.sleep(wake_at);
            if let Err(error) = self.poll.poll(&mut events, timeout) {
                if error.kind() != io::ErrorKind::Interrupted {
                    break;
                }
            }
            for event in &events {
                if event.token() == WAKER {
                    continue;
                }
                if event.is_writable() {
                    self.writable(event.token());
                }
                if event.is_readable() || event.is_error() || event.is_read_closed() {
                    self.readable.insert(event.token());
                }
            }
            self.read_ready();
            self.input(Input::Timeout);
        }
    }

    fn take_commands(&mut self) {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Start { key, start, slot }) => {
                    self.refresh_network();
                    let operation = start(&mut self.client, self.clock.now());
                    self.operations.insert(operation, (key, slot));
                }
                Ok(Command::Cancel { key }) => {
                    let found = self.operations.iter().find(|(_, (own, _))| *own == key);
                    if let Some((&operation, _)) = found {
                        self.operations.remove(&operation);
                        self.client.cancel(self.clock.now(), operation);
                    }
                }
                Ok(Command::Subscribe(queue)) => self.subscribers.push(Arc::downgrade(&queue)),
                Ok(Command::Shutdown(timeout)) => self.shutdown = Some(self.clock.now() + timeout),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.shutdown.get_or_insert(self.clock.now());
                    return;
                }
            }
        }
    }

    fn refresh_network(&mut self) {
        let now = self.clock.now();
        if self.watches_network && now - self.snapshot_taken >= SNAPSHOT_AGE {
            self.client.set_network(net::snapshot());
            self.snapshot_taken = now;
        }
    }

    fn input(&mut self, input: Input<'_>) {
        self.client.handle_input(self.clock.now(), input);
    }

    /// Does everything the core wants done, tells everything it tells; says when it wants to be called.
    fn drain(&mut self) -> Option<Time> {
        let wake_at = loop {
            match self.client.poll_output() {
                Output::Bind(bind) => {
                    let bound = sockets::bind(&bind).and_then(|mut socket| {
                        let token = token(bind.socket.0);
                        self.poll.registry().register(&mut socket, token, Interest::READABLE)?;
                        Ok(socket)
                    });
                    match bound {
                        Ok(socket) => {
                            self.sockets.insert(bind.socket, socket);
                        }
                        Err(error) => {
                            self.input(Input::SocketFailed { socket: bind.socket, error: error.kind() })
                        }
                    }
                }
                Output::Datagram { socket, destination, payload } => self.send(socket, destination, &payload),
                Output::Unbind(socket) => {
                    if let Some(mut socket) = self.sockets.remove(&socket) {
                        let _ = self.poll.registry().deregister(&mut socket);
                    }
                }
                Output::Connect { connection, remote, local } => self.connect(connection, remote, local),
                Output::Send { connection, bytes } => {
                    if let Some(open) = self.connections.get_mut(&connection) {
                        open.outgoing = bytes;
                        open.written = 0;
                    }
                    self.write(connection);
                }
                Output::Disconnect(connection) => self.disconnect(connection),
                Output::Timeout(at) => break at,
            }
        };
        if self.deliver() { self.drain() } else { wake_at }
    }

    fn sleep(&self, wake_at: Option<Time>) -> Option<Duration> {
        if !self.readable.is_empty() {
            return Some(Duration::ZERO);
        }
        let now = self.clock.now();
        [wake_at, self.shutdown].into_iter().flatten().min().map(|at| at - now)
    }

    /// Tells what happened; gives whether the core has got something to do by it.
    fn deliver(&mut self) -> bool {
        let mut undone = false;
        while let Some(event) = self.client.poll_event() {
            match event {
                proto::Event::Found { operation, device } => {
                    self.publish(|| Event::Found(device.clone()));
                    if let Some((_, slot)) = self.operations.get(&operation) {
                        slot.push_device(device);
                    }
                }
                proto::Event::Finished { operation, result } => {
                    self.publish_result(&result);
                    let slot = self.operations.remove(&operation);
                    let unwanted = slot.and_then(|(_, slot)| slot.finish(result));
                    // It ended while its handle was being dropped: what it did is undone all the same.
                    if let Some(Ok(Outcome::Mapped(granted))) = unwanted {
                        self.client.release(self.clock.now(), &granted, UNDO_TIMEOUT);
                        undone = true;
                    }
                }
                _ => {}
            }
        }
        undone
    }

    fn publish_result(&mut self, result: &Result<Outcome, Error>) {
        match result {
            Ok(Outcome::Mapped(granted)) => self.publish(|| Event::Mapped(granted.clone())),
            Ok(Outcome::Closed { .. }) => self.publish(|| Event::Closed),
            Ok(_) => {}
            Err(error) => self.publish(|| Event::Failed(error.clone())),
        }
    }

    fn publish(&mut self, event: impl Fn() -> Event) {
        self.subscribers.retain(|subscriber| match subscriber.upgrade() {
            Some(queue) => {
                queue.push(event());
                true
            }
            None => false,
        });
    }

    fn send(&mut self, socket: SocketId, destination: SocketAddr, payload: &[u8]) {
        let Some(open) = self.sockets.get(&socket) else { return };
        match open.send_to(payload, destination) {
            Ok(_) => {}
            // As good as lost on the way: it is sent again.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => self.input(Input::SendFailed { socket, error: error.kind() }),
        }
    }

    fn connect(&mut self, connection: ConnectionId, remote: SocketAddr, local: Option<IpAddr>) {
        let opened = sockets::connect(remote, local).and_then(|mut stream| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, token(connection.0), interest)?;
            Ok(stream)
        });
        match opened {
            Ok(stream) => {
                let open = Connection { stream, established: false, outgoing: Vec::new(), written: 0 };
                self.connections.insert(connection, open);
            }
            Err(error) => self.input(Input::Closed { connection, error: Some(error.kind()) }),
        }
    }

    fn disconnect(&mut self, connection: ConnectionId) {
        if let Some(mut open) = self.connections.remove(&connection) {
            let _ = self.poll.registry().deregister(&mut open.stream);
        }
        self.readable.remove(&token(connection.0));
    }

    fn closed(&mut self, connection: ConnectionId, error: Option<io::ErrorKind>) {
        self.disconnect(connection);
        self.input(Input::Closed { connection, error });
        self.drain();
    }

    fn writable(&mut self, token: Token) {
        let connection = ConnectionId(token.0 as u64);
        let Some(open) = self.connections.get_mut(&connection) else { return };
        if !open.established {
            match open.stream.take_error() {
                // Answered and reset before we looked; some systems still hand over what came first.
                Ok(Some(error))
                    if error.kind() == io::ErrorKind::ConnectionReset
                        && open.stream.peek(&mut [0]).is_ok_and(|length| length > 0) => {}
                Ok(Some(error)) | Err(error) => {
                    self.closed(connection, Some(error.kind()));
                    return;
                }
                Ok(None) if open.stream.peer_addr().is_err() => return,
                Ok(None) => {}
            }
            open.established = true;
            match open.stream.local_addr() {
                Ok(local) => self.input(Input::Connected { connection, local }),
                Err(error) => {
                    self.closed(connection, Some(error.kind()));
                    return;
                }
            }
            self.drain();
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

    fn read_ready(&mut self) {
        for token in self.readable.clone() {
            let id = token.0 as u64;
            let more = if self.sockets.contains_key(&SocketId(id)) {
                self.receive(SocketId(id))
            } else {
                self.read(ConnectionId(id))
            };
            if !more {
                self.readable.remove(&token);
            }
        }
    }

    /// Reads a turn's datagrams; whether there may be more.
    fn receive(&mut self, socket: SocketId) -> bool {
        let mut buffer = [0; DATAGRAM];
        for _ in 0..TURN {
            let Some(open) = self.sockets.get(&socket) else { return false };
            match open.recv_from(&mut buffer) {
                Ok((length, source)) => {
                    let payload = buffer.get(..length).unwrap_or_default();
                    self.input(Input::Datagram { socket, source, payload });
                    self.drain();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // Somebody's ICMP error, reported here by some systems: the next datagram may be good.
                Err(_) => {}
            }
        }
        true
    }

    /// Reads a turn's bytes; whether there may be more.
    fn read(&mut self, connection: ConnectionId) -> bool {
        let mut buffer = [0; CHUNK];
        for _ in 0..TURN {
            let Some(open) = self.connections.get_mut(&connection) else { return false };
            if !open.established {
                // Refused, perhaps: the event of the failed connect.
                if let Ok(Some(error)) = open.stream.take_error() {
                    self.closed(connection, Some(error.kind()));
                }
                return false;
            }
            match open.stream.read(&mut buffer) {
                Ok(0) => {
                    self.closed(connection, None);
                    return false;
                }
                Ok(length) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    self.input(Input::Received { connection, bytes });
                    self.drain();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.closed(connection, Some(error.kind()));
                    return false;
                }
            }
        }
        true
    }
}

impl Drop for Driver {
    /// Nobody waits for ever for a driver that has ended, however it did.
    fn drop(&mut self) {
        let closed = || Err(Error::new(ErrorKind::Closed));
        for (_, slot) in self.operations.values() {
            slot.finish(closed());
        }
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Start { slot, .. } = command {
                slot.finish(closed());
            }
        }
        for queue in self.subscribers.iter().filter_map(Weak::upgrade) {
            queue.end();
        }
    }
}

fn token(id: u64) -> Token {
    Token(usize::try_from(id).unwrap_or(usize::MAX))
}
