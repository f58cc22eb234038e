//! The state of the device behind all its protocols.

use crate::mapping::{Mapping, MappingTable};
use crate::pinhole::PinholeTable;
use crate::port_control::{self, PortControlOddity as Oddity};
use crate::quirk::{ControlUrl, DeadLocation, Quirk, Quirks, parameter};
use crate::scenario::{IgdVersion, Scenario};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use portcullis_proto::Time;

/// A public address of a provider: documentation addresses are classed as reserved.
pub(crate) const EXTERNAL_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(81, 2, 69, 142));

/// Where the device description is.
pub(crate) const DESCRIPTION_PATH: &str = "/rootDesc.xml";

/// An address that this gateway names and that leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoy {
    /// In what way it leads nowhere.
    pub kind: DeadLocation,
    /// The address.
    pub address: SocketAddr,
    pub(crate) role: DecoyRole,
}

/// Where a decoy is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecoyRole {
    /// In the announcement of another device.
    OtherDevice,
    /// In the gateway's own announcement.
    OwnLocation,
    /// In control URLs.
    Control,
}

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) version: IgdVersion,
    pub(crate) quirks: Quirks,
    pub(crate) http: SocketAddr,
    pub(crate) decoys: Vec<Decoy>,
    pub(crate) table: MappingTable,
    pub(crate) pinholes: PinholeTable,
    pub(crate) external_address: String,
    /// BOOTID.UPNP.ORG (UPnP Device Architecture 1.1 section 1.2.2): grows with each reboot.
    pub(crate) boot_id: u32,
    pub(crate) booted_at: Time,
    /// When a program asked for a mapping first, where that takes a user's approval.
    pub(crate) approval_asked_at: Option<Time>,
    pub(crate) port_control: port_control::State,
}

impl Device {
    /// The address that it sees a client at.
    pub(crate) fn seen(&self, client: IpAddr) -> IpAddr {
        let seen_as = parameter!(self.quirks, Quirk::PortControl(Oddity::SeesClientAs(address)) => address);
        seen_as.and_then(|address| address.parse().ok()).unwrap_or(client).to_canonical()
    }

    pub(crate) fn new(scenario: Scenario, http: SocketAddr) -> Self {
        let (version, quirks) = scenario.into_parts();
        let separate = quirks.has(Quirk::SeparateTables);
        let mut device = Self {
            version,
            decoys: decoys(&quirks, http),
            quirks,
            http,
            table: if separate { MappingTable::separate() } else { MappingTable::default() },
            pinholes: PinholeTable::default(),
            external_address: EXTERNAL_ADDRESS.to_string(),
            boot_id: 1,
            booted_at: Time::ZERO,
            approval_asked_at: None,
            port_control: port_control::State::new(http.ip()),
        };
        device.add_foreign_mappings();
        device
    }

    pub(crate) fn reboot(&mut self, now: Time) {
        self.restart(now);
        self.table.clear();
        self.pinholes = PinholeTable::default();
        self.port_control.lose_state(now);
        self.add_foreign_mappings();
    }

    /// A reboot that loses nothing.
    pub(crate) fn restart(&mut self, now: Time) {
        self.boot_id = self.boot_id.saturating_add(1);
        self.booted_at = now;
    }

    /// Forgets what has run out.
    pub(crate) fn expire(&mut self, now: Time) {
        self.table.expire(now);
        self.pinholes.expire(now);
        self.port_control.expire(now);
    }

    pub(crate) fn next_expiry(&self) -> Option<Time> {
        self.table.next_expiry().into_iter().chain(self.pinholes.next_expiry()).min()
    }

    pub(crate) fn has(&self, quirk: Quirk) -> bool {
        self.quirks.has(quirk)
    }

    /// The LOCATION of its announcements.
    pub(crate) fn location(&self) -> String {
        if let Some(location) = parameter!(self.quirks, Quirk::Location(location) => location) {
            return location.to_owned();
        }
        let address = self.decoy(DecoyRole::OwnLocation).or(self.second_http()).unwrap_or(self.http);
        format!("http://{address}{DESCRIPTION_PATH}")
    }

    /// The second address where it speaks HTTP.
    pub(crate) fn second_http(&self) -> Option<SocketAddr> {
        let host = parameter!(self.quirks, Quirk::LocationHost(host) => host)?;
        Some(SocketAddr::new(host.into(), self.http.port()))
    }

    pub(crate) fn decoy(&self, role: DecoyRole) -> Option<SocketAddr> {
        self.decoys.iter().find(|decoy| decoy.role == role).map(|decoy| decoy.address)
    }

    /// The unique device name of the `index`th device in the description; gateways at other addresses
    /// have other names.
    pub(crate) fn udn(&self, index: u16) -> String {
        let copied = parameter!(self.quirks, Quirk::UdnOf(address) => address);
        let http = copied.and_then(|address| address.parse().ok()).unwrap_or(self.http);
        let host = match http.ip().to_canonical() {
            IpAddr::V4(address) => u32::from(address),
            IpAddr::V6(address) => address
                .segments()
                .iter()
                .fold(0_u32, |hash, segment| hash.wrapping_mul(31).wrapping_add(u32::from(*segment))),
        };
        format!("uuid:5c1e8a4e-7d2b-4f6a-{:04x}-{host:08x}{:04x}", index | 0x9000, http.port())
    }

    fn add_foreign_mappings(&mut self) {
        let foreign = foreign_client(self.http.ip());
        for quirk in self.quirks.iter() {
            if let Quirk::ForeignMapping(protocol, port) = quirk {
                let mapping = Mapping::new(protocol, port, foreign);
                self.table.put(Mapping { description: "somebody else's".to_owned(), ..mapping });
            }
        }
    }
}

/// The host that is not the client of any test: the last of the gateway's own /24.
fn foreign_client(gateway: IpAddr) -> IpAddr {
    match gateway.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 254).into()
        }
        IpAddr::V6(_) => Ipv4Addr::new(192, 168, 1, 254).into(),
    }
}

/// The decoys of a scenario, on the ports after that of HTTP until a server gives them others.
fn decoys(quirks: &Quirks, http: SocketAddr) -> Vec<Decoy> {
    let named = quirks.iter().filter_map(|quirk| match quirk {
        Quirk::AlsoAnnounces(kind) => Some((kind, DecoyRole::OtherDevice)),
        Quirk::AnnouncesOnly(kind) => Some((kind, DecoyRole::OwnLocation)),
        Quirk::ControlUrl(ControlUrl::RefusedPort) => Some((DeadLocation::Refused, DecoyRole::Control)),
        _ => None,
    });
    let ports = (1..).map(|offset| http.port().wrapping_add(offset));
    let address = |port| SocketAddr::new(http.ip(), port);
    named.zip(ports).map(|((kind, role), port)| Decoy { kind, role, address: address(port) }).collect()
}
