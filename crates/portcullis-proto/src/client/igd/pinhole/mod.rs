//! Pinholes in a gateway's firewall for IPv6 (WANIPv6FirewallControl:1), one procedure a file.
//!
//! A pinhole is for the address that the request comes from, and no other: gateways refuse any other with
//! 606 (quirk 43), and no answer of theirs changes what we call our own. So the control point's local address
//! is the internal client, and whoever wants several addresses opened has a control point for each, which
//! also renews and deletes what it made.

pub(in crate::client) mod add;
pub(in crate::client) mod check;
pub(in crate::client) mod delete;
pub(in crate::client) mod update;

use super::call::{Call, CallResult};
use crate::client::device::ControlPoint;
use crate::client::error::Failure;
use crate::igd::error_code::UpnpErrorCode;
use crate::igd::ipv6_firewall::{GetPinholePackets, UniqueId};

/// The code of a refusal.
fn refusal(result: &CallResult) -> Option<UpnpErrorCode> {
    match result {
        Err(Failure::Fault(code, _)) => Some(*code),
        _ => None,
    }
}

/// Asks whether a pinhole is there, by the one action about it that is not optional and changes nothing.
fn look_for(point: &ControlPoint, unique_id: UniqueId) -> Call {
    Call::new(point, &GetPinholePackets { unique_id })
}

/// Whether the answer to that says that it is not. What the number alone could be wrong with is that it is
/// nobody's: so 402 says that, too (quirk 82).
fn is_absent(result: &CallResult) -> bool {
    matches!(refusal(result), Some(UpnpErrorCode::NoSuchEntry | UpnpErrorCode::InvalidArgs))
}

/// Whether the gateway says that it has no such action.
fn is_missing(code: UpnpErrorCode) -> bool {
    matches!(code, UpnpErrorCode::InvalidAction | UpnpErrorCode::OptionalActionNotImplemented)
}

#[cfg(test)]
pub(super) mod testing;
