//! The machine's own interfaces and default gateways, as the driver last saw them.

use crate::AddressKind;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::io;

/// An address of an interface, with the length of its network's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// Leading bits that all hosts on the link share.
    pub prefix_length: u8,
    /// Whether it is on its way out: still ours, but nothing new is to begin from it (RFC 4862 section 5.5.4). Where that
    /// is not known, it is not.
    pub deprecated: bool,
    /// Whether it is one of those that change every day, so that nobody is known by them (RFC 8981): what is opened for one
    /// is soon open for nobody. Where that is not known, it is not.
    pub temporary: bool,
}

impl InterfaceAddress {
    fn covers(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = u32::from(32_u8.saturating_sub(self.prefix_length));
                let differing = own.to_bits() ^ other.to_bits();
                differing.checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = u32::from(128_u8.saturating_sub(self.prefix_length));
                let differing = own.to_bits() ^ other.to_bits();
                differing.checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// Whether the address is the network's own, or stands for all of its hosts (RFC 1812 section 4.2.3.1):
    /// nobody's, except on point-to-point links (RFC 3021).
    fn is_nobody(&self, other: IpAddr) -> bool {
        let (IpAddr::V4(_), IpAddr::V4(other)) = (self.address, other) else { return false };
        let hosts = u32::MAX.checked_shr(u32::from(self.prefix_length)).unwrap_or(0);
        let host = other.to_bits() & hosts;
        self.prefix_length <= 30 && (host == 0 || host == hosts)
    }
}

/// A network interface that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, such as `eth0`.
    pub name: String,
    /// Its index, which is the scope id of its link-local IPv6 addresses.
    pub index: u32,
    /// Whether it can send multicast.
    pub multicast: bool,
    /// Whether it leads to this machine alone.
    pub loopback: bool,
    /// Its addresses.
    pub addresses: Vec<InterfaceAddress>,
}

impl Interface {
    pub(super) fn ipv4(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        self.addresses.iter().filter_map(|address| match address.address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
    }

    /// Its addresses that the internet can reach, those that stay first.
    pub(super) fn global_ipv6(&self) -> impl Iterator<Item = &InterfaceAddress> {
        let is_global = |own: &&InterfaceAddress| {
            own.address.is_ipv6() && AddressKind::of(own.address) == AddressKind::Public
        };
        let mut own: Vec<_> = self.addresses.iter().filter(is_global).collect();
        own.sort_by_key(|own| own.temporary);
        own.into_iter()
    }

    /// The same of what a person chose: of this interface by its name, or of its addresses one.
    pub(super) fn chosen_ipv6(&self, interface: Option<&str>) -> impl Iterator<Item = &InterfaceAddress> {
        let is_chosen = interface.is_none_or(|name| self.is_called(name));
        let named = interface.and_then(|name| name.parse::<Ipv6Addr>().ok());
        let own = self.global_ipv6().filter(move |_| is_chosen);
        own.filter(move |own| named.is_none_or(|named| own.address == named))
    }

    /// Whether this is its name, or one of its addresses.
    pub fn is_called(&self, name: &str) -> bool {
        match name.parse::<IpAddr>() {
            Ok(address) => self.addresses.iter().any(|own| own.address == address),
            Err(_) => self.name == name,
        }
    }

    pub(super) fn has_ipv6(&self) -> bool {
        self.addresses.iter().any(|address| address.address.is_ipv6())
    }
}

/// A router that the operating system sends packets for everywhere else to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DefaultGateway {
    /// Its address on the link.
    pub address: IpAddr,
    /// The index of the interface it is reached through.
    pub interface: u32,
}

/// A snapshot of the machine's place in the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// The interfaces that are up.
    pub interfaces: Vec<Interface>,
    /// The default gateways, the preferred one first.
    pub default_gateways: Vec<DefaultGateway>,
    /// The index of the interface that IPv4 packets to the internet leave by, where the operating system told. By its own
    /// rules, those of a VPN above all, that may be one without a default gateway.
    pub way_out: Option<u32>,
    /// Why the operating system told nothing, where it did not: then an error names that, and not the network.
    pub untold: Option<io::ErrorKind>,
}

impl Network {
    pub(super) fn is_default_gateway(&self, address: IpAddr) -> bool {
        self.default_gateways.iter().any(|gateway| gateway.address == address)
    }

    pub(super) fn has_gateway_on(&self, interface: &Interface) -> bool {
        self.default_gateways.iter().any(|gateway| gateway.interface == interface.index)
    }

    /// The gateway that this host's IPv4 packets to the internet go to, as far as is known; of this interface's, where it
    /// is to be that one.
    pub(super) fn preferred_gateway(&self, interface: Option<&str>) -> Option<IpAddr> {
        let is_chosen = |gateway: &&DefaultGateway| {
            let own = self.interfaces.iter().find(|own| own.index == gateway.interface);
            interface.is_none_or(|name| own.is_some_and(|own| own.is_called(name)))
        };
        let ipv4 = self.default_gateways.iter().filter(|gateway| gateway.address.is_ipv4());
        ipv4.into_iter().find(is_chosen).map(|gateway| gateway.address)
    }

    /// Our IPv4 address on the interface that a person chose: the one that was named, or else its first.
    pub(super) fn chosen_ipv4(&self, interface: &str) -> Option<IpAddr> {
        let chosen = self.interfaces.iter().find(|own| own.is_called(interface))?;
        let named = interface.parse().ok();
        let own = chosen.ipv4().find(|&own| Some(own) == named).or_else(|| chosen.ipv4().next());
        own.map(IpAddr::V4)
    }

    /// Whether several addresses of ours are on the link of this one, so that which of them a gateway there sees is the
    /// operating system's choice.
    pub(super) fn is_ambiguous(&self, address: IpAddr) -> bool {
        let own = self.interfaces.iter().flat_map(|interface| &interface.addresses);
        own.filter(|own| own.covers(address)).count() > 1
    }

    /// The interface that packets to the internet leave by, where this gateway of this network is on another one.
    pub(super) fn other_way_out(&self, gateway: IpAddr) -> Option<&Interface> {
        let known = self.default_gateways.iter().find(|known| known.address == gateway)?;
        let way_out = self.way_out.filter(|&way_out| way_out != known.interface)?;
        self.interfaces.iter().find(|interface| interface.index == way_out)
    }

    /// The interface that leads to the internet without a next hop, as a tunnel does.
    pub(super) fn way_without_gateway(&self) -> Option<&Interface> {
        let way_out = self.way_out.filter(|_| self.preferred_gateway(None).is_none())?;
        self.interfaces.iter().find(|interface| interface.index == way_out)
    }

    /// Whether this gateway is the preferred one; `None` where none is known, and over IPv6.
    pub(super) fn leads_by(&self, gateway: IpAddr) -> Option<bool> {
        let preferred = self.preferred_gateway(None).filter(|_| gateway.is_ipv4())?;
        Some(preferred == gateway)
    }

    /// Our own addresses that the internet can reach, of what a person chose; those of the link that `near` is on first, and of
    /// those the ones that stay; deprecated ones only where there are no others.
    pub(super) fn chosen_global_ipv6(&self, chosen: Option<&str>, near: Option<u32>) -> Vec<Ipv6Addr> {
        let mut interfaces: Vec<_> = self.interfaces.iter().collect();
        interfaces.sort_by_key(|interface| Some(interface.index) != near);
        preferred(interfaces.into_iter().flat_map(|own| own.chosen_ipv6(chosen)))
    }

    /// All of them.
    pub(super) fn global_ipv6(&self, near: Option<u32>) -> Vec<Ipv6Addr> {
        self.chosen_global_ipv6(None, near)
    }

    /// Our own addresses that the internet can reach by a default gateway: of the interface that is named by its name, that
    /// address itself where it is one, or else of all. Those that stay come first, deprecated ones are among them only where
    /// there are no others.
    pub fn global_ipv6_of(&self, interface: Option<&str>) -> Vec<Ipv6Addr> {
        let leads_out = |own: &&Interface| {
            let mut gateways = self.default_gateways.iter().filter(|gateway| gateway.address.is_ipv6());
            gateways.any(|gateway| gateway.interface == own.index)
        };
        preferred(self.interfaces.iter().filter(leads_out).flat_map(|own| own.chosen_ipv6(interface)))
    }

    /// Whether a deprecated address of ours has another one beside it that is not.
    pub(super) fn has_better(&self, address: IpAddr) -> bool {
        let mut own = self.interfaces.iter().flat_map(|interface| &interface.addresses);
        address.is_ipv6()
            && own.any(|own| own.address == address && own.deprecated)
            && !self.global_ipv6(None).iter().any(|&other| IpAddr::from(other) == address)
    }

    pub(super) fn is_own(&self, address: IpAddr) -> bool {
        self.interfaces.iter().flat_map(|interface| &interface.addresses).any(|own| own.address == address)
    }

    /// Whether what is known of an address is about us: `local` is the one that a gateway sees, where that is known.
    pub(super) fn may_be_own(&self, address: IpAddr, local: Option<IpAddr>) -> bool {
        let is_own = |address| self.interfaces.is_empty() || self.is_own(address);
        address.is_unspecified() || local.map_or_else(|| is_own(address), |local| local == address)
    }

    pub(super) fn is_on_link(&self, address: IpAddr) -> bool {
        if is_unicast_link_local(address) {
            return true;
        }
        self.interfaces
            .iter()
            .filter(|interface| !interface.loopback)
            .flat_map(|interface| &interface.addresses)
            .any(|own| own.covers(address) && !own.is_nobody(address))
    }
}

/// Of addresses, those that are not deprecated, where there are such.
pub(super) fn preferred<'a>(addresses: impl Iterator<Item = &'a InterfaceAddress>) -> Vec<Ipv6Addr> {
    let mut addresses: Vec<_> = addresses.collect();
    let are_all = addresses.iter().all(|own| own.deprecated);
    addresses.retain(|own| are_all || !own.deprecated);
    let ipv6 = |own: &InterfaceAddress| match own.address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    };
    addresses.into_iter().filter_map(ipv6).collect()
}

/// fe80::/10: on the link by definition (RFC 4291 section 2.5.6).
pub(super) fn is_unicast_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => is_link_local_v6(address),
    }
}

fn is_link_local_v6(address: Ipv6Addr) -> bool {
    address.segments().first().is_some_and(|segment| segment & 0xffc0 == 0xfe80)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lan() -> Network {
        Network {
            interfaces: vec![Interface {
                name: "eth0".into(),
                index: 2,
                multicast: true,
                loopback: false,
                addresses: vec![
                    InterfaceAddress {
                        address: "10.99.0.2".parse().unwrap(),
                        prefix_length: 24,
                        deprecated: false,
                        temporary: false,
                    },
                    InterfaceAddress {
                        address: "fd99::2".parse().unwrap(),
                        prefix_length: 64,
                        deprecated: false,
                        temporary: false,
                    },
                ],
            }],
            default_gateways: vec![DefaultGateway { address: "10.99.0.1".parse().unwrap(), interface: 2 }],
            ..Network::default()
        }
    }

    #[test]
    fn knows_what_is_on_its_links() {
        let network = lan();
        for (address, on_link) in [
            ("10.99.0.254", true),
            ("10.99.0.255", false),
            ("10.99.0.0", false),
            ("10.99.1.1", false),
            ("8.8.8.8", false),
            ("fd99::1", true),
            ("fd99:0:0:1::1", false),
            ("fe80::1", true),
        ] {
            assert_eq!(network.is_on_link(address.parse().unwrap()), on_link, "{address}");
        }
    }

    #[test]
    fn both_ends_of_a_point_to_point_link_are_somebody() {
        let own = InterfaceAddress {
            address: "10.0.0.1".parse().unwrap(),
            prefix_length: 31,
            deprecated: false,
            temporary: false,
        };
        assert!(!own.is_nobody("10.0.0.0".parse().unwrap()));
        assert!(!own.is_nobody("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_prefix_of_zero_covers_everything_of_its_family() {
        let all = InterfaceAddress {
            address: "10.0.0.1".parse().unwrap(),
            prefix_length: 0,
            deprecated: false,
            temporary: false,
        };
        assert!(all.covers("8.8.8.8".parse().unwrap()));
        assert!(!all.covers("fd99::1".parse().unwrap()));
    }
}
