//! The actions of WANIPv6FirewallControl:1: pinholes, which let packets from the internet through to one
//! port of an IPv6 host.
//!
//! Nothing is translated: what is opened is the host's own global address, and the gateway names the
//! pinhole by a number, which is all there is to renew and to delete it by. No action lists pinholes or tells
//! what is left of a lease. Arguments have the names and the order of the service description; every action
//! can be encoded and decoded in both directions, for a client and for a gateway.
//!
//! A fault of this service has other meanings than the same number of a WAN connection's:
//! [`UpnpErrorCode::of`](super::error_code::UpnpErrorCode::of) knows both.

mod lease_time;
mod pinhole;
mod status;
mod traffic;

pub use super::action::{Action, DecodeError};
use super::value;
pub use lease_time::LeaseTime;
pub use pinhole::{AddPinhole, DeletePinhole, Flow, UniqueId, UpdatePinhole};
pub use status::{FirewallStatus, GetFirewallStatus, GetOutboundPinholeTimeout};
pub use traffic::{CheckPinholeWorking, GetPinholePackets};

/// The protocol number that stands for all protocols (section 2.4.7). Nothing here asks for it: gateways
/// answer 707 ProtocolWildcardingNotAllowed, and would open more than anybody wants where they do not.
pub const ANY_PROTOCOL: u16 = 65_535;

#[cfg(test)]
mod tests;
