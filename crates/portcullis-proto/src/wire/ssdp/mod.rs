//! SSDP, the discovery protocol of UPnP (UPnP Device Architecture 1.1 sections 1.2 and 1.3).

mod decode;
mod search;

pub use search::{SearchTarget, encode_search};

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

/// The UDP port of SSDP.
pub const PORT: u16 = 1900;
/// The group for searches over IPv4.
pub const MULTICAST_V4: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
/// The group for searches over IPv6 on the link (Annex A of the architecture).
pub const LINK_LOCAL_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xc);
/// The group for searches over IPv6 in the site.
pub const SITE_LOCAL_V6: Ipv6Addr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0, 0xc);

/// Longest datagram read, in bytes; real ones stay far below.
pub const MAX_DATAGRAM: usize = 2048;

/// A parsed datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// An answer to a search.
    Response(SearchResponse),
    /// An announcement.
    Notify(Notify),
    /// A search; our own come back to us where multicast is looped.
    Search(Search),
}

/// An answer to a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchResponse {
    /// ST; where a device left it out, NT.
    pub search_target: String,
    /// USN, empty where a device left it out.
    pub usn: String,
    /// LOCATION as written (`AL` on some devices), neither parsed nor to be trusted.
    pub location: String,
    /// SERVER, printable, empty where a device left it out.
    pub server: String,
    /// BOOTID.UPNP.ORG, which grows with every reboot.
    pub boot_id: Option<u32>,
    /// CONFIGID.UPNP.ORG, which changes with the description.
    pub config_id: Option<u32>,
}

/// What an announcement says (the NTS header).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotifyKind {
    /// `ssdp:alive`.
    Alive,
    /// `ssdp:byebye`.
    ByeBye,
    /// `ssdp:update`.
    Update,
}

/// An announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// NT.
    pub notification_type: String,
    /// NTS.
    pub kind: NotifyKind,
    /// USN, empty where a device left it out.
    pub usn: String,
    /// LOCATION; there is none in a `ssdp:byebye`.
    pub location: Option<String>,
    /// SERVER, printable, empty where a device left it out.
    pub server: String,
    /// BOOTID.UPNP.ORG.
    pub boot_id: Option<u32>,
    /// CONFIGID.UPNP.ORG.
    pub config_id: Option<u32>,
}

/// A search, as a device reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// ST.
    pub search_target: String,
    /// MX in seconds, at most 120; absent from a search for a single device.
    pub mx: Option<u8>,
}

/// Why a datagram is no SSDP message that we can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SsdpError {
    /// No bytes, or only blanks and NULs.
    Empty,
    /// More than 2,048 bytes.
    TooLong,
    /// The last line has no end: the datagram was cut.
    Incomplete,
    /// Neither a status line of HTTP/1.x nor a NOTIFY or M-SEARCH of it.
    StartLine,
    /// An answer with a status other than 200.
    Status(u16),
    /// A NUL or a carriage return within a header line.
    Header,
    /// Two different values for one header, or a folded line.
    Ambiguous,
    /// Neither ST nor NT.
    MissingSearchTarget,
    /// Neither LOCATION nor AL, or an empty one.
    MissingLocation,
    /// NTS absent or unknown.
    NotificationSubType,
    /// A search without `MAN: "ssdp:discover"`.
    Man,
}

impl fmt::Display for SsdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty datagram",
            Self::TooLong => "datagram too long",
            Self::Incomplete => "datagram cut off",
            Self::StartLine => "no ssdp start line",
            Self::Status(status) => return write!(f, "search answered with status {status}"),
            Self::Header => "malformed header line",
            Self::Ambiguous => "ambiguous headers",
            Self::MissingSearchTarget => "no search target",
            Self::MissingLocation => "no location",
            Self::NotificationSubType => "unknown notification sub type",
            Self::Man => "search without ssdp:discover",
        })
    }
}

impl std::error::Error for SsdpError {}

#[cfg(test)]
mod tests;
