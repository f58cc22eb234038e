//! Which external port a client gets, by the table that all protocols share.

use super::PortControlOddity as Oddity;
use crate::device::Device;
use crate::mapping::Mapping;
use crate::quirk::{Quirk, parameter};
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use portcullis_proto::client::Method;
use portcullis_proto::{Protocol, Time};

/// The first port that is assigned where the suggested one cannot be.
const FIRST_CHOICE: u16 = 1_024;

/// The time at a gateway that reckons with that.
const SECONDS_SINCE_1970: u32 = 1_764_000_000;

/// Why nothing was assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NotAuthorized,
    /// The gateway has no external address.
    NoAddress,
    /// There is no room, or no port.
    Full,
    /// Another client has the port, and no other would do.
    Taken,
}

/// A mapping that is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// The protocol it is asked for by.
    pub(crate) method: Method,
    pub(crate) client: IpAddr,
    pub(crate) protocol: Protocol,
    pub(crate) internal_port: u16,
    /// 0 for any.
    pub(crate) suggested: u16,
    /// Whether only the suggested port will do.
    pub(crate) exact: bool,
}

/// The external address that NAT-PMP and PCP tell, if there is one.
pub(crate) fn external_address(device: &Device) -> Option<IpAddr> {
    let assigned = parameter!(device.quirks, Quirk::PortControl(Oddity::AssignsAddress(address)) => address);
    match assigned {
        Some(assigned) => assigned.parse().ok(),
        None => device
            .external_address
            .parse()
            .ok()
            .filter(|address: &Ipv4Addr| !address.is_unspecified())
            .map(IpAddr::V4),
    }
}

/// The external port for a mapping: that of the mapping which the client has, the suggested one, or another.
pub(crate) fn assign(device: &Device, wanted: &Wanted) -> Result<u16, Refusal> {
    if external_address(device).is_none() {
        return Err(Refusal::NoAddress);
    }
    let &Wanted { method, client, protocol, internal_port, suggested, exact } = wanted;
    let held = device.table.seen_by(method).find(|mapping| mapping.is_of(client, protocol, internal_port));
    if let Some(held) = held {
        let other = exact && held.external_port != suggested;
        return if other { Err(Refusal::Taken) } else { Ok(held.external_port) };
    }
    if device.has(Quirk::PrivilegedPortsRefused) && (1..FIRST_CHOICE).contains(&suggested) {
        // Where no other port will do, PCP says that it cannot provide it (miniupnpd).
        return Err(if exact { Refusal::Taken } else { Refusal::NotAuthorized });
    }
    let size = parameter!(device.quirks, Quirk::TableSize(size) => size).unwrap_or(usize::from(u16::MAX));
    if device.table.as_slice().len() >= size {
        return Err(Refusal::Full);
    }
    if device.has(Quirk::SamePortOnly) {
        let impossible = exact && suggested != internal_port || is_taken(device, wanted, internal_port);
        return if impossible { Err(Refusal::Taken) } else { Ok(internal_port) };
    }
    if let Some(port) = of_the_other_protocol(device, wanted) {
        return if exact && port != suggested { Err(Refusal::Taken) } else { Ok(port) };
    }
    let never_the_asked = device.has(Quirk::AnyPortNeverTheAsked);
    let first = if suggested == 0 { internal_port } else { suggested };
    if exact && (never_the_asked || is_taken(device, wanted, suggested)) {
        return Err(Refusal::Taken);
    }
    let after = first.saturating_add(1).max(FIRST_CHOICE);
    core::iter::once(first)
        .filter(|_| !never_the_asked)
        .chain(after..=u16::MAX)
        .chain(FIRST_CHOICE..after)
        .find(|port| !is_taken(device, wanted, *port))
        .ok_or(Refusal::Full)
}

/// The external port that the other protocol has of the same internal port, where both get the same and it is free.
fn of_the_other_protocol(device: &Device, wanted: &Wanted) -> Option<u16> {
    if !device.has(Quirk::PortControl(Oddity::OnePortForBoth)) {
        return None;
    }
    let other = match wanted.protocol {
        Protocol::Udp => Protocol::Tcp,
        Protocol::Tcp => Protocol::Udp,
    };
    let mut table = device.table.seen_by(wanted.method);
    let held = table.find(|mapping| mapping.is_of(wanted.client, other, wanted.internal_port))?;
    Some(held.external_port).filter(|&port| !is_taken(device, wanted, port))
}

fn is_taken(device: &Device, wanted: &Wanted, port: u16) -> bool {
    let by_peer = device.port_control.peers.iter().map(|peer| &peer.mapping).any(|mapping| {
        mapping.external_port == port
            && mapping.protocol == wanted.protocol
            && !mapping.is_of(wanted.client, wanted.protocol, wanted.internal_port)
    });
    by_peer
        || device.has(Quirk::OtherMechanism(port))
        || device.table.range(wanted.method, port..=port, wanted.protocol).next().is_some()
}

/// The seconds that are granted for those that are asked for, of which most gateways have a least and a most.
pub(crate) fn granted(device: &Device, asked: u32, (least, most): (u32, u32)) -> u32 {
    let is_unbounded = device.has(Quirk::PortControl(Oddity::LifetimeWraps));
    let asked = if is_unbounded { asked } else { asked.clamp(least, most) };
    device
        .quirks
        .find(|quirk| match quirk {
            Quirk::LeaseAtMost(most) => Some(asked.min(most)),
            Quirk::LeaseAlways(seconds) => Some(seconds),
            _ => None,
        })
        .unwrap_or(asked)
}

/// The seconds for which a mapping is kept that is granted for so long.
pub(crate) fn kept(device: &Device, seconds: u32) -> u32 {
    let wraps = device.has(Quirk::PortControl(Oddity::LifetimeWraps));
    if wraps && SECONDS_SINCE_1970.checked_add(seconds).is_none() { 0 } else { seconds }
}

/// The seconds that are granted to a mapping: what is left of the one that is there, where that is not extended.
pub(crate) fn extended(device: &Device, wanted: &Wanted, external_port: u16, now: Time, seconds: u32) -> u32 {
    let asked = mapping(wanted, external_port, now, seconds);
    let end = device.table.end_of(&asked).filter(|_| device.has(Quirk::RefreshIgnored));
    end.and_then(|end| u32::try_from((end - now).as_secs()).ok()).unwrap_or(seconds)
}

/// Whose a mapping is once it is asked for again by another protocol.
pub(crate) fn maker(device: &Device, wanted: &Wanted, external_port: u16) -> Method {
    let stays = device.has(Quirk::PortControl(Oddity::DeletesItsOwnAlone));
    let held = device.table.find(wanted.method, "", external_port, wanted.protocol).filter(|_| stays);
    held.map_or(wanted.method, |held| held.method)
}

/// A mapping for everybody that ends `seconds` from now.
pub(crate) fn mapping(wanted: &Wanted, external_port: u16, now: Time, seconds: u32) -> Mapping {
    Mapping {
        external_port,
        method: wanted.method,
        expires: Some(now + Duration::from_secs(seconds.into())),
        ..Mapping::new(wanted.protocol, wanted.internal_port, wanted.client)
    }
}
