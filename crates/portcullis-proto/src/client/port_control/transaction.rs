//! One request: sent, repeated, answered or given up.

use super::asked::{Asked, Sent};
use super::budget::Budget;
use super::line::Line;
use super::pace::Pace;
use super::{Asker, End, TransactionId, Way};
use crate::client::error::Failure;
use crate::client::granted::Method;
use crate::client::outbox::Outbox;
use crate::client::timer::Timer;
use crate::wire::port_control::Answer;
use crate::wire::{natpmp, pcp};
use crate::{Protocol, Time};
use core::net::IpAddr;
use core::num::NonZeroU16;
use std::io;

/// Refusals (ICMP) that end a request: one may be a forgery, or of the moment.
const MOST_REFUSALS: u8 = 2;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::client) enum Ask {
    NatPmp(natpmp::Request, Echo),
    /// The client's address is the line's.
    Pcp {
        lifetime: u32,
        opcode: pcp::Opcode,
        options: Vec<pcp::PcpOption>,
    },
}

/// Which internal port an answer of NAT-PMP has to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Echo {
    /// That of the request (RFC 6886 section 3.3).
    Exact,
    /// None, or the external one, will do as well, as servers of VPNs have it (quirk 102).
    Loose,
}

/// The answer to a request: of the protocol it was asked in, and a success.
pub(in crate::client) type AskResult = Result<Answer, Failure>;

/// Where a request goes, and what is remembered of it there.
pub(super) struct To<'a> {
    pub(super) line: &'a mut Line,
    pub(super) budget: &'a mut Budget,
    pub(super) asked: &'a mut Asked,
}

impl Ask {
    /// For how many seconds a mapping is asked for.
    fn lifetime(&self) -> Option<u32> {
        match self {
            Self::NatPmp(natpmp::Request::Map(map), _) => Some(map.lifetime),
            Self::NatPmp(natpmp::Request::ExternalAddress, _) => None,
            Self::Pcp { lifetime, .. } => Some(*lifetime),
        }
    }

    /// Our own side of the mapping that is asked for, where one is.
    fn mapping(&self) -> Option<(Protocol, NonZeroU16)> {
        match self {
            Self::NatPmp(natpmp::Request::Map(map), _) if map.lifetime > 0 => {
                Some((map.protocol, map.internal_port))
            }
            Self::Pcp { lifetime: 1.., opcode, .. } => {
                opcode.map().map(|map| (map.protocol, map.internal_port))
            }
            _ => None,
        }
    }

    pub(super) fn encode(&self, client_address: IpAddr) -> Vec<u8> {
        match self {
            Self::NatPmp(request, _) => request.encode(),
            Self::Pcp { lifetime, opcode, options } => pcp::Request {
                client_address,
                lifetime: *lifetime,
                opcode: *opcode,
                options: options.clone(),
            }
            .encode(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) asker: Asker,
    pub(super) way: Way,
    ask: Ask,
    pace: Pace,
    sent: u32,
    /// Whether it was ever sent, on this line or on one before.
    ever_sent: bool,
    /// When it was sent first on this line, and last.
    begun_at: Option<Time>,
    sent_at: Option<Time>,
    /// Whether a refusal may have been for it, or the one for it may have been taken for another's.
    is_confused: bool,
    refusals: u8,
}

impl Transaction {
    pub(super) fn new(asker: Asker, way: Way, ask: Ask, pace: Pace) -> Self {
        Self {
            asker,
            way,
            ask,
            pace,
            sent: 0,
            ever_sent: false,
            begun_at: None,
            sent_at: None,
            is_confused: false,
            refusals: 0,
        }
    }

    pub(super) fn has_sent(&self) -> bool {
        self.sent > 0
    }

    pub(super) fn was_ever_sent(&self) -> bool {
        self.ever_sent
    }

    /// It is over.
    pub(super) fn end(self, result: AskResult) -> End {
        End { asker: self.asker, result, address: None, is_outstanding: self.sent > 1 || self.is_confused }
    }

    /// What it asks for, where that is a mapping and it has been sent.
    pub(super) fn mapping_sent(&self) -> Option<(Way, Protocol, NonZeroU16)> {
        let (protocol, internal_port) = self.ask.mapping().filter(|_| self.has_sent())?;
        Some((self.way, protocol, internal_port))
    }

    /// Somebody else asks for the same, and was refused: nobody can tell which of the requests that was.
    pub(super) fn confuse(&mut self) {
        self.is_confused = true;
    }

    /// The line is another one: what was sent counts no more.
    pub(super) fn start_again(&mut self) {
        self.sent = 0;
        (self.begun_at, self.sent_at) = (None, None);
        self.refusals = 0;
    }

    /// Asks for something else from now on.
    pub(super) fn ask_instead(&mut self, ask: Ask) {
        self.ask = ask;
    }

    pub(super) fn is_pcp(&self) -> bool {
        matches!(self.ask, Ask::Pcp { .. })
    }

    /// When it was sent last.
    pub(super) fn sent_at(&self) -> Option<Time> {
        self.sent_at
    }

    /// Sends, or waits until the line is there or may send.
    pub(super) fn send(
        &mut self,
        now: Time,
        id: TransactionId,
        To { line, budget, asked }: To<'_>,
        out: &mut Outbox,
    ) {
        let Some(local) = line.local() else { return };
        if let Err(at) = budget.spend(now) {
            out.timers.set(Timer::Transaction(id), at);
            return;
        }
        if let Ask::NatPmp(request, _) = &self.ask {
            line.asks_nat_pmp(now, request.opcode().number());
        }
        if let (Some((protocol, internal_port)), Some(lifetime)) = (self.ask.mapping(), self.ask.lifetime()) {
            let sent = Sent { at: now, by_pcp: self.is_pcp(), lifetime };
            asked.note((self.way.0.ip(), protocol, internal_port), sent);
        }
        line.send(self.ask.encode(local.ip()), out);
        out.timers.set(Timer::Transaction(id), now + self.pace.wait(self.sent));
        self.sent = self.sent.saturating_add(1);
        self.ever_sent = true;
        self.begun_at = self.begun_at.or(Some(now));
        self.sent_at = Some(now);
    }

    /// Why it ends, where it does.
    pub(super) fn timeout(
        &mut self,
        now: Time,
        id: TransactionId,
        to: To<'_>,
        out: &mut Outbox,
    ) -> Option<Failure> {
        if self.pace.is_over(self.sent) {
            return Some(Failure::NoReply);
        }
        self.send(now, id, to, out);
        None
    }

    /// The other end refused a datagram.
    pub(super) fn refused(&mut self, error: io::ErrorKind) -> Option<AskResult> {
        // One for each request sent: others on the same line have refusals of their own.
        if u32::from(self.refusals) < self.sent {
            self.refusals = self.refusals.saturating_add(1);
        }
        let most = if matches!(self.pace, Pace::Farewell) { 1 } else { MOST_REFUSALS };
        (self.refusals >= most).then_some(Err(Failure::Unreachable(error)))
    }

    /// What an answer says to this request; `None` where it is for another, or nobody's (RFC 6886 section 3.3,
    /// RFC 6887 section 8.3).
    pub(super) fn matches(&self, answer: &Answer) -> Option<AskResult> {
        match (&self.ask, answer) {
            (Ask::NatPmp(request, _), Answer::NatPmp(response)) => {
                nat_pmp_result(request, response).map(|result| result.map(|()| answer.clone()))
            }
            (Ask::Pcp { lifetime, opcode, .. }, Answer::Pcp(response)) => {
                // In the version of the request itself: there is no other one to ask in.
                if is_request_sent_back(opcode, response) {
                    return Some(Err(Failure::UnsupportedVersion));
                }
                pcp_result(*lifetime, opcode, response).map(|result| result.map(|()| answer.clone()))
            }
            _ => None,
        }
    }

    /// The same of an answer that names no internal port, or the external one in its place: it fits every request for
    /// its protocol at its server, so it is for whoever has asked there alone, now and of late (quirk 102).
    pub(super) fn matches_loosely(&self, answer: &Answer) -> Option<AskResult> {
        let (Ask::NatPmp(natpmp::Request::Map(asked), Echo::Loose), Answer::NatPmp(response)) =
            (&self.ask, answer)
        else {
            return None;
        };
        let natpmp::Body::Map(granted) = response.body else { return None };
        let names_none =
            granted.internal_port.is_none() || granted.internal_port == granted.assigned_external_port;
        (names_none && is_for_the_same(asked, &granted)).then(|| Ok(answer.clone()))
    }

    /// Since when an answer to what is asked for may have been written, where it is a mapping: when that was first asked
    /// for here, and when last.
    pub(super) fn asked_between(&self) -> Option<(Time, Time)> {
        self.ask.mapping()?;
        self.begun_at.zip(self.sent_at)
    }

    /// Whether the answer says that the server does not speak the version of the request (RFC 6886 section 3.5,
    /// RFC 6887 section 9). It names a version that the server does speak, so it is not about a request in that
    /// one, unless it repeats the request (`matches`): a copy of the refusal of PCP must not end NAT-PMP, nor the
    /// reverse.
    pub(super) fn is_refused_by_version(&self, now: Time, answer: &Answer, line: &Line) -> Option<AskResult> {
        let refused = match (&self.ask, answer) {
            // A server of PCP may write the layout of NAT-PMP all the same.
            (Ask::Pcp { .. }, Answer::NatPmp(response)) => {
                // One that spoke PCP may have restarted without it.
                let is_about_pcp = !line.has_answered(Method::Pcp) || !line.has_asked_nat_pmp(now);
                response.body == natpmp::Body::UnsupportedVersion && is_about_pcp
            }
            (Ask::NatPmp(..), Answer::NatPmp(response)) => {
                response.body == natpmp::Body::UnsupportedVersion && line.has_answered(Method::Pcp)
            }
            (Ask::NatPmp(request, _), Answer::Pcp(response)) => {
                response.result_code == pcp::ResultCode::UnsuppVersion
                    && response.opcode_number == request.opcode().number()
                    && !line.has_answered(Method::NatPmp)
                    && (response.version == pcp::VERSION || line.has_answered(Method::Pcp))
            }
            (Ask::Pcp { opcode, .. }, Answer::Pcp(response)) => {
                // A bare header in our version may be an answer to NAT-PMP's request of the same opcode.
                response.result_code == pcp::ResultCode::UnsuppVersion
                    && (response.version != pcp::VERSION || !line.has_asked_nat_pmp_by(now, opcode.number()))
                    && response.opcode_number == opcode.number()
                    && !line.has_answered(Method::Pcp)
            }
        };
        refused.then_some(Err(Failure::UnsupportedVersion))
    }
}

fn nat_pmp_result(request: &natpmp::Request, response: &natpmp::Response) -> Option<Result<(), Failure>> {
    match (request, &response.body) {
        (natpmp::Request::ExternalAddress, natpmp::Body::ExternalAddress(_)) => Some(Ok(())),
        (natpmp::Request::Map(asked), natpmp::Body::Map(granted)) => {
            let same = granted.internal_port == Some(asked.internal_port) && is_for_the_same(asked, granted);
            same.then_some(Ok(()))
        }
        (request, natpmp::Body::Refused { opcode, internal_port, result_code })
            if *opcode == request.opcode()
                && internal_port.is_none_or(|port| port_of(request) == Some(port)) =>
        {
            Some(Err(Failure::NatPmp(*result_code)))
        }
        _ => None,
    }
}

/// But for the internal port. The answer to a deletion has lifetime 0; one that comes late is not for the mapping made
/// since.
fn is_for_the_same(asked: &natpmp::MapRequest, granted: &natpmp::MapResponse) -> bool {
    granted.protocol == asked.protocol && (granted.lifetime == 0) == (asked.lifetime == 0)
}

/// Whether an answer refuses the version of the request and repeats the request, nonce and all (RFC 6887 section 8.2):
/// that is no answer to NAT-PMP, and nobody who has not seen the request can write it.
fn is_request_sent_back(opcode: &pcp::Opcode, response: &pcp::Response) -> bool {
    let maps = (opcode.map(), response.opcode.as_ref().and_then(pcp::Opcode::map));
    response.result_code == pcp::ResultCode::UnsuppVersion
        && matches!(maps, (Some(asked), Some(repeated))
            if repeated.nonce == asked.nonce
                && repeated.protocol == asked.protocol
                && repeated.internal_port == asked.internal_port)
}

fn pcp_result(lifetime: u32, opcode: &pcp::Opcode, response: &pcp::Response) -> Option<Result<(), Failure>> {
    if response.version != pcp::VERSION || response.opcode_number != opcode.number() {
        return None;
    }
    let is_success = response.result_code == pcp::ResultCode::Success;
    let same = match (opcode.map(), response.opcode.as_ref().and_then(pcp::Opcode::map)) {
        (None, None) => true,
        (Some(asked), Some(granted)) => {
            granted.nonce == asked.nonce
                && granted.protocol == asked.protocol
                && granted.internal_port == asked.internal_port
        }
        _ => false,
    };
    if !same || response.result_code == pcp::ResultCode::UnsuppVersion {
        return None;
    }
    // As with NAT-PMP: the answer to a deletion is not one to a request, nor the other way round.
    if is_success && opcode.map().is_some() && (response.lifetime == 0) != (lifetime == 0) {
        return None;
    }
    Some(if is_success { Ok(()) } else { Err(Failure::Pcp(response.result_code)) })
}

fn port_of(request: &natpmp::Request) -> Option<NonZeroU16> {
    match request {
        natpmp::Request::ExternalAddress => None,
        natpmp::Request::Map(map) => Some(map.internal_port),
    }
}
