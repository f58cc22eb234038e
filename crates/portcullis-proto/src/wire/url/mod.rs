//! The little of RFC 3986 that UPnP needs: `http` URLs in LOCATION, URLBase and controlURL.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest URL or reference read, in bytes: scheme, host and target at their limits, and a fragment.
const MAX_URL: usize = 2048;
/// Longest request target, in bytes.
const MAX_TARGET: usize = 1024;
/// Longest host, in bytes (RFC 1035 section 2.3.4).
const MAX_HOST: usize = 255;

/// An absolute path with an optional query, as it stands in a request line.
///
/// Starts with `/`, consists of the bytes 0x21 to 0x7e without `#`, and has at most 1,024 of them. So it
/// cannot end a request line early, whatever a gateway wrote. Percent escapes are kept verbatim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestTarget(String);

impl RequestTarget {
    /// Checks `text` and takes it as it is.
    ///
    /// # Errors
    ///
    /// [`UrlError::Empty`], [`UrlError::TooLong`] or [`UrlError::Character`].
    pub fn new(text: &str) -> Result<Self, UrlError> {
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        if text.len() > MAX_TARGET {
            return Err(UrlError::TooLong);
        }
        if !text.starts_with('/') || !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(UrlError::Character);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text for the request line.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the query.
    fn path(&self) -> &str {
        self.0.split_once('?').map_or(self.as_str(), |(path, _)| path)
    }
}

impl fmt::Display for RequestTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An `http` URL.
///
/// The host is kept as written: for showing, and for a URL that a person typed. What came from the
/// network is never dialled by it, so a host that is no address at all is no error.
///
/// # Examples
///
/// ```
/// use portcullis_proto::wire::url::HttpUrl;
///
/// let location = HttpUrl::parse("http://192.168.1.1:5000/rootDesc.xml")?;
/// let control = location.resolve("ctl/IPConn?x")?;
/// assert_eq!(control.port(), 5000);
/// assert_eq!(control.target().as_str(), "/ctl/IPConn?x");
/// # Ok::<(), portcullis_proto::wire::url::UrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpUrl {
    host: String,
    port: u16,
    target: RequestTarget,
}

impl HttpUrl {
    /// Reads an absolute URL; white space around it and a fragment are dropped.
    ///
    /// # Errors
    ///
    /// Any [`UrlError`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = without_fragment(text)?;
        let Reference::Absolute(rest) = Reference::of(text) else { return Err(UrlError::Scheme) };
        Self::parse_hierarchy(rest.strip_prefix("//").ok_or(UrlError::Host)?)
    }

    /// Resolves a reference against this URL (RFC 3986 section 5.2): absolute, `//authority`, `/path`,
    /// `path` or `?query`. An empty one is refused, because it names no resource of its own.
    ///
    /// # Errors
    ///
    /// Any [`UrlError`].
    pub fn resolve(&self, reference: &str) -> Result<Self, UrlError> {
        let text = without_fragment(reference)?;
        let target = match Reference::of(text) {
            Reference::OtherScheme => return Err(UrlError::Scheme),
            Reference::Absolute(rest) => {
                return Self::parse_hierarchy(rest.strip_prefix("//").ok_or(UrlError::Host)?);
            }
            Reference::Authority(rest) => return Self::parse_hierarchy(rest),
            Reference::Path(path) => without_dot_segments(path),
            Reference::Query(query) => format!("{}{query}", self.target.path()),
            Reference::Relative(path) => {
                let base = self.target.path().rsplit_once('/').map_or("", |(directory, _)| directory);
                without_dot_segments(&format!("{base}/{path}"))
            }
        };
        Ok(Self { host: self.host.clone(), port: self.port, target: RequestTarget::new(&target)? })
    }

    /// What follows the `//`.
    fn parse_hierarchy(text: &str) -> Result<Self, UrlError> {
        let end = text.find(['/', '?']).unwrap_or(text.len());
        let (authority, target) = text.split_at_checked(end).ok_or(UrlError::Host)?;
        let (host, port) = parse_authority(authority)?;
        let target = match target {
            "" => RequestTarget::new("/"),
            query if query.starts_with('?') => RequestTarget::new(&format!("/{query}")),
            path => RequestTarget::new(path),
        }?;
        Ok(Self { host: host.to_owned(), port, target })
    }

    /// The host as written, with the brackets and the zone of an IPv6 literal.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host where it is an IP literal: an IPv6 address in brackets (without its zone), or a strict
    /// dotted quad. `0x7f.1`, `2130706433` and `0177.0.0.1` are names, not addresses.
    pub fn ip(&self) -> Option<IpAddr> {
        match split_literal(&self.host) {
            Some((address, _)) => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => self.host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        }
    }

    /// The zone of an IPv6 literal (RFC 6874), `eth0` in `[fe80::1%25eth0]`.
    pub fn zone(&self) -> Option<&str> {
        split_literal(&self.host).and_then(|(_, zone)| zone)
    }

    /// The port; 80 where the URL names none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path and query.
    pub fn target(&self) -> &RequestTarget {
        &self.target
    }

    /// The same resource at another URL's host.
    #[must_use]
    pub(crate) fn with_host_of(&self, other: &Self) -> Self {
        Self { host: other.host.clone(), port: self.port, target: self.target.clone() }
    }

    /// The same resource at `address`, for showing what is really dialled.
    #[must_use]
    pub fn with_host(&self, address: IpAddr) -> Self {
        let host = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        Self { host, port: self.port, target: self.target.clone() }
    }
}

impl fmt::Display for HttpUrl {
    /// The port is left out where it is 80.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            80 => write!(f, "http://{}{}", self.host, self.target),
            port => write!(f, "http://{}:{port}{}", self.host, self.target),
        }
    }
}

/// The forms of RFC 3986 section 4.1, each with what is left to read.
enum Reference<'a> {
    Absolute(&'a str),
    OtherScheme,
    Authority(&'a str),
    Path(&'a str),
    Query(&'a str),
    Relative(&'a str),
}

impl<'a> Reference<'a> {
    fn of(text: &'a str) -> Self {
        if let Some(rest) = text.strip_prefix("//") {
            return Self::Authority(rest);
        }
        match text.bytes().next() {
            Some(b'/') => return Self::Path(text),
            Some(b'?') => return Self::Query(text),
            _ => {}
        }
        let first_segment = text.split(['/', '?']).next().unwrap_or_default();
        let Some((scheme, _)) = first_segment.split_once(':') else { return Self::Relative(text) };
        if scheme.eq_ignore_ascii_case("http") {
            return Self::Absolute(text.split_once(':').map_or("", |(_, rest)| rest));
        }
        let could_be_scheme = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
            && !scheme.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
        // A colon after what can be no scheme, as in `@10.9.9.9:80/x`, is part of a path segment.
        if could_be_scheme { Self::OtherScheme } else { Self::Relative(text) }
    }
}

/// Checks every byte at once, so that nothing below meets a control character.
fn without_fragment(text: &str) -> Result<&str, UrlError> {
    // Descriptions put elements on lines of their own; inside a URL a blank is refused.
    let text = text.trim_ascii();
    if text.len() > MAX_URL {
        return Err(UrlError::TooLong);
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(UrlError::Character);
    }
    let text = text.split_once('#').map_or(text, |(url, _)| url);
    if text.is_empty() { Err(UrlError::Empty) } else { Ok(text) }
}

fn parse_authority(text: &str) -> Result<(&str, u16), UrlError> {
    if text.contains('@') {
        return Err(UrlError::UserInfo);
    }
    let host_end = match text.find(']') {
        Some(bracket) => bracket.saturating_add(1),
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at_checked(host_end).ok_or(UrlError::Host)?;
    if host.is_empty() || host.len() > MAX_HOST || !is_host(host) {
        return Err(UrlError::Host);
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => 80,
        None => return Err(UrlError::Host),
        Some("") => 80,
        Some(digits) => parse_port(digits)?,
    };
    Ok((host, port))
}

/// Garbage such as `(null)` or `192.0.2.2.2` passes (some devices do announce it), but only in the
/// characters that a registered name may have (RFC 3986 section 3.2.2).
fn is_host(host: &str) -> bool {
    match split_literal(host) {
        Some((address, zone)) => {
            address.parse::<Ipv6Addr>().is_ok()
                && zone.is_none_or(|zone| {
                    !zone.is_empty()
                        && zone.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b))
                })
        }
        None => host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&b)),
    }
}

/// Address and zone of `[address]`, `[address%25zone]` or, as many devices write it, `[address%zone]`.
fn split_literal(host: &str) -> Option<(&str, Option<&str>)> {
    let inside = host.strip_prefix('[')?.strip_suffix(']')?;
    let Some((address, zone)) = inside.split_once('%') else { return Some((inside, None)) };
    let zone = zone.strip_prefix("25").filter(|rest| !rest.is_empty()).unwrap_or(zone);
    Some((address, Some(zone)))
}

fn parse_port(digits: &str) -> Result<u16, UrlError> {
    if digits.len() > 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    match digits.parse::<u16>() {
        Ok(0) | Err(_) => Err(UrlError::Port),
        Ok(port) if is_refused_port(port) => Err(UrlError::RefusedPort(port)),
        Ok(port) => Ok(port),
    }
}

/// Ports of well-known services that are no web server: a LOCATION must not make us talk to a mail, file or remote-login
/// service, nor print a page. Below 1,024 they are those of the IANA registry; ports where small devices do serve plain
/// HTTP (80 to 86, 88 to 94, 280, 443, 591, 8xx, ...) stay open. From 1,024 on devices serve descriptions anywhere
/// (1780, 1900, 2189, 2869, 5000, 5431, 5678, 8000, 43412, 49152 and on, in the device corpus), and refused are those
/// that browsers refuse (Fetch Standard, "bad port"), and those of raw printing, which prints what it is sent.
fn is_refused_port(port: u16) -> bool {
    matches!(
        port,
        // Everything classic up to finger, then ttylink and supdup, and hostname to link.
        1..=79 | 87 | 95 | 101..=199 | 201..=245
        // LDAP, SLP, SMB, kpasswd, SMTPS, ISAKMP, r-services, RIP and its neighbours, RTSP and others.
        | 389 | 427 | 445 | 464..=465 | 500 | 512..=548 | 554 | 556 | 563 | 587 | 601 | 623 | 636 | 646
        // DNS over TLS, rsync, FTPS, telnets, IMAPS, IRCS, POP3S.
        | 853 | 873 | 989..=990 | 992..=995
        // H.323, PPTP, NFS, Apple SASL, lockd, ManageSieve, SIP, X11, SANE, IRC, Amanda.
        | 1719..=1720 | 1723 | 2049 | 3659 | 4045 | 4190 | 5060..=5061 | 6000 | 6566 | 6665..=6669 | 6679 | 6697
        | 10080
        // Raw printing (AppSocket).
        | 9100..=9107
    )
}

/// RFC 3986 section 5.2.4; a `..` above the root is dropped. The query is left alone.
fn without_dot_segments(target: &str) -> String {
    let (path, query) = match target.find('?').and_then(|at| target.split_at_checked(at)) {
        Some((path, query)) => (path, query),
        None => (target, ""),
    };
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_dots = matches!(segment, "." | "..");
        if segment == ".." {
            kept.pop();
        }
        if !is_dots {
            kept.push(segment);
        } else if segments.peek().is_none() {
            // What ends in dots is a directory.
            kept.push("");
        }
    }
    format!("/{}{query}", kept.join("/"))
}

/// Why a URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UrlError {
    /// Nothing there, or a fragment only.
    Empty,
    /// More than 2,048 bytes, or more than 1,024 in path and query.
    TooLong,
    /// Not `http`.
    Scheme,
    /// A user name or password (RFC 3986 section 3.2.1).
    UserInfo,
    /// No host, or one that no URL can have.
    Host,
    /// Not a number from 1 to 65,535.
    Port,
    /// The port of a well-known service that is no web server.
    RefusedPort(u16),
    /// A control character, a blank, or a byte outside ASCII.
    Character,
    /// Path and query do not look like those of a device description; only what a stranger announces is refused for that.
    NoDescription,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty url"),
            Self::TooLong => f.write_str("url too long"),
            Self::Scheme => f.write_str("url scheme is not http"),
            Self::UserInfo => f.write_str("url has a user name"),
            Self::Host => f.write_str("url host malformed"),
            Self::Port => f.write_str("url port malformed"),
            Self::RefusedPort(port) => write!(f, "port {port} belongs to a service that is no web server"),
            Self::Character => f.write_str("url has a forbidden character"),
            Self::NoDescription => f.write_str("url does not look like that of a description"),
        }
    }
}

impl std::error::Error for UrlError {}

#[cfg(test)]
mod tests;
