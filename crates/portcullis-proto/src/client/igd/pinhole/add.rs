//! Opens a pinhole, and finds out why where the gateway will not.
//!
//! The pinhole is asked for at once: a question about the firewall before it would cost a round trip where
//! all is well. Only a refusal that does not explain itself is followed by that question. At most four
//! actions.

use super::super::call::{Call, CallResult};
use super::super::{Next, Procedure};
use super::is_missing;
use crate::client::device::ControlPoint;
use crate::client::error::{Failure, Step};
use crate::igd::error_code::UpnpErrorCode;
use crate::igd::ipv6_firewall::{Action, AddPinhole, Flow, GetFirewallStatus, LeaseTime, UniqueId};
use crate::{AddressKind, Lifetime, Protocol};
use core::net::{IpAddr, Ipv6Addr};
use core::num::NonZeroU16;
use core::time::Duration;

const MOST_ADDS: u8 = 3;
/// How long one of the first attempts may stay unanswered: on a bad link that is the answer that was lost, and
/// the next one brings it.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);
/// An explanation is worth a short wait.
const STATUS_PATIENCE: Duration = Duration::from_secs(2);

/// A pinhole as the gateway made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) struct Opened {
    /// What it is renewed, deleted and checked by, for its whole life.
    pub(in crate::client) unique_id: UniqueId,
    /// The address that was opened: our own, and the one that the internet knows.
    pub(in crate::client) internal_client: Ipv6Addr,
    /// What was asked for; the answer does not tell what was granted.
    pub(in crate::client) lifetime: Lifetime,
}

#[derive(Debug)]
enum State {
    Adding,
    /// Asking about the firewall, after this refusal.
    Explaining(Failure),
}

#[derive(Debug)]
pub(in crate::client) struct Add {
    protocol: Protocol,
    internal_port: NonZeroU16,
    lifetime: LeaseTime,
    state: State,
    adds: u8,
    /// Whether an AddPinhole was sent of which nobody knows what it did.
    in_doubt: bool,
}

impl Add {
    /// Opens a port of the control point's local address to everybody. A lifetime beyond a day, or a permanent
    /// one, is asked for as a day.
    pub(in crate::client) fn new(protocol: Protocol, internal_port: NonZeroU16, lifetime: Lifetime) -> Self {
        Self {
            protocol,
            internal_port,
            lifetime: LeaseTime::clamped(lifetime),
            state: State::Adding,
            adds: 0,
            in_doubt: false,
        }
    }

    /// Whether the answer that is waited for is AddPinhole's.
    pub(in crate::client) fn is_adding(&self) -> bool {
        matches!(self.state, State::Adding)
    }

    /// Whether the gateway may have a pinhole of ours by now whose number we do not know, apart from the one
    /// that is under way. Another AddPinhole would tell the number; without it, the pinhole ends with its lease.
    pub(in crate::client) fn may_have_added(&self) -> bool {
        self.in_doubt
    }

    /// Nobody wants the pinhole any more: the number of what there is to delete, where the answer tells it.
    pub(in crate::client) fn abandoned(
        &mut self,
        point: &ControlPoint,
        result: CallResult,
    ) -> Option<UniqueId> {
        let IpAddr::V6(internal_client) = point.local_address else { return None };
        match result {
            Ok(arguments) if self.is_adding() => self.action(internal_client).decode(&arguments).ok(),
            Err(failure) if self.is_adding() => {
                self.in_doubt |= failure.is_doubtful();
                None
            }
            _ => None,
        }
    }

    fn action(&self, internal_client: Ipv6Addr) -> AddPinhole {
        let Self { protocol, internal_port, lifetime, .. } = *self;
        let flow = Flow { remote_host: None, remote_port: None, internal_client, internal_port, protocol };
        AddPinhole { flow, lifetime }
    }

    fn add(&mut self, point: &ControlPoint, internal_client: Ipv6Addr) -> Next<Opened> {
        self.adds = self.adds.saturating_add(1);
        self.state = State::Adding;
        let call = Call::new(point, &self.action(internal_client));
        Next::Call(if self.adds < MOST_ADDS { call.within(FIRST_PATIENCE) } else { call })
    }

    fn added(&mut self, point: &ControlPoint, client: Ipv6Addr, result: CallResult) -> Next<Opened> {
        let id = result.and_then(|reply| self.action(client).decode(&reply).map_err(Failure::Decode));
        match id {
            Ok(unique_id) => {
                self.in_doubt = false;
                let lifetime = self.lifetime.into();
                Next::Done(Ok(Opened { unique_id, internal_client: client, lifetime }))
            }
            Err(failure) if failure.is_doubtful() => {
                self.in_doubt = true;
                if self.adds >= MOST_ADDS {
                    return fail(failure);
                }
                // Section 2.6.3 promises the number of a pinhole that is there to whoever asks for it with
                // another lease, so the question is not repeated letter for letter.
                self.lifetime = self.lifetime.neighbour();
                self.add(point, client)
            }
            Err(failure @ Failure::Decode(_)) => {
                self.in_doubt = true;
                fail(failure)
            }
            Err(Failure::Fault(code, text)) => self.refused(point, code, text),
            Err(failure) => fail(failure),
        }
    }

    fn refused(&mut self, point: &ControlPoint, code: UpnpErrorCode, text: String) -> Next<Opened> {
        match code {
            UpnpErrorCode::FirewallDisabled => fail(Failure::NoPinholes { code, firewall_enabled: false }),
            UpnpErrorCode::InboundPinholeNotAllowed => {
                fail(Failure::NoPinholes { code, firewall_enabled: true })
            }
            UpnpErrorCode::PinholeSpaceExhausted
            | UpnpErrorCode::ProtocolNotSupported
            | UpnpErrorCode::InternalPortWildcardingNotAllowed
            | UpnpErrorCode::ProtocolWildcardingNotAllowed
            | UpnpErrorCode::InternalClientWildcardingNotAllowed => fail(Failure::Fault(code, text)),
            _ if is_missing(code) => fail(Failure::Fault(code, text)),
            _ => {
                self.state = State::Explaining(Failure::Fault(code, text));
                Next::Call(Call::new(point, &GetFirewallStatus).within(STATUS_PATIENCE))
            }
        }
    }
}

/// What the firewall's state makes of a refusal.
fn explained(refusal: Failure, result: CallResult) -> Failure {
    let status = result.ok().and_then(|reply| GetFirewallStatus.decode(&reply).ok());
    match (&refusal, status) {
        (Failure::Fault(code, _), Some(status))
            if !status.firewall_enabled || !status.inbound_pinhole_allowed =>
        {
            Failure::NoPinholes { code: *code, firewall_enabled: status.firewall_enabled }
        }
        _ => refusal,
    }
}

fn fail(failure: Failure) -> Next<Opened> {
    Next::fail(Step::Action(AddPinhole::NAME), failure)
}

/// Our own address towards the gateway, if the internet can reach it. A gateway on this very host, as the
/// simulated one is, may be on the loopback.
fn internal_client(point: &ControlPoint) -> Result<Ipv6Addr, Failure> {
    let IpAddr::V6(address) = point.local_address.to_canonical() else { return Err(Failure::NotIpv6) };
    let loops = address.is_loopback() && point.remote.ip().is_loopback();
    if loops || AddressKind::of(address.into()) == AddressKind::Public {
        Ok(address)
    } else {
        Err(Failure::NotGlobal(address))
    }
}

impl Procedure for Add {
    type Output = Opened;

    fn start(&mut self, point: &ControlPoint) -> Next<Opened> {
        match internal_client(point) {
            Ok(internal_client) => self.add(point, internal_client),
            Err(failure) => fail(failure),
        }
    }

    fn resume(&mut self, point: &ControlPoint, result: CallResult) -> Next<Opened> {
        match (core::mem::replace(&mut self.state, State::Adding), internal_client(point)) {
            (_, Err(failure)) => fail(failure),
            (State::Adding, Ok(client)) => self.added(point, client, result),
            (State::Explaining(refusal), Ok(_)) => fail(explained(refusal, result)),
        }
    }
}

#[cfg(test)]
mod tests;
