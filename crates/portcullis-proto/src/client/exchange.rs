//! One HTTP request and its reply, over as many connections as a lossy link needs.
//!
//! A lost SYN costs a whole second before the operating system repeats it. So while nothing answers,
//! further connections are opened beside the first, and the first that is established carries the
//! request. A request that may be repeated without harm is repeated on a new connection when its reply is
//! late; any other is sent exactly once.

use super::error::told;
use super::io::{ConnectionId, Output};
use super::outbox::Outbox;
use super::timer::Timer;
use crate::Time;
use crate::wire::http::{HttpError, Response, ResponseReader};
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::io;

/// When further connections are opened while one is wanted that is not established, after it was wanted.
const CONNECT_HEDGES: [Duration; 7] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(350),
    Duration::from_millis(550),
    Duration::from_millis(800),
    Duration::from_millis(1_200),
    Duration::from_millis(1_800),
];
/// When a request that may be repeated is, on one more connection, after it was first sent.
const REPLY_HEDGES: [Duration; 4] = [
    Duration::from_millis(400),
    Duration::from_millis(1000),
    Duration::from_millis(1800),
    Duration::from_millis(2800),
];
/// Above this number of open connections nobody hedges: what is hedged then is not a lossy link.
const HEDGE_LIMIT: usize = 8;
/// Connections of one exchange over its whole life.
const MOST_ATTEMPTS: usize = 16;

/// Names an exchange; never used twice in the life of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ExchangeId(pub(super) u64);

/// What to ask, and how patiently.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) remote: SocketAddr,
    pub(super) local: Option<IpAddr>,
    pub(super) bytes: Vec<u8>,
    /// Local name of the element whose end is the end of the reply.
    pub(super) terminator: &'static str,
    /// Whether sending it twice does no harm.
    pub(super) repeatable: bool,
    /// How long it may take until a connection is established.
    pub(super) connect_patience: Duration,
    /// How long a reply may take once the request is sent.
    pub(super) patience: Duration,
    pub(super) deadline: Time,
}

/// Why an exchange brought no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExchangeError {
    /// No connection could be made.
    Connect(io::ErrorKind),
    /// Nobody accepted the connection, or refused it, in time.
    ConnectTimeout,
    /// Connected, and no complete reply came in time.
    NoReply,
    /// The connection broke before the reply was complete.
    Broken(io::ErrorKind),
    /// The reply is not one that HTTP/1.x allows, or beyond its bounds.
    Http(HttpError),
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect: {}", told(*error)),
            Self::ConnectTimeout => f.write_str("nobody accepts a connection"),
            Self::NoReply => f.write_str("connected, but no complete answer in time"),
            Self::Broken(error) => write!(f, "connection broken before the answer: {}", told(*error)),
            Self::Http(error) => error.fmt(f),
        }
    }
}

/// A reply, and the address of ours that the peer saw.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) response: Response,
    pub(super) local: IpAddr,
}

pub(super) type Outcome = Result<Reply, ExchangeError>;

#[derive(Debug)]
struct Attempt {
    connection: ConnectionId,
    /// `None` until established.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    local: IpAddr,
    reader: ResponseReader,
}

#[derive(Debug)]
pub(super) struct Exchange {
    id: ExchangeId,
    request: Request,
    started: Time,
    /// When the request was first sent.
    sent: Option<Time>,
    attempts: Vec<Attempt>,
    /// On how many connections the request shall be, and since when.
    wanted: usize,
    wanted_since: Time,
    /// On how many connections it has been.
    asked: usize,
    connect_hedges: usize,
    made: usize,
    /// The connection may be retried once after it broke without a byte, when repeating does no harm.
    retried: bool,
}

impl Exchange {
    pub(super) fn start(id: ExchangeId, request: Request, now: Time, out: &mut Outbox) -> Self {
        let mut exchange = Self {
            id,
            request,
            started: now,
            sent: None,
            attempts: Vec::new(),
            wanted: 1,
            wanted_since: now,
            asked: 0,
            connect_hedges: 0,
            made: 0,
            retried: false,
        };
        exchange.attempt(out);
        exchange.set_timer(out);
        exchange
    }

    pub(super) fn has(&self, connection: ConnectionId) -> bool {
        self.attempts.iter().any(|attempt| attempt.connection == connection)
    }

    pub(super) fn has_sent(&self) -> bool {
        self.sent.is_some()
    }

    pub(super) fn connected(&mut self, now: Time, connection: ConnectionId, local: IpAddr, out: &mut Outbox) {
        let attempt = self.attempts.iter_mut().find(|attempt| attempt.connection == connection);
        let Some(attempt) = attempt.filter(|_| self.asked < self.wanted) else {
            self.drop_attempt(connection, out);
            return;
        };
        attempt.open = Some(Open { local, reader: ResponseReader::new(self.request.terminator) });
        out.push(Output::Send { connection, bytes: self.request.bytes.clone() });
        self.sent.get_or_insert(now);
        self.asked = self.asked.saturating_add(1);
        if self.asked >= self.wanted {
            // What still tries to connect is no longer needed.
            self.attempts.retain(|attempt| {
                if attempt.open.is_none() {
                    out.disconnect(attempt.connection);
                }
                attempt.open.is_some()
            });
        }
        self.set_timer(out);
    }

    pub(super) fn received(
        &mut self,
        connection: ConnectionId,
        bytes: &[u8],
        out: &mut Outbox,
    ) -> Option<Outcome> {
        let attempt = self.attempts.iter_mut().find(|attempt| attempt.connection == connection)?;
        let open = attempt.open.as_mut()?;
        let local = open.local;
        match open.reader.push(bytes) {
            Ok(None) => None,
            Ok(Some(response)) => Some(self.end(Ok(Reply { response, local }), out)),
            Err(error) => Some(self.end(Err(ExchangeError::Http(error)), out)),
        }
    }

    pub(super) fn closed(
        &mut self,
        now: Time,
        connection: ConnectionId,
        error: Option<io::ErrorKind>,
        out: &mut Outbox,
    ) -> Option<Outcome> {
        let position = self.attempts.iter().position(|attempt| attempt.connection == connection)?;
        let attempt = self.attempts.swap_remove(position);
        out.connection_gone();
        let failure = match attempt.open {
            None => ExchangeError::Connect(error.unwrap_or(io::ErrorKind::ConnectionAborted)),
            Some(mut open) => {
                // A reset after a complete reply is some stacks' way of closing.
                match open.reader.finish() {
                    Ok(response) => return Some(self.end(Ok(Reply { response, local: open.local }), out)),
                    Err(_) if error.is_some() || open.reader.is_empty() => {
                        if open.reader.is_empty() && self.request.repeatable && !self.retried {
                            self.retried = true;
                            self.want_another(now, out);
                        }
                        ExchangeError::Broken(error.unwrap_or(io::ErrorKind::UnexpectedEof))
                    }
                    Err(error) => ExchangeError::Http(error),
                }
            }
        };
        if self.attempts.is_empty() { Some(self.end(Err(failure), out)) } else { None }
    }

    pub(super) fn timeout(&mut self, now: Time, out: &mut Outbox) -> Option<Outcome> {
        if now >= self.give_up() {
            // A promised length that was wrong, on a connection that stays open: what came may be all.
            for attempt in &mut self.attempts {
                if let Some((Ok(response), local)) =
                    attempt.open.as_mut().map(|open| (open.reader.finish(), open.local))
                {
                    return Some(self.end(Ok(Reply { response, local }), out));
                }
            }
            let error =
                if self.sent.is_some() { ExchangeError::NoReply } else { ExchangeError::ConnectTimeout };
            return Some(self.end(Err(error), out));
        }
        while self.next_hedge().is_some_and(|at| at <= now) {
            if self.asked < self.wanted {
                self.connect_hedges = self.connect_hedges.saturating_add(1);
                self.attempt(out);
            } else {
                self.want_another(now, out);
            }
        }
        self.set_timer(out);
        None
    }

    /// Ends every connection; no outcome follows.
    pub(super) fn cancel(&mut self, out: &mut Outbox) {
        out.timers.clear(Timer::Exchange(self.id));
        for attempt in self.attempts.drain(..) {
            out.disconnect(attempt.connection);
        }
    }

    fn end(&mut self, outcome: Outcome, out: &mut Outbox) -> Outcome {
        self.cancel(out);
        outcome
    }

    /// The request shall be on one more connection.
    fn want_another(&mut self, now: Time, out: &mut Outbox) {
        self.wanted = self.wanted.saturating_add(1);
        self.wanted_since = now;
        self.connect_hedges = 0;
        self.attempt(out);
        self.set_timer(out);
    }

    fn attempt(&mut self, out: &mut Outbox) {
        if self.attempts.is_empty() || (out.connections() < HEDGE_LIMIT && self.made < MOST_ATTEMPTS) {
            self.made = self.made.saturating_add(1);
            let connection = out.connect(self.request.remote, self.request.local);
            self.attempts.push(Attempt { connection, open: None });
        }
    }

    fn drop_attempt(&mut self, connection: ConnectionId, out: &mut Outbox) {
        self.attempts.retain(|attempt| attempt.connection != connection);
        out.disconnect(connection);
    }

    fn give_up(&self) -> Time {
        match self.sent {
            Some(sent) => self.request.deadline.min(sent + self.request.patience),
            None => self.request.deadline.min(self.started + self.request.connect_patience),
        }
    }

    fn next_hedge(&self) -> Option<Time> {
        if self.asked < self.wanted {
            return CONNECT_HEDGES.get(self.connect_hedges).map(|&after| self.wanted_since + after);
        }
        let sent = self.sent.filter(|_| self.request.repeatable)?;
        REPLY_HEDGES.get(self.wanted.saturating_sub(1)).map(|&after| sent + after)
    }

    fn set_timer(&self, out: &mut Outbox) {
        let give_up = self.give_up();
        let at = self.next_hedge().map_or(give_up, |hedge| hedge.min(give_up));
        out.timers.set(Timer::Exchange(self.id), at);
    }
}
