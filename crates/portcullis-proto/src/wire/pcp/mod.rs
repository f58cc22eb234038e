//! PCP, the Port Control Protocol, version 2 (RFC 6887).
//!
//! Requests and responses, both ways: a client encodes the one and decodes the other, a simulated gateway does
//! the reverse. Times are in seconds. Addresses are 128 bits on the wire; an IPv4 address stands there as
//! `::ffff:a.b.c.d` and is an [`IpAddr::V4`] here. "Any address" is that of all zeros of the wanted family,
//! `0.0.0.0` or `::` (RFC 6887 section 5).

mod address;
mod announce;
mod map;
mod option;
mod peer;
mod request;
mod response;
mod result_code;

use super::reader::Reader;
#[cfg(doc)]
use core::net::IpAddr;

pub use super::port_control::{
    ANNOUNCE_GROUP, ANNOUNCE_GROUP_V6, ANNOUNCE_PORT, MAX_MESSAGE, Malformed, PORT,
};
pub use announce::announcement;
pub use map::{Map, Nonce};
pub use option::{MAX_OPTIONS, PcpOption};
pub use peer::Peer;
pub use request::Request;
pub use response::{Response, encode_refusal};
pub use result_code::ResultCode;

/// The version of PCP (RFC 6887 section 7).
pub const VERSION: u8 = 2;
/// Length of the header of a request or a response in bytes (RFC 6887 sections 7.1 and 7.2).
pub const HEADER: usize = 24;
/// Shortest lifetime that a server should grant, in seconds (RFC 6887 section 15).
pub const MIN_LIFETIME: u32 = 120;
/// Longest lifetime that a server should grant, in seconds: 24 hours (RFC 6887 section 15).
pub const MAX_LIFETIME: u32 = 86_400;

/// What is asked, with what belongs to it: the opcodes of RFC 6887. Requests and responses share the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Opcode {
    /// 0: whether the server is there, and what its epoch time is (RFC 6887 section 14.1).
    Announce,
    /// 1: a mapping that lets the internet in (RFC 6887 section 11).
    Map(Map),
    /// 2: a mapping for a connection to one peer (RFC 6887 section 12).
    Peer(Peer),
}

impl Opcode {
    /// The number, without the response bit.
    pub const fn number(&self) -> u8 {
        match self {
            Self::Announce => announce::NUMBER,
            Self::Map(_) => map::NUMBER,
            Self::Peer(_) => peer::NUMBER,
        }
    }

    /// The mapping that is asked for or answered: what MAP and PEER have in common.
    pub const fn map(&self) -> Option<&Map> {
        match self {
            Self::Announce => None,
            Self::Map(map) => Some(map),
            Self::Peer(peer) => Some(&peer.map),
        }
    }

    fn read(number: u8, reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match number {
            announce::NUMBER => Ok(Self::Announce),
            map::NUMBER => Map::read(reader).map(Self::Map),
            peer::NUMBER => Peer::read(reader).map(Self::Peer),
            number => Err(Malformed::Opcode(number)),
        }
    }

    fn write(&self, datagram: &mut Vec<u8>) {
        match self {
            Self::Announce => {}
            Self::Map(map) => map.write(datagram),
            Self::Peer(peer) => peer.write(datagram),
        }
    }
}

/// RFC 6887 section 7: every message is a multiple of 4 bytes long and has at most 1,100 of them.
const fn check_length(datagram: &[u8]) -> Result<(), Malformed> {
    match datagram.len() {
        0..HEADER => Err(Malformed::TooShort),
        length if length > MAX_MESSAGE => Err(Malformed::TooLong),
        length if length & 3 != 0 => Err(Malformed::Unaligned),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
