//! The actions that read the table of mappings.

use super::arguments::{Call, OutArguments};
use super::upnp_error::UpnpError;
use crate::device::Device;
use crate::mapping::Mapping;
use crate::quirk::{ListEnd, Quirk, parameter};
use core::ops::RangeInclusive;
use portcullis_proto::client::Method;
use portcullis_proto::wire::xml::escape;
use portcullis_proto::{Protocol, Time};

pub(super) fn generic_entry(device: &Device, call: &Call<'_>) -> Result<OutArguments, UpnpError> {
    let index = call.port("NewPortMappingIndex")?;
    let mappings: Vec<_> = device.table.seen_by(Method::Igd).collect();
    let mapping = match mappings.get(usize::from(index)) {
        Some(&mapping) => mapping.clone(),
        None => after_the_end(device, &mappings, index)?,
    };
    let mut out = key(&mapping);
    out.extend(value(&mapping, call.now));
    Ok(out)
}

/// What stands at an index where the table has ended.
fn after_the_end(device: &Device, mappings: &[&Mapping], index: u16) -> Result<Mapping, UpnpError> {
    let end = UpnpError::SPECIFIED_ARRAY_INDEX_INVALID;
    match parameter!(device.quirks, Quirk::ListEnd(end) => end) {
        None => Err(end),
        Some(ListEnd::Fault(code)) => Err(UpnpError(code)),
        Some(ListEnd::Cycle) => {
            let index = usize::from(index).checked_rem(mappings.len());
            index.and_then(|index| mappings.get(index)).map(|&mapping| mapping.clone()).ok_or(end)
        }
        Some(ListEnd::RepeatLast) => mappings.last().map(|&mapping| mapping.clone()).ok_or(end),
        Some(ListEnd::Invented) => {
            let port = index.saturating_add(1);
            Ok(Mapping::new(Protocol::Udp, port, device.http.ip()))
        }
    }
}

pub(super) fn specific_entry(device: &Device, call: &Call<'_>) -> Result<OutArguments, UpnpError> {
    let (host, port) = (call.text("NewRemoteHost")?, call.port("NewExternalPort")?);
    let mapping = device
        .table
        .find(Method::Igd, host, port, call.protocol()?)
        .ok_or(UpnpError::NO_SUCH_ENTRY_IN_ARRAY)?;
    let mut out = OutArguments::new();
    if let Some(protocol) = parameter!(device.quirks, Quirk::SpecificEchoesProtocol(protocol) => protocol) {
        out = key(mapping);
        for argument in out.iter_mut().filter(|(name, _)| *name == "NewProtocol") {
            argument.1 = protocol.to_owned();
        }
    }
    out.extend(value(mapping, call.now));
    Ok(out)
}

/// WANIPConnection:2 section 2.5.21: a document in an argument.
pub(super) fn list(device: &Device, call: &Call<'_>) -> Result<OutArguments, UpnpError> {
    let (protocol, manage) = (call.protocol()?, call.flag("NewManage")?);
    let ports = ports(call)?;
    let most = match call.port("NewNumberOfPorts")? {
        0 => usize::MAX,
        most => usize::from(most),
    };
    let mut entries = String::new();
    let ours = |mapping: &&Mapping| manage || mapping.belongs_to(call.peer);
    for mapping in device.table.range(Method::Igd, ports, protocol).filter(ours).take(most) {
        let mut arguments = key(mapping);
        arguments.extend(value(mapping, call.now));
        entries.push_str("<p:PortMappingEntry>");
        for (name, value) in arguments {
            let name = match name {
                "NewPortMappingDescription" => "NewDescription",
                "NewLeaseDuration" => "NewLeaseTime",
                same => same,
            };
            entries.push_str(&format!("<p:{name}>{}</p:{name}>", escape(&value)));
        }
        entries.push_str("</p:PortMappingEntry>");
    }
    if entries.is_empty() {
        return Err(UpnpError::PORT_MAPPING_NOT_FOUND);
    }
    let document = format!(
        "<p:PortMappingList xmlns:p=\"urn:schemas-upnp-org:gw:WANIPConnection\">{entries}</p:PortMappingList>"
    );
    Ok(vec![("NewPortListing", document)])
}

/// A range of external ports.
pub(super) fn ports(call: &Call<'_>) -> Result<RangeInclusive<u16>, UpnpError> {
    let (start, end) = (call.port("NewStartPort")?, call.port("NewEndPort")?);
    if start > end { Err(UpnpError::INCONSISTENT_PARAMETERS) } else { Ok(start..=end) }
}

fn key(mapping: &Mapping) -> OutArguments {
    vec![
        ("NewRemoteHost", mapping.remote_host.clone()),
        ("NewExternalPort", mapping.external_port.to_string()),
        ("NewProtocol", mapping.protocol.to_string()),
    ]
}

fn value(mapping: &Mapping, now: Time) -> OutArguments {
    vec![
        ("NewInternalPort", mapping.internal_port.to_string()),
        ("NewInternalClient", mapping.internal_client.clone()),
        ("NewEnabled", u8::from(mapping.enabled).to_string()),
        ("NewPortMappingDescription", mapping.description.clone()),
        ("NewLeaseDuration", mapping.lifetime(now).as_seconds().to_string()),
    ]
}
