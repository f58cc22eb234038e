//! NAT-PMP, the NAT Port Mapping Protocol (RFC 6886).
//!
//! Requests and responses, both ways: a client encodes the one and decodes the other, a simulated gateway does
//! the reverse. Times are in seconds, ports are never 0 where a port is meant.

mod request;
mod response;
mod result_code;

use super::port_control::RESPONSE_BIT;
use crate::Protocol;

pub use super::port_control::{ANNOUNCE_GROUP, ANNOUNCE_PORT, Malformed, PORT};
pub use request::{MapRequest, Request};
pub use response::{Body, MapResponse, Response};
pub use result_code::ResultCode;

/// The version of NAT-PMP (RFC 6886 section 3).
pub const VERSION: u8 = 0;
/// The lifetime to ask for, in seconds (RFC 6886 section 3.3).
pub const RECOMMENDED_LIFETIME: u32 = 7200;

/// Opcode of the request for the external address (RFC 6886 section 3.2).
const EXTERNAL_ADDRESS: u8 = 0;
/// Opcode of the request to map a UDP port (RFC 6886 section 3.3).
const MAP_UDP: u8 = 1;
/// Opcode of the request to map a TCP port (RFC 6886 section 3.3).
const MAP_TCP: u8 = 2;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// 0: the external address.
    ExternalAddress,
    /// 1 for UDP, 2 for TCP: a mapping.
    Map(Protocol),
    /// Any other below 128.
    Unknown(u8),
}

impl Opcode {
    /// The number, without the response bit.
    pub const fn number(self) -> u8 {
        match self {
            Self::ExternalAddress => EXTERNAL_ADDRESS,
            Self::Map(Protocol::Udp) => MAP_UDP,
            Self::Map(Protocol::Tcp) => MAP_TCP,
            Self::Unknown(number) => number & !RESPONSE_BIT,
        }
    }

    /// Length in bytes of the response that has all there is to tell (RFC 6886 sections 3.2 and 3.3).
    const fn longest_response(self) -> usize {
        match self {
            Self::ExternalAddress => 12,
            Self::Map(_) | Self::Unknown(_) => 16,
        }
    }

    /// The opcode of a number, whose response bit is ignored.
    pub const fn from_number(number: u8) -> Self {
        match number & !RESPONSE_BIT {
            EXTERNAL_ADDRESS => Self::ExternalAddress,
            MAP_UDP => Self::Map(Protocol::Udp),
            MAP_TCP => Self::Map(Protocol::Tcp),
            number => Self::Unknown(number),
        }
    }
}

#[cfg(test)]
mod tests;
