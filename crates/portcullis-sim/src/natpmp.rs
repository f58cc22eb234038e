//! The gateway as a server of NAT-PMP (RFC 6886).

use crate::device::Device;
use crate::mapping::Mapping;
use crate::port_control::EchoedPort;
use crate::port_control::PortControlOddity as Oddity;
use crate::port_control::assign::{self, Refusal, Wanted};
use crate::port_control::epoch_time;
use crate::quirk::{Quirk, parameter};
use core::net::{IpAddr, Ipv4Addr};
use portcullis_proto::client::Method;
use portcullis_proto::wire::natpmp::{
    Body, Malformed, MapRequest, MapResponse, Opcode, Request, Response, ResultCode,
};
use portcullis_proto::{Protocol, Time};

const RESPONSE_BIT: u8 = 0x80;
/// Longest lifetime that is granted, in seconds; NAT-PMP has no limit of its own.
const LONGEST: u32 = 86_400;

/// The answer to a request; `None` for what is ignored.
pub(crate) fn answer(device: &mut Device, now: Time, client: Ipv4Addr, datagram: &[u8]) -> Option<Vec<u8>> {
    let epoch_time = epoch_time(device, now);
    let opcode = *datagram.get(1)?;
    let is_without = device.has(Quirk::PortControl(Oddity::NatPmpWithoutOpcode(opcode)));
    let request = match Request::decode(datagram) {
        _ if is_without => return Some(sent_back(datagram)),
        Ok(request) => request,
        Err(Malformed::Opcode(_)) => return Some(sent_back(datagram)),
        Err(Malformed::Port) => return delete_all(device, client, datagram, epoch_time),
        Err(_) => return None,
    };
    let result_code = parameter!(device.quirks, Quirk::PortControl(Oddity::NatPmpResult(code)) => code);
    let body = match (result_code, request) {
        (Some(5), _) => return Some(sent_back(datagram)),
        (Some(1), _) => Body::UnsupportedVersion,
        (Some(code), request) => refused(&request, ResultCode::from(code)),
        (None, Request::ExternalAddress) => match assign::external_address(device) {
            Some(IpAddr::V4(address)) => Body::ExternalAddress(address),
            _ => refused(&request, ResultCode::NetworkFailure),
        },
        (None, Request::Map(map)) => match perform(device, now, client.into(), &map) {
            Ok(response) => Body::Map(response),
            Err(refusal) => refused(&request, result(refusal)),
        },
    };
    Some(Response { epoch_time: Some(epoch_time), body }.encode())
}

/// The unasked answer about the external address (RFC 6886 section 3.2.1).
pub(crate) fn announcement(device: &Device, epoch_time: u32) -> Option<Vec<u8>> {
    let Some(IpAddr::V4(address)) = assign::external_address(device) else { return None };
    Some(Response { epoch_time: Some(epoch_time), body: Body::ExternalAddress(address) }.encode())
}

fn perform(device: &mut Device, now: Time, client: IpAddr, map: &MapRequest) -> Result<MapResponse, Refusal> {
    let &MapRequest { protocol, internal_port, suggested_external_port, lifetime } = map;
    let echo = parameter!(device.quirks, Quirk::PortControl(Oddity::EchoesPort(echo)) => echo);
    let response = |port: u16, lifetime| MapResponse {
        protocol,
        internal_port: match echo {
            None => Some(internal_port),
            Some(EchoedPort::Zero) => None,
            Some(EchoedPort::External) => port.try_into().ok(),
        },
        assigned_external_port: port.try_into().ok(),
        lifetime,
    };
    if lifetime == 0 {
        if device.has(Quirk::PortControl(Oddity::DeletionRefused)) {
            return Err(Refusal::NotAuthorized);
        }
        if !device.has(Quirk::DeleteIgnored) {
            let own_alone = device.has(Quirk::PortControl(Oddity::DeletesItsOwnAlone));
            device.table.remove(Method::NatPmp, |mapping| {
                mapping.is_of(client, protocol, internal_port.get())
                    && (!own_alone || mapping.method == Method::NatPmp)
            });
        }
        return Ok(response(0, 0));
    }
    let suggested = suggested_external_port.map_or(0, |port| port.get());
    let internal_port = internal_port.get();
    let wanted = Wanted { method: Method::NatPmp, client, protocol, internal_port, suggested, exact: false };
    let external_port = assign::assign(device, &wanted)?;
    let seconds = assign::granted(device, lifetime, (1, LONGEST));
    let seconds = assign::extended(device, &wanted, external_port, now, seconds);
    if !device.has(Quirk::AddIgnored) {
        let nonce =
            device.table.find(Method::NatPmp, "", external_port, protocol).and_then(|held| held.nonce);
        let method = assign::maker(device, &wanted, external_port);
        let mapping = assign::mapping(&wanted, external_port, now, assign::kept(device, seconds));
        device.table.put(Mapping { description: "NAT-PMP".to_owned(), nonce, method, ..mapping });
    }
    let is_zero = device.has(Quirk::PortControl(Oddity::AssignsPortZero));
    Ok(response(if is_zero { 0 } else { external_port }, seconds))
}

/// RFC 6886 section 3.4: internal port 0 and lifetime 0 delete all of a client's mappings of one protocol.
fn delete_all(device: &mut Device, client: Ipv4Addr, datagram: &[u8], epoch_time: u32) -> Option<Vec<u8>> {
    let Opcode::Map(protocol) = Opcode::from_number(*datagram.get(1)?) else { return None };
    if datagram.get(6..12)? != [0; 6] {
        return None;
    }
    device
        .table
        .remove(Method::NatPmp, |mapping| mapping.protocol == protocol && mapping.belongs_to(client.into()));
    let mut answer = vec![0, opcode(protocol) | RESPONSE_BIT, 0, 0];
    answer.extend(epoch_time.to_be_bytes());
    answer.extend([0; 8]);
    Some(answer)
}

fn opcode(protocol: Protocol) -> u8 {
    Opcode::Map(protocol).number()
}

/// RFC 6886 section 3.5: the whole request, with the response bit and the result code in it.
fn sent_back(request: &[u8]) -> Vec<u8> {
    let mut answer = request.to_vec();
    answer.resize(answer.len().max(4), 0);
    if let Some(opcode) = answer.get_mut(1) {
        *opcode |= RESPONSE_BIT;
    }
    if let Some(code) = answer.get_mut(2..4) {
        code.copy_from_slice(&ResultCode::UnsupportedOpcode.number().to_be_bytes());
    }
    answer
}

fn refused(request: &Request, result_code: ResultCode) -> Body {
    let internal_port = match request {
        Request::ExternalAddress => None,
        Request::Map(map) => Some(map.internal_port),
    };
    Body::Refused { opcode: request.opcode(), internal_port, result_code }
}

fn result(refusal: Refusal) -> ResultCode {
    match refusal {
        Refusal::NotAuthorized => ResultCode::NotAuthorized,
        Refusal::NoAddress => ResultCode::NetworkFailure,
        Refusal::Full | Refusal::Taken => ResultCode::OutOfResources,
    }
}
