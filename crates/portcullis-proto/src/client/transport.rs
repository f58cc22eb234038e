//! The exchanges under way, and the queue in front of each gateway.
//!
//! Descriptions are fetched side by side. Actions go to one gateway one at a time: several home
//! gateways answer two at once with neither, and a full table of connections loses both.

use super::exchange::{Exchange, ExchangeId, Outcome, Request};
use super::igd::call::Call;
use super::io::ConnectionId;
use super::operation::OperationId;
use super::outbox::Outbox;
use super::search::SearchId;
use super::timer::Timer;
use crate::Time;
use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, VecDeque};
use std::io;

/// Whom the outcome of an exchange is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// A candidate of a search: its description, then the questions about its state.
    Candidate(SearchId, usize),
    /// An operation's action.
    Operation(OperationId),
}

#[derive(Debug)]
struct Live {
    owner: Owner,
    /// The gateway whose queue waits for this exchange.
    lane: Option<IpAddr>,
    exchange: Exchange,
}

#[derive(Debug, Default)]
pub(super) struct Transport {
    pub(super) out: Outbox,
    live: BTreeMap<ExchangeId, Live>,
    lanes: BTreeMap<IpAddr, VecDeque<(Owner, Call, Time)>>,
}

impl Transport {
    /// Starts an exchange at once.
    pub(super) fn fetch(&mut self, now: Time, owner: Owner, request: Request) {
        self.start(now, owner, None, request);
    }

    /// Starts an action's exchange as soon as the gateway has answered the one before.
    pub(super) fn call(&mut self, now: Time, owner: Owner, call: Call, deadline: Time) {
        let lane = call.remote.ip();
        if self.live.values().any(|live| live.lane == Some(lane)) {
            self.lanes.entry(lane).or_default().push_back((owner, call, deadline));
        } else {
            let request = call.request(now, deadline);
            self.start(now, owner, Some(lane), request);
        }
    }

    pub(super) fn connected(&mut self, now: Time, connection: ConnectionId, local: SocketAddr) {
        if let Some((_, (exchange, out))) = self.find(connection) {
            exchange.connected(now, connection, local.ip(), out);
        }
    }

    pub(super) fn received(
        &mut self,
        now: Time,
        connection: ConnectionId,
        bytes: &[u8],
    ) -> Option<(Owner, Outcome)> {
        let (id, (exchange, out)) = self.find(connection)?;
        let outcome = exchange.received(connection, bytes, out)?;
        self.end(now, id, outcome)
    }

    pub(super) fn closed(
        &mut self,
        now: Time,
        connection: ConnectionId,
        error: Option<io::ErrorKind>,
    ) -> Option<(Owner, Outcome)> {
        let (id, (exchange, out)) = self.find(connection)?;
        let outcome = exchange.closed(now, connection, error, out)?;
        self.end(now, id, outcome)
    }

    pub(super) fn timeout(&mut self, now: Time, id: ExchangeId) -> Option<(Owner, Outcome)> {
        let live = self.live.get_mut(&id)?;
        let outcome = live.exchange.timeout(now, &mut self.out)?;
        self.end(now, id, outcome)
    }

    /// Ends everything of an owner's; no outcome follows.
    pub(super) fn cancel(&mut self, now: Time, owner: impl Fn(Owner) -> bool) {
        for queue in self.lanes.values_mut() {
            queue.retain(|&(waiting, ..)| !owner(waiting));
        }
        let ended: Vec<_> =
            self.live.iter().filter(|(_, live)| owner(live.owner)).map(|(&id, _)| id).collect();
        for id in ended {
            if let Some(mut live) = self.live.remove(&id) {
                live.exchange.cancel(&mut self.out);
                self.advance(now, live.lane);
            }
        }
    }

    fn start(&mut self, now: Time, owner: Owner, lane: Option<IpAddr>, request: Request) {
        let id = ExchangeId(self.out.next_id());
        let exchange = Exchange::start(id, request, now, &mut self.out);
        self.live.insert(id, Live { owner, lane, exchange });
    }

    fn find(&mut self, connection: ConnectionId) -> Option<(ExchangeId, (&mut Exchange, &mut Outbox))> {
        let out = &mut self.out;
        self.live
            .iter_mut()
            .find(|(_, live)| live.exchange.has(connection))
            .map(|(&id, live)| (id, (&mut live.exchange, out)))
    }

    fn end(&mut self, now: Time, id: ExchangeId, outcome: Outcome) -> Option<(Owner, Outcome)> {
        self.out.timers.clear(Timer::Exchange(id));
        let live = self.live.remove(&id)?;
        self.advance(now, live.lane);
        Some((live.owner, outcome))
    }

    /// Sends the next action that waits for a gateway.
    fn advance(&mut self, now: Time, lane: Option<IpAddr>) {
        let Some(lane) = lane else { return };
        let next = self.lanes.get_mut(&lane).and_then(VecDeque::pop_front);
        match next {
            Some((owner, call, deadline)) => {
                let request = call.request(now, deadline);
                self.start(now, owner, Some(lane), request);
            }
            None => {
                self.lanes.remove(&lane);
            }
        }
    }
}
