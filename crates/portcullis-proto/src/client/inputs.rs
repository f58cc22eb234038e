//! What the client is told, what is due, and what follows from it.

use super::Client;
use super::error::{Attempt, Error};
use super::event::Outcome;
use super::exchange;
use super::io::Input;
use super::operation::Stage;
use super::search::{Search, SearchId};
use super::timer::Timer;
use super::transport::Owner;
use crate::Time;

/// How often one input may lead to something else that is due at the same moment; the driver brings the rest.
const MOST_ROUNDS: usize = 4;

impl Client {
    /// Tells what happened. Drain the outputs afterwards.
    pub fn handle_input(&mut self, now: Time, input: Input<'_>) {
        if let Some(due) = self.transport.out.timers.next() {
            self.port_control.woken(now, due);
        }
        match input {
            Input::Datagram { socket, source, payload } => {
                if let Some(search) = self.searches.values_mut().find(|search| search.has_socket(socket)) {
                    search.datagram(now, source, payload, &self.network, &mut self.transport);
                } else if self.keeper.has_socket(socket) {
                    self.announced(now, socket, source, payload);
                } else {
                    let out = &mut self.transport.out;
                    let (ended, heard) = self.port_control.datagram(now, socket, source, payload, out);
                    self.talks_ended(now, ended);
                    self.heard(now, source.ip(), heard);
                }
            }
            Input::Bound { socket, local } => {
                if let Some(way) = self.port_control.bound(socket, local) {
                    self.write_down_waiting(now, way);
                    self.port_control.send_waiting(now, way, &mut self.transport.out);
                }
            }
            Input::SocketFailed { socket, error } => {
                if let Some(search) = self.searches.values_mut().find(|search| search.has_socket(socket)) {
                    search.socket_failed(socket, error);
                } else if !self.keeper.socket_failed(socket) {
                    let ended = self.port_control.socket_failed(socket, error, &mut self.transport.out);
                    self.talks_ended(now, ended);
                }
            }
            Input::SendFailed { socket, error } => {
                if let Some(search) = self.searches.values_mut().find(|search| search.has_socket(socket)) {
                    search.send_failed(socket, error);
                    // Somebody may have waited for who refuses.
                    self.settle_all(now);
                } else {
                    let ended = self.port_control.send_failed(socket, error, &mut self.transport.out);
                    self.talks_ended(now, ended);
                }
            }
            Input::Connected { connection, local } => self.transport.connected(now, connection, local),
            Input::Received { connection, bytes } => {
                let ended = self.transport.received(now, connection, bytes);
                self.exchange_ended(now, ended);
            }
            Input::Closed { connection, error } => {
                let ended = self.transport.closed(now, connection, error);
                self.exchange_ended(now, ended);
            }
            Input::HandedOver { entry, to_another } => self.handed_over(now, entry, to_another),
            Input::Timeout => {}
        }
        self.run(now);
    }

    /// Does what is due, which may leave more to do at once: the end of a search, a lease that became shorter.
    pub(super) fn run(&mut self, now: Time) {
        for _ in 0..MOST_ROUNDS {
            while let Some(timer) = self.transport.out.timers.pop_due(now) {
                self.timer_due(now, timer);
            }
            self.update(now);
            if self.transport.out.timers.next().is_none_or(|at| now < at) {
                break;
            }
        }
    }

    fn timer_due(&mut self, now: Time, timer: Timer) {
        match timer {
            Timer::Search(id) => {
                if let Some(search) = self.searches.get_mut(&id) {
                    search.timeout(now, &mut self.transport);
                }
                // A search and the operation that waits for it are due at the same moment: the search first.
                self.update(now);
            }
            Timer::Exchange(id) => {
                let ended = self.transport.timeout(now, id);
                self.exchange_ended(now, ended);
            }
            Timer::Choice(id) => self.settle(now, id),
            Timer::Transaction(id) => {
                let asker = self.port_control.asker(id).and_then(|asker| self.operations.get(&asker.0));
                if asker.is_some_and(|operation| operation.deadline <= now) {
                    // After a sleep: nothing is sent for an operation that is over.
                    return;
                }
                let ended = self.port_control.timeout(now, id, &mut self.transport.out);
                self.talks_ended(now, ended);
            }
            Timer::Keeper(timer) => self.keeper_due(now, timer),
            Timer::Operation(id) => self.out_of_time(now, id),
        }
    }

    fn exchange_ended(&mut self, now: Time, ended: Option<(Owner, exchange::Outcome)>) {
        match ended {
            None => {}
            Some((Owner::Candidate(id, index), outcome)) => {
                if let Some(search) = self.searches.get_mut(&id) {
                    let device = search.exchange_ended(now, index, outcome, &mut self.transport).cloned();
                    self.found(now, id, device);
                }
            }
            Some((Owner::Operation(id), outcome)) => self.answered(now, id, outcome),
            Some((Owner::Address(id), outcome)) => self.answered_beside(now, id, outcome),
        }
    }

    /// Ends searches that are over or that nobody waits for, and tells whoever does.
    pub(super) fn update(&mut self, now: Time) {
        let ids: Vec<_> = self.searches.keys().copied().collect();
        for id in ids {
            let wanted = self.is_wanted(id);
            let Some(search) = self.searches.get_mut(&id) else { continue };
            if !wanted {
                search.end(now, &mut self.transport);
                self.searches.remove(&id);
                continue;
            }
            if !search.has_ended() {
                search.update(now, &mut self.transport);
            }
            if self.searches.get(&id).is_some_and(Search::has_ended) {
                self.search_ended(now, id);
            }
        }
        // Last: the end of a search may be that of the operation which a deletion waits for, and nobody would ask again.
        self.decide(now);
        self.close_lines();
    }

    fn is_wanted(&self, id: SearchId) -> bool {
        self.operations.values().any(|operation| match operation.stage {
            Stage::Searching(search) => search == id,
            // Whoever is being served may still need the next gateway.
            Stage::Seeking | Stage::Working { .. } => {
                self.gateway_searches.get(&operation.is_ipv6()) == Some(&id) && operation.searched
            }
        })
    }

    fn search_ended(&mut self, now: Time, id: SearchId) {
        let owner = self
            .operations
            .iter()
            .find(|(_, operation)| matches!(operation.stage, Stage::Searching(search) if search == id))
            .map(|(&operation, _)| operation);
        if let Some(operation) = owner {
            let Some(search) = self.searches.remove(&id) else { return };
            let devices = search.devices_once(&self.network);
            self.operations.remove(&operation);
            self.transport.out.timers.clear(Timer::Operation(operation));
            let result = if devices.is_empty() {
                Err(Error::without_gateway(search.failures(), search.is_named()))
            } else {
                Ok(Outcome::Devices(devices))
            };
            self.report(operation, false, result);
        } else {
            // Kept for a moment: it tells those who fail what was tried.
            self.gateway_searches.retain(|_, search| *search != id);
            self.seekers(now);
            self.searches.remove(&id);
        }
    }

    pub(super) fn search_failures(&self) -> Vec<Attempt> {
        self.searches.values().flat_map(Search::failures).collect()
    }
}
