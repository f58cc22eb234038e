//! Where a packet from the internet ends up: the point of it all.

use crate::device::Device;
use crate::mapping::Mapping;
use core::net::{IpAddr, SocketAddr};
use portcullis_proto::Protocol;
use portcullis_proto::wire::pcp::PcpOption;

/// The internal host and port that a packet reaches, if any lets it in.
pub(crate) fn inbound(
    device: &Device,
    protocol: Protocol,
    destination: SocketAddr,
    remote: SocketAddr,
) -> Option<SocketAddr> {
    let is_for = |mapping: &&Mapping| {
        mapping.enabled && mapping.protocol == protocol && mapping.external_port == destination.port()
    };
    let internal = |mapping: &Mapping| {
        Some(SocketAddr::new(mapping.internal_client.parse().ok()?, mapping.internal_port))
    };
    if destination.is_ipv6() {
        let pinholes = device.port_control.pinholes.iter();
        let pinhole = pinholes
            .filter(is_for)
            .find(|mapping| mapping.belongs_to(destination.ip()) && passes(&mapping.filters, remote));
        return pinhole.and_then(internal).or_else(|| to_peer(device, protocol, destination, remote));
    }
    if device.external_address.parse() != Ok(destination.ip()) {
        return None;
    }
    let mut mappings = device.table.as_slice().iter();
    let mapping = mappings.find(|mapping| {
        is_for(mapping)
            && (mapping.remote_host.is_empty() || mapping.remote_host.parse() == Ok(remote.ip()))
            && passes(&mapping.filters, remote)
    });
    mapping.and_then(internal).or_else(|| to_peer(device, protocol, destination, remote))
}

/// By what PEER opened, for that peer alone.
fn to_peer(
    device: &Device,
    protocol: Protocol,
    destination: SocketAddr,
    remote: SocketAddr,
) -> Option<SocketAddr> {
    let peer = device.port_control.peers.iter().find(|peer| {
        peer.remote == remote
            && peer.mapping.protocol == protocol
            && peer.mapping.external_port == destination.port()
            && (destination.is_ipv4() || peer.mapping.belongs_to(destination.ip()))
    })?;
    Some(SocketAddr::new(peer.mapping.internal_client.parse().ok()?, peer.mapping.internal_port))
}

/// Whether one of the filters lets this peer in, or there is none.
fn passes(filters: &[PcpOption], remote: SocketAddr) -> bool {
    let mut filters = filters.iter().filter_map(|filter| match filter {
        &PcpOption::Filter { prefix_length, remote_port, remote_address } => {
            Some((prefix_length, remote_port, remote_address))
        }
        _ => None,
    });
    let first = filters.next();
    first.is_none()
        || first.into_iter().chain(filters).any(|(prefix_length, port, address)| {
            port.is_none_or(|port| port.get() == remote.port())
                && shares_prefix(address, remote.ip(), prefix_length)
        })
}

/// Whether the first bits of two addresses are the same, of 128 as on the wire.
fn shares_prefix(one: IpAddr, other: IpAddr, length: u8) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    };
    let host_bits = 128_u32.saturating_sub(length.into());
    let differing = bits(one) ^ bits(other);
    differing.checked_shr(host_bits).unwrap_or(0) == 0
}
