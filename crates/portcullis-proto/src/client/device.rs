//! What a search finds: a device, the way to its services, and what it says of itself.

use super::config::GatewayAddress;
use super::error::{Attempt, Failure, Step, clipped};
use crate::AddressKind;
use crate::igd::description::{Description, Service, ServiceKind};
use crate::igd::wan_connection::ConnectionStatus;
use crate::wire::ssdp::SearchResponse;
use crate::wire::url::HttpUrl;
use core::fmt;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Bytes of a device's own name that a message has room for.
const LABEL_LENGTH: usize = 48;
/// Ways to one gateway that are tried: two lines, each with IP and PPP, each with two readings of its URL.
const MOST_CONTROL_POINTS: usize = 8;
/// Search targets remembered for a device.
const MOST_TARGETS: usize = 16;

/// A WAN connection service and where its actions are sent.
///
/// The address is always the one the device's answer came from, whatever host its URLs name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ControlPoint {
    /// The service type as advertised; it goes into every request.
    pub service_type: String,
    /// What the service type means.
    pub kind: ServiceKind,
    /// Where to connect.
    pub remote: SocketAddr,
    /// The control URL, its host replaced by the device's address.
    pub control_url: HttpUrl,
    /// Our own address towards the device: the internal client of every mapping.
    pub local_address: IpAddr,
}

impl ControlPoint {
    /// A control point that no search has found, from its URL and service type.
    ///
    /// `local_address` may be the unspecified address: the operating system then chooses. `None` where the
    /// URL's host is not an IP address, or where the service type cannot stand in a request.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis_proto::client::ControlPoint;
    /// use portcullis_proto::wire::url::HttpUrl;
    /// use std::net::Ipv4Addr;
    ///
    /// let url = HttpUrl::parse("http://192.168.1.1:5000/ctl/IPConn")?;
    /// let service_type = "urn:schemas-upnp-org:service:WANIPConnection:2";
    /// let point = ControlPoint::new(service_type, url, Ipv4Addr::UNSPECIFIED.into()).unwrap();
    /// assert!(point.is_version_2());
    /// # Ok::<(), portcullis_proto::wire::url::UrlError>(())
    /// ```
    pub fn new(service_type: &str, control_url: HttpUrl, local_address: IpAddr) -> Option<Self> {
        let remote = GatewayAddress::from(control_url.clone()).socket_address()?;
        let kind = ServiceKind::of_sound(service_type)?;
        Some(Self { service_type: service_type.into(), kind, remote, control_url, local_address })
    }

    /// A service of a device, at the device's own address, whatever host the URL names.
    fn at(device: SocketAddr, service: &Service, url: &HttpUrl, local_address: IpAddr) -> Self {
        Self {
            service_type: service.service_type.clone(),
            kind: service.kind,
            remote: with_port(device, url.port()),
            control_url: url.with_host(device.ip()),
            local_address,
        }
    }

    /// Whether the service is WANIPConnection of version 2 or later, which knows `AddAnyPortMapping`
    /// and `GetListOfPortMappings`.
    pub fn is_version_2(&self) -> bool {
        matches!(self.kind, ServiceKind::WanIpConnection(2..))
    }
}

/// What a WAN connection said of itself when it was asked (GetStatusInfo, GetExternalIPAddress).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// `None` where the gateway did not say, or not in words of the specification.
    pub connection: Option<ConnectionStatus>,
    /// The external address, whatever it is worth: see [`AddressKind`].
    pub external_address: Option<IpAddr>,
}

/// A device that answered a search.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// Where it answered from.
    pub address: SocketAddr,
    /// Its description's URL, with the address it is reached at.
    pub location: HttpUrl,
    /// Where else it answered from, in the list that a search ends with: the same description, of the same UDN, at other
    /// addresses. Nothing proves that these are its own.
    pub also_at: Vec<HttpUrl>,
    /// The search targets it answered to, the most telling first; none where its URL was given by hand.
    pub search_targets: Vec<String>,
    /// Its unique service name; empty where its URL was given by hand.
    pub usn: String,
    /// The software it names.
    pub server: String,
    /// Our own address towards it, once a connection was made.
    pub local_address: Option<IpAddr>,
    /// Its description, or why there is none.
    pub description: Result<Description, Failure>,
    /// Its WAN connection services, best first.
    pub control_points: Vec<ControlPoint>,
    /// What its first control point said, where it was asked.
    pub status: Status,
}

impl Device {
    /// Whether it is an Internet Gateway Device, usable or not.
    pub fn is_gateway(&self) -> bool {
        self.description.as_ref().is_ok_and(Description::is_gateway)
    }

    /// Whether it has a service that ports can be mapped with.
    pub fn is_usable(&self) -> bool {
        !self.control_points.is_empty()
    }

    /// The services of its description, in document order; none where there is no description.
    pub fn services(&self) -> &[Service] {
        self.description.as_ref().map_or(&[], |description| &description.services)
    }

    /// Its services with their control URLs as they are dialled: at the device's own address, whatever host
    /// they name. Services whose URL is refused are left out.
    pub fn control_urls(&self) -> impl Iterator<Item = (&Service, HttpUrl)> {
        let address = self.address.ip();
        self.services().iter().filter_map(move |service| {
            service.control_url.as_ref().ok().map(|url| (service, url.with_host(address)))
        })
    }

    /// Why no port can be mapped with it, where none can.
    pub(super) fn as_attempt(&self) -> Option<Attempt> {
        let failure = match &self.description {
            Err(failure) => failure.clone(),
            Ok(_) if self.is_usable() => return None,
            Ok(_) if self.is_gateway() => Failure::NoService,
            Ok(_) => Failure::NotAGateway,
        };
        Some(Attempt { gateway: self.label(), step: Step::Description, failure })
    }

    /// Why it opens no ports of IPv6 hosts; `None` where it does.
    pub(super) fn without_firewall(&self) -> Option<Attempt> {
        match (self.has_firewall(), self.is_gateway()) {
            (true, _) => None,
            (false, true) => {
                let failure = Failure::NoService;
                Some(Attempt { gateway: self.label(), step: Step::Description, failure })
            }
            (false, false) => self.as_attempt(),
        }
    }

    /// Whether it says that it has no connection. Some say so and map ports all the same.
    pub fn says_disconnected(&self) -> bool {
        matches!(self.status.connection, Some(ConnectionStatus::Disconnected))
    }

    /// Its name and address in a few words, for messages.
    pub fn label(&self) -> String {
        let name = self.description.as_ref().map_or("", |description| &description.friendly_name);
        let name = clipped(name, LABEL_LENGTH);
        if name.is_empty() {
            self.address.ip().to_string()
        } else {
            format!("{name} ({})", self.address.ip())
        }
    }

    /// What is unusual about it, in one sentence, or `None`.
    pub fn note(&self) -> Option<String> {
        let description = match &self.description {
            Ok(description) => description,
            Err(failure) => return Some(format!("description not readable: {failure}")),
        };
        if let Some(note) = description.note() {
            return Some(note.into());
        }
        let behind = self.status.external_address.map(AddressKind::of).and_then(|kind| match kind {
            AddressKind::Private => Some("its external address is private: it is behind another NAT"),
            AddressKind::Shared => {
                Some("its external address is shared (100.64.0.0/10): the provider translates addresses")
            }
            AddressKind::Reserved => Some("its external address is reserved: it may not be connected"),
            AddressKind::Public => None,
        });
        let status = self.says_disconnected().then_some("it says it is not connected");
        match (status, behind) {
            (Some(status), Some(behind)) => Some(format!("{status}; {behind}")),
            (Some(note), None) | (None, Some(note)) => Some(note.into()),
            (None, None) => None,
        }
    }

    pub(super) fn new(address: SocketAddr, location: HttpUrl, answer: Option<&SearchResponse>) -> Self {
        Self {
            address,
            location,
            search_targets: answer.map(|answer| answer.search_target.clone()).into_iter().collect(),
            usn: answer.map(|answer| answer.usn.clone()).unwrap_or_default(),
            server: answer.map(|answer| answer.server.clone()).unwrap_or_default(),
            also_at: Vec::new(),
            local_address: None,
            description: Err(Failure::NotAsked),
            control_points: Vec::new(),
            status: Status::default(),
        }
    }

    /// It answered once more, perhaps to another target.
    pub(super) fn answered(&mut self, answer: &SearchResponse) {
        let target = &answer.search_target;
        if self.search_targets.len() < MOST_TARGETS && !self.search_targets.contains(target) {
            let best = self.search_targets.first().is_none_or(|first| telling(first) < telling(target));
            if best {
                self.usn.clone_from(&answer.usn);
            }
            self.search_targets.insert(if best { 0 } else { self.search_targets.len() }, target.clone());
        }
    }

    /// Whether it can open pinholes: reached over IPv6, it has a firewall to control.
    pub(super) fn has_firewall(&self) -> bool {
        let description = self.description.as_ref().ok().filter(|_| self.address.is_ipv6());
        description.is_some_and(|description| description.ipv6_firewalls().next().is_some())
    }

    /// Its firewall for IPv6, once for each of these addresses of ours, since a pinhole is for the address
    /// that asks; none where it was reached over IPv4.
    pub(super) fn firewall_points(&self, ours: impl IntoIterator<Item = Ipv6Addr>) -> Vec<ControlPoint> {
        let description = self.description.as_ref().ok().filter(|_| self.address.is_ipv6());
        let firewall = description.and_then(|description| description.ipv6_firewalls().next());
        let Some((service, url)) =
            firewall.and_then(|service| service.control_url.as_ref().ok().map(|url| (service, url)))
        else {
            return Vec::new();
        };
        let points =
            ours.into_iter().map(|address| ControlPoint::at(self.address, service, url, address.into()));
        points.take(MOST_CONTROL_POINTS).collect()
    }

    pub(super) fn described(&mut self, description: Description, local: IpAddr) {
        self.local_address = Some(local);
        let point = |service: &Service, url: &HttpUrl| ControlPoint::at(self.address, service, url, local);
        let usable = || {
            description
                .wan_connections()
                .filter_map(|service| service.control_url.as_ref().ok().map(|url| (service, url)))
        };
        // The other reading of a doubtful URLBase comes after everything that is not in doubt.
        let ways =
            usable().map(|(service, url)| point(service, url)).chain(usable().filter_map(|(service, _)| {
                service.alternate_control_url.as_ref().map(|url| point(service, url))
            }));
        self.control_points.clear();
        for way in ways {
            if self.control_points.len() >= MOST_CONTROL_POINTS {
                break;
            }
            if !self.control_points.contains(&way) {
                self.control_points.push(way);
            }
        }
        self.description = Ok(description);
    }
}

/// The same host on another port; an IPv6 scope id is kept.
pub(super) fn with_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

/// How much a search target tells of a device.
fn telling(target: &str) -> u8 {
    let rank = [":InternetGatewayDevice:", ":WANIPConnection:", ":WANPPPConnection:", ":WAN"]
        .iter()
        .rev()
        .position(|part| target.contains(part));
    rank.and_then(|rank| u8::try_from(rank.saturating_add(1)).ok()).unwrap_or(0)
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESCRIPTION: &str = "<root><device>\
        <deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:2</deviceType><serviceList><service>\
        <serviceType>urn:schemas-upnp-org:service:WANIPv6FirewallControl:1</serviceType>\
        <controlURL>http://[2a02:ff0::bad]:99/ctl/IP6FCtl</controlURL></service></serviceList></device></root>";

    fn device(address: &str, location: &str) -> Device {
        let location = HttpUrl::parse(location).unwrap();
        let mut device = Device::new(address.parse().unwrap(), location.clone(), None);
        let description = Description::parse(DESCRIPTION.as_bytes(), &location).unwrap();
        device.described(description, "fe80::7".parse().unwrap());
        device
    }

    #[test]
    fn its_firewall_is_asked_from_each_of_our_addresses_and_at_its_own() {
        let ours: [Ipv6Addr; 2] = ["2a02:ff0::7".parse().unwrap(), "2a02:ff0::8".parse().unwrap()];
        let gateway = device("[fe80::1%3]:1900", "http://[fe80::1]:5000/rootDesc.xml");
        let points = gateway.firewall_points(ours);
        assert_eq!(points.len(), 2);
        for (point, address) in points.iter().zip(ours) {
            assert_eq!(point.local_address, IpAddr::V6(address));
            assert_eq!(point.remote, "[fe80::1%3]:99".parse().unwrap());
            assert_eq!(point.control_url.target().as_str(), "/ctl/IP6FCtl");
            assert_eq!(point.kind, ServiceKind::WanIpv6FirewallControl);
        }
        assert!(!gateway.is_usable());
        let over_ipv4 = device("192.168.1.1:1900", "http://192.168.1.1:5000/rootDesc.xml");
        assert!(over_ipv4.firewall_points(ours).is_empty());
    }

    #[test]
    fn no_more_addresses_are_asked_from_than_there_are_ways_to_a_gateway() {
        let gateway = device("[fe80::1%3]:1900", "http://[fe80::1]:5000/rootDesc.xml");
        let crowd = (0..1_000).map(|index| Ipv6Addr::from(0x2a02_u128 << 112 | index));
        assert_eq!(gateway.firewall_points(crowd).len(), MOST_CONTROL_POINTS);
    }
}
