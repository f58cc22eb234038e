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

use super::call::CallResult;
use crate::client::error::Failure;
use crate::igd::error_code::UpnpErrorCode;

/// The code of a refusal.
fn refusal(result: &CallResult) -> Option<UpnpErrorCode> {
    match result {
        Err(Failure::Fault(code, _)) => Some(*code),
        _ => None,
    }
}

/// Whether the gateway says that it has no such action.
fn is_missing(code: UpnpErrorCode) -> bool {
    matches!(code, UpnpErrorCode::InvalidAction | UpnpErrorCode::OptionalActionNotImplemented)
}

#[cfg(test)]
pub(super) mod testing;
