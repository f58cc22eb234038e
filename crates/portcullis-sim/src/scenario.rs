//! Named gateways: a version of the specification and a list of quirks.

use crate::http::hostile;
use crate::port_control::{EchoedPort, Forgery, PortControlOddity, VersionAnswer};
use crate::quirk::{ControlUrl, DeadLocation, HttpOddity, ListEnd, On, Quirk, Quirks, Topology};
use core::fmt;
use core::net::Ipv6Addr;
use core::str::FromStr;
use core::time::Duration;
use portcullis_proto::Protocol;

/// A version of the Internet Gateway Device specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IgdVersion {
    /// InternetGatewayDevice:1 with WANIPConnection:1.
    One,
    /// InternetGatewayDevice:2 with WANIPConnection:2 and WANIPv6FirewallControl:1.
    Two,
}

impl IgdVersion {
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// What gateway is simulated.
///
/// # Examples
///
/// ```
/// use portcullis_sim::{Quirk, Scenario};
///
/// let named: Scenario = "permanent-lease-only".parse().unwrap();
/// assert_eq!(named.name(), "permanent-lease-only");
///
/// let own = Scenario::igd2().with(Quirk::PermanentLeaseOnly).with(Quirk::TableSize(32));
/// assert!(own.name().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Scenario {
    name: &'static str,
    summary: &'static str,
    version: IgdVersion,
    quirks: Quirks,
}

impl Scenario {
    /// A version 1 gateway that does as its specification says.
    pub fn igd1() -> Self {
        Self::new(IgdVersion::One)
    }

    /// A version 2 gateway that does as its specification says.
    pub fn igd2() -> Self {
        Self::new(IgdVersion::Two)
    }

    /// A gateway without a name that does as its specification says.
    pub fn new(version: IgdVersion) -> Self {
        Self { name: "", summary: "", version, quirks: Quirks::default() }
    }

    /// The same gateway with one more quirk, and without a name.
    #[must_use]
    pub fn with(mut self, quirk: Quirk) -> Self {
        self.quirks.push(quirk);
        Self { name: "", summary: "", ..self }
    }

    /// All scenarios that have a name.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMED.iter().map(|(name, summary, version, quirks)| Self {
            name,
            summary,
            version: *version,
            quirks: Quirks::from(*quirks),
        })
    }

    /// Its name, empty where it has none.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What is special about it, in a line; empty where it has no name.
    pub const fn summary(&self) -> &'static str {
        self.summary
    }

    /// Which version it speaks.
    pub const fn version(&self) -> IgdVersion {
        self.version
    }

    /// Whether it has this quirk.
    pub fn has(&self, quirk: Quirk) -> bool {
        self.quirks.has(quirk)
    }

    pub(crate) fn into_parts(self) -> (IgdVersion, Quirks) {
        (self.version, self.quirks)
    }
}

impl Default for Scenario {
    /// The first of [`all`](Self::all): `igd2`.
    fn default() -> Self {
        Self::all().next().unwrap_or_else(Self::igd2)
    }
}

/// There is no scenario with this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownScenario;

impl fmt::Display for UnknownScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such scenario")
    }
}

impl std::error::Error for UnknownScenario {}

impl FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(name: &str) -> Result<Self, UnknownScenario> {
        Self::all().find(|scenario| scenario.name == name).ok_or(UnknownScenario)
    }
}

/// Short for the rows below.
const fn odd(oddity: PortControlOddity) -> Quirk {
    Quirk::PortControl(oddity)
}

type Named = (&'static str, &'static str, IgdVersion, &'static [Quirk]);

#[rustfmt::skip]
const NAMED: &[Named] = &[
    ("igd2", "version 2, by the book", IgdVersion::Two, &[]),
    ("igd1", "version 1, by the book", IgdVersion::One, &[]),
    ("answers-rootdevice-only", "answers searches for upnp:rootdevice only", IgdVersion::One, &[Quirk::AnswersOnly(&["upnp:rootdevice"])]),
    ("answers-service-only", "answers searches for WANIPConnection:1 only", IgdVersion::One,
        &[Quirk::AnswersOnly(&["urn:schemas-upnp-org:service:WANIPConnection:1"])]),
    ("answers-igd2-only", "answers searches for InternetGatewayDevice:2 only", IgdVersion::Two,
        &[Quirk::AnswersOnly(&["urn:schemas-upnp-org:device:InternetGatewayDevice:2"])]),
    ("damaged-answer", "a line of its answers has lost its colon", IgdVersion::One, &[Quirk::SearchLine("EXT")]),
    ("slow-search", "answers searches after 1.5 s", IgdVersion::One, &[Quirk::SearchDelay(Duration::from_millis(1_500))]),
    ("farewell", "says goodbye before each of its answers, as if it restarted", IgdVersion::One, &[Quirk::SearchJunk(hostile::FAREWELL)]),
    ("silent", "answers no search at all", IgdVersion::One, &[Quirk::AnswersOnly(&[])]),
    ("flood", "repeats each answer a thousand times, each with another name", IgdVersion::One,
        &[Quirk::AnswerFlood { count: 1_000, interval: Duration::from_millis(1), distinct: true }]),
    ("crowd", "thirty gateways answer", IgdVersion::One,
        &[Quirk::AnswerFlood { count: 29, interval: Duration::from_millis(1), distinct: true }]),
    ("dead-neighbour", "a device that cannot be connected to answers first", IgdVersion::Two, &[Quirk::AlsoAnnounces(DeadLocation::BlackHole)]),
    ("refused-neighbour", "a device that refuses connections answers first", IgdVersion::Two, &[Quirk::AlsoAnnounces(DeadLocation::Refused)]),
    ("silent-neighbour", "a device that accepts and says nothing answers first", IgdVersion::Two, &[Quirk::AlsoAnnounces(DeadLocation::Silent)]),
    ("dripping-neighbour", "a device that sends a byte per second answers first", IgdVersion::Two, &[Quirk::AlsoAnnounces(DeadLocation::Drip)]),
    ("dead", "the gateway's own announcement leads nowhere", IgdVersion::One, &[Quirk::AnnouncesOnly(DeadLocation::BlackHole)]),
    ("loopback-location", "announces a loopback address with another port", IgdVersion::One, &[Quirk::Location("http://127.0.0.1:22/rootDesc.xml")]),
    ("ipv6-location", "announces a URL at fd99::1, also over IPv4", IgdVersion::One,
        &[Quirk::LocationHost(Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 1)), Quirk::Ipv6ClientRefused]),
    ("wrong-url-base", "its URLBase names another host", IgdVersion::One, &[Quirk::UrlBase("http://10.255.255.1:1/")]),
    ("loopback-url-base", "its URLBase names a loopback port where nobody is", IgdVersion::One, &[Quirk::UrlBase("http://127.0.0.1:1/")]),
    ("relative-control-url", "its control URLs begin without a slash", IgdVersion::One, &[Quirk::ControlUrl(ControlUrl::Relative)]),
    ("query-control-url", "its control URLs differ in their query only", IgdVersion::One, &[Quirk::ControlUrl(ControlUrl::Query)]),
    ("control-refused", "nobody answers at its control URLs", IgdVersion::One, &[Quirk::ControlUrl(ControlUrl::RefusedPort)]),
    ("ppp", "offers WANPPPConnection:1 only", IgdVersion::One, &[Quirk::Topology(Topology::WanPppOnly)]),
    ("two-wan-devices", "two WAN devices, the first of them not connected", IgdVersion::One, &[Quirk::Topology(Topology::FirstWanDeviceDown)]),
    ("two-connections", "two WAN connections, the first of them not connected", IgdVersion::One, &[Quirk::Topology(Topology::FirstConnectionDown)]),
    ("three-connections", "three WAN connections, only the second of them connected", IgdVersion::One, &[Quirk::Topology(Topology::SecondOfThreeUp)]),
    ("no-connection-service", "a gateway without a WAN connection service", IgdVersion::One, &[Quirk::Topology(Topology::NoConnectionService)]),
    ("no-common-config", "does not advertise WANCommonInterfaceConfig", IgdVersion::One, &[Quirk::NoWanCommonInterfaceConfig]),
    ("not-a-gateway", "a media server", IgdVersion::One, &[Quirk::Topology(Topology::NotAGateway)]),
    ("dslforum", "advertises its services under dslforum-org", IgdVersion::One, &[Quirk::Domain("dslforum-org")]),
    ("dslforum-device", "advertises its devices and services under dslforum-org", IgdVersion::One,
        &[Quirk::DeviceDomain("dslforum-org"), Quirk::Domain("dslforum-org"), Quirk::Topology(Topology::WanPppOnly)]),
    ("status-up", "its connection status is Up", IgdVersion::One, &[Quirk::OutArgument("NewConnectionStatus", "Up")]),
    ("disconnected", "its connection status is Disconnected", IgdVersion::One, &[Quirk::OutArgument("NewConnectionStatus", "Disconnected")]),
    ("offline", "says Disconnected and 0.0.0.0, and maps", IgdVersion::One,
        &[Quirk::OutArgument("NewConnectionStatus", "Disconnected"), Quirk::OutArgument("NewExternalIPAddress", "0.0.0.0")]),
    ("no-status", "has no GetStatusInfo", IgdVersion::One, &[Quirk::Fault("GetStatusInfo", 401)]),
    ("status-silent", "never answers GetStatusInfo", IgdVersion::One, &[Quirk::Http(On::Action("GetStatusInfo"), HttpOddity::Silent)]),
    ("status-page", "answers GetStatusInfo with status 500 and a page", IgdVersion::One,
        &[Quirk::Http(On::Action("GetStatusInfo"), HttpOddity::Status(500)), Quirk::Http(On::Action("GetStatusInfo"), HttpOddity::Body(hostile::LOGIN_PAGE))]),
    ("status-401", "answers GetStatusInfo with status 401 and a login page", IgdVersion::One,
        &[Quirk::Http(On::Action("GetStatusInfo"), HttpOddity::Status(401)), Quirk::Http(On::Action("GetStatusInfo"), HttpOddity::Body(hostile::LOGIN_PAGE))]),
    ("status-uptime", "its uptime is no number", IgdVersion::One, &[Quirk::OutArgument("NewUptime", "3 days")]),
    ("private-address", "its external address is a private one", IgdVersion::One, &[Quirk::OutArgument("NewExternalIPAddress", "192.168.178.2")]),
    ("shared-address", "its external address is shared among customers", IgdVersion::One, &[Quirk::OutArgument("NewExternalIPAddress", "100.64.17.4")]),
    ("reserved-address", "its external address is 0.0.0.0", IgdVersion::One, &[Quirk::OutArgument("NewExternalIPAddress", "0.0.0.0")]),
    ("no-address", "its external address is empty", IgdVersion::One, &[Quirk::OutArgument("NewExternalIPAddress", "")]),
    ("garbage-address", "its external address is no address", IgdVersion::One, &[Quirk::OutArgument("NewExternalIPAddress", "(null)")]),
    ("named-address", "its external address is a host name", IgdVersion::One, &[Quirk::OutArgument("NewExternalIPAddress", "router.example")]),
    ("ipv6-address", "its external address is an IPv6 one", IgdVersion::One, &[Quirk::OutArgument("NewExternalIPAddress", "2a02:ff1::142")]),
    ("permanent-lease-only", "refuses finite leases with 725", IgdVersion::One, &[Quirk::PermanentLeaseOnly]),
    ("finite-lease-invalid", "refuses finite leases with 402", IgdVersion::One, &[Quirk::FiniteLeaseInvalid]),
    ("finite-lease-501", "refuses finite leases with 501, which says nothing", IgdVersion::One, &[Quirk::FiniteLeaseRefused(501)]),
    ("finite-lease-negative", "refuses finite leases with -1, which is no code", IgdVersion::One, &[Quirk::FiniteLeaseRefused(-1)]),
    ("finite-lease-ignored", "says yes to finite leases, and keeps none", IgdVersion::One, &[Quirk::FiniteLeaseIgnored]),
    ("permanent-lease-invalid", "refuses permanent leases with 402", IgdVersion::One, &[Quirk::PermanentLeaseInvalid]),
    ("short-lease", "shortens leases to two minutes", IgdVersion::One, &[Quirk::LeaseAtMost(120)]),
    ("day-lease", "grants a day, whatever is asked", IgdVersion::One, &[Quirk::LeaseAlways(86_400)]),
    ("week-lease", "shortens leases to a week", IgdVersion::One, &[Quirk::LeaseAtMost(604_800)]),
    ("conflict", "another host holds port 7777", IgdVersion::One,
        &[Quirk::ForeignMapping(Protocol::Udp, 7_777), Quirk::ForeignMapping(Protocol::Tcp, 7_777)]),
    ("always-conflict", "refuses every mapping with 718", IgdVersion::One, &[Quirk::Fault("AddPortMapping", 718)]),
    ("conflict-501", "another host holds port 7777, which it says with 501", IgdVersion::One,
        &[Quirk::ForeignMapping(Protocol::Udp, 7_777), Quirk::ForeignMapping(Protocol::Tcp, 7_777), Quirk::ActionFailedForConflict]),
    ("no-refresh", "refuses with 718 to extend a mapping that is there", IgdVersion::One, &[Quirk::RefreshRefused]),
    ("refresh-ignored", "says yes to extending a mapping, and does not", IgdVersion::One, &[Quirk::RefreshIgnored]),
    ("same-port", "internal and external port must be the same", IgdVersion::One, &[Quirk::SamePortOnly]),
    ("description-605", "refuses long descriptions with 605", IgdVersion::One,
        &[Quirk::DescriptionRefused { code: 605, at_most: 10, any_alphabet: true }]),
    ("description-402", "refuses unusual characters in descriptions with 402", IgdVersion::One,
        &[Quirk::DescriptionRefused { code: 402, at_most: 64, any_alphabet: false }]),
    ("privileged-ports", "refuses ports below 1024 with 606", IgdVersion::One, &[Quirk::PrivilegedPortsRefused]),
    ("full", "has no room for any mapping: 728", IgdVersion::Two, &[Quirk::TableSize(0)]),
    ("not-authorized", "refuses every mapping with 606", IgdVersion::One, &[Quirk::Fault("AddPortMapping", 606), Quirk::Fault("AddAnyPortMapping", 606)]),
    ("approval", "refuses every mapping with 606 until a second after the first", IgdVersion::One,
        &[Quirk::ApprovedAfter(606, Duration::from_secs(1))]),
    ("approval-403", "refuses every mapping with 403 until a second after the first", IgdVersion::One,
        &[Quirk::ApprovedAfter(403, Duration::from_secs(1))]),
    ("forgetful", "says that it maps, and does not", IgdVersion::One, &[Quirk::AddIgnored]),
    ("other-client", "maps its own address in place of the client's", IgdVersion::One, &[Quirk::InternalClientReplaced("192.168.1.1")]),
    ("any-other-port", "AddAnyPortMapping grants another port than asked for", IgdVersion::Two, &[Quirk::AnyPortNeverTheAsked]),
    ("ipv6-pinhole", "opens an IPv6 host for itself only, and from port 1024, as miniupnpd does", IgdVersion::Two,
        &[Quirk::PrivilegedPortsRefused, Quirk::UnknownPinholeInvalid, Quirk::PinholesNotCounted,
          Quirk::Fault("GetOutboundPinholeTimeout", 501)]),
    ("ipv6-firewall-off", "its firewall for IPv6 is off: 702 for pinholes", IgdVersion::Two, &[Quirk::FirewallOff]),
    ("ipv6-not-allowed", "lets no client open pinholes: 703", IgdVersion::Two, &[Quirk::PinholesNotAllowed]),
    ("ipv6-unexplained", "lets no client open pinholes, and says 606", IgdVersion::Two,
        &[Quirk::PinholesNotAllowed, Quirk::Fault("AddPinhole", 606)]),
    ("ipv6-full", "has no room for any pinhole: 701", IgdVersion::Two, &[Quirk::PinholeSpace(0)]),
    ("ipv6-second-pinhole", "makes a second pinhole for a question asked twice", IgdVersion::Two, &[Quirk::PinholeNotExtended]),
    ("ipv6-no-check", "has no CheckPinholeWorking, which is optional", IgdVersion::Two, &[Quirk::Fault("CheckPinholeWorking", 602)]),
    ("ipv6-no-service", "version 2 without WANIPv6FirewallControl", IgdVersion::Two, &[Quirk::NoFirewallControl]),
    ("empty-success", "answers AddPortMapping with an empty body", IgdVersion::One, &[Quirk::Http(On::Action("AddPortMapping"), HttpOddity::Body(b""))]),
    ("page-404", "answers AddPortMapping with status 404 and a page, and does not map", IgdVersion::One,
        &[Quirk::AddIgnored, Quirk::Http(On::Action("AddPortMapping"), HttpOddity::Status(404)), Quirk::Http(On::Action("AddPortMapping"), HttpOddity::Body(hostile::LOGIN_PAGE))]),
    ("page-500", "answers AddPortMapping with status 500 and a page, and does not map", IgdVersion::One,
        &[Quirk::AddIgnored, Quirk::Http(On::Action("AddPortMapping"), HttpOddity::Status(500)), Quirk::Http(On::Action("AddPortMapping"), HttpOddity::Body(hostile::LOGIN_PAGE))]),
    ("success-500", "answers with status 500 to what succeeds", IgdVersion::One, &[Quirk::Http(On::Control, HttpOddity::Status(500))]),
    ("wrong-protocol", "GetSpecificPortMappingEntry answers TCP always", IgdVersion::One, &[Quirk::SpecificEchoesProtocol("TCP")]),
    ("list-end-402", "its list ends with 402", IgdVersion::One, &[Quirk::ListEnd(ListEnd::Fault(402))]),
    ("list-end-501", "its list ends with 501", IgdVersion::One, &[Quirk::ListEnd(ListEnd::Fault(501))]),
    ("list-end-714", "its list ends with 714", IgdVersion::One, &[Quirk::ListEnd(ListEnd::Fault(714))]),
    ("deletes-nothing", "says yes to the deletion of what is not there", IgdVersion::One, &[Quirk::DeletesNothing]),
    ("absent-501", "says 501 to all that is not there, and at the end of its list", IgdVersion::One,
        &[Quirk::NoSuchEntryAs(501), Quirk::ListEnd(ListEnd::Fault(501))]),
    ("list-endless", "its list never ends", IgdVersion::One, &[Quirk::ListEnd(ListEnd::Invented)]),
    ("list-repeats", "its list begins anew at its end", IgdVersion::One, &[Quirk::ListEnd(ListEnd::Cycle)]),
    ("bare-faults", "its faults have a number only", IgdVersion::One, &[Quirk::BareFaults, Quirk::PermanentLeaseOnly]),
    ("garbage-faults", "its faults have garbage in them", IgdVersion::One, &[Quirk::GarbageInFaults, Quirk::PermanentLeaseOnly]),
    ("cdata-faults", "the number of its faults is in a CDATA section", IgdVersion::One, &[Quirk::FaultsInCdata, Quirk::PermanentLeaseOnly]),
    ("prefixed-faults", "its faults have a prefix to their elements", IgdVersion::One, &[Quirk::FaultsPrefixed, Quirk::PermanentLeaseOnly]),
    ("exact-headers", "knows SOAPAction in this very spelling only", IgdVersion::One, &[Quirk::ExactSoapActionCase, Quirk::QuotedSoapAction]),
    ("one-segment", "reads head and body from one segment only", IgdVersion::One, &[Quirk::OneReadOnly]),
    ("compact-envelope", "wants no white space between the tags of a request", IgdVersion::One, &[Quirk::CompactEnvelopeOnly]),
    ("half-close", "takes the end of our sending as an abort", IgdVersion::One, &[Quirk::AbortsOnHalfClose]),
    ("slow-http", "takes 800 ms for each reply", IgdVersion::One, &[Quirk::Http(On::Any, HttpOddity::Delay(Duration::from_millis(800)))]),
    ("lf-only", "ends header lines with a bare line feed", IgdVersion::One, &[Quirk::Http(On::Any, HttpOddity::LfOnly), Quirk::SearchLfOnly]),
    ("no-length", "gives no length and keeps the connection open", IgdVersion::One, &[Quirk::Http(On::Any, HttpOddity::NoLength)]),
    ("keep-open", "never closes a connection", IgdVersion::One, &[Quirk::Http(On::Any, HttpOddity::KeepOpen)]),
    ("chunked", "sends chunks with extensions", IgdVersion::One, &[Quirk::Http(On::Any, HttpOddity::Chunked(100))]),
    ("length-too-long", "promises 100 bytes too many", IgdVersion::One, &[Quirk::Http(On::Any, HttpOddity::LengthTooLong(100))]),
    ("length-too-short", "promises 10 bytes too few", IgdVersion::One, &[Quirk::Http(On::Any, HttpOddity::LengthTooShort(10))]),
    ("accepts-silently", "accepts connections and says nothing", IgdVersion::One, &[Quirk::Http(On::Any, HttpOddity::Silent)]),
    ("dripping", "sends its description a byte per second", IgdVersion::One, &[Quirk::Http(On::Description, HttpOddity::Drip(Duration::from_secs(1)))]),
    ("endless", "its description never ends", IgdVersion::One, &[Quirk::Http(On::Description, HttpOddity::Endless)]),
    ("endless-chunks", "its description never ends, and comes in chunks", IgdVersion::One,
        &[Quirk::Http(On::Description, HttpOddity::EndlessChunks)]),
    ("huge", "its description has 100 MB", IgdVersion::One,
        &[Quirk::Http(On::Description, HttpOddity::Endless), Quirk::Http(On::Description, HttpOddity::LengthTooLong(100_000_000))]),
    ("reset", "resets the connection in its description", IgdVersion::One, &[Quirk::Http(On::Description, HttpOddity::ResetMidBody)]),
    ("redirect", "redirects to another host", IgdVersion::One, &[Quirk::Http(On::Description, HttpOddity::Redirect(302, "http://10.255.255.1/rootDesc.xml"))]),
    ("gzip", "compresses without being asked", IgdVersion::One, &[Quirk::Http(On::Any, HttpOddity::Header("Content-Encoding: gzip"))]),
    ("login-page", "shows a login page in place of its description", IgdVersion::One, &[Quirk::Http(On::Description, HttpOddity::Body(hostile::LOGIN_PAGE))]),
    ("billion-laughs", "its description is an entity bomb", IgdVersion::One, &[Quirk::Http(On::Description, HttpOddity::Body(hostile::BILLION_LAUGHS))]),
    ("all-protocols", "speaks UPnP, NAT-PMP and PCP", IgdVersion::Two, &[Quirk::NatPmp, Quirk::Pcp]),
    ("all-without-pcp", "speaks UPnP and NAT-PMP", IgdVersion::One, &[Quirk::NatPmp]),
    ("pcp-and-nat-pmp", "speaks PCP and NAT-PMP, and no UPnP", IgdVersion::Two, &[Quirk::NoUpnp, Quirk::NatPmp, Quirk::Pcp]),
    ("no-protocol", "speaks nothing, and ICMP says so", IgdVersion::One, &[Quirk::NoUpnp]),
    ("nat-pmp-only", "speaks NAT-PMP only", IgdVersion::One, &[Quirk::NoUpnp, Quirk::NatPmp]),
    ("nat-pmp-response-bit", "speaks NAT-PMP only, and says so with the response bit", IgdVersion::One,
        &[Quirk::NoUpnp, Quirk::NatPmp, odd(PortControlOddity::VersionAnswer(VersionAnswer::ResponseBit))]),
    ("nat-pmp-long-version", "speaks NAT-PMP only, and says so in 60 bytes", IgdVersion::One,
        &[Quirk::NoUpnp, Quirk::NatPmp, odd(PortControlOddity::VersionAnswer(VersionAnswer::Length(60)))]),
    ("nat-pmp-refused", "speaks NAT-PMP, where port mapping is switched off", IgdVersion::One,
        &[Quirk::NoUpnp, Quirk::NatPmp, odd(PortControlOddity::NatPmpResult(2))]),
    ("vpn", "a VPN's server: NAT-PMP, its own port for a minute, and internal port 0", IgdVersion::One,
        &[Quirk::NoUpnp, Quirk::NatPmp, Quirk::AnyPortNeverTheAsked, Quirk::LeaseAlways(60),
            odd(PortControlOddity::OnePortForBoth), odd(PortControlOddity::EchoesPort(EchoedPort::Zero))]),
    ("nat-pmp-private-address", "speaks NAT-PMP behind another NAT", IgdVersion::One,
        &[Quirk::NoUpnp, Quirk::NatPmp, odd(PortControlOddity::AssignsAddress("192.168.100.2"))]),
    ("pcp-only", "speaks PCP only", IgdVersion::Two, &[Quirk::NoUpnp, Quirk::Pcp]),
    ("pcp-silent", "speaks UPnP, and takes other requests without an answer", IgdVersion::Two, &[odd(PortControlOddity::Silent)]),
    ("pcp-refused", "speaks UPnP, and PCP that refuses all as not authorised", IgdVersion::Two,
        &[Quirk::Pcp, odd(PortControlOddity::PcpResult(2))]),
    ("pcp-version-loop", "speaks UPnP, and PCP of one unknown version after the other", IgdVersion::Two,
        &[Quirk::Pcp, odd(PortControlOddity::OtherVersions(&[1, 2, 3, 255]))]),
    ("pcp-nested-nat", "speaks PCP, and sees its clients at another address", IgdVersion::Two,
        &[Quirk::NoUpnp, Quirk::Pcp, odd(PortControlOddity::SeesClientAs("10.0.0.9"))]),
    ("nested-nat", "speaks all protocols, and sees its clients at another address", IgdVersion::Two,
        &[Quirk::NatPmp, Quirk::Pcp, odd(PortControlOddity::SeesClientAs("10.0.0.9"))]),
    ("pcp-other-port", "speaks PCP, and never assigns the suggested port", IgdVersion::Two,
        &[Quirk::NoUpnp, Quirk::Pcp, Quirk::AnyPortNeverTheAsked]),
    ("pcp-short-lifetime", "speaks PCP, and grants 20 seconds", IgdVersion::Two, &[Quirk::NoUpnp, Quirk::Pcp, Quirk::LeaseAlways(20)]),
    ("pcp-bogus-address", "speaks PCP, and assigns 0.0.0.0", IgdVersion::Two,
        &[Quirk::NoUpnp, Quirk::Pcp, odd(PortControlOddity::AssignsAddress("0.0.0.0"))]),
    ("pcp-slow", "speaks PCP, and answers the fourth copy of each request", IgdVersion::Two,
        &[Quirk::NoUpnp, Quirk::Pcp, odd(PortControlOddity::IgnoresFirst(3))]),
    ("pcp-spoofed", "speaks PCP, where others answer before it does", IgdVersion::Two,
        &[Quirk::NoUpnp, Quirk::Pcp, odd(PortControlOddity::Preceded(Forgery::WrongNonce)),
            odd(PortControlOddity::Preceded(Forgery::WrongPort)), odd(PortControlOddity::Preceded(Forgery::Request))]),
    ("pcp-error-storm", "speaks PCP, and refuses a thousand times a second", IgdVersion::Two,
        &[Quirk::NoUpnp, Quirk::Pcp, odd(PortControlOddity::PcpResult(8)),
            odd(PortControlOddity::Repeats { count: 1_000, interval: Duration::from_millis(1) })]),
    ("pcp-no-announcements", "speaks PCP, and tells nobody that it was restarted", IgdVersion::Two,
        &[Quirk::NoUpnp, Quirk::Pcp, odd(PortControlOddity::NoAnnouncements)]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_distinct_and_parse() {
        let names: BTreeSet<_> = Scenario::all().map(|scenario| scenario.name()).collect();
        assert_eq!(names.len(), NAMED.len());
        for scenario in Scenario::all() {
            assert_eq!(scenario.name().parse::<Scenario>().unwrap().name(), scenario.name());
            assert!(!scenario.summary().is_empty() && scenario.summary().len() <= 80, "{}", scenario.name());
        }
        assert!("no-such".parse::<Scenario>().is_err());
    }

    #[test]
    fn by_default_it_goes_by_the_book() {
        assert_eq!(Scenario::default().name(), "igd2");
    }
}
