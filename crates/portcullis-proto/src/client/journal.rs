//! What is asked of gateways, as a record that outlives the process: so that a later one can find it, keep it,
//! or delete it.
//!
//! The client says what to write ([`Output::Journal`](super::io::Output::Journal)); whoever drives it keeps it.

mod line;

pub use line::LineError;

use super::granted::Method;
use super::network::is_unicast_link_local;
use crate::wire::pcp::Nonce;
use crate::{Lifetime, Protocol, Time};
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU16;

/// Names an entry: random, so that no two processes give the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u64);

/// A mapping that a gateway was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub id: EntryId,
    /// The protocol it was asked for by.
    pub method: Method,
    /// The gateway, by name and address, for people.
    pub gateway: String,
    /// Where it was asked for: the PCP or NAT-PMP server, or the control point's address.
    pub remote: SocketAddr,
    /// The control point's service type and control URL, for UPnP.
    pub control: Option<(String, String)>,
    /// The transport protocol.
    pub protocol: Protocol,
    /// Our own address, where the gateway sends what comes in.
    pub internal_address: IpAddr,
    /// Our own port.
    pub internal_port: NonZeroU16,
    /// The gateway's external address, where it told.
    pub external_address: Option<IpAddr>,
    /// The external port that was granted, or was asked for as long as nothing is granted.
    pub external_port: NonZeroU16,
    /// What PCP knows the mapping by (RFC 6887 section 11.1).
    pub nonce: Option<Nonce>,
    /// What WANIPv6FirewallControl knows the pinhole by.
    pub unique_id: Option<u16>,
    /// The description that goes with it.
    pub description: String,
    /// How long it was granted for, or was asked for as long as nothing is granted.
    pub lifetime: Lifetime,
    /// When it ends by itself; `None` for a permanent one.
    pub expires: Option<Time>,
    /// Whether the gateway has said yes.
    pub granted: bool,
    /// Who looks after it.
    pub custody: Custody,
}

impl Entry {
    /// Which mapping it is about.
    pub fn identity(&self) -> Identity {
        Identity {
            gateway: self.remote,
            protocol: self.protocol,
            internal: (self.internal_address, self.internal_port),
            external_port: self.external_port,
        }
    }

    /// Whether both are one mapping of one gateway, by whichever protocol each was made.
    pub fn is_one_with(&self, other: &Self) -> bool {
        self.identity().is_one_with(&other.identity())
    }
}

/// Which mapping of which gateway an entry is about: many gateways keep one table for all protocols, in which an
/// external port leads to one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    gateway: SocketAddr,
    protocol: Protocol,
    internal: (IpAddr, NonZeroU16),
    external_port: NonZeroU16,
}

impl Identity {
    /// Whether both are the same mapping.
    pub fn is_one_with(&self, other: &Self) -> bool {
        (self.protocol, self.internal, self.external_port)
            == (other.protocol, other.internal, other.external_port)
            && may_be_one_gateway(self.gateway, other.gateway)
    }
}

/// Whether one gateway may have been asked at both. Over IPv6 it has an address of its link beside a global one: its
/// routes name the one (RFC 4861 section 4.2), and its description may be fetched from either.
fn may_be_one_gateway(one: SocketAddr, other: SocketAddr) -> bool {
    if one.ip() == other.ip() {
        // On the loopback there may be many gateways at one address.
        return !one.ip().is_loopback() || one.port() == other.port();
    }
    one.is_ipv6() && other.is_ipv6() && is_unicast_link_local(one.ip()) != is_unicast_link_local(other.ip())
}

/// Who looks after a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custody {
    /// The process that wrote it; nobody, once that is dead.
    Kept,
    /// Nobody, on purpose: it is to stay open until its lifetime is over.
    LeftOpen,
    /// Nobody: whoever can is to delete it.
    Unwanted,
}

impl Custody {
    const ALL: [Self; 3] = [Self::Kept, Self::LeftOpen, Self::Unwanted];

    /// What stands for it in a line.
    const fn as_word(self) -> &'static str {
        match self {
            Self::Kept => "ends",
            Self::LeftOpen => "outlives",
            Self::Unwanted => "unwanted",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|custody| custody.as_word() == word)
    }
}

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every record puts; boxing would only move its entry")]
pub enum Record {
    /// An entry, new or in place of the one of the same id. One that is not granted yet has to be safe on the
    /// disk before anything that follows is done.
    Put(Entry),
    /// The entry is gone.
    Erase(EntryId),
}
