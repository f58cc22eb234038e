//! MAP (RFC 6887 section 11.3): a mapping for IPv4, a pinhole for IPv6.

use super::{Call, check_nonce, granted, result};
use crate::device::Device;
use crate::mapping::Mapping;
use crate::port_control::PortControlOddity as Oddity;
use crate::port_control::assign::{self, Wanted};
use crate::quirk::{Quirk, parameter};
use portcullis_proto::client::Method;
use portcullis_proto::wire::pcp::{Map, PcpOption, ResultCode};

/// The mapping that was made, renewed or deleted, and its lifetime in seconds.
pub(super) fn perform(device: &mut Device, call: &Call<'_>, map: Map) -> Result<(Map, u32), ResultCode> {
    let held = held(device, call, &map);
    check_nonce(device, held, &map)?;
    if call.request.lifetime == 0 {
        if device.has(Quirk::PortControl(Oddity::DeletionRefused)) {
            return Err(ResultCode::NotAuthorized);
        }
        let own_alone = device.has(Quirk::PortControl(Oddity::DeletesItsOwnAlone));
        let is_it = |mapping: &Mapping| {
            mapping.is_of(call.internal, map.protocol, map.internal_port.get())
                && (!own_alone || mapping.method == Method::Pcp)
        };
        let code = parameter!(device.quirks, Quirk::PortControl(Oddity::NothingToDelete(code)) => code);
        if let Some(code) = code.filter(|_| held.is_none_or(|held| !is_it(held))) {
            return Err(ResultCode::from(code));
        }
        if !device.has(Quirk::DeleteIgnored) {
            device.port_control.pinholes.retain(|mapping| call.internal.is_ipv4() || !is_it(mapping));
            device.table.remove(Method::Pcp, |mapping| call.internal.is_ipv4() && is_it(mapping));
        }
        return Ok((map, 0));
    }
    let filters = filters(device, call, held)?;
    let wanted = Wanted {
        method: Method::Pcp,
        client: call.internal,
        protocol: map.protocol,
        internal_port: map.internal_port.get(),
        suggested: map.external_port.map_or(0, |port| port.get()),
        exact: call.has(&PcpOption::PreferFailure),
    };
    let external_address = if call.internal.is_ipv6() {
        call.internal
    } else {
        assign::external_address(device).ok_or(ResultCode::NetworkFailure)?
    };
    let has_wish = !map.external_address.is_unspecified();
    if wanted.exact && has_wish && map.external_address != external_address {
        return Err(ResultCode::CannotProvideExternal);
    }
    let external_port = if call.internal.is_ipv6() {
        // The address is the host's own, and nothing is translated.
        if wanted.exact && ![0, wanted.internal_port].contains(&wanted.suggested) {
            return Err(ResultCode::CannotProvideExternal);
        }
        wanted.internal_port
    } else {
        // Any port will do where none is suggested, whatever is preferred.
        let exact = wanted.exact && wanted.suggested != 0;
        assign::assign(device, &Wanted { exact, ..wanted }).map_err(result)?
    };
    let seconds = granted(device, call.request.lifetime);
    let seconds = assign::extended(device, &wanted, external_port, call.now, seconds);
    let mapping = Mapping {
        description: "PCP MAP".to_owned(),
        nonce: Some(map.nonce),
        filters,
        method: assign::maker(device, &wanted, external_port),
        ..assign::mapping(&wanted, external_port, call.now, assign::kept(device, seconds))
    };
    store(device, call, mapping);
    let is_zero = device.has(Quirk::PortControl(Oddity::AssignsPortZero));
    let assigned = if is_zero { 0 } else { external_port };
    Ok((Map { external_port: assigned.try_into().ok(), external_address, ..map }, seconds))
}

/// What the host has already mapped of this port.
fn held<'a>(device: &'a Device, call: &Call<'_>, map: &Map) -> Option<&'a Mapping> {
    let is_it = |mapping: &&Mapping| mapping.is_of(call.internal, map.protocol, map.internal_port.get());
    if call.internal.is_ipv6() {
        device.port_control.pinholes.iter().find(is_it)
    } else {
        device.table.seen_by(Method::Pcp).find(is_it)
    }
}

fn store(device: &mut Device, call: &Call<'_>, mapping: Mapping) {
    if device.has(Quirk::AddIgnored) {
        return;
    }
    if call.internal.is_ipv4() {
        device.table.put(mapping);
        return;
    }
    let pinholes = &mut device.port_control.pinholes;
    pinholes.retain(|held| !held.is_of(call.internal, mapping.protocol, mapping.internal_port));
    pinholes.push(mapping);
}

/// RFC 6887 section 13.3: filters add to those that the mapping has, and one of prefix 0 removes all before it.
fn filters(device: &Device, call: &Call<'_>, held: Option<&Mapping>) -> Result<Vec<PcpOption>, ResultCode> {
    let mut filters = held.map(|held| held.filters.clone()).unwrap_or_default();
    for option in &call.request.options {
        match option {
            PcpOption::Filter { prefix_length: 0, .. } => filters.clear(),
            PcpOption::Filter { .. } if !filters.contains(option) => filters.push(option.clone()),
            _ => {}
        }
    }
    let most = parameter!(device.quirks, Quirk::PortControl(Oddity::MostFilters(most)) => most);
    if most.is_some_and(|most| filters.len() > most) {
        return Err(ResultCode::ExcessiveRemotePeers);
    }
    Ok(filters)
}
