//! The actions of WANIPConnection:1, WANIPConnection:2 and WANPPPConnection:1, but for adding and listing.

use super::add;
use super::arguments::{Call, OutArguments};
use super::listing;
use super::upnp_error::UpnpError;
use crate::device::Device;
use crate::quirk::Quirk;
use crate::scenario::IgdVersion;
use portcullis_proto::client::Method;

pub(super) fn perform(device: &mut Device, call: &Call<'_>, action: &str) -> Result<OutArguments, UpnpError> {
    match action {
        "GetConnectionTypeInfo" => Ok(vec![
            ("NewConnectionType", "IP_Routed".to_owned()),
            ("NewPossibleConnectionTypes", "IP_Routed".to_owned()),
        ]),
        "GetStatusInfo" => Ok(status_info(device, call)),
        "GetNATRSIPStatus" => {
            Ok(vec![("NewRSIPAvailable", "0".to_owned()), ("NewNATEnabled", "1".to_owned())])
        }
        "GetExternalIPAddress" => {
            let address = if call.down { "0.0.0.0" } else { &device.external_address };
            Ok(vec![("NewExternalIPAddress", address.to_owned())])
        }
        "AddPortMapping" => add::add_port_mapping(device, call),
        "AddAnyPortMapping" if call.version_two => add::add_any_port_mapping(device, call),
        "DeletePortMapping" => delete_port_mapping(device, call),
        "DeletePortMappingRange" if call.version_two => delete_port_mapping_range(device, call),
        "GetGenericPortMappingEntry" => listing::generic_entry(device, call),
        "GetSpecificPortMappingEntry" => listing::specific_entry(device, call),
        "GetListOfPortMappings" if call.version_two => listing::list(device, call),
        _ => Err(UpnpError::INVALID_ACTION),
    }
}

fn status_info(device: &Device, call: &Call<'_>) -> OutArguments {
    let uptime = if call.down { 0 } else { (call.now - device.booted_at).as_secs() };
    let status = if call.down { "Disconnected" } else { "Connected" };
    vec![
        ("NewConnectionStatus", status.to_owned()),
        ("NewLastConnectionError", "ERROR_NONE".to_owned()),
        ("NewUptime", uptime.to_string()),
    ]
}

fn delete_port_mapping(device: &mut Device, call: &Call<'_>) -> Result<OutArguments, UpnpError> {
    let (host, protocol) = (call.text("NewRemoteHost")?, call.protocol()?);
    let port = call.port("NewExternalPort")?;
    if port == 0 {
        return Err(UpnpError::WILDCARD_NOT_PERMITTED_IN_EXT_PORT);
    }
    let Some(mapping) = device.table.find(Method::Igd, host, port, protocol) else {
        let is_yes = device.has(Quirk::DeletesNothing);
        return if is_yes { Ok(Vec::new()) } else { Err(UpnpError::NO_SUCH_ENTRY_IN_ARRAY) };
    };
    // WANIPConnection:2 section 2.5.18: without authorisation, only what is the caller's own.
    let protected = device.version == IgdVersion::Two && !device.has(Quirk::InsecureMode);
    if protected && !mapping.belongs_to(call.peer) {
        return Err(UpnpError::NOT_AUTHORIZED);
    }
    if !device.has(Quirk::DeleteIgnored) {
        device.table.remove(Method::Igd, |mapping| mapping.has_key(host, port, protocol));
    }
    Ok(Vec::new())
}

fn delete_port_mapping_range(device: &mut Device, call: &Call<'_>) -> Result<OutArguments, UpnpError> {
    let (protocol, manage) = (call.protocol()?, call.flag("NewManage")?);
    let ports = listing::ports(call)?;
    let ours = |mapping: &crate::mapping::Mapping| manage || mapping.belongs_to(call.peer);
    if !device.table.range(Method::Igd, ports.clone(), protocol).any(ours) {
        return Err(UpnpError::PORT_MAPPING_NOT_FOUND);
    }
    if !device.has(Quirk::DeleteIgnored) {
        device.table.remove(Method::Igd, |mapping| {
            mapping.protocol == protocol && ports.contains(&mapping.external_port) && ours(mapping)
        });
    }
    Ok(Vec::new())
}
