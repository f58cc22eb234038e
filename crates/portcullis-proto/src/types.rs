//! The words every protocol shares: transport protocol, lifetime, kind of address.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::num::NonZeroU32;
use core::str::FromStr;
use core::time::Duration;

/// The transport protocol of a mapping.
///
/// [`Display`](fmt::Display) writes the upper-case form that WANIPConnection requires for
/// `NewProtocol` (some gateways refuse any other); [`FromStr`] reads either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Transmission Control Protocol.
    Tcp,
    /// User Datagram Protocol.
    Udp,
}

impl Protocol {
    /// `"TCP"` or `"UDP"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text named neither TCP nor UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownProtocol;

impl fmt::Display for UnknownProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither tcp nor udp")
    }
}

impl std::error::Error for UnknownProtocol {}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        if text.eq_ignore_ascii_case("tcp") {
            Ok(Self::Tcp)
        } else if text.eq_ignore_ascii_case("udp") {
            Ok(Self::Udp)
        } else {
            Err(UnknownProtocol)
        }
    }
}

/// How long a mapping lasts once granted: some whole seconds, or until somebody deletes it.
///
/// On the wire of WANIPConnection this is `NewLeaseDuration`, where 0 stands for permanent. The one that lasts longer is
/// the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lifetime {
    /// The mapping ends after this many seconds.
    Seconds(NonZeroU32),
    /// The mapping stays until it is deleted (or, on many gateways, until the next reboot).
    Permanent,
}

impl Lifetime {
    /// Reads a lease duration: 0 is [`Permanent`](Self::Permanent).
    pub const fn from_seconds(seconds: u32) -> Self {
        match NonZeroU32::new(seconds) {
            Some(seconds) => Self::Seconds(seconds),
            None => Self::Permanent,
        }
    }

    /// The shortest that does not end before this: a second that has begun is a whole one, and none would be for ever.
    pub(crate) fn covering(duration: Duration) -> Self {
        let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0)).max(1);
        Self::from_seconds(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// The lease duration in seconds, 0 for permanent.
    pub const fn as_seconds(self) -> u32 {
        match self {
            Self::Permanent => 0,
            Self::Seconds(seconds) => seconds.get(),
        }
    }

    /// The lifetime as a duration, `None` for permanent.
    pub const fn duration(self) -> Option<Duration> {
        match self {
            Self::Permanent => None,
            Self::Seconds(seconds) => Some(Duration::from_secs(seconds.get() as u64)),
        }
    }
}

/// What an address reported as external is worth.
///
/// A gateway that is itself behind another NAT maps ports all the same, but only as far as the network
/// in front of it, so an address is never shown without its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressKind {
    /// Routable on the internet.
    Public,
    /// RFC 1918 or unique local (RFC 4193): the gateway is behind another NAT.
    Private,
    /// 100.64.0.0/10 (RFC 6598): the provider shares one address among customers.
    Shared,
    /// Reserved, loopback, link-local, multicast or documentation (RFC 6890): no host has it.
    Reserved,
}

impl AddressKind {
    /// Classifies an address by the special-purpose registries of RFC 6890.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis_proto::AddressKind;
    ///
    /// assert_eq!(AddressKind::of("81.2.69.142".parse().unwrap()), AddressKind::Public);
    /// assert_eq!(AddressKind::of("100.64.0.1".parse().unwrap()), AddressKind::Shared);
    /// ```
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    /// `"public"`, `"private"`, `"shared"` or `"reserved"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Shared => "shared",
            Self::Reserved => "reserved",
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Self::Private,
            [100, 64..=127, ..] => Self::Shared,
            // This network, loopback, link-local, protocol assignments, documentation (three blocks),
            // the retired 6to4 relay, benchmarking, multicast and everything above it.
            [0 | 127, ..]
            | [169, 254, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18..=19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [224..=255, ..] => Self::Reserved,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        match address.segments() {
            [0xfc00..=0xfdff, ..] => Self::Private,
            [0x2001, 0x0db8, ..] | [0x2001, 0, ..] | [0x3fff, 0..=0x0fff, ..] => Self::Reserved,
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Reserved,
        }
    }
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classifies_special_purpose_addresses() {
        for (address, kind) in [
            ("8.8.8.8", AddressKind::Public),
            ("172.15.255.255", AddressKind::Public),
            ("172.32.0.0", AddressKind::Public),
            ("10.0.0.1", AddressKind::Private),
            ("172.31.0.1", AddressKind::Private),
            ("192.168.1.1", AddressKind::Private),
            ("100.63.255.255", AddressKind::Public),
            ("100.64.0.0", AddressKind::Shared),
            ("100.127.255.255", AddressKind::Shared),
            ("0.0.0.0", AddressKind::Reserved),
            ("127.0.0.1", AddressKind::Reserved),
            ("169.254.3.4", AddressKind::Reserved),
            ("192.0.2.1", AddressKind::Reserved),
            ("192.88.99.1", AddressKind::Reserved),
            ("203.0.113.9", AddressKind::Reserved),
            ("224.0.0.1", AddressKind::Reserved),
            ("255.255.255.255", AddressKind::Reserved),
            ("::ffff:10.0.0.1", AddressKind::Private),
            ("2a02:ff0::2", AddressKind::Public),
            ("fd99::1", AddressKind::Private),
            ("fe80::1", AddressKind::Reserved),
            ("::1", AddressKind::Reserved),
            ("2001:db8::1", AddressKind::Reserved),
        ] {
            assert_eq!(AddressKind::of(address.parse().unwrap()), kind, "{address}");
        }
    }
}
