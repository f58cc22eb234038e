//! A conversation with one NAT-PMP or PCP server: what to ask, and what the answers come to. It knows no
//! sockets and no time.

use super::wish::LONGEST;
pub(in crate::client) use super::wish::Wish;
use super::{Ask, AskResult, Echo};
use crate::Lifetime;
use crate::client::error::{Failure, Step};
use crate::client::granted::Method;
use crate::client::igd::Stop;
use crate::wire::pcp::{self, PcpOption};
use crate::wire::port_control::Answer;
use crate::wire::{natpmp, pcp::ResultCode};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::num::NonZeroU16;

/// What a talk is for.
#[derive(Clone, Debug)]
pub(in crate::client) enum Goal {
    /// A mapping: new, or renewed.
    Map(Wish),
    /// The end of a mapping.
    Delete(Wish),
    /// The external address, which NAT-PMP tells by itself.
    Address,
    /// That the server is there, and its epoch.
    Presence,
}

/// What a server granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) struct Grant {
    pub(in crate::client) external_port: NonZeroU16,
    pub(in crate::client) external_address: Option<IpAddr>,
    /// What is believed of it.
    pub(in crate::client) lifetime: Lifetime,
    /// What the server said.
    pub(in crate::client) leased: Lifetime,
}

/// What a talk wants next.
#[derive(Debug)]
pub(in crate::client) enum Next {
    Ask(Ask),
    /// The server is there, and a mapping may be asked for.
    Ready,
    Granted(Grant),
    /// Deleted, or there.
    Done,
    Address(Ipv4Addr),
    Fail(Stop),
}

#[derive(Debug)]
enum State {
    /// Whether the server is there is being asked.
    Probing,
    Ready,
    /// What is there is being deleted, to be made anew.
    Clearing,
    Asking,
    /// What was granted for so long is given back, since it is not what was wanted.
    GivingBack(Failure, Lifetime),
}

#[derive(Debug)]
pub(in crate::client) struct Talk {
    method: Method,
    goal: Goal,
    /// Whether the mapping is asked for over IPv6, where nothing is translated.
    is_ipv6: bool,
    state: State,
    external_address: Option<Ipv4Addr>,
    /// Whether PREFER_FAILURE goes with the request; not every server knows it.
    prefer_failure: bool,
    /// Whether what is there is to be deleted first.
    anew: bool,
    /// Whether the server has said that it took back what it had granted.
    has_given_back: bool,
    /// Whether a person has named the server.
    is_named: bool,
}

impl Talk {
    pub(in crate::client) fn new(method: Method, goal: Goal, is_ipv6: bool) -> Self {
        let prefer_failure = matches!(&goal, Goal::Map(wish) if wish.only_this_port);
        // NAT-PMP tells the address by another request than the one that renews.
        let external_address = match &goal {
            Goal::Map(Wish { external_address: Some(IpAddr::V4(address)), .. }) => Some(*address),
            _ => None,
        };
        Self {
            method,
            goal,
            is_ipv6,
            state: State::Probing,
            external_address,
            prefer_failure,
            anew: false,
            has_given_back: false,
            is_named: false,
        }
    }

    /// A person has named the server: what it gives may be named as servers of VPNs do (quirk 102).
    pub(in crate::client) fn of_a_named_server(mut self, is_named: bool) -> Self {
        self.is_named = is_named;
        self
    }

    /// What is there is deleted before it is asked for: the server says yes to extending it, and does not (quirk 88).
    pub(in crate::client) fn make_anew(&mut self) {
        self.anew = true;
    }

    /// Asks whether the server is there, by a request that changes nothing.
    pub(in crate::client) fn probe(&mut self) -> Ask {
        self.state = State::Probing;
        match self.method {
            Method::NatPmp => Ask::NatPmp(natpmp::Request::ExternalAddress, Echo::Exact),
            _ => announce(),
        }
    }

    /// Asks for what is wanted.
    pub(in crate::client) fn ask(&mut self) -> Ask {
        if core::mem::take(&mut self.anew) {
            self.state = State::Clearing;
            return self.withdraw();
        }
        self.state = State::Asking;
        match (&self.goal, self.method) {
            (Goal::Map(wish), Method::NatPmp) => self.map_by_nat_pmp(wish),
            (Goal::Map(wish), _) => self.map_by_pcp(wish, wish.seconds()),
            (Goal::Delete(_), _) => self.withdraw(),
            (Goal::Address | Goal::Presence, _) => self.probe(),
        }
    }

    /// Asks for a mapping that lasts at least so long; what to ask instead where it is being asked for.
    pub(in crate::client) fn lengthen(&mut self, lifetime: Lifetime) -> Option<Ask> {
        let Goal::Map(wish) = &mut self.goal else { return None };
        if wish.lifetime >= lifetime {
            return None;
        }
        wish.lifetime = lifetime;
        matches!(self.state, State::Asking).then(|| self.ask())
    }

    /// What is being done, for an error.
    pub(in crate::client) fn step(&self) -> Step {
        let probing = matches!(self.state, State::Probing);
        Step::Action(match (self.method, &self.goal) {
            (Method::NatPmp, Goal::Address | Goal::Presence) => "NAT-PMP external address",
            (Method::NatPmp, _) if probing => "NAT-PMP external address",
            (Method::NatPmp, _) => "NAT-PMP MAP",
            (_, Goal::Address | Goal::Presence) => "PCP ANNOUNCE",
            _ if probing => "PCP ANNOUNCE",
            (_, Goal::Map(wish) | Goal::Delete(wish)) if wish.peer.is_some() => "PCP PEER",
            _ => "PCP MAP",
        })
    }

    /// The external address, as far as NAT-PMP has told it.
    pub(in crate::client) fn external_address(&self) -> Option<IpAddr> {
        self.external_address.map(IpAddr::from)
    }

    /// The external address in an answer that says no.
    pub(in crate::client) fn told(&mut self, address: IpAddr) {
        if let IpAddr::V4(address) = address {
            self.external_address.get_or_insert(address);
        }
    }

    /// Whether a mapping may be at the server by now that nobody has been told of.
    pub(in crate::client) fn may_have_mapped(&self) -> bool {
        matches!(self.goal, Goal::Map(_)) && matches!(self.state, State::Asking | State::GivingBack(..))
    }

    pub(in crate::client) fn is_deleting(&self) -> bool {
        matches!(self.goal, Goal::Delete(_))
    }

    /// Whether the server has said that it took back what it had granted.
    pub(in crate::client) fn has_given_back(&self) -> bool {
        self.has_given_back
    }

    /// Why what was granted is being given back, where it is.
    pub(in crate::client) fn giving_back(&self) -> Option<&Failure> {
        match &self.state {
            State::GivingBack(failure, _) => Some(failure),
            State::Probing | State::Ready | State::Clearing | State::Asking => None,
        }
    }

    /// For how long the server has granted what is given back.
    pub(in crate::client) fn given_for(&self) -> Option<Lifetime> {
        match self.state {
            State::GivingBack(_, lifetime) => Some(lifetime),
            State::Probing | State::Ready | State::Clearing | State::Asking => None,
        }
    }

    /// What it asks for.
    pub(in crate::client) fn wanted(&self) -> Option<&Wish> {
        match &self.goal {
            Goal::Map(wish) => Some(wish),
            Goal::Delete(_) | Goal::Address | Goal::Presence => None,
        }
    }

    /// What it deletes.
    pub(in crate::client) fn deleted(&self) -> Option<&Wish> {
        match &self.goal {
            Goal::Delete(wish) => Some(wish),
            Goal::Map(_) | Goal::Address | Goal::Presence => None,
        }
    }

    pub(in crate::client) fn wish(&self) -> Option<&Wish> {
        match &self.goal {
            Goal::Map(wish) | Goal::Delete(wish) => Some(wish),
            Goal::Address | Goal::Presence => None,
        }
    }

    /// Whether it is for a mapping that servers cannot tell from the wished one, but by the nonce.
    pub(in crate::client) fn asks_the_same(&self, wish: &Wish) -> bool {
        matches!(&self.goal, Goal::Map(own) if own.protocol == wish.protocol
            && own.internal_port == wish.internal_port
            && own.third_party == wish.third_party
            && own.peer == wish.peer)
    }

    pub(in crate::client) fn resume(&mut self, result: AskResult) -> Next {
        match (&self.state, result) {
            (State::GivingBack(failure, _), result) => {
                let failure = failure.clone();
                self.has_given_back = result.is_ok();
                self.fail(failure)
            }
            // Where it is refused, nothing is lost.
            (State::Clearing, Ok(_) | Err(Failure::Pcp(_) | Failure::NatPmp(_))) => Next::Ask(self.ask()),
            (State::Clearing, Err(failure)) => self.fail(failure),
            (State::Probing | State::Ready, result) => self.probed(result),
            (State::Asking, Ok(answer)) => self.answered(&answer),
            (State::Asking, Err(failure)) => self.refused(failure),
        }
    }

    fn probed(&mut self, result: AskResult) -> Next {
        match result {
            Ok(Answer::NatPmp(response)) => {
                if let natpmp::Body::ExternalAddress(address) = response.body {
                    self.external_address = (!address.is_unspecified()).then_some(address);
                }
                match (&self.goal, self.external_address) {
                    (Goal::Address, Some(address)) => Next::Address(address),
                    (Goal::Address, None) => self.fail(Failure::NatPmp(natpmp::ResultCode::NetworkFailure)),
                    (Goal::Presence, _) => Next::Done,
                    _ => self.ready(),
                }
            }
            Ok(Answer::Pcp(_)) => match self.goal {
                Goal::Presence | Goal::Address => Next::Done,
                _ => self.ready(),
            },
            // A server that does not know ANNOUNCE is there all the same.
            Err(Failure::Pcp(ResultCode::UnsuppOpcode)) => match self.goal {
                Goal::Presence | Goal::Address => Next::Done,
                _ => self.ready(),
            },
            Err(failure) => self.fail(failure),
        }
    }

    fn ready(&mut self) -> Next {
        self.state = State::Ready;
        Next::Ready
    }

    fn refused(&mut self, failure: Failure) -> Next {
        let optional = matches!(
            failure,
            Failure::Pcp(
                ResultCode::UnsuppOption | ResultCode::MalformedOption | ResultCode::MalformedRequest
            )
        );
        if optional && self.prefer_failure {
            self.prefer_failure = false;
            return Next::Ask(self.ask());
        }
        self.fail(failure)
    }

    fn answered(&mut self, answer: &Answer) -> Next {
        let Goal::Map(wish) = &self.goal else { return Next::Done };
        let (port, lifetime, address) = match answer {
            Answer::NatPmp(response) => match response.body {
                natpmp::Body::Map(map) => {
                    (map.assigned_external_port, map.lifetime, self.external_address.map(IpAddr::from))
                }
                _ => (None, 0, None),
            },
            Answer::Pcp(response) => match response.opcode.as_ref().and_then(pcp::Opcode::map) {
                Some(map) => (map.external_port, response.lifetime, self.believable(map.external_address)),
                None => (None, 0, None),
            },
        };
        // A mapping on port 0 is none, although the server may think otherwise.
        let (Some(external_port), 1..) = (port, lifetime) else {
            return self.give_back(Failure::NotConfirmed, Lifetime::from_seconds(lifetime));
        };
        if wish.only_this_port && external_port != wish.external_port {
            let failure = Failure::OtherPort { offered: external_port };
            return self.give_back(failure, Lifetime::from_seconds(lifetime));
        }
        Next::Granted(Grant {
            external_port,
            external_address: address,
            lifetime: Lifetime::from_seconds(lifetime.min(LONGEST)),
            leased: Lifetime::from_seconds(lifetime),
        })
    }

    /// An external address of the family that is mapped to, and not the one that means none.
    fn believable(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        (address.is_ipv6() == self.is_ipv6 && !address.is_unspecified()).then_some(address)
    }

    fn give_back(&mut self, failure: Failure, leased: Lifetime) -> Next {
        let ask = self.withdraw();
        self.state = State::GivingBack(failure, leased);
        Next::Ask(ask)
    }

    /// The request that undoes what was asked for.
    pub(in crate::client) fn withdraw(&mut self) -> Ask {
        match (&self.goal, self.method) {
            (Goal::Map(wish) | Goal::Delete(wish), Method::NatPmp) => {
                let delete = natpmp::MapRequest::delete(wish.protocol, wish.internal_port);
                Ask::NatPmp(natpmp::Request::Map(delete), self.echo(true))
            }
            (Goal::Map(wish) | Goal::Delete(wish), _) => self.map_by_pcp(wish, 0),
            (Goal::Address | Goal::Presence, _) => self.probe(),
        }
    }

    fn fail(&self, failure: Failure) -> Next {
        Next::Fail(Stop { step: self.step(), failure })
    }

    /// No other answers than the RFC's are taken where one port alone will do, or from a gateway that was found.
    fn echo(&self, any_port: bool) -> Echo {
        if self.is_named && any_port { Echo::Loose } else { Echo::Exact }
    }

    fn map_by_nat_pmp(&self, wish: &Wish) -> Ask {
        let map = natpmp::MapRequest {
            protocol: wish.protocol,
            internal_port: wish.internal_port,
            suggested_external_port: wish.suggested_external_port(),
            lifetime: wish.seconds(),
        };
        Ask::NatPmp(natpmp::Request::Map(map), self.echo(wish.any_port))
    }

    fn map_by_pcp(&self, wish: &Wish, lifetime: u32) -> Ask {
        let any: IpAddr =
            if self.is_ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        let map = pcp::Map {
            nonce: wish.nonce,
            protocol: wish.protocol,
            internal_port: wish.internal_port,
            external_port: wish.suggested_external_port(),
            external_address: wish.external_address.unwrap_or(any),
        };
        let opcode = match wish.peer {
            None => pcp::Opcode::Map(map),
            Some(peer) => match NonZeroU16::new(peer.port()) {
                Some(remote_peer_port) => {
                    pcp::Opcode::Peer(pcp::Peer { map, remote_peer_port, remote_peer_address: peer.ip() })
                }
                None => pcp::Opcode::Map(map),
            },
        };
        // The order in which they are to be processed.
        let third_party = wish.third_party.map(PcpOption::ThirdParty);
        let prefer_failure = (self.prefer_failure && lifetime > 0).then_some(PcpOption::PreferFailure);
        let filters = wish.filters.iter().filter(|_| lifetime > 0).map(
            |&(remote_address, prefix_length, remote_port)| PcpOption::Filter {
                // On the wire an IPv4 address has 96 bits in front of it.
                prefix_length: prefix_length.saturating_add(if remote_address.is_ipv4() { 96 } else { 0 }),
                remote_port,
                remote_address,
            },
        );
        let options = third_party.into_iter().chain(prefer_failure).chain(filters).collect();
        Ask::Pcp { lifetime, opcode, options }
    }
}

fn announce() -> Ask {
    Ask::Pcp { lifetime: 0, opcode: pcp::Opcode::Announce, options: Vec::new() }
}
