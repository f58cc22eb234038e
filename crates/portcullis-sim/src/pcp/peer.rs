//! PEER (RFC 6887 section 12.3): a mapping for a connection to one peer.

use super::{Call, check_nonce, granted, result};
use crate::device::Device;
use crate::mapping::Mapping;
use crate::port_control::Peer as Held;
use crate::port_control::assign::{self, Wanted};
use crate::quirk::Quirk;
use core::net::SocketAddr;
use portcullis_proto::client::Method;
use portcullis_proto::wire::pcp::{Map, Peer, ResultCode};

/// The mapping that was made, renewed or deleted, and its lifetime in seconds.
pub(super) fn perform(device: &mut Device, call: &Call<'_>, peer: Peer) -> Result<(Peer, u32), ResultCode> {
    let map = peer.map;
    let remote = SocketAddr::new(peer.remote_peer_address, peer.remote_peer_port.get());
    if remote.is_ipv6() != call.internal.is_ipv6() {
        return Err(ResultCode::UnsuppProtocol);
    }
    let is_same = |held: &Held| {
        held.remote == remote && held.mapping.is_of(call.internal, map.protocol, map.internal_port.get())
    };
    let held = device.port_control.peers.iter().find(|held| is_same(held)).map(|held| &held.mapping);
    check_nonce(device, held, &map)?;
    if call.request.lifetime == 0 {
        device.port_control.peers.retain(|held| !is_same(held));
        return Ok((peer, 0));
    }
    let wanted = Wanted {
        method: Method::Pcp,
        client: call.internal,
        protocol: map.protocol,
        internal_port: map.internal_port.get(),
        suggested: map.external_port.map_or(0, |port| port.get()),
        exact: false,
    };
    let (external_address, external_port) = if call.internal.is_ipv6() {
        (call.internal, wanted.internal_port)
    } else {
        let address = assign::external_address(device).ok_or(ResultCode::NetworkFailure)?;
        let port = match held {
            Some(held) => held.external_port,
            None => assign::assign(device, &wanted).map_err(result)?,
        };
        (address, port)
    };
    let seconds = granted(device, call.request.lifetime);
    let mapping = Mapping {
        description: "PCP PEER".to_owned(),
        nonce: Some(map.nonce),
        ..assign::mapping(&wanted, external_port, call.now, seconds)
    };
    if !device.has(Quirk::AddIgnored) {
        device.port_control.peers.retain(|held| !is_same(held));
        device.port_control.peers.push(Held { mapping, remote });
    }
    let map = Map { external_port: external_port.try_into().ok(), external_address, ..map };
    Ok((Peer { map, ..peer }, seconds))
}
