//! The loop: commands and packets in, outputs and events out, sleep until the next of them.

mod connections;
mod datagrams;
#[cfg(test)]
mod tests;
mod troubles;
mod upkeep;

use super::alarm::Alarm;
use super::clock::Clock;
use super::kept::Register;
use super::sockets::Device;
use super::{Answer, Command, Port, Publisher};
use crate::event::Event;
use crate::journal::Journal;
use crate::mapping::CLOSE_TIMEOUT;
use crate::net;
use crate::net::watch::Watch;
use connections::Connection;
use datagrams::Datagrams;
use mio::{Events, Poll, Token};
use portcullis_proto::Time;
use portcullis_proto::client::io::{ConnectionId, Input, Output, SocketId};
use portcullis_proto::client::{self as proto, Client, Closed, Config, Error, OperationId, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;
use troubles::Troubles;

/// Never the token of a socket or connection: their names begin with 1.
pub(in crate::driver) const WAKER: Token = Token(0);

/// That the network may have changed.
const NETWORK: Token = Token(usize::MAX - 1);
/// That it is late, after sleep.
const ALARM: Token = Token(usize::MAX - 2);

/// Datagrams or chunks read from one source before the others have their turn.
const TURN: usize = 32;
/// A snapshot of the network, or of the journal, this old is taken anew before it is used.
const SNAPSHOT_AGE: Duration = Duration::from_secs(1);
/// A network changes in steps: so long after the first word of it a snapshot is taken.
const SETTLING: Duration = Duration::from_millis(100);
/// What dead processes have left is deleted so long after the first operation has begun: what is wanted again is
/// asked for by then.
const ADOPTION: Duration = Duration::from_millis(100);

pub(in crate::driver) struct Driver {
    client: Client,
    /// Whether the client needs to know the network: where a person named the gateways, not before it keeps a mapping.
    watches_network: bool,
    /// Whether announcements can be heard, for which the interfaces have to be known.
    may_hear_strangers: bool,
    /// The interface that a person chose, by name or address, and what of it is there.
    interface: Option<String>,
    device: Option<Device>,
    snapshot_taken: Time,
    clock: Clock,
    poll: Poll,
    commands: Receiver<Command>,
    sockets: BTreeMap<SocketId, Datagrams>,
    connections: BTreeMap<ConnectionId, Connection>,
    /// What may have more to read: polling tells of it only once.
    readable: BTreeSet<Token>,
    operations: BTreeMap<OperationId, Answer>,
    /// What those close that close something.
    closing: BTreeMap<OperationId, Port>,
    subscribers: Vec<Publisher>,
    /// When to end at the latest.
    shutdown: Option<Time>,
    /// What tells of changes of the network, and of time that passed in sleep, while mappings are kept.
    watch: Option<Watch>,
    snapshot_due: Option<Time>,
    alarm: Option<Alarm>,
    kept: Register,
    journal: Option<Journal>,
    /// When the other processes' part of it was read last.
    journal_read: Time,
    clean_up_at: Option<Time>,
    /// What went wrong with the journal.
    troubles: Troubles,
}

impl Driver {
    pub(in crate::driver) fn new(
        mut config: Config,
        journal: Option<Journal>,
        poll: Poll,
        commands: Receiver<Command>,
        clock: Clock,
        kept: Register,
    ) -> Self {
        let watches_network = config.gateways.is_empty();
        let interface = config.interface.clone();
        let knows_network = watches_network || interface.is_some();
        let network = if knows_network { net::first_snapshot() } else { proto::Network::default() };
        let device = interface.as_deref().and_then(|name| Device::chosen(name, &network));
        let may_hear_strangers = config.may_hear_strangers();
        config.journal = journal.is_some();
        let mut driver = Self {
            client: Client::new(config, network),
            watches_network,
            interface,
            device,
            may_hear_strangers,
            snapshot_taken: clock.now(),
            clock,
            poll,
            commands,
            sockets: BTreeMap::new(),
            connections: BTreeMap::new(),
            readable: BTreeSet::new(),
            operations: BTreeMap::new(),
            closing: BTreeMap::new(),
            subscribers: Vec::new(),
            shutdown: None,
            watch: None,
            snapshot_due: None,
            alarm: None,
            kept,
            journal,
            journal_read: Time::ZERO,
            clean_up_at: None,
            troubles: Troubles::default(),
        };
        driver.read_journal();
        driver
    }

    pub(in crate::driver) fn run(mut self) {
        let mut events = Events::with_capacity(64);
        loop {
            self.take_commands();
            self.look_after();
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
                match event.token() {
                    WAKER => continue,
                    NETWORK => {
                        self.network_told();
                        continue;
                    }
                    ALARM => {
                        self.alarm.iter_mut().for_each(Alarm::rung);
                        continue;
                    }
                    _ => {}
                }
                if event.is_writable() {
                    self.writable(event.token());
                }
                if event.is_readable() || event.is_error() || event.is_read_closed() {
                    self.readable.insert(event.token());
                }
            }
            self.read_ready();
            if self.client.is_keeping() {
                // What is renewed now may be what another process has opened for longer meanwhile.
                self.refresh_journal(false);
            }
            self.input(Input::Timeout);
        }
    }

    fn take_commands(&mut self) {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Start { start, closes, answer }) => {
                    self.refresh_network();
                    self.refresh_journal(closes.is_some());
                    let now = self.clock.now();
                    if self.journal.is_some() && self.clean_up_at.is_none() {
                        self.clean_up_at = Some(now + ADOPTION);
                    }
                    let operation = start(&mut self.client, now);
                    self.operations.insert(operation, answer);
                    if let Some(port) = closes {
                        self.closing.insert(operation, port);
                    }
                }
                Ok(Command::Cancel(slot)) => {
                    let found = self.operations.iter().find(|(_, answer)| answer.is_for(&slot));
                    if let Some((&operation, _)) = found {
                        self.operations.remove(&operation);
                        self.closing.remove(&operation);
                        self.client.cancel(self.clock.now(), operation);
                    }
                }
                Ok(Command::Subscribe(publisher)) => {
                    self.subscribers.push(publisher);
                    for trouble in self.troubles.take() {
                        self.publish(|| Event::JournalTrouble(trouble.clone()));
                    }
                }
                Ok(Command::Do(action)) => action(&mut self.client, self.clock.now()),
                Ok(Command::Shutdown(timeout)) => {
                    let at = self.clock.now() + timeout;
                    // Whoever was promised an earlier end gets it.
                    self.shutdown = Some(self.shutdown.map_or(at, |earlier| earlier.min(at)));
                }
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
            self.take_snapshot(now);
        }
    }

    /// Whether one could be taken. Where not, that says nothing of the network, which is taken to be as it was.
    pub(super) fn take_snapshot(&mut self, now: Time) -> bool {
        let taken = net::snapshot();
        let is_taken = taken.is_ok();
        if let Ok(network) = taken {
            self.device = self.interface.as_deref().and_then(|name| Device::chosen(name, &network));
            self.client.set_network(now, network);
            self.snapshot_taken = now;
        }
        is_taken
    }

    fn input(&mut self, input: Input<'_>) {
        self.client.handle_input(self.clock.now(), input);
    }

    /// Does everything the core wants done, tells everything it tells; says when it wants to be called.
    fn drain(&mut self) -> Option<Time> {
        loop {
            match self.client.poll_output() {
                Output::Bind(bind) => self.bind(&bind),
                Output::Datagram { socket, destination, payload } => {
                    self.send_datagram(socket, destination, &payload)
                }
                Output::Unbind(socket) => self.unbind(socket),
                Output::Connect { connection, remote, local } => self.connect(connection, remote, local),
                Output::Send { connection, bytes } => self.send(connection, bytes),
                Output::Disconnect(connection) => self.disconnect(connection),
                Output::Journal(record) => self.write_journal(&record),
                Output::HandOver(entry) => self.hand_over(entry),
                Output::Timeout(at) => {
                    if !self.deliver() {
                        return at;
                    }
                }
            }
        }
    }

    fn sleep(&mut self, wake_at: Option<Time>) -> Option<Duration> {
        if !self.readable.is_empty() {
            return Some(Duration::ZERO);
        }
        let clean_up = self.clean_up_at.filter(|_| self.may_clean_up());
        let at = [wake_at, self.shutdown, self.snapshot_due, clean_up].into_iter().flatten().min();
        let look = self.alarm.as_mut().and_then(|alarm| alarm.set(at));
        let now = self.clock.now();
        at.map(|at| at - now).into_iter().chain(look).min()
    }

    /// Tells everything the core tells; whether the core now wants something done again.
    fn deliver(&mut self) -> bool {
        let mut mutated = false;
        while let Some(event) = self.client.poll_event() {
            match event {
                proto::Event::Found { operation, device } => {
                    self.publish(|| Event::Found(device.clone()));
                    if let Some(answer) = self.operations.get(&operation) {
                        answer.push_device(device);
                    }
                }
                proto::Event::Finished { operation, result } => {
                    self.publish_result(operation, &result);
                    let answer = self.operations.remove(&operation);
                    // Finished between the handle's drop and the word of it.
                    let now = self.clock.now();
                    // What ends at once may have been cancelled before it was told of.
                    let unfetched = match answer {
                        Some(answer) => answer.finish(result),
                        None => result.ok(),
                    };
                    let unwanted = match unfetched {
                        Some(Outcome::Mapped(granted)) => {
                            let release = self.client.release(now, &granted, CLOSE_TIMEOUT);
                            Some((release, granted))
                        }
                        Some(Outcome::Kept { mapping, granted }) => {
                            let release = self.client.stop_keeping(now, mapping, CLOSE_TIMEOUT);
                            Some((release, granted))
                        }
                        Some(Outcome::Asking(mapping)) => {
                            self.client.stop_keeping(now, mapping, CLOSE_TIMEOUT);
                            mutated = true;
                            None
                        }
                        _ => None,
                    };
                    if let Some((release, granted)) = unwanted {
                        self.closing.insert(release, (granted.protocol, granted.external_port));
                        mutated = true;
                    }
                }
                proto::Event::Changed(change) => {
                    self.kept.update(&change);
                    self.publish(|| Event::Changed(change.clone()));
                }
                proto::Event::OtherGateway { gateway, preferred } => {
                    self.publish(|| Event::OtherGateway { gateway: gateway.clone(), preferred });
                }
                proto::Event::OtherWayOut { gateway, interface } => {
                    let (gateway, interface) = (&gateway, &interface);
                    self.publish(|| Event::OtherWayOut {
                        gateway: gateway.clone(),
                        interface: interface.clone(),
                    });
                }
                _ => {}
            }
        }
        mutated
    }

    fn publish_result(&mut self, operation: OperationId, result: &Result<Outcome, Error>) {
        let closing = self.closing.remove(&operation);
        match (result, closing) {
            (Ok(Outcome::Mapped(granted)), _) => self.publish(|| Event::Mapped(granted.clone())),
            (Ok(Outcome::Closed(Closed::StillKept | Closed::Ending(_))), _) => {}
            (Ok(Outcome::Closed(_)), Some((protocol, external_port))) => {
                self.publish(|| Event::Closed { protocol, external_port });
            }
            (Ok(_), _) => {}
            (Err(error), _) => self.publish(|| Event::Failed(error.clone())),
        }
    }

    fn publish(&mut self, event: impl Fn() -> Event) {
        self.subscribers.retain(|subscriber| subscriber.push(event()));
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
}

fn token(id: u64) -> Token {
    Token(usize::try_from(id).unwrap_or(usize::MAX))
}
