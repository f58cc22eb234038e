//! The exchanges under way, and the queue in front of each gateway.
//!
//! Descriptions are fetched side by side. To one gateway, actions that change something go one at a
//! time, and beside one of those at most one question: several home gateways serve few connections,
//! and a full table of them loses all.

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
    /// The question for the external address that goes beside an operation's action.
    Address(OperationId),
}

/// Actions under way at one gateway.
const MOST_ACTIONS: usize = 2;

#[derive(Debug)]
struct Live {
    owner: Owner,
    /// The gateway whose queue waits for this exchange, and whether it changes something there.
    lane: Option<(IpAddr, bool)>,
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
        let gateway = call.remote.ip();
        self.lanes.entry(gateway).or_default().push_back((owner, call, deadline));
        self.advance(now, gateway);
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

    /// Whether a request of the owner's is on its way: it can no longer be taken back.
    pub(super) fn has_sent(&self, owner: Owner) -> bool {
        self.live.values().any(|live| live.owner == owner && live.exchange.has_sent())
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
                if let Some((gateway, _)) = live.lane {
                    self.advance(now, gateway);
                }
            }
        }
    }

    fn start(&mut self, now: Time, owner: Owner, lane: Option<(IpAddr, bool)>, request: Request) {
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
        if let Some((gateway, _)) = live.lane {
            self.advance(now, gateway);
        }
        Some((live.owner, outcome))
    }

    /// Sends what waits for a gateway and may go now.
    fn advance(&mut self, now: Time, gateway: IpAddr) {
        while let Some((_, next, _)) = self.lanes.get(&gateway).and_then(VecDeque::front) {
            let (mut actions, mut changing) = (0_usize, false);
            for (_, changes) in
                self.live.values().filter_map(|live| live.lane).filter(|lane| lane.0 == gateway)
            {
                actions = actions.saturating_add(1);
                changing |= changes;
            }
            if actions >= MOST_ACTIONS || (changing && next.changes) {
                return;
            }
            let Some((owner, call, deadline)) = self.lanes.get_mut(&gateway).and_then(VecDeque::pop_front)
            else {
                return;
            };
            let request = call.request(deadline);
            self.start(now, owner, Some((gateway, call.changes)), request);
        }
        self.lanes.remove(&gateway);
    }
}
