//! What a caller wants mapped, and what was granted.

use super::device::ControlPoint;
use super::operation::Key;
use crate::{Lifetime, Protocol};
use core::fmt;
use core::net::IpAddr;
use core::num::NonZeroU16;

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
    pub(super) lifetime: Lifetime,
    pub(super) description: String,
    pub(super) on_conflict: OnConflict,
    pub(super) read_back: bool,
}

impl MappingRequest {
    /// A mapping to `internal_port` of this host, from the same external port, for
    /// [`DEFAULT_LIFETIME`].
    pub fn new(protocol: Protocol, internal_port: NonZeroU16) -> Self {
        Self {
            protocol,
            internal_port,
            external_port: None,
            lifetime: DEFAULT_LIFETIME,
            description: DEFAULT_DESCRIPTION.into(),
            on_conflict: OnConflict::default(),
            read_back: false,
        }
    }

    /// The external port to ask for; without it, the internal one.
    #[must_use]
    pub fn external_port(mut self, port: NonZeroU16) -> Self {
        self.external_port = Some(port);
        self
    }

    /// How long the mapping shall last. The gateway may grant another lifetime, and some grant
    /// only permanent mappings: what was granted is in [`Granted`].
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

    /// The external port that will be asked for first.
    pub fn external_port_or_internal(&self) -> NonZeroU16 {
        self.external_port.unwrap_or(self.internal_port)
    }

    /// The transport protocol.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The port on this host.
    pub fn internal_port(&self) -> NonZeroU16 {
        self.internal_port
    }
}

/// How a mapping was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// The Port Control Protocol (RFC 6887).
    Pcp,
    /// The NAT Port Mapping Protocol (RFC 6886).
    NatPmp,
    /// A WAN connection service of a UPnP Internet Gateway Device.
    Igd,
    /// A pinhole in the IPv6 firewall of a UPnP Internet Gateway Device (WANIPv6FirewallControl).
    IgdPinhole,
}

impl Method {
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

/// A mapping as the gateway granted it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granted {
    /// How it was made.
    pub method: Method,
    /// The transport protocol.
    pub protocol: Protocol,
    /// Our own address, where the gateway sends what comes in.
    pub internal_address: IpAddr,
    /// Our own port.
    pub internal_port: NonZeroU16,
    /// The gateway's external address, where it told; see [`AddressKind`](crate::AddressKind) for what it is worth.
    pub external_address: Option<IpAddr>,
    /// The port on the external address.
    pub external_port: NonZeroU16,
    /// How long it lasts, from the moment it was granted.
    pub lifetime: Lifetime,
    /// The gateway, by name and address.
    pub gateway: String,
    /// The service that made it, and that it is deleted by.
    pub control_point: ControlPoint,
}

impl Granted {
    pub(super) fn key(&self) -> Key {
        (self.control_point.remote.ip(), self.protocol, self.external_port)
    }
}
