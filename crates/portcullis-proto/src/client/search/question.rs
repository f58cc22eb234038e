//! Where a search asks: one socket for each interface, or one for the gateways that a person named.

use super::super::config::{GatewayAddress, SearchOptions};
use super::super::error::Failure;
use super::super::io::{Bind, Output, SocketId};
use super::super::network::{self, Interface, Network};
use super::super::outbox::Outbox;
use crate::wire::ssdp;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::io;

#[derive(Debug)]
pub(super) struct Socket {
    pub(super) id: SocketId,
    pub(super) destinations: Vec<SocketAddr>,
    /// Datagrams given to it.
    pub(super) asked: u32,
}

/// One socket for each interface that can multicast or has a default gateway, or for the one that was asked for. The group is
/// tried on those that say that they cannot multicast, too (slirp4netns's tap0 passes it on).
pub(super) fn for_interfaces(
    options: &SearchOptions,
    network: &Network,
    out: &mut Outbox,
) -> Result<Vec<Socket>, Failure> {
    let wanted = options.interface.as_deref().filter(|name| !means_any(name));
    let chosen: Vec<_> = network
        .interfaces
        .iter()
        .filter(|interface| match wanted {
            Some(wanted) => interface.is_called(wanted),
            None => !interface.loopback && (interface.multicast || network.has_gateway_on(interface)),
        })
        .collect();
    if chosen.is_empty() {
        return Err(match wanted {
            Some(wanted) => Failure::NoInterface(wanted.into()),
            None => Failure::CannotSend(network.untold.unwrap_or(io::ErrorKind::NetworkUnreachable)),
        });
    }
    Ok(chosen
        .into_iter()
        .filter_map(|interface| for_interface(interface, wanted, options, network, out))
        .collect())
}

fn for_interface(
    interface: &Interface,
    wanted: Option<&str>,
    options: &SearchOptions,
    network: &Network,
    out: &mut Outbox,
) -> Option<Socket> {
    let (local, groups): (IpAddr, Vec<IpAddr>) = if options.ipv6 {
        let groups = vec![ssdp::LINK_LOCAL_V6.into(), ssdp::SITE_LOCAL_V6.into()];
        interface.has_ipv6().then_some((Ipv6Addr::UNSPECIFIED.into(), groups))?
    } else {
        let wanted = wanted.and_then(|wanted| wanted.parse().ok());
        let own = interface.ipv4().find(|&own| Some(own) == wanted).or_else(|| interface.ipv4().next())?;
        (own.into(), vec![ssdp::MULTICAST_V4.into()])
    };
    let gateways = network
        .default_gateways
        .iter()
        .filter(|gateway| gateway.interface == interface.index && gateway.address.is_ipv6() == options.ipv6)
        .map(|gateway| gateway.address);
    // Unicast first: a host firewall then expects the answer (quirk 4).
    let destinations = gateways.chain(groups).map(|address| scoped(address, interface.index)).collect();
    Some(bind(local, Some(interface.index), destinations, options, out))
}

/// Asks one gateway by a socket of its own, which hears where nothing listens there (ICMP port unreachable); those that
/// ask several cannot tell who it was.
pub(super) fn knock(
    gateway: IpAddr,
    local: Option<IpAddr>,
    options: &SearchOptions,
    out: &mut Outbox,
) -> SocketId {
    let socket = out.next_socket();
    let peer = SocketAddr::new(gateway, ssdp::PORT);
    let any: IpAddr =
        if gateway.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    out.push(Output::Bind(Bind {
        socket,
        local: SocketAddr::new(local.unwrap_or(any), 0),
        multicast_interface: None,
        multicast_ttl: 1,
        peer: Some(peer),
        groups: Vec::new(),
    }));
    if let Some(target) = options.targets.first() {
        let payload = ssdp::encode_search(peer, target, options.mx());
        out.push(Output::Datagram { socket, destination: peer, payload });
    }
    socket
}

/// One socket for each address family of the gateways to be searched by address.
pub(super) fn for_named(
    gateways: &[GatewayAddress],
    local: Option<IpAddr>,
    options: &SearchOptions,
    out: &mut Outbox,
) -> Vec<Socket> {
    let ipv4 = local.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let families: [IpAddr; 2] = [ipv4, Ipv6Addr::UNSPECIFIED.into()];
    let sockets = families.into_iter().filter_map(|any| {
        let destinations: Vec<_> = gateways
            .iter()
            .filter_map(|gateway| match gateway {
                GatewayAddress::Search(address) if address.is_ipv4() == any.is_ipv4() => Some(*address),
                _ => None,
            })
            .collect();
        (!destinations.is_empty()).then(|| bind(any, None, destinations, options, out))
    });
    sockets.collect()
}

fn bind(
    local: IpAddr,
    multicast_interface: Option<u32>,
    destinations: Vec<SocketAddr>,
    options: &SearchOptions,
    out: &mut Outbox,
) -> Socket {
    let port = local_port(options);
    let id = out.next_socket();
    let local = SocketAddr::new(local, port);
    out.push(Output::Bind(Bind {
        socket: id,
        local,
        multicast_interface,
        multicast_ttl: options.ttl,
        peer: None,
        groups: Vec::new(),
    }));
    Socket { id, destinations, asked: 0 }
}

/// The port that questions go out from; 0 for any.
pub(super) fn local_port(options: &SearchOptions) -> u16 {
    // 1 is the seed API's word for the SSDP port.
    if options.local_port == 1 { ssdp::PORT } else { options.local_port }
}

pub(super) fn means_any(name: &str) -> bool {
    name.is_empty() || name.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
}

/// The SSDP port of an address; link-local and multicast IPv6 addresses get the interface as their scope.
fn scoped(address: IpAddr, interface: u32) -> SocketAddr {
    match address {
        IpAddr::V6(v6) if network::is_unicast_link_local(address) || v6.is_multicast() => {
            SocketAddr::V6(SocketAddrV6::new(v6, ssdp::PORT, 0, interface))
        }
        _ => SocketAddr::new(address, ssdp::PORT),
    }
}
