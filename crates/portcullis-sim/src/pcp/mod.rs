//! The gateway as a server of PCP (RFC 6887).

mod map;
mod peer;

use crate::device::Device;
use crate::port_control::PortControlOddity as Oddity;
use crate::port_control::assign::Refusal;
use crate::port_control::epoch_time;
use crate::quirk::{Quirk, parameter};
use core::net::{IpAddr, Ipv4Addr};
use portcullis_proto::Time;
use portcullis_proto::wire::pcp::{
    MAX_LIFETIME, MIN_LIFETIME, Map, Opcode, PcpOption, Request, Response, ResultCode, VERSION,
    encode_refusal,
};

/// What every opcode needs to know of a request.
struct Call<'a> {
    now: Time,
    /// The host whose mapping it is: the client, or a third party.
    internal: IpAddr,
    request: &'a Request,
}

impl Call<'_> {
    fn has(&self, option: &PcpOption) -> bool {
        self.request.options.contains(option)
    }
}

/// The answer to a request; `None` for what is ignored (RFC 6887 section 8.2).
pub(crate) fn answer(device: &mut Device, now: Time, client: IpAddr, datagram: &[u8]) -> Option<Vec<u8>> {
    let decoded = Request::decode(datagram);
    if let Some(code) = parameter!(device.quirks, Quirk::PortControl(Oddity::PcpResult(code)) => code) {
        return Some(refusal(device, now, datagram, ResultCode::from(code)));
    }
    let outcome = match &decoded {
        Ok(request) => perform(device, now, client, request),
        Err(malformed) => Err(malformed.result_code()?),
    };
    Some(match outcome {
        Ok(response) => {
            let mut answer = response.encode();
            let appended = parameter!(device.quirks, Quirk::PortControl(Oddity::Appends(bytes)) => bytes);
            answer.extend(appended.unwrap_or_default());
            answer
        }
        Err(result_code) => refusal(device, now, datagram, result_code),
    })
}

/// Where MAP has its external address (RFC 6887 section 11.1), which some fill in as they refuse (miniupnpd).
const EXTERNAL_ADDRESS: core::ops::Range<usize> = 44..60;

/// A refusal, which repeats the request.
pub(crate) fn refusal(device: &Device, now: Time, request: &[u8], result_code: ResultCode) -> Vec<u8> {
    let lifetime = parameter!(device.quirks, Quirk::PortControl(Oddity::ErrorLifetime(seconds)) => seconds);
    let lifetime = lifetime.unwrap_or(result_code.error_lifetime());
    let mut answer = encode_refusal(request, result_code, lifetime, epoch_time(device, now));
    let told = parameter!(device.quirks, Quirk::PortControl(Oddity::AssignsAddress(address)) => address);
    let told = told.and_then(|address| address.parse::<Ipv4Addr>().ok());
    if let Some((told, field)) = told.zip(answer.get_mut(EXTERNAL_ADDRESS)) {
        field.copy_from_slice(&told.to_ipv6_mapped().octets());
    }
    answer
}

fn perform(
    device: &mut Device,
    now: Time,
    client: IpAddr,
    request: &Request,
) -> Result<Response, ResultCode> {
    let number = request.opcode.number();
    if device.has(Quirk::PortControl(Oddity::PcpWithoutOpcode(number))) {
        return Err(ResultCode::UnsuppOpcode);
    }
    if request.client_address != client {
        return Err(ResultCode::AddressMismatch);
    }
    let internal = check_options(device, client, request)?;
    let call = Call { now, internal, request };
    let (opcode, lifetime) = match request.opcode {
        Opcode::Map(map) => {
            map::perform(device, &call, map).map(|(map, seconds)| (Opcode::Map(map), seconds))?
        }
        Opcode::Peer(peer) => {
            peer::perform(device, &call, peer).map(|(peer, seconds)| (Opcode::Peer(peer), seconds))?
        }
        Opcode::Announce => (Opcode::Announce, 0),
        _ => return Err(ResultCode::UnsuppOpcode),
    };
    // Those that were not understood, and need not be, are left out (RFC 6887 section 7.3).
    let options = request.options.iter().filter(|option| !matches!(option, PcpOption::Unknown { .. }));
    Ok(Response {
        version: VERSION,
        opcode_number: number,
        result_code: ResultCode::Success,
        lifetime,
        epoch_time: epoch_time(device, now),
        opcode: Some(opcode),
        options: options.cloned().collect(),
    })
}

/// Which options stand with which opcode (RFC 6887 section 13), and whose the mapping is to be.
fn check_options(device: &Device, client: IpAddr, request: &Request) -> Result<IpAddr, ResultCode> {
    let mut internal = client;
    for option in &request.options {
        let is_without = device.has(Quirk::PortControl(Oddity::PcpWithoutOption(option.code())));
        match (option, &request.opcode) {
            (PcpOption::Unknown { .. }, _) => {}
            _ if is_without => return Err(ResultCode::UnsuppOption),
            (PcpOption::ThirdParty(address), Opcode::Map(_) | Opcode::Peer(_)) => {
                if !device.has(Quirk::PortControl(Oddity::ThirdPartyAllowed)) {
                    return Err(ResultCode::UnsuppOption);
                }
                if *address == client {
                    return Err(ResultCode::MalformedRequest);
                }
                internal = *address;
            }
            (PcpOption::PreferFailure | PcpOption::Filter { .. }, Opcode::Map(_)) => {}
            _ => return Err(ResultCode::MalformedOption),
        }
    }
    Ok(internal)
}

/// The seconds that are granted (RFC 6887 section 15).
fn granted(device: &Device, asked: u32) -> u32 {
    crate::port_control::assign::granted(device, asked, (MIN_LIFETIME, MAX_LIFETIME))
}

/// RFC 6887 section 11.3: a mapping is changed by those only who know its nonce.
fn check_nonce(device: &Device, held: Option<&crate::mapping::Mapping>, map: &Map) -> Result<(), ResultCode> {
    let other = held.and_then(|held| held.nonce).is_some_and(|nonce| nonce != map.nonce);
    if other && !device.has(Quirk::PortControl(Oddity::NonceIgnored)) {
        return Err(ResultCode::NotAuthorized);
    }
    Ok(())
}

fn result(refusal: Refusal) -> ResultCode {
    match refusal {
        Refusal::NotAuthorized => ResultCode::NotAuthorized,
        Refusal::NoAddress => ResultCode::NetworkFailure,
        Refusal::Full => ResultCode::NoResources,
        Refusal::Taken => ResultCode::CannotProvideExternal,
    }
}
