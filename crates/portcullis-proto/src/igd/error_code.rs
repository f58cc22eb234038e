//! UPnP error codes: UPnP Device Architecture 1.1 section 3.2.2, WANIPConnection:1 and :2 section 2.4/2.5, WANIPv6FirewallControl:1, WANPPPConnection:1

/// every code of those specifications; unknown ones keep their number
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpnpErrorCode { InvalidAction, InvalidArgs, /* ... */ Unknown(u16) }
// From<u16>, code() -> u16, name() -> &'static str ("ConflictInMappingEntry"), explanation() -> &'static str one sentence; Display "718 ConflictInMappingEntry"
