//! What the session wants done, in order, and the names it gives out.

use super::event::Event;
use super::io::{ConnectionId, Output, SocketId};
use super::timer::Timers;
use core::net::{IpAddr, SocketAddr};
use std::collections::VecDeque;

/// Shared by the machines of a client: they push what is to be done, and say when they want to be called.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    outputs: VecDeque<Output>,
    events: VecDeque<Event>,
    pub(super) timers: Timers,
    last_id: u64,
    connections: usize,
}

impl Outbox {
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }

    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Sends as early as may be: before whatever else there is to do, but after everything that goes into the journal,
    /// and after what the same socket has been given before. Searching takes a socket for each interface, and a
    /// request of one packet need not wait for that.
    pub(super) fn send_soon(&mut self, socket: SocketId, destination: SocketAddr, payload: Vec<u8>) {
        let goes_before = |output: &Output| match output {
            Output::Journal(_) => true,
            Output::Datagram { socket: other, .. } => *other == socket,
            _ => false,
        };
        let at = self.outputs.iter().rposition(goes_before).map_or(0, |last| last.saturating_add(1));
        self.outputs.insert(at, Output::Datagram { socket, destination, payload });
    }

    pub(super) fn push_event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn pop_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn next_socket(&mut self) -> SocketId {
        SocketId(self.next_id())
    }

    pub(super) fn connect(&mut self, remote: SocketAddr, local: Option<IpAddr>) -> ConnectionId {
        let connection = ConnectionId(self.next_id());
        self.connections = self.connections.saturating_add(1);
        self.push(Output::Connect { connection, remote, local });
        connection
    }

    pub(super) fn disconnect(&mut self, connection: ConnectionId) {
        self.connection_gone();
        self.push(Output::Disconnect(connection));
    }

    /// The driver reported the end of a connection.
    pub(super) fn connection_gone(&mut self) {
        self.connections = self.connections.saturating_sub(1);
    }

    /// Connections asked for and not yet ended.
    pub(super) fn connections(&self) -> usize {
        self.connections
    }
}
