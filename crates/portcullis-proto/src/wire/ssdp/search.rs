use core::fmt;
use core::net::SocketAddr;

/// What a search asks for (the ST header).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SearchTarget {
    /// `InternetGatewayDevice:1`.
    InternetGatewayDevice1,
    /// `InternetGatewayDevice:2`.
    InternetGatewayDevice2,
    /// `WANIPConnection:1`.
    WanIpConnection1,
    /// `WANIPConnection:2`.
    WanIpConnection2,
    /// `WANPPPConnection:1`.
    WanPppConnection1,
    /// `upnp:rootdevice`: each device once.
    RootDevice,
    /// `ssdp:all`: every device and service.
    All,
    /// Any other text.
    Other(String),
}

impl SearchTarget {
    /// Reads an ST or NT value; what is not known by name is [`Other`](Self::Other).
    pub fn parse(text: &str) -> Self {
        [
            Self::InternetGatewayDevice1,
            Self::InternetGatewayDevice2,
            Self::WanIpConnection1,
            Self::WanIpConnection2,
            Self::WanPppConnection1,
            Self::RootDevice,
            Self::All,
        ]
        .into_iter()
        .find(|target| target.as_str() == text)
        .unwrap_or_else(|| Self::Other(text.to_owned()))
    }

    /// The value of the header.
    pub fn as_str(&self) -> &str {
        match self {
            Self::InternetGatewayDevice1 => "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
            Self::InternetGatewayDevice2 => "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
            Self::WanIpConnection1 => "urn:schemas-upnp-org:service:WANIPConnection:1",
            Self::WanIpConnection2 => "urn:schemas-upnp-org:service:WANIPConnection:2",
            Self::WanPppConnection1 => "urn:schemas-upnp-org:service:WANPPPConnection:1",
            Self::RootDevice => "upnp:rootdevice",
            Self::All => "ssdp:all",
            Self::Other(text) => text,
        }
    }
}

impl fmt::Display for SearchTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Encodes an M-SEARCH for `host`, the destination of the datagram.
///
/// `mx` is the longest time in seconds that a device may wait before it answers; 0 is sent as 1, the
/// least the architecture allows. It is sent to a single device too, because some answer no search without
/// it. The header set is minimal and its case is the architecture's: some devices compare it as it stands.
pub fn encode_search(host: SocketAddr, target: &SearchTarget, mx: u8) -> Vec<u8> {
    // A target may be a person's text, and must not be able to add a line.
    let target: String = target.as_str().chars().filter(char::is_ascii_graphic).collect();
    let port = host.port();
    let host = match host {
        SocketAddr::V4(host) => host.ip().to_string(),
        // Without its zone, which has a meaning on this machine only (RFC 6874 section 1).
        SocketAddr::V6(host) => format!("[{}]", host.ip()),
    };
    let mx = mx.max(1);
    format!(
        "M-SEARCH * HTTP/1.1\r\nHOST: {host}:{port}\r\nMAN: \"ssdp:discover\"\r\nMX: {mx}\r\nST: {target}\r\n\r\n"
    )
    .into_bytes()
}
