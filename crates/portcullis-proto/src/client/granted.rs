//! What a gateway granted, and by which protocol.

use super::device::ControlPoint;
use super::journal::EntryId;
use super::leftovers::Key;
use super::port_control::Way;
use crate::Time;
use crate::igd::ipv6_firewall::UniqueId;
use crate::wire::pcp::{self, Nonce};
use crate::{Lifetime, Protocol};
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU16;
use core::str::FromStr;

/// How a mapping is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Method {
    /// The Port Control Protocol (RFC 6887).
    Pcp,
    /// The NAT Port Mapping Protocol (RFC 6886).
    NatPmp,
    /// A WAN connection service of a UPnP Internet Gateway Device.
    Igd,
    /// WANIPv6FirewallControl of a UPnP Internet Gateway Device: a hole in the firewall, not a mapping.
    IgdPinhole,
}

/// The longest that NAT-PMP and PCP are asked for.
const YEAR: Lifetime = Lifetime::from_seconds(31_536_000);

impl Method {
    /// Those that map a port, the preferred one first.
    pub const PREFERENCE: [Self; 3] = [Self::Pcp, Self::NatPmp, Self::Igd];

    /// For how long it is asked for a mapping of this lifetime: NAT-PMP and PCP have no permanent ones, and servers
    /// grant no more than a day (RFC 6887 section 15). Some grant all that is asked for, and have it over at once where
    /// it is too long for them to reckon with (quirk 99): nobody needs more than a year.
    pub(super) fn asked_for(self, lifetime: Lifetime) -> Lifetime {
        match (self, lifetime) {
            (Self::Pcp | Self::NatPmp, Lifetime::Permanent) => Lifetime::from_seconds(pcp::MAX_LIFETIME),
            (Self::Pcp | Self::NatPmp, lifetime) => lifetime.min(YEAR),
            _ => lifetime,
        }
    }

    /// A stable name for programs to read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pcp => "pcp",
            Self::NatPmp => "nat-pmp",
            Self::Igd => "igd",
            Self::IgdPinhole => "igd-pinhole",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text names no method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownMethod;

impl fmt::Display for UnknownMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("none of pcp, nat-pmp, igd and igd-pinhole")
    }
}

impl std::error::Error for UnknownMethod {}

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        [Self::Pcp, Self::NatPmp, Self::Igd, Self::IgdPinhole]
            .into_iter()
            .find(|method| method.as_str() == text)
            .ok_or(UnknownMethod)
    }
}

/// Who granted a mapping, and what it is known by there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grantor {
    /// A WAN connection service.
    ControlPoint(ControlPoint),
    /// A NAT-PMP gateway.
    NatPmp(SocketAddr),
    /// A PCP server, and the mapping's nonce, which renews and deletes it (RFC 6887 section 11.1).
    Pcp(SocketAddr, Nonce),
    /// WANIPv6FirewallControl, and the pinhole's unique id.
    Pinhole(ControlPoint, UniqueId),
}

impl Grantor {
    /// The protocol that it is spoken to in.
    pub fn method(&self) -> Method {
        match self {
            Self::ControlPoint(_) => Method::Igd,
            Self::NatPmp(_) => Method::NatPmp,
            Self::Pcp(..) => Method::Pcp,
            Self::Pinhole(..) => Method::IgdPinhole,
        }
    }

    /// Where it is spoken to.
    pub fn remote(&self) -> SocketAddr {
        match self {
            Self::ControlPoint(point) | Self::Pinhole(point, _) => point.remote,
            Self::NatPmp(server) | Self::Pcp(server, _) => *server,
        }
    }

    /// The UPnP service, where it is one.
    pub fn control_point(&self) -> Option<&ControlPoint> {
        match self {
            Self::ControlPoint(point) | Self::Pinhole(point, _) => Some(point),
            Self::NatPmp(_) | Self::Pcp(..) => None,
        }
    }
}

/// By whose word a mapping stood before this process asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stood {
    /// Of an earlier process, which left it open.
    LeftOpen,
    /// Of another process, which lives.
    Living,
    /// Of the gateway's table alone: another program of this host had made it.
    Table,
}

/// A mapping as the gateway granted it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granted {
    /// The transport protocol.
    pub protocol: Protocol,
    /// Our own address, where the gateway sends what comes in.
    pub internal_address: IpAddr,
    /// Our own port.
    pub internal_port: NonZeroU16,
    /// The gateway's external address, where it told; see [`AddressKind`](crate::AddressKind) for what it is worth.
    /// Of a pinhole it is `internal_address`: nothing is translated.
    pub external_address: Option<IpAddr>,
    /// The port on the external address.
    pub external_port: NonZeroU16,
    /// How long it lasts, from the moment it was granted, as far as that is believed: by NAT-PMP and PCP a day at most
    /// (RFC 6887 section 15). What the gateway said is [`told_lifetime`](Self::told_lifetime).
    pub lifetime: Lifetime,
    /// The gateway, by name and address.
    pub gateway: String,
    /// Who granted it, and what it is deleted by.
    pub grantor: Grantor,
    /// Whether that is the default gateway, which this host's packets to the internet go to; `None` where no default gateway
    /// is known, and over IPv6. What comes in by another one may find no way back.
    pub default_gateway: Option<bool>,
    /// Whether another NAT is between this host and the gateway, as PCP tells (ADDRESS_MISMATCH, RFC 6887 section 7.4): the
    /// mapping leads to that NAT and not to [`internal_address`](Self::internal_address), so the port has to be forwarded
    /// there too. `false` also where the gateway does not speak PCP, or has not said so by the time that another protocol
    /// has granted it.
    pub behind_nat: bool,
    /// The address of ours that its server is asked from, where that is not left to the operating system.
    pub(super) local: Option<IpAddr>,
    /// The host that it leads to, where that was asked for (THIRD_PARTY).
    pub(super) third_party: Option<IpAddr>,
    /// The peer that it is for, where it is for one (PEER).
    pub(super) peer: Option<SocketAddr>,
    /// Its entry in the journal.
    pub(super) entry: Option<EntryId>,
    /// What the gateway said of its lifetime, where `lifetime` is what is believed: what may be there after us.
    pub(super) leased: Lifetime,
    /// What the gateway said in the answer to the request.
    pub(super) told: Lifetime,
    /// Whether it stood before it was asked for: by another process's word, or by the gateway's table.
    pub(super) stood: Option<Stood>,
    /// Whether an entry of ours stood in its place, and the gateway refused to extend it (quirk 84).
    pub(super) replaces: bool,
    /// Whether the answer to the request was not heard: the gateway's table told it.
    pub(super) unheard: bool,
    /// When the gateway was asked for it: nobody knows when between then and the answer its lifetime began.
    pub(super) since: Time,
}

impl Granted {
    /// How long the gateway says that it lasts, from the moment it was granted.
    pub fn told_lifetime(&self) -> Lifetime {
        self.told
    }

    /// How it was made.
    pub fn method(&self) -> Method {
        self.grantor.method()
    }

    pub(super) fn key(&self) -> Key {
        (self.grantor.remote().ip(), self.protocol, self.external_port)
    }

    /// Our side of it, at its gateway.
    pub(super) fn internal_key(&self) -> (IpAddr, Protocol, NonZeroU16) {
        (self.grantor.remote().ip(), self.protocol, self.internal_port)
    }

    /// Whether nothing is left of this where `other` was granted since: both are one to the gateway, since it
    /// knows them by the same name.
    pub(super) fn is_replaced_by(&self, other: &Self) -> bool {
        let is_at = self.grantor.remote().ip() == other.grantor.remote().ip();
        is_at
            && self.internal_address == other.internal_address
            && match (&self.grantor, &other.grantor) {
                (Grantor::ControlPoint(_), Grantor::ControlPoint(_)) => {
                    self.external_port == other.external_port
                }
                // By the internal port, whatever the external one is (RFC 6886 section 3.3, RFC 6887 section 11.2).
                (Grantor::NatPmp(_), Grantor::NatPmp(_)) | (Grantor::Pcp(..), Grantor::Pcp(..)) => true,
                // An old number may be somebody else's by now.
                (Grantor::Pinhole(..), Grantor::Pinhole(..)) => true,
                _ => false,
            }
    }

    /// Whether both are two ports of ours behind one external one.
    pub(super) fn contends_with(&self, other: &Self) -> bool {
        let is_elsewhere =
            self.external_address.zip(other.external_address).is_some_and(|(one, two)| one != two);
        self.key() == other.key() && self.internal_port != other.internal_port && !is_elsewhere
    }

    /// How its server is asked about it.
    pub(super) fn way_to(&self, server: SocketAddr) -> Way {
        (server, self.local)
    }

    /// Whether both are one port of ours behind one external one.
    pub(super) fn is_one_with(&self, other: &Self) -> bool {
        self.key() == other.key() && self.internal_port == other.internal_port
    }

    /// Whether both are one entry of a gateway's table: certainly (`true`), or only where that is one for all
    /// protocols.
    pub(super) fn shares_entry(&self, other: &Self) -> Option<bool> {
        let is_one = self.key() == other.key()
            && self.internal_port == other.internal_port
            && self.internal_address == other.internal_address;
        is_one.then_some(match (&self.grantor, &other.grantor) {
            (Grantor::Pinhole(_, one), Grantor::Pinhole(_, other)) => one == other,
            _ => self.method() == other.method(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_read_as_they_are_written() {
        for method in [Method::Pcp, Method::NatPmp, Method::Igd, Method::IgdPinhole] {
            assert_eq!(method.to_string().parse(), Ok(method));
        }
        assert_eq!("upnp".parse::<Method>(), Err(UnknownMethod));
    }
}
