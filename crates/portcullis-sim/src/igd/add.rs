//! AddPortMapping and AddAnyPortMapping: what passes, and what is stored in the end.

use super::arguments::{Call, OutArguments};
use super::upnp_error::UpnpError;
use crate::device::Device;
use crate::mapping::Mapping;
use crate::port_control::PortControlOddity as Oddity;
use crate::quirk::{Quirk, parameter};
use crate::scenario::IgdVersion;
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;
use portcullis_proto::client::Method;

/// The longest lease of version 2, a week, which also stands for a permanent one (WANIPConnection:2
/// section 2.3.8).
const LONGEST_LEASE: u32 = 604_800;

/// The first port that AddAnyPortMapping chooses when it may choose freely.
const FIRST_CHOICE: u16 = 1_024;

pub(super) fn add_port_mapping(device: &mut Device, call: &Call<'_>) -> Result<OutArguments, UpnpError> {
    check_approval(device, call)?;
    let mapping = admit(device, call)?;
    if mapping.external_port == 0 {
        return Err(UpnpError::WILDCARD_NOT_PERMITTED_IN_EXT_PORT);
    }
    if let Some(conflict) = conflict(device, call, &mapping) {
        return Err(conflict);
    }
    store(device, mapping)?;
    Ok(Vec::new())
}

pub(super) fn add_any_port_mapping(device: &mut Device, call: &Call<'_>) -> Result<OutArguments, UpnpError> {
    check_approval(device, call)?;
    let mut mapping = admit(device, call)?;
    let asked = mapping.external_port;
    let refused = device.has(Quirk::AnyPortNeverTheAsked);
    let after = asked.saturating_add(1).max(FIRST_CHOICE);
    let candidates = core::iter::once(asked)
        .filter(|port| *port != 0 && !refused)
        .chain(after..=u16::MAX)
        .chain(FIRST_CHOICE..after);
    for port in candidates {
        mapping.external_port = port;
        if conflict(device, call, &mapping).is_none() && !leads_elsewhere(device, &mapping) {
            store(device, mapping)?;
            return Ok(vec![("NewReservedPort", port.to_string())]);
        }
    }
    Err(UpnpError::NO_PORT_MAPS_AVAILABLE)
}

/// The user hears of it when a program asks for the first time, and takes a while.
fn check_approval(device: &mut Device, call: &Call<'_>) -> Result<(), UpnpError> {
    let approval = parameter!(device.quirks, Quirk::ApprovedAfter(code, delay) => (code, delay));
    let Some((code, delay)) = approval else { return Ok(()) };
    let asked_at = *device.approval_asked_at.get_or_insert(call.now);
    if call.now < asked_at + delay { Err(UpnpError(code)) } else { Ok(()) }
}

/// Reads a request to add, and refuses what does not depend on the other mappings.
fn admit(device: &Device, call: &Call<'_>) -> Result<Mapping, UpnpError> {
    let mapping = Mapping {
        remote_host: call.text("NewRemoteHost")?.to_owned(),
        external_port: call.port("NewExternalPort")?,
        protocol: call.protocol()?,
        internal_port: call.port("NewInternalPort")?,
        internal_client: call.text("NewInternalClient")?.to_owned(),
        enabled: call.flag("NewEnabled")?,
        description: call.text("NewPortMappingDescription")?.to_owned(),
        expires: lease(device, call.seconds("NewLeaseDuration")?)?
            .map(|seconds| call.now + Duration::from_secs(seconds.into())),
        method: Method::Igd,
        nonce: None,
        filters: Vec::new(),
    };
    if call.down {
        return Err(UpnpError::ACTION_FAILED);
    }
    check_ports(device, &mapping)?;
    check_remote_host(device, &mapping)?;
    check_client(device, call, &mapping)?;
    check_description(device, &mapping.description)?;
    match parameter!(device.quirks, Quirk::InternalClientReplaced(client) => client) {
        Some(client) => Ok(Mapping { internal_client: client.to_owned(), ..mapping }),
        None => Ok(mapping),
    }
}

/// The seconds granted for the seconds asked for, `None` for a permanent lease.
fn lease(device: &Device, asked: u32) -> Result<Option<u32>, UpnpError> {
    for quirk in device.quirks.iter() {
        match quirk {
            Quirk::PermanentLeaseOnly if asked == 0 => return Ok(None),
            Quirk::PermanentLeaseOnly => return Err(UpnpError::ONLY_PERMANENT_LEASES_SUPPORTED),
            Quirk::FiniteLeaseRefused(code) if asked != 0 => return Err(UpnpError(code)),
            Quirk::FiniteLeaseInvalid if asked == 0 => return Ok(None),
            Quirk::FiniteLeaseInvalid => return Err(UpnpError::INVALID_ARGS),
            Quirk::PermanentLeaseInvalid if asked == 0 || asked > LONGEST_LEASE => {
                return Err(UpnpError::INVALID_ARGS);
            }
            Quirk::LeaseAtMost(most) if asked == 0 || asked > most => return Ok(Some(most)),
            Quirk::LeaseAlways(seconds) => return Ok(Some(seconds)),
            _ => {}
        }
    }
    match asked {
        0 if device.version == IgdVersion::One => Ok(None),
        0 => Ok(Some(LONGEST_LEASE)),
        asked if device.version == IgdVersion::Two => Ok(Some(asked.min(LONGEST_LEASE))),
        asked => Ok(Some(asked)),
    }
}

fn check_ports(device: &Device, mapping: &Mapping) -> Result<(), UpnpError> {
    let (external, internal) = (mapping.external_port, mapping.internal_port);
    if internal == 0 {
        return Err(match device.version {
            IgdVersion::One => UpnpError::INVALID_ARGS,
            IgdVersion::Two => UpnpError::WILDCARD_NOT_PERMITTED_IN_INT_PORT,
        });
    }
    if device.has(Quirk::WildcardExternalPortOnly) && external != 0 {
        return Err(UpnpError::EXTERNAL_PORT_ONLY_SUPPORTS_WILDCARD);
    }
    if device.has(Quirk::SamePortOnly) && external != internal {
        return Err(UpnpError::SAME_PORT_VALUES_REQUIRED);
    }
    if device.has(Quirk::PrivilegedPortsRefused) && (1..1_024).contains(&external) {
        return Err(UpnpError::NOT_AUTHORIZED);
    }
    Ok(())
}

fn check_remote_host(device: &Device, mapping: &Mapping) -> Result<(), UpnpError> {
    match mapping.remote_host.as_str() {
        "" if device.has(Quirk::NoWildcardRemoteHost) => Err(UpnpError::WILDCARD_NOT_PERMITTED_IN_SRC_IP),
        "" => Ok(()),
        _ if device.has(Quirk::WildcardRemoteHostOnly) => Err(UpnpError::REMOTE_HOST_ONLY_SUPPORTS_WILDCARD),
        host if host.parse::<IpAddr>().is_err() => Err(UpnpError::INVALID_ARGS),
        _ => Ok(()),
    }
}

/// A client maps itself (WANIPConnection:2 section 2.5.16; the secure mode of miniupnpd in version 1).
fn check_client(device: &Device, call: &Call<'_>, mapping: &Mapping) -> Result<(), UpnpError> {
    if mapping.internal_client.is_empty() {
        return Err(UpnpError::INVALID_ARGS);
    }
    let is_ipv6 = mapping.internal_client.parse::<Ipv6Addr>().is_ok();
    if is_ipv6 && device.has(Quirk::Ipv6ClientRefused) {
        return Err(UpnpError::INVALID_ARGS);
    }
    if device.has(Quirk::InsecureMode) || mapping.belongs_to(call.peer) {
        return Ok(());
    }
    // What miniupnpd says where a NAT is between.
    let is_nat_between =
        parameter!(device.quirks, Quirk::PortControl(Oddity::SeesClientAs(address)) => address);
    Err(is_nat_between.map_or(UpnpError::NOT_AUTHORIZED, |_| UpnpError::CONFLICT_IN_MAPPING_ENTRY))
}

fn check_description(device: &Device, description: &str) -> Result<(), UpnpError> {
    let refused = parameter!(device.quirks, Quirk::DescriptionRefused { code, at_most, any_alphabet }
        => (code, at_most, any_alphabet));
    let Some((code, at_most, any_alphabet)) = refused else { return Ok(()) };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" -_.".contains(&byte);
    if description.len() > at_most || !(any_alphabet || description.bytes().all(plain)) {
        return Err(UpnpError(code));
    }
    Ok(())
}

/// What else holds the external port.
fn conflict(device: &Device, call: &Call<'_>, mapping: &Mapping) -> Option<UpnpError> {
    let port = mapping.external_port;
    if device.has(Quirk::OtherMechanism(port)) {
        return Some(match device.version {
            IgdVersion::One => UpnpError::CONFLICT_IN_MAPPING_ENTRY,
            IgdVersion::Two => UpnpError::CONFLICT_WITH_OTHER_MECHANISMS,
        });
    }
    let held = device.table.find(Method::Igd, &mapping.remote_host, port, mapping.protocol)?;
    // The same client's mapping is refreshed (WANIPConnection:1 section 2.4.16), also where the
    // gateway has put another address in its place.
    let same = held.internal_client == mapping.internal_client || held.belongs_to(call.peer);
    let is_refreshed = same && !device.has(Quirk::RefreshRefused);
    (!is_refreshed).then_some(UpnpError::CONFLICT_IN_MAPPING_ENTRY)
}

/// Whether the port is taken by another mapping, be it the same client's: what any port will do for takes a free one
/// (AddAnyPortMapping of WANIPConnection:2).
fn leads_elsewhere(device: &Device, mapping: &Mapping) -> bool {
    let held = device.table.find(Method::Igd, &mapping.remote_host, mapping.external_port, mapping.protocol);
    held.is_some_and(|held| held.internal_port != mapping.internal_port)
}

fn store(device: &mut Device, mapping: Mapping) -> Result<(), UpnpError> {
    let refresh = device
        .table
        .find(Method::Igd, &mapping.remote_host, mapping.external_port, mapping.protocol)
        .is_some();
    let size = parameter!(device.quirks, Quirk::TableSize(size) => size).unwrap_or(usize::from(u16::MAX));
    if !refresh && device.table.as_slice().len() >= size {
        return Err(UpnpError::NO_PORT_MAPS_AVAILABLE);
    }
    let end = device.table.end_of(&mapping).filter(|_| device.has(Quirk::RefreshIgnored));
    let is_swallowed = device.has(Quirk::FiniteLeaseIgnored) && mapping.expires.is_some();
    if !device.has(Quirk::AddIgnored) && !is_swallowed {
        device.table.put(Mapping { expires: end.or(mapping.expires), ..mapping });
    }
    Ok(())
}
