//! The little of RFC 3986 that UPnP needs: `http` URLs in LOCATION, URLBase and controlURL.

/// An absolute path with an optional query, as it stands in a request line.
/// Invariant: starts with `/`, bytes 0x21..=0x7e, no `#`, at most 1,024 bytes. Percent escapes are kept verbatim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestTarget(String);
impl RequestTarget { pub fn new(_text: &str) -> Result<Self, UrlError> { todo!() } pub fn as_str(&self) -> &str { &self.0 } }

/// An `http` URL. `host` is kept as written (for showing, and for a URL that a person typed);
/// what came from the network is never dialled by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpUrl { host: String, port: u16, target: RequestTarget }
impl HttpUrl {
    pub fn parse(_text: &str) -> Result<Self, UrlError> { todo!() }
    /// RFC 3986 section 5.2 for http references: absolute, `//authority`, `/path`, `path`, `?query`.
    pub fn resolve(&self, _reference: &str) -> Result<Self, UrlError> { todo!() }
    pub fn host(&self) -> &str { &self.host }
    /// host as IP literal (brackets removed, zone allowed and dropped), strict dotted quad only
    pub fn ip(&self) -> Option<core::net::IpAddr> { todo!() }
    pub fn zone(&self) -> Option<&str> { todo!() }
    pub fn port(&self) -> u16 { self.port }
    pub fn target(&self) -> &RequestTarget { &self.target }
    pub fn with_host(&self, _address: core::net::IpAddr) -> Self { todo!() }
}
// Display: http://host:port/target (":80" omitted)

/// Why a URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError { Empty, TooLong, Scheme, UserInfo, Host, Port, RefusedPort(u16), Character, /* ... */ }
