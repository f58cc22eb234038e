//! What a caller wants mapped.

use crate::{Lifetime, Protocol};
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::num::NonZeroU16;
use core::time::Duration;

/// Asked for where the caller does not say: an hour, so that a mapping nobody closes ends by itself.
pub const DEFAULT_LIFETIME: Lifetime = Lifetime::from_seconds(3_600);

/// The description of mappings whose caller gives none.
pub const DEFAULT_DESCRIPTION: &str = "portcullis";

/// What to do when the external port belongs to another host's mapping (718 ConflictInMappingEntry).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnConflict {
    /// Fail with [`ErrorKind::Conflict`](super::ErrorKind::Conflict), naming the holder where the gateway does.
    #[default]
    Fail,
    /// Map another external port.
    AnyPort,
    /// Delete the other mapping, then map.
    Overwrite,
}

/// A mapping that is wanted: built up by its methods, given to `Client::map`.
///
/// # Examples
///
/// ```
/// use portcullis_proto::client::{MappingRequest, OnConflict};
/// use portcullis_proto::{Lifetime, Protocol};
/// use std::num::NonZeroU16;
///
/// let port = NonZeroU16::new(7777).unwrap();
/// let request = MappingRequest::new(Protocol::Udp, port)
///     .lifetime(Lifetime::from_seconds(7_200))
///     .description("lobby of Tom & Jerry")
///     .on_conflict(OnConflict::AnyPort);
/// assert_eq!(request.external_port_or_internal(), port);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingRequest {
    pub(super) protocol: Protocol,
    pub(super) internal_port: NonZeroU16,
    pub(super) external_port: Option<NonZeroU16>,
    /// Whether the gateway is left to choose the external port.
    pub(super) any_external_port: bool,
    pub(super) lifetime: Lifetime,
    pub(super) description: String,
    pub(super) on_conflict: OnConflict,
    pub(super) read_back: bool,
    pub(super) ipv6: bool,
    /// The one address of ours that is to be opened, where it is one.
    pub(super) own: Option<Ipv6Addr>,
    pub(super) third_party: Option<IpAddr>,
    pub(super) filters: Vec<(IpAddr, u8, Option<NonZeroU16>)>,
    pub(super) peer: Option<SocketAddr>,
    /// Whether a permanent mapping must not be made in place of one that ends.
    pub(super) only_finite: bool,
    /// Where the gateway is believed to have it: it is not deleted to be added again while more than this is left of
    /// it.
    pub(super) stands: Option<Duration>,
    /// Whether what is there is deleted first, since the gateway says yes to extending it and does not (quirk 88).
    pub(super) anew: bool,
}

impl MappingRequest {
    /// A mapping to `internal_port` of this host, from the same external port, for
    /// [`DEFAULT_LIFETIME`].
    pub fn new(protocol: Protocol, internal_port: NonZeroU16) -> Self {
        Self {
            protocol,
            internal_port,
            external_port: None,
            any_external_port: false,
            lifetime: DEFAULT_LIFETIME,
            description: DEFAULT_DESCRIPTION.into(),
            on_conflict: OnConflict::default(),
            read_back: false,
            ipv6: false,
            own: None,
            third_party: None,
            filters: Vec::new(),
            peer: None,
            only_finite: false,
            stands: None,
            anew: false,
        }
    }

    /// The external port to ask for; without it, the internal one.
    #[must_use]
    pub fn external_port(mut self, port: NonZeroU16) -> Self {
        (self.external_port, self.any_external_port) = (Some(port), false);
        self
    }

    /// Leaves the external port to the gateway, as servers of VPNs do not have it otherwise. NAT-PMP and PCP are asked
    /// for port 0, by which they choose (RFC 6886 section 3.3, RFC 6887 section 11.1). UPnP has no such question: the
    /// internal port is tried there, then AddAnyPortMapping or another port, as with [`OnConflict::AnyPort`], which this
    /// implies. What was granted is asked for from then on.
    #[must_use]
    pub fn any_external_port(mut self) -> Self {
        (self.external_port, self.any_external_port) = (None, true);
        self.on_conflict(OnConflict::AnyPort)
    }

    /// How long the mapping shall last. The gateway may grant another lifetime, and some grant
    /// only permanent mappings: what was granted is in [`Granted`](super::Granted). PCP and NAT-PMP
    /// grant no permanent mappings: a day is asked for instead, and a year at most.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The text that the gateway shows beside the mapping. Control characters are left out; it is
    /// shortened where the gateway refuses it.
    #[must_use]
    pub fn description(mut self, description: &str) -> Self {
        self.description =
            description.chars().filter(|character| !character.is_control()).take(256).collect();
        self
    }

    /// What to do when the port is taken.
    #[must_use]
    pub fn on_conflict(mut self, on_conflict: OnConflict) -> Self {
        self.on_conflict = on_conflict;
        self
    }

    /// Reads every new mapping back, and fails with
    /// [`Failure::NotConfirmed`](super::Failure::NotConfirmed) where the gateway said yes and does not have it.
    /// Without this, a mapping is read back where the answer was doubtful, or did not tell what was granted; it
    /// costs one more round trip, two where the entry is not found at once.
    #[must_use]
    pub fn read_back(mut self) -> Self {
        self.read_back = true;
        self
    }

    /// Opens a pinhole in the gateway's IPv6 firewall, by PCP or WANIPv6FirewallControl, instead of mapping a port
    /// of an IPv4 address: the port of this host's own global address lets the internet in. Where there are several, that
    /// is one that stays, and not a temporary one (RFC 8981).
    #[must_use]
    pub fn ipv6(mut self) -> Self {
        self.ipv6 = true;
        self
    }

    /// The same for this one of this host's own addresses, and no other.
    #[must_use]
    pub fn ipv6_address(mut self, own: Ipv6Addr) -> Self {
        self.own = Some(own);
        self.ipv6()
    }

    /// Lets the mapping lead to another host, where PCP is spoken and the server allows it (THIRD_PARTY, RFC 6887
    /// section 13.1). The request then goes by PCP alone.
    #[must_use]
    pub fn third_party(mut self, host: IpAddr) -> Self {
        self.third_party = Some(host);
        self
    }

    /// Lets in only hosts whose address begins like `remote` (`prefix_length` bits of it), from `port` alone where
    /// one is given (FILTER, RFC 6887 section 13.3). Several add up. The request then goes by PCP alone: a mapping
    /// that let everybody in would not be what was asked for.
    #[must_use]
    pub fn filter(mut self, remote: IpAddr, prefix_length: u8, port: Option<NonZeroU16>) -> Self {
        self.filters.push((remote, prefix_length, port));
        self
    }

    /// Asks for the mapping of an outgoing connection to `peer` (PEER, RFC 6887 section 12), by PCP alone: it tells
    /// which external address and port the connection has, and keeps that for its lifetime.
    #[must_use]
    pub fn peer(mut self, peer: SocketAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    /// Whether only PCP can say what is wanted.
    pub(super) fn needs_pcp(&self) -> bool {
        self.third_party.is_some() || !self.filters.is_empty() || self.peer.is_some()
    }

    /// The external port that will be asked for first. Where the gateway is left to choose, the internal one, which the
    /// mapping is called by until it is granted.
    pub fn external_port_or_internal(&self) -> NonZeroU16 {
        self.external_port.unwrap_or(self.internal_port)
    }

    /// Whether the gateway is left to choose the external port.
    pub fn leaves_external_port_open(&self) -> bool {
        self.any_external_port
    }

    /// The transport protocol.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The one IPv6 address of this host that is to be opened, where it is one.
    pub fn own_ipv6_address(&self) -> Option<Ipv6Addr> {
        self.own
    }

    /// The port on this host.
    pub fn internal_port(&self) -> NonZeroU16 {
        self.internal_port
    }
}
