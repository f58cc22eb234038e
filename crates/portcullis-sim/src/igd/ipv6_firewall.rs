//! The actions of WANIPv6FirewallControl:1.

use super::arguments::{Call, OutArguments};
use super::upnp_error::UpnpError;
use crate::device::Device;
use crate::pinhole::Pinhole;
use crate::quirk::{Quirk, parameter};
use core::net::{IpAddr, Ipv6Addr};
use core::num::NonZeroU16;
use core::time::Duration;
use portcullis_proto::igd::ipv6_firewall::{
    ANY_PROTOCOL, Action, AddPinhole, CheckPinholeWorking, FirewallStatus, Flow, GetFirewallStatus,
    GetOutboundPinholeTimeout, GetPinholePackets, LeaseTime, UniqueId,
};
use portcullis_proto::{Protocol, Time};

/// How long this firewall remembers a silent flow, in seconds: the default of RFC 6092 REC-14.
const OUTBOUND_TIMEOUT: u32 = 300;

pub(super) fn perform(device: &mut Device, call: &Call<'_>, action: &str) -> Result<OutArguments, UpnpError> {
    let status = status(device);
    match action {
        "GetFirewallStatus" => return Ok(GetFirewallStatus::response_arguments(&status)),
        _ if !status.firewall_enabled => return Err(UpnpError::FIREWALL_DISABLED),
        "GetOutboundPinholeTimeout" => {
            flow(call)?;
            return Ok(GetOutboundPinholeTimeout::response_arguments(&OUTBOUND_TIMEOUT));
        }
        _ if !status.inbound_pinhole_allowed => return Err(UpnpError::INBOUND_PINHOLE_NOT_ALLOWED),
        _ => {}
    }
    match action {
        "AddPinhole" => add_pinhole(device, call),
        "UpdatePinhole" => {
            let expires = call.now + lease(call, "NewLeaseTime")?;
            own(device, call)?.expires = expires;
            Ok(Vec::new())
        }
        "DeletePinhole" => {
            let unique_id = own(device, call)?.unique_id;
            if !device.has(Quirk::DeleteIgnored) {
                device.pinholes.remove(unique_id);
            }
            Ok(Vec::new())
        }
        "GetPinholePackets" => Ok(GetPinholePackets::response_arguments(&packets(device, call)?)),
        "CheckPinholeWorking" => match packets(device, call)? {
            0 => Err(UpnpError::NO_TRAFFIC_RECEIVED),
            _ => Ok(CheckPinholeWorking::response_arguments(&true)),
        },
        _ => Err(UpnpError::INVALID_ACTION),
    }
}

pub(crate) fn status(device: &Device) -> FirewallStatus {
    FirewallStatus {
        firewall_enabled: !device.has(Quirk::FirewallOff),
        inbound_pinhole_allowed: !device.has(Quirk::PinholesNotAllowed),
    }
}

fn add_pinhole(device: &mut Device, call: &Call<'_>) -> Result<OutArguments, UpnpError> {
    let flow = flow(call)?;
    let expires = call.now + lease(call, "LeaseTime")?;
    check_client(device, call, &flow)?;
    let extended =
        if device.has(Quirk::PinholeNotExtended) { None } else { device.pinholes.find_flow(&flow) };
    let unique_id = match extended {
        // The pinhole that is there, with the new lease (section 2.6.3).
        Some(pinhole) => {
            pinhole.expires = expires;
            pinhole.unique_id
        }
        None => make(device, flow, expires)?,
    };
    Ok(AddPinhole::response_arguments(&unique_id))
}

fn make(device: &mut Device, flow: Flow, expires: Time) -> Result<UniqueId, UpnpError> {
    let space = parameter!(device.quirks, Quirk::PinholeSpace(space) => space);
    if space.is_some_and(|space| device.pinholes.as_slice().len() >= space) {
        return Err(UpnpError::PINHOLE_SPACE_EXHAUSTED);
    }
    device.pinholes.add(flow, expires).ok_or(UpnpError::PINHOLE_SPACE_EXHAUSTED)
}

/// A client opens itself (section 2.6.3 recommends it, and forbids the addresses of the gateway).
fn check_client(device: &Device, call: &Call<'_>, flow: &Flow) -> Result<(), UpnpError> {
    let client = IpAddr::V6(flow.internal_client);
    let foreign = client != call.peer && !device.has(Quirk::InsecureMode);
    let privileged = device.has(Quirk::PrivilegedPortsRefused) && flow.internal_port.get() < 1_024;
    // Where all are on one host, as the client and the gateway of a simulation, there is but one address.
    let gateway = client == device.http.ip() && !client.is_loopback();
    if foreign || privileged || gateway { Err(UpnpError::NOT_AUTHORIZED) } else { Ok(()) }
}

/// The pinhole that is asked about, if it is the caller's.
fn own<'a>(device: &'a mut Device, call: &Call<'_>) -> Result<&'a mut Pinhole, UpnpError> {
    let insecure = device.has(Quirk::InsecureMode);
    let unique_id = UniqueId(call.port("UniqueID")?);
    let unknown = if device.has(Quirk::UnknownPinholeInvalid) {
        UpnpError::INVALID_ARGS
    } else {
        UpnpError::NO_SUCH_ENTRY
    };
    let pinhole = device.pinholes.find(unique_id).ok_or(unknown)?;
    match call.peer {
        _ if insecure => Ok(pinhole),
        IpAddr::V6(client) if pinhole.belongs_to(client) => Ok(pinhole),
        _ => Err(UpnpError::NOT_AUTHORIZED),
    }
}

/// How many packets it says have come through the pinhole that is asked about.
fn packets(device: &mut Device, call: &Call<'_>) -> Result<u32, UpnpError> {
    let blind = device.has(Quirk::PinholesNotCounted);
    own(device, call).map(|pinhole| if blind { 0 } else { pinhole.packets })
}

/// Read argument by argument: the codec knows one way to refuse, the service has five.
fn flow(call: &Call<'_>) -> Result<Flow, UpnpError> {
    let remote_host = match call.text("RemoteHost")? {
        "" => None,
        host => Some(host.parse().map_err(|_| UpnpError::INVALID_ARGS)?),
    };
    let remote_port = NonZeroU16::new(call.port("RemotePort")?);
    let internal_port = NonZeroU16::new(call.port("InternalPort")?)
        .ok_or(UpnpError::INTERNAL_PORT_WILDCARDING_NOT_ALLOWED)?;
    let protocol = match call.port("Protocol")? {
        6 => Protocol::Tcp,
        17 => Protocol::Udp,
        ANY_PROTOCOL => return Err(UpnpError::PROTOCOL_WILDCARDING_NOT_ALLOWED),
        _ => return Err(UpnpError::PROTOCOL_NOT_SUPPORTED),
    };
    let internal_client: Ipv6Addr = match call.text("InternalClient")? {
        "" => return Err(UpnpError::INTERNAL_CLIENT_WILDCARDING_NOT_ALLOWED),
        client => client.parse().map_err(|_| UpnpError::INVALID_ARGS)?,
    };
    Ok(Flow { remote_host, remote_port, internal_client, internal_port, protocol })
}

fn lease(call: &Call<'_>, name: &str) -> Result<Duration, UpnpError> {
    let lease = LeaseTime::new(call.seconds(name)?).ok_or(UpnpError::INVALID_ARGS)?;
    Ok(Duration::from_secs(lease.as_seconds().into()))
}
