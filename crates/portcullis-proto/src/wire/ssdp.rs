//! SSDP, the discovery protocol of UPnP (UPnP Device Architecture 1.1 section 1.3).

pub const PORT: u16 = 1900;
// MULTICAST_V4 239.255.255.250, LINK_LOCAL_V6 ff02::c, SITE_LOCAL_V6 ff05::c

/// What a search asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SearchTarget { InternetGatewayDevice1, InternetGatewayDevice2, WanIpConnection1, WanIpConnection2, WanPppConnection1, RootDevice, All, Other(String) }
// as_str(), parse(&str) -> SearchTarget, Display

/// encodes an M-SEARCH. host = the destination of the datagram
pub fn encode_search(_host: core::net::SocketAddr, _target: &SearchTarget, _mx: u8) -> Vec<u8> { todo!() }

/// one parsed datagram
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message { Response(SearchResponse), Notify(Notify), Search(Search) }
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchResponse { pub search_target: String, pub usn: String, pub location: String, pub server: String, pub boot_id: Option<u32>, pub config_id: Option<u32> }
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify { pub notification_type: String, pub alive: bool /* enum NotifyKind */, pub usn: String, pub location: Option<String>, pub server: String, pub boot_id: Option<u32> }
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search { pub search_target: String, pub mx: Option<u8> }

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SsdpError { Empty, TooLong /*>2048*/, StartLine, Status(u16), Header, Ambiguous /*dup LOCATION/ST/USN, folding*/, MissingSearchTarget, MissingLocation, /* ... */ }
impl Message { pub fn decode(_datagram: &[u8]) -> Result<Self, SsdpError> { todo!() } }
