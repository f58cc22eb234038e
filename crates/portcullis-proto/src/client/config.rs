//! What a client is told once, and what a search is told each time.

use crate::wire::ssdp::{self, SearchTarget};
use crate::wire::url::HttpUrl;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;
use core::time::Duration;

/// A gateway that a person named: it is asked directly, nobody else is, and it may be on loopback.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GatewayAddress {
    /// Its address: it is searched by unicast M-SEARCH (port 1900 unless said otherwise).
    Search(SocketAddr),
    /// The URL of its description, whose host is an IP address.
    Location(HttpUrl),
}

impl GatewayAddress {
    /// Where it is asked: its search port, or its description's.
    pub(super) fn socket_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Search(address) => Some(*address),
            Self::Location(url) => {
                let mut address = SocketAddr::new(url.ip()?, url.port());
                if let (SocketAddr::V6(address), Some(Ok(zone))) = (&mut address, url.zone().map(str::parse))
                {
                    address.set_scope_id(zone);
                }
                Some(address)
            }
        }
    }

    pub(super) fn ip(&self) -> Option<IpAddr> {
        self.socket_address().map(|address| address.ip())
    }
}

impl From<SocketAddr> for GatewayAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Search(address)
    }
}

impl From<HttpUrl> for GatewayAddress {
    fn from(location: HttpUrl) -> Self {
        Self::Location(location)
    }
}

/// The text is neither an IP address nor an `http` URL with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidGatewayAddress;

impl fmt::Display for InvalidGatewayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither an IP address nor an http URL whose host is one")
    }
}

impl std::error::Error for InvalidGatewayAddress {}

impl FromStr for GatewayAddress {
    type Err = InvalidGatewayAddress;

    fn from_str(text: &str) -> Result<Self, InvalidGatewayAddress> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Search(SocketAddr::new(address, ssdp::PORT)));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self::Search(address));
        }
        let url = HttpUrl::parse(text).map_err(|_| InvalidGatewayAddress)?;
        if url.ip().is_none() {
            return Err(InvalidGatewayAddress);
        }
        Ok(Self::Location(url))
    }
}

impl fmt::Display for GatewayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Search(address) if address.port() == ssdp::PORT => address.ip().fmt(f),
            Self::Search(address) => address.fmt(f),
            Self::Location(url) => url.fmt(f),
        }
    }
}

/// What a client is told once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The gateways to use; empty: whatever a search of the network finds.
    pub gateways: Vec<GatewayAddress>,
    /// Search through this interface alone, by name or address; `None` for all.
    pub interface: Option<String>,
    /// Seed of the client's own randomness (which ports to try where one is taken).
    pub seed: u64,
}

/// How to search, and when to stop.
///
/// # Examples
///
/// ```
/// use portcullis_proto::client::SearchOptions;
/// use std::time::Duration;
///
/// let mut options = SearchOptions::default();
/// options.timeout = Duration::from_secs(3);
/// options.interface = Some("eth0".into());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchOptions {
    /// How long answers are waited for.
    pub timeout: Duration,
    /// Stop this long after the first usable gateway, counted anew from each further answer;
    /// `None`: wait out the whole timeout.
    pub quiet: Option<Duration>,
    /// How long past `timeout` a device that answered in time may take to describe itself.
    pub grace: Duration,
    /// What to ask for.
    pub targets: Vec<SearchTarget>,
    /// Time to live (hop limit) of the multicast question.
    pub ttl: u8,
    /// Search over IPv6 instead of IPv4.
    pub ipv6: bool,
    /// The local UDP port: 0 for any, 1 for the SSDP port itself (1900), else that port.
    pub local_port: u16,
    /// Search through this interface alone, by name or address; the unspecified address means all.
    pub interface: Option<String>,
    /// Whether gateways are asked for their connection status and external address.
    pub ask_status: bool,
    /// Ask these and nobody else; empty: whom the client's [`Config`] says.
    pub gateways: Vec<GatewayAddress>,
}

/// The targets that find every kind of gateway: some answer to one of them only (quirks 1 and 2).
pub const GATEWAY_TARGETS: [SearchTarget; 6] = [
    SearchTarget::InternetGatewayDevice1,
    SearchTarget::InternetGatewayDevice2,
    SearchTarget::WanIpConnection1,
    SearchTarget::WanIpConnection2,
    SearchTarget::WanPppConnection1,
    SearchTarget::RootDevice,
];

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(2),
            quiet: None,
            grace: Duration::ZERO,
            targets: GATEWAY_TARGETS.to_vec(),
            ttl: 2,
            ipv6: false,
            local_port: 0,
            interface: None,
            ask_status: true,
            gateways: Vec::new(),
        }
    }
}

impl SearchOptions {
    /// Whether devices that are no gateways are wanted as well.
    pub(super) fn wants_all_devices(&self) -> bool {
        self.targets.iter().any(|target| matches!(target, SearchTarget::All | SearchTarget::Other(_)))
    }

    /// How long a device may hold back its answer (MX, UPnP Device Architecture 1.1 section 1.3.2):
    /// half the wait, so that a repeated question can still be answered.
    pub(super) fn mx(&self) -> u8 {
        u8::try_from(self.timeout.as_secs() / 2).unwrap_or(u8::MAX).clamp(1, 5)
    }
}
