//! What a client is told once, and what a search is told each time.

use super::device::with_port;
use super::granted::Method;
use crate::wire::port_control;
use crate::wire::ssdp::{self, SearchTarget};
use crate::wire::url::{HttpUrl, UrlError};
use core::fmt;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::str::FromStr;
use core::time::Duration;

/// A gateway that a person named: it is asked directly, nobody else is, and it may be on loopback.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GatewayAddress {
    /// Its address: it is searched by unicast M-SEARCH (port 1900 unless said otherwise), and asked by NAT-PMP and
    /// PCP.
    Search(SocketAddr),
    /// The URL of its description, whose host is an IP address: it is asked by UPnP alone.
    Location(HttpUrl),
    /// The address and port of its NAT-PMP or PCP server: it is asked by those alone.
    PortControl(SocketAddr),
}

/// What a text begins with that names a NAT-PMP or PCP server.
const PORT_CONTROL: &str = "pcp://";

impl GatewayAddress {
    /// Where it is asked: its search port, or its description's.
    pub(super) fn socket_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Search(address) | Self::PortControl(address) => Some(*address),
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

    /// Where it is asked by NAT-PMP and PCP.
    pub(super) fn port_control(&self) -> Option<SocketAddr> {
        match self {
            Self::Search(address) => Some(with_port(*address, port_control::PORT)),
            Self::PortControl(address) => Some(*address),
            Self::Location(_) => None,
        }
    }

    /// Whether UPnP is spoken with it.
    pub(super) fn speaks_upnp(&self) -> bool {
        !matches!(self, Self::PortControl(_))
    }

    /// Whether a control point at this address may be the named gateway's.
    pub(super) fn may_be_controlled_at(&self, remote: SocketAddr) -> bool {
        match self {
            Self::Search(address) => address.ip() == remote.ip(),
            Self::Location(_) => self.socket_address() == Some(remote),
            Self::PortControl(_) => false,
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

/// Why a text names no gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidGatewayAddress {
    /// Neither an address nor a URL.
    Form,
    /// An address whose port is not a number from 1 to 65,535.
    Port,
    /// A URL that cannot be used, and why not.
    Url(UrlError),
    /// A URL whose host is a name: names are not looked up.
    HostName,
    /// A link-local IPv6 address without the number of its interface (RFC 4007 section 11.2): every link has it.
    Zone,
}

impl fmt::Display for InvalidGatewayAddress {
    /// The reason, and the forms that there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("neither an address nor a url"),
            Self::Port => f.write_str("ports go from 1 to 65535"),
            Self::Url(UrlError::Port) => f.write_str("ports go from 1 to 65535"),
            Self::Url(error) => error.fmt(f),
            Self::HostName => f.write_str("the url's host is a name, and names are not looked up"),
            Self::Zone => f.write_str(
                "a link-local address needs the number of its interface, as in fe80::1%2 or http://[fe80::1%252]/",
            ),
        }?;
        f.write_str("; give IP, IP:PORT, http://IP:PORT/PATH or pcp://IP:PORT")
    }
}

impl std::error::Error for InvalidGatewayAddress {}

impl FromStr for GatewayAddress {
    type Err = InvalidGatewayAddress;

    fn from_str(text: &str) -> Result<Self, InvalidGatewayAddress> {
        if let Some(server) = text.strip_prefix(PORT_CONTROL) {
            return Self::from_server(server);
        }
        let address = match parse_address(text, ssdp::PORT) {
            Some(address) => Self::Search(address),
            None if text.contains("://") => {
                let url = HttpUrl::parse(text).map_err(InvalidGatewayAddress::Url)?;
                url.ip().ok_or(InvalidGatewayAddress::HostName)?;
                Self::Location(url)
            }
            None => return Err(why_no_address(text)),
        };
        address.checked()
    }
}

impl GatewayAddress {
    fn from_server(text: &str) -> Result<Self, InvalidGatewayAddress> {
        let text = text.trim_end_matches('/');
        match parse_address(text, port_control::PORT) {
            Some(address) => Self::PortControl(address).checked(),
            None => Err(why_no_address(text)),
        }
    }

    fn checked(self) -> Result<Self, InvalidGatewayAddress> {
        match self.socket_address() {
            Some(address) if address.port() == 0 => Err(InvalidGatewayAddress::Port),
            Some(SocketAddr::V6(address))
                if address.ip().is_unicast_link_local() && address.scope_id() == 0 =>
            {
                Err(InvalidGatewayAddress::Zone)
            }
            _ => Ok(self),
        }
    }
}

/// What is wrong with a text that is no address, and not meant to be a URL.
fn why_no_address(text: &str) -> InvalidGatewayAddress {
    let zone = text.split_once('%').map(|(address, _)| address.trim_start_matches('['));
    if zone.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()) {
        return InvalidGatewayAddress::Zone;
    }
    let host = text.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']));
    if host.is_some_and(|host| host.parse::<IpAddr>().is_ok()) {
        return InvalidGatewayAddress::Port;
    }
    InvalidGatewayAddress::Form
}

/// An address, with this port unless it names its own.
fn parse_address(text: &str, port: u16) -> Option<SocketAddr> {
    // As in a URL, where the port is left out.
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bare = bare.filter(|bare| bare.contains(':')).unwrap_or(text);
    let in_brackets = || format!("[{bare}]:{port}").parse().ok();
    let with_port = || text.parse().ok();
    let ip = bare.parse().ok().map(|address: IpAddr| SocketAddr::new(address, port));
    // The standard library reads a zone in brackets only.
    ip.or_else(with_port).or_else(in_brackets)
}

impl fmt::Display for GatewayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Search(SocketAddr::V6(address)) if address.scope_id() != 0 => address.fmt(f),
            Self::Search(address) if address.port() == ssdp::PORT => address.ip().fmt(f),
            Self::Search(address) => address.fmt(f),
            Self::PortControl(address) => write!(f, "{PORT_CONTROL}{address}"),
            Self::Location(url) => url.fmt(f),
        }
    }
}

/// What a client is told once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The gateways to use; empty: whatever a search of the network finds.
    pub gateways: Vec<GatewayAddress>,
    /// Ask through this interface alone, and from its address, by name or address; `None` for all. What is mapped leads to that
    /// address.
    pub interface: Option<String>,
    /// The protocols to use, the preferred one first; empty: [`Method::PREFERENCE`].
    pub methods: Vec<Method>,
    /// Whether what is asked for is told with [`Output::Journal`](super::io::Output::Journal).
    pub journal: bool,
    /// Seed of the client's own randomness: nonces, jitter, and which ports to try where one is taken. A nonce
    /// proves whose a mapping is, so the seed has to be unpredictable where strangers share the network.
    pub seed: [u64; 2],
}

impl Config {
    /// Whether any of the gateways may be asked by UPnP.
    pub(super) fn names_upnp(&self) -> bool {
        self.gateways.is_empty() || self.gateways.iter().any(GatewayAddress::speaks_upnp)
    }

    /// Whether anybody but this host may be heard: not where every gateway that a person named is on loopback.
    pub fn may_hear_strangers(&self) -> bool {
        let is_own_host = |gateway: &GatewayAddress| gateway.ip().is_some_and(|ip| ip.is_loopback());
        self.gateways.is_empty() || !self.gateways.iter().all(is_own_host)
    }

    /// Whether a protocol may be used, and how much it is preferred: 0 most.
    pub(super) fn preference(&self, method: Method) -> Option<usize> {
        // A pinhole is UPnP's way of what PCP does by MAP.
        let method = if method == Method::IgdPinhole { Method::Igd } else { method };
        let methods =
            if self.methods.is_empty() { Method::PREFERENCE.as_slice() } else { self.methods.as_slice() };
        methods.iter().position(|&other| other == method)
    }
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
    /// half the wait, so that a repeated question can still be answered. A search that is content with one gateway lets
    /// the preferred one take no longer than somebody likes to wait.
    pub(super) fn mx(&self) -> u8 {
        let most = if self.quiet.is_some() { 2 } else { 5 };
        u8::try_from(self.timeout.as_secs() / 2).unwrap_or(u8::MAX).clamp(1, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_and_urls() {
        for (text, shown) in [
            ("192.168.1.1", "192.168.1.1"),
            ("192.168.1.1:5000", "192.168.1.1:5000"),
            ("::1", "::1"),
            ("[::1]:5000", "[::1]:5000"),
            ("[2a02:ff0::1]", "2a02:ff0::1"),
            ("[fe80::1%2]", "[fe80::1%2]:1900"),
            ("pcp://[2a02:ff0::1]", "pcp://[2a02:ff0::1]:5351"),
            ("fe80::1%2", "[fe80::1%2]:1900"),
            ("[fe80::1%2]:5000", "[fe80::1%2]:5000"),
            ("pcp://192.168.1.1", "pcp://192.168.1.1:5351"),
            ("pcp://[::1]:5000/", "pcp://[::1]:5000"),
            ("http://192.168.1.1:5000/desc.xml", "http://192.168.1.1:5000/desc.xml"),
            ("http://[fe80::1%252]:5000/", "http://[fe80::1%252]:5000/"),
        ] {
            let address: GatewayAddress = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(address.to_string(), shown);
            assert_eq!(address.to_string().parse(), Ok(address), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_others_is_said() {
        use InvalidGatewayAddress::{Form, HostName, Port, Url, Zone};
        for (text, reason) in [
            ("", Form),
            ("gateway", Form),
            ("gateway:80", Form),
            ("192.168.1.256", Form),
            ("192.168.1.1:0", Port),
            ("pcp://192.168.1.1:0", Port),
            ("pcp://gateway", Form),
            ("pcp://fe80::1", Zone),
            ("192.168.1.1:65536", Port),
            ("192.168.1.1:http", Port),
            ("[::1]:0", Port),
            ("fe80::1", Zone),
            ("[fe80::1]:1900", Zone),
            ("fe80::1%eth0", Zone),
            ("[fe80::1%eth0]:1900", Zone),
            ("http://[fe80::1]/", Zone),
            ("http://[fe80::1%25eth0]/", Zone),
            ("http://gateway/desc.xml", HostName),
            ("https://192.168.1.1/", Url(UrlError::Scheme)),
            ("http://192.168.1.1:0/", Url(UrlError::Port)),
            ("http://192.168.1.1:22/", Url(UrlError::RefusedPort(22))),
            ("http://me@192.168.1.1/", Url(UrlError::UserInfo)),
        ] {
            assert_eq!(text.parse::<GatewayAddress>(), Err(reason), "{text}");
        }
    }
}
