//! What real gateways do differently, as switches.
//!
//! The numbers are rows of QUIRKS.md; those with a letter before them (C2) are of docs/ATTACKS.md.

use crate::port_control::PortControlOddity;
use core::net::Ipv6Addr;
use core::time::Duration;
use portcullis_proto::Protocol;

/// One thing that this gateway does differently from the specifications.
///
/// Each variant stands for something that a router in the field does (the number is its row in
/// QUIRKS.md), or for an attack. Where two quirks of a scenario speak of the same thing, the first
/// one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quirk {
    // Protocols. Without one of these, a gateway speaks UPnP only, and refuses what comes to port 5351.
    /// Speaks NAT-PMP, too (RFC 6886).
    NatPmp,
    /// Speaks PCP, too (RFC 6887).
    Pcp,
    /// Does not speak UPnP.
    NoUpnp,
    /// Keeps a table of its own for each protocol, as a gateway does on which each is a program of its own: what one
    /// has made, the others neither see nor delete.
    SeparateTables,
    /// Something odd about NAT-PMP and PCP (60 to 64; attack F1 to F22).
    PortControl(PortControlOddity),

    // Discovery.
    /// Answers these search targets only (1: many routers know one form only; 9: none at all).
    AnswersOnly(&'static [&'static str]),
    /// Answers `ssdp:all` with its first descriptor only (2, Sagemcom).
    AllGivesFirstOnly,
    /// Waits before it answers a search (9, 17; 65: miniupnpd always waits 50 ms).
    SearchDelay(Duration),
    /// Calls the `LOCATION` header of its answers something else, such as `AL` (13).
    LocationHeader(&'static str),
    /// Announces this URL, whatever its own is (6 and 14; attack B1 to B9).
    Location(&'static str),
    /// Announces its URL with this host, where it speaks HTTP as well if the address is its own (23).
    LocationHost(Ipv6Addr),
    /// Ends the lines of its answers with a bare line feed (12).
    SearchLfOnly,
    /// Leaves out the empty line at the end of its answers (12).
    SearchUnfinished,
    /// A line of its answers, as it is, in place of EXT (95).
    SearchLine(&'static str),
    /// Sends this datagram before each of its own answers (attack A3 to A11).
    SearchJunk(&'static [u8]),
    /// Repeats each answer `count` times, `interval` apart; `distinct` ones name other devices and
    /// locations (attack A1 and A2).
    AnswerFlood {
        /// How many more answers there are.
        count: u32,
        /// The time between two of them.
        interval: Duration,
        /// Whether each of them names another device.
        distinct: bool,
    },
    /// A second device answers first, at an address that leads nowhere (7: one dead responder cost
    /// 30 s in syncthing#1542).
    AlsoAnnounces(DeadLocation),
    /// The gateway's own announcement leads nowhere (attack C1 to C3).
    AnnouncesOnly(DeadLocation),

    // The device description.
    /// Puts a `URLBase` into the description (18: wrong, loopback, trailing slash).
    UrlBase(&'static str),
    /// How the control URLs are written (19).
    ControlUrl(ControlUrl),
    /// Which devices and services stand in the description (7, 27, 30).
    Topology(Topology),
    /// Advertises no `WANCommonInterfaceConfig`, by which some clients know a gateway.
    NoWanCommonInterfaceConfig,
    /// Advertises its services in this domain, such as `dslforum-org` (26).
    Domain(&'static str),
    /// Advertises its devices in this domain (26, Huawei HG531).
    DeviceDomain(&'static str),
    /// Calls its devices by the UDNs of the gateway at this address and port: another address of the same, or somebody who
    /// copies it (101; attack A15).
    UdnOf(&'static str),
    /// A white-space character or more before the XML declaration (28).
    LeadingSpace(&'static str),
    /// Says that its text is in this encoding, whatever it is in (28).
    DeclaredEncoding(&'static str),
    /// The friendly name, put into the XML as it is (attack E11).
    FriendlyName(&'static str),

    // HTTP.
    /// Something odd in the replies to some requests (29, 33, 34, 39, 40; attack C2 to C17, D1, D17).
    Http(On, HttpOddity),
    /// Knows the header `SOAPAction` in this very spelling only, else status 501 (35, DD-WRT).
    ExactSoapActionCase,
    /// Wants quotes around the value of `SOAPAction`, else status 400 (35).
    QuotedSoapAction,
    /// Reads one segment only: head and body must come together, else status 400 (31, old Linksys).
    OneReadOnly,
    /// Wants a request body without white space before or between its tags, else status 400 (36, MikroTik).
    CompactEnvelopeOnly,
    /// Aborts when the client closes its sending direction (32, DrayTek).
    AbortsOnHalfClose,

    // Control.
    /// Answers this action with this UPnP error, always; no specification has all of the numbers (97).
    Fault(&'static str, i64),
    /// Faults carry a number only (40, FRITZ!Box).
    BareFaults,
    /// Bytes that are not text stand in the text of faults (41, TP-Link).
    GarbageInFaults,
    /// The number of a fault is in a CDATA section (85).
    FaultsInCdata,
    /// The elements within a fault have a prefix (85).
    FaultsPrefixed,
    /// Answers one action as if it were another (42; attack D12).
    AnswersAs(&'static str, &'static str),
    /// Gives this out-argument, wherever it occurs, this value (46, 51, 55, 58; attack E1 to E8).
    OutArgument(&'static str, &'static str),
    /// Refuses a finite lease with this code, which says nothing of the lease (97).
    FiniteLeaseRefused(i64),
    /// Says yes to a finite lease and keeps nothing (98).
    FiniteLeaseIgnored,
    /// Gives permanent leases only: 725 for any other (47).
    PermanentLeaseOnly,
    /// Refuses a finite lease with 402 (47, ARRIS NVG578LX).
    FiniteLeaseInvalid,
    /// Refuses a permanent lease with 402, and more than a week (47).
    PermanentLeaseInvalid,
    /// Shortens leases, permanent ones too, to this many seconds (48).
    LeaseAtMost(u32),
    /// Grants this many seconds whatever is asked (48: 86,400 always).
    LeaseAlways(u32),
    /// Some other host holds this port (718).
    ForeignMapping(Protocol, u16),
    /// A mechanism other than UPnP holds this port: 729 in version 2, 718 in version 1.
    OtherMechanism(u16),
    /// Refuses with 718 to extend a mapping, its own client's too: it has to be deleted first (84).
    RefreshRefused,
    /// Says yes to extending a mapping, and leaves its end where it was (88, OpenWrt, Tomato).
    RefreshIgnored,
    /// Says 501 where 714, 716 or 718 is meant (49).
    ActionFailedForConflict,
    /// Says this code where 714 is meant (96, Linksys WRT1900AC).
    NoSuchEntryAs(i64),
    /// Internal and external port must be the same: 724 (54).
    SamePortOnly,
    /// The remote host must be a wildcard: 726 (54).
    WildcardRemoteHostOnly,
    /// The remote host must not be a wildcard: 715.
    NoWildcardRemoteHost,
    /// The external port must be a wildcard, which no client of ours sends: 727.
    WildcardExternalPortOnly,
    /// Refuses external ports below 1,024 with 606, and pinholes for internal ones (52; miniupnpd).
    PrivilegedPortsRefused,
    /// Refuses descriptions longer than this many bytes, or with anything but letters, digits, space,
    /// `-`, `_` and `.`, with this code: 605 or 402.
    DescriptionRefused {
        /// The UPnP error code.
        code: i64,
        /// The longest description that passes, in bytes.
        at_most: usize,
        /// Whether any alphabet passes.
        any_alphabet: bool,
    },
    /// The table holds this many mappings: 728 for the next (56).
    TableSize(usize),
    /// Answers that a mapping was added but keeps none (56, 57).
    AddIgnored,
    /// Answers that a mapping was deleted where there is none (100).
    DeletesNothing,
    /// Answers that a mapping was deleted but keeps it.
    DeleteIgnored,
    /// Refuses with this code to map anything until this long after it was first asked to: its user has approved
    /// meanwhile (86, FRITZ!Box).
    ApprovedAfter(i64, Duration),
    /// Refuses with 402 to map an internal client over IPv6 (24).
    Ipv6ClientRefused,
    /// Maps any host for anybody, not only the one that asks.
    InsecureMode,
    /// Stores this internal client in place of the one that was asked for (attack E13).
    InternalClientReplaced(&'static str),
    /// AddAnyPortMapping never grants the port asked for, but one of its own choice.
    AnyPortNeverTheAsked,
    /// GetSpecificPortMappingEntry also answers with its key, and with this protocol in it (51).
    SpecificEchoesProtocol(&'static str),
    /// How the listing by index ends (50).
    ListEnd(ListEnd),

    // Pinholes.
    /// A version 2 gateway that advertises no `WANIPv6FirewallControl`.
    NoFirewallControl,
    /// Its firewall for IPv6 is switched off: everything passes, and 702 for pinholes.
    FirewallOff,
    /// Lets no client open pinholes: 703 (miniupnpd by its settings).
    PinholesNotAllowed,
    /// There is room for this many pinholes: 701 for the next.
    PinholeSpace(usize),
    /// Makes a second pinhole where it should extend the one it has.
    PinholeNotExtended,
    /// Says 402 where 704 is meant (76, miniupnpd 2.3.1).
    UnknownPinholeInvalid,
    /// Counts no packets of pinholes (77, miniupnpd 2.3.1).
    PinholesNotCounted,
}

/// Which requests an oddity of HTTP applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// All of them.
    Any,
    /// The device description.
    Description,
    /// All actions.
    Control,
    /// This action.
    Action(&'static str),
}

/// Something odd in an HTTP reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpOddity {
    /// The reply begins after this long (29).
    Delay(Duration),
    /// Lines of the head end with a bare line feed (34).
    LfOnly,
    /// No length, and the connection stays open after the body (29, 34).
    NoLength,
    /// No length; the end of the connection is the end of the body (34).
    UntilClose,
    /// `HTTP/1.1` with chunks of this many bytes, each with an extension (33, Billion BiPAC).
    Chunked(usize),
    /// A right length, but the connection stays open (attack C17).
    KeepOpen,
    /// A length this much above the truth (34; attack C6).
    LengthTooLong(usize),
    /// A length this much below the truth (34; attack C6).
    LengthTooShort(usize),
    /// Bytes after the body (34).
    Trailing(&'static [u8]),
    /// Another `Content-Type`, empty for none (39).
    ContentType(&'static str),
    /// One more header line, without its line end.
    Header(&'static str),
    /// Another status than the body deserves (40; attack C14, D15).
    Status(u16),
    /// Another body, with the status it had (attacks D).
    Body(&'static [u8]),
    /// Other bytes, head and all, and then the end of the connection (attack C5 to C13, C19).
    Raw(&'static [u8]),
    /// This many `100 Continue` before the reply (attack C13).
    Interim(u16),
    /// A redirection with this status to this place (attack B11).
    Redirect(u16, &'static str),
    /// Accepts, and never says a byte (attack C2).
    Silent,
    /// One byte per interval (attack C3).
    Drip(Duration),
    /// A body that never ends (attack C4).
    Endless,
    /// A body that never ends, in chunks (attack C4).
    EndlessChunks,
    /// Ends the connection before the first byte (attack C15).
    CloseAtOnce,
    /// Ends the connection half-way through the body.
    CloseMidBody,
    /// Resets the connection half-way through the body (attack C15).
    ResetMidBody,
}

/// How control URLs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlUrl {
    /// `ctl/IPConn`, without the slash.
    Relative,
    /// `http://address:port/ctl/IPConn`
    Absolute,
    /// `/control?WANIPConnection` (DD-WRT).
    Query,
    /// On a port where nobody answers, as after a reboot that moved the port (45).
    RefusedPort,
    /// These very characters.
    Literal(&'static str),
}

/// Which devices and services a description holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// `WANPPPConnection:1` in place of `WANIPConnection`, as DSL routers have it.
    WanPppOnly,
    /// Two WANDevices, the first of them without a connection (30, MikroTik).
    FirstWanDeviceDown,
    /// One WANDevice with two WANConnectionDevices, the first of them without a connection (30).
    FirstConnectionDown,
    /// One WANDevice with three WANConnectionDevices, the second of them with a connection (30).
    SecondOfThreeUp,
    /// A gateway without any WAN connection service (27).
    NoConnectionService,
    /// No gateway at all, but a media renderer (7).
    NotAGateway,
}

/// An address that leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadLocation {
    /// Connecting never ends (attack C1).
    BlackHole,
    /// Connecting is refused.
    Refused,
    /// Accepts, and never says a byte (attack C2).
    Silent,
    /// Says one byte per second (attack C3).
    Drip,
}

/// How the listing by index ends, where not with 713.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListEnd {
    /// With this code: 402 (DD-WRT), 501 (Linksys WRT1900AC) or 714.
    Fault(i64),
    /// Never: it begins anew (attack E10).
    Cycle,
    /// Never: the last entry is repeated (attack E10).
    RepeatLast,
    /// Never: there is always one more, each of them new (attack E10).
    Invented,
}

/// The quirks of one gateway.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quirks(Vec<Quirk>);

impl Quirks {
    pub(crate) fn push(&mut self, quirk: Quirk) {
        self.0.push(quirk);
    }

    pub(crate) fn remove(&mut self, quirk: Quirk) {
        self.0.retain(|&own| own != quirk);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Quirk> {
        self.0.iter().copied()
    }

    pub(crate) fn has(&self, quirk: Quirk) -> bool {
        self.0.contains(&quirk)
    }

    /// The parameter of the first quirk that `read` knows.
    pub(crate) fn find<T>(&self, read: impl FnMut(Quirk) -> Option<T>) -> Option<T> {
        self.iter().find_map(read)
    }
}

impl From<&[Quirk]> for Quirks {
    fn from(quirks: &[Quirk]) -> Self {
        Self(quirks.to_vec())
    }
}

/// Reads the parameter of one variant: `parameter!(quirks, Quirk::SearchDelay(delay) => delay)`.
macro_rules! parameter {
    ($quirks:expr, $pattern:pat $(if $guard:expr)? => $value:expr) => {
        $quirks.find(|quirk| match quirk {
            $pattern $(if $guard)? => Some($value),
            _ => None,
        })
    };
}
pub(crate) use parameter;
