//! Which servers NAT-PMP and PCP are spoken with, and which gateway and protocol is the better one.

use super::super::granted::Method;
use super::super::network::{is_unicast_link_local, preferred};
use super::super::port_control::Way;
use super::super::request::MappingRequest;
use super::super::{Client, GatewayAddress};
use crate::wire::port_control;
use core::net::{IpAddr, SocketAddr, SocketAddrV6};

/// Servers that are asked for one mapping.
const MOST_WAYS: usize = 4;

/// Smaller is better: the place of the gateway, then that of the protocol.
pub(super) type Rank = (usize, usize);

impl Client {
    /// The servers that NAT-PMP and PCP are spoken with: those that a person named, else the default gateways.
    pub(super) fn ways(&self, ipv6: bool) -> Vec<Way> {
        bounded(self.all_ways(ipv6))
    }

    /// The same for a mapping: those of one gateway, where it is for one, from the one address that is to be opened.
    pub(super) fn ways_for(&self, request: &MappingRequest, only_at: Option<IpAddr>) -> Vec<Way> {
        let mut ways = self.all_ways(request.ipv6);
        ways.retain(|way| only_at.is_none_or(|gateway| gateway == way.0.ip()));
        if let Some(own) = request.own.map(IpAddr::V6) {
            if self.config.gateways.is_empty() {
                ways.retain(|way| way.1 == Some(own));
            } else {
                ways.iter_mut().for_each(|way| way.1 = Some(own));
            }
        }
        bounded(ways)
    }

    fn all_ways(&self, ipv6: bool) -> Vec<Way> {
        let mut ways: Vec<Way> = Vec::new();
        if self.config.gateways.is_empty() {
            let chosen = self.config.interface.as_deref();
            for gateway in &self.network.default_gateways {
                let interface =
                    self.network.interfaces.iter().find(|interface| interface.index == gateway.interface);
                let is_chosen = chosen.is_none_or(|name| interface.is_some_and(|own| own.is_called(name)));
                if gateway.address.is_ipv4() == ipv6 || !is_chosen {
                    continue;
                }
                let server = server_of(gateway.address, gateway.interface);
                if ipv6 {
                    // The address that asks is the one that is opened.
                    let own = preferred(interface.into_iter().flat_map(|own| own.chosen_ipv6(chosen)));
                    ways.extend(own.into_iter().map(|own| (server, Some(own.into()))));
                } else {
                    ways.push((server, self.chosen_ipv4()));
                }
            }
        } else {
            let named = &self.config.gateways;
            // Whoever names a gateway's server by its port does not mean the usual port as well.
            let is_named = |ip| {
                let server = |gateway: &GatewayAddress| matches!(gateway, GatewayAddress::PortControl(server) if server.ip() == ip);
                named.iter().any(server)
            };
            let servers = named.iter().filter_map(|gateway| match gateway {
                GatewayAddress::Search(address) if is_named(address.ip()) => None,
                gateway => gateway.port_control(),
            });
            let local = self.chosen_ipv4().filter(|_| !ipv6);
            ways.extend(servers.filter(|server| server.is_ipv6() == ipv6).map(|server| (server, local)));
        }
        ways
    }

    /// The address of ours that a person chose, by its interface.
    fn chosen_ipv4(&self) -> Option<IpAddr> {
        self.network.chosen_ipv4(self.config.interface.as_deref()?)
    }

    /// Whether a person has named this server of NAT-PMP and PCP, or the gateway that it is on.
    pub(super) fn is_named_server(&self, server: SocketAddr) -> bool {
        self.config.gateways.iter().any(|named| named.port_control() == Some(server))
    }

    /// How good a gateway and a protocol are. The gateway comes first: the preferred one is the way to the internet.
    pub(super) fn rank(&self, gateway: IpAddr, method: Method) -> Rank {
        let named = self.config.gateways.iter().position(|named| named.ip() == Some(gateway));
        let default = || self.network.default_gateways.iter().position(|own| own.address == gateway);
        let place = named.or_else(default).unwrap_or(usize::MAX);
        (place, self.config.preference(method).unwrap_or(usize::MAX))
    }
}

/// Each once, and not too many.
fn bounded(ways: Vec<Way>) -> Vec<Way> {
    let mut distinct: Vec<Way> = Vec::new();
    for way in ways {
        if distinct.len() < MOST_WAYS && !distinct.contains(&way) {
            distinct.push(way);
        }
    }
    distinct
}

/// A server's address on its port; a link-local one on its link.
fn server_of(address: IpAddr, interface: u32) -> SocketAddr {
    match address {
        IpAddr::V6(v6) if is_unicast_link_local(address) => {
            SocketAddrV6::new(v6, port_control::PORT, 0, interface).into()
        }
        _ => SocketAddr::new(address, port_control::PORT),
    }
}
