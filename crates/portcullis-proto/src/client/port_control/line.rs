//! A socket towards one server, and what is known of the server.

use super::{LONGEST_WAY, Way};
use crate::Time;
use crate::client::epoch::{Epoch, Verdict};
use crate::client::granted::Method;
use crate::client::io::{Bind, Output, SocketId};
use crate::client::outbox::Outbox;
use crate::wire::port_control::Answer;
use crate::wire::{natpmp, pcp};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

/// What an answer tells besides what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Heard {
    /// Nothing: it was not the server's.
    Nothing,
    /// The server is as it was.
    Valid,
    /// The server has lost its state, and our mappings with it, or has another external address: this one, where it told.
    StateLost(Option<IpAddr>),
}

/// For how long answers that seem to be old ones are waited out. A mapping is waited for five seconds, and renewals are four
/// apart: the answer to the next request is to be in time where the clock of the server is not what it seems.
const LONGEST_DOUBT: Duration = Duration::from_secs(3);
/// The external address, and a mapping of each protocol (RFC 6886 section 3.2 and 3.3).
const NAT_PMP_OPCODES: usize = 3;

/// An answer that seemed to be an old one.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// When the first such came, and the last.
    since: Time,
    at: Time,
    epoch_time: u32,
}

#[derive(Debug)]
pub(in crate::client) struct Line {
    peer: SocketAddr,
    socket: SocketId,
    local: Option<SocketAddr>,
    nat_pmp_epoch: Epoch,
    pcp_epoch: Epoch,
    /// Whether the server has answered in each of the two protocols.
    speaks_nat_pmp: bool,
    speaks_pcp: bool,
    /// Whether it has refused another version in the layout of each of the two.
    hints_at_nat_pmp: bool,
    hints_at_pcp: bool,
    /// When something was last asked in NAT-PMP.
    nat_pmp_asked_at: [Option<Time>; NAT_PMP_OPCODES],
    is_refused: bool,
    doubt: Option<Doubt>,
    /// Its epoch time was the same in the answer to a later request: it tells nothing.
    clock_stands: bool,
}

impl Line {
    pub(super) fn open((peer, local): Way, out: &mut Outbox) -> Self {
        let socket = out.next_socket();
        let any: IpAddr =
            if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        out.push(Output::Bind(Bind {
            socket,
            local: SocketAddr::new(local.unwrap_or(any), 0),
            multicast_interface: None,
            multicast_ttl: 1,
            peer: Some(peer),
            groups: Vec::new(),
        }));
        Self {
            peer,
            socket,
            local: None,
            nat_pmp_epoch: Epoch::nat_pmp(),
            pcp_epoch: Epoch::pcp(),
            speaks_nat_pmp: false,
            speaks_pcp: false,
            hints_at_nat_pmp: false,
            hints_at_pcp: false,
            nat_pmp_asked_at: [None; NAT_PMP_OPCODES],
            is_refused: false,
            doubt: None,
            clock_stands: false,
        }
    }

    pub(super) fn close(&self, out: &mut Outbox) {
        out.push(Output::Unbind(self.socket));
    }

    pub(super) fn socket(&self) -> SocketId {
        self.socket
    }

    /// Our own address on it, once it is known.
    pub(in crate::client) fn local(&self) -> Option<SocketAddr> {
        self.local
    }

    pub(super) fn bound(&mut self, local: SocketAddr) {
        self.local = Some(local);
    }

    pub(super) fn send(&self, payload: Vec<u8>, out: &mut Outbox) {
        out.send_soon(self.socket, self.peer, payload);
    }

    /// Whether the epoch time in an announcement is not what the server's own answers let expect.
    pub(super) fn is_news(&self, now: Time, answer: &Answer) -> bool {
        let epoch = match answer {
            Answer::NatPmp(_) => &self.nat_pmp_epoch,
            Answer::Pcp(_) => &self.pcp_epoch,
        };
        answer.epoch_time().is_some_and(|epoch_time| epoch.verdict(now, epoch_time) == Verdict::StateLost)
    }

    /// The server answered.
    pub(super) fn heard(&mut self, now: Time, answer: &Answer) -> Heard {
        match answer {
            Answer::NatPmp(response) if response.body == natpmp::Body::UnsupportedVersion => {
                self.hints_at_nat_pmp = true;
            }
            Answer::NatPmp(_) => self.speaks_nat_pmp = true,
            Answer::Pcp(response) if response.result_code == pcp::ResultCode::UnsuppVersion => {
                self.hints_at_pcp |= response.version == pcp::VERSION;
            }
            Answer::Pcp(_) => self.speaks_pcp = true,
        }
        self.is_refused = false;
        let epoch = match answer {
            Answer::NatPmp(_) => &mut self.nat_pmp_epoch,
            Answer::Pcp(_) => &mut self.pcp_epoch,
        };
        match answer.epoch_time().map(|epoch_time| epoch.update(now, epoch_time)) {
            Some(Verdict::StateLost) => {
                match answer {
                    Answer::NatPmp(_) => self.pcp_epoch = Epoch::pcp(),
                    Answer::Pcp(_) => self.nat_pmp_epoch = Epoch::nat_pmp(),
                }
                Heard::StateLost(external_address(answer))
            }
            Some(Verdict::Valid) | None => Heard::Valid,
        }
    }

    /// Waits out an answer that may be an old one come again: its epoch time is one of before `first`, when it was first
    /// asked for. A server that has started anew counts low as well; it counts on, in the answer to a request that was
    /// sent (`last`) after that.
    pub(super) fn waits_out(&mut self, now: Time, answer: &Answer, (first, last): (Time, Time)) -> bool {
        let epoch = match answer {
            Answer::NatPmp(_) => &self.nat_pmp_epoch,
            Answer::Pcp(_) => &self.pcp_epoch,
        };
        let old = answer.epoch_time().filter(|&epoch_time| epoch.is_before(first, epoch_time));
        let before = self.doubt.take().filter(|doubt| now - doubt.at < LONGEST_WAY);
        let Some(epoch_time) = old.filter(|_| !self.clock_stands) else { return false };
        if let Some(doubt) = before {
            let counts_on = epoch_time > doubt.epoch_time && last > doubt.at;
            let is_over = now - doubt.since >= LONGEST_DOUBT;
            if counts_on || is_over {
                self.clock_stands = is_over && epoch_time == doubt.epoch_time;
                return false;
            }
        }
        let since = before.map_or(now, |doubt| doubt.since);
        self.doubt = Some(Doubt { since, at: now, epoch_time });
        true
    }

    /// The server has no PCP, or not any more.
    pub(super) fn forget_pcp(&mut self) {
        self.speaks_pcp = false;
    }

    /// NAT-PMP's request of this opcode goes out.
    pub(super) fn asks_nat_pmp(&mut self, now: Time, opcode: u8) {
        if let Some(at) = self.nat_pmp_asked_at.get_mut(usize::from(opcode)) {
            *at = Some(now);
        }
    }

    /// Whether something was asked in NAT-PMP of late.
    pub(super) fn has_asked_nat_pmp(&self, now: Time) -> bool {
        (0..).take(NAT_PMP_OPCODES).any(|opcode| self.has_asked_nat_pmp_by(now, opcode))
    }

    /// Whether a request of this opcode was asked in NAT-PMP of late.
    pub(super) fn has_asked_nat_pmp_by(&self, now: Time, opcode: u8) -> bool {
        let at = self.nat_pmp_asked_at.get(usize::from(opcode)).copied().flatten();
        at.is_some_and(|at| now - at < LONGEST_WAY)
    }

    /// The server has begun to count anew, as is known already.
    pub(super) fn forget_epochs(&mut self) {
        (self.nat_pmp_epoch, self.pcp_epoch) = (Epoch::nat_pmp(), Epoch::pcp());
    }

    /// Somebody else may be there by now: what it speaks is to be found out again.
    pub(super) fn doubt(&mut self) {
        (self.speaks_nat_pmp, self.speaks_pcp) = (false, false);
        (self.hints_at_nat_pmp, self.hints_at_pcp) = (false, false);
    }

    pub(super) fn refused(&mut self) {
        self.is_refused = true;
    }

    /// Whether the server's host says that nobody is there.
    pub(in crate::client) fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Whether the server most likely speaks this protocol: it has answered in it, or has refused the other one by
    /// it. Then silence is loss.
    pub(in crate::client) fn is_there(&self, method: Method) -> bool {
        let hints = match method {
            Method::NatPmp => self.hints_at_nat_pmp,
            Method::Pcp => self.hints_at_pcp,
            Method::Igd | Method::IgdPinhole => false,
        };
        hints || self.has_answered(method)
    }

    /// Whether it is known to be there, in either protocol.
    pub(in crate::client) fn is_there_at_all(&self) -> bool {
        self.is_there(Method::Pcp) || self.is_there(Method::NatPmp)
    }

    /// Whether the server has ever answered in this protocol: not all who speak the one speak the other.
    pub(in crate::client) fn has_answered(&self, method: Method) -> bool {
        match method {
            Method::NatPmp => self.speaks_nat_pmp,
            Method::Pcp => self.speaks_pcp,
            Method::Igd | Method::IgdPinhole => false,
        }
    }
}

/// The external address in an answer.
pub(super) fn external_address(answer: &Answer) -> Option<IpAddr> {
    let address = match answer {
        Answer::NatPmp(natpmp::Response { body: natpmp::Body::ExternalAddress(address), .. }) => {
            IpAddr::from(*address)
        }
        Answer::NatPmp(_) => return None,
        Answer::Pcp(response) => {
            response.opcode.as_ref().and_then(pcp::Opcode::map)?.external_address.to_canonical()
        }
    };
    (!address.is_unspecified()).then_some(address)
}
