//! What a gateway answers (RFC 6886 sections 3.2 to 3.5).

use super::{EXTERNAL_ADDRESS, Malformed, Opcode, ResultCode, VERSION};
use crate::Protocol;
use crate::wire::port_control::{MAX_MESSAGE, RESPONSE_BIT, UNSUPPORTED_VERSION};
use crate::wire::reader::{Reader, port_number};
use core::net::Ipv4Addr;
use core::num::NonZeroU16;

/// What a gateway answers, or announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Response {
    /// Seconds since the gateway lost or last reset its table of mappings (RFC 6886 section 3.6). `None` where a
    /// gateway that does not support an opcode sent back the request, which has other things in this place
    /// (RFC 6886 section 3.5).
    pub epoch_time: Option<u32>,
    /// The answer.
    pub body: Body,
}

/// The answer proper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// The external address of the gateway; also announced, unasked (RFC 6886 sections 3.2 and 3.2.1).
    ExternalAddress(Ipv4Addr),
    /// The mapping was made, renewed or deleted.
    Map(MapResponse),
    /// The request was refused.
    Refused {
        /// What was asked.
        opcode: Opcode,
        /// The internal port that was asked for, where the answer is long enough to tell it.
        internal_port: Option<NonZeroU16>,
        /// Why; neither [`ResultCode::Success`] nor [`ResultCode::UnsupportedVersion`].
        result_code: ResultCode,
    },
    /// The gateway speaks NAT-PMP, and the request was in another version (RFC 6886 section 3.5).
    UnsupportedVersion,
}

/// A mapping that was made, renewed or deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MapResponse {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The port of this host; `None` (0) where the gateway does not tell it, as servers of VPNs do (quirk 102).
    pub internal_port: Option<NonZeroU16>,
    /// The port of the gateway; `None` (0) where the mapping was deleted.
    pub assigned_external_port: Option<NonZeroU16>,
    /// Seconds, as granted; 0 where the mapping was deleted.
    pub lifetime: u32,
}

impl Response {
    /// The datagram: 8 bytes for an unsupported version, 12 for an address, 16 for a mapping.
    pub fn encode(&self) -> Vec<u8> {
        let (opcode, result_code) = match self.body {
            Body::ExternalAddress(_) => (Opcode::ExternalAddress, ResultCode::Success),
            Body::Map(map) => (Opcode::Map(map.protocol), ResultCode::Success),
            Body::Refused { opcode, result_code, .. } => (opcode, result_code),
            Body::UnsupportedVersion => (Opcode::ExternalAddress, ResultCode::UnsupportedVersion),
        };
        // Section 3.5 draws this one answer with opcode 0, without the response bit.
        let response_bit = if self.body == Body::UnsupportedVersion { 0 } else { RESPONSE_BIT };
        let mut datagram = vec![VERSION, opcode.number() | response_bit];
        datagram.extend(result_code.number().to_be_bytes());
        datagram.extend(self.epoch_time.unwrap_or(0).to_be_bytes());
        match self.body {
            Body::ExternalAddress(address) => datagram.extend(address.octets()),
            Body::Map(map) => {
                datagram.extend(port_number(map.internal_port).to_be_bytes());
                datagram.extend(port_number(map.assigned_external_port).to_be_bytes());
                datagram.extend(map.lifetime.to_be_bytes());
            }
            Body::Refused { opcode: Opcode::Map(_), internal_port, .. } => {
                datagram.extend(port_number(internal_port).to_be_bytes());
                datagram.extend([0; 6]);
            }
            Body::Refused { opcode: Opcode::ExternalAddress, .. } => datagram.extend([0; 4]),
            Body::Refused { .. } | Body::UnsupportedVersion => {}
        }
        datagram
    }

    /// Decodes an answer or an announcement.
    ///
    /// A refusal may be cut short behind its epoch time: gateways differ in what they add to it. Both forms of
    /// the answer to another version are known, with the response bit (miniupnpd) and, as RFC 6886
    /// section 3.5 draws it, without; it may have any length from 8 bytes on (quirk 60). Every other answer
    /// that is too long is none, since it may be one of PCP with the wrong version.
    ///
    /// # Errors
    ///
    /// Any [`Malformed`]. A caller that waits for an answer ignores the datagram and goes on waiting.
    pub fn decode(datagram: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(datagram);
        let (version, opcode) = (reader.u8()?, reader.u8()?);
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        if datagram.len() > MAX_MESSAGE {
            return Err(Malformed::TooLong);
        }
        let result_code = ResultCode::from(reader.u16()?);
        let is_unsupported_version = result_code.number() == u16::from(UNSUPPORTED_VERSION);
        if opcode & RESPONSE_BIT == 0 && !(is_unsupported_version && opcode == EXTERNAL_ADDRESS) {
            return Err(Malformed::NotAResponse);
        }
        let opcode = Opcode::from_number(opcode);
        if result_code == ResultCode::UnsupportedOpcode {
            return Ok(Self::unsupported_opcode(opcode, datagram));
        }
        let epoch_time = Some(reader.u32()?);
        if !is_unsupported_version && datagram.len() > opcode.longest_response() {
            return Err(Malformed::TooLong);
        }
        let body = match (result_code, opcode) {
            _ if is_unsupported_version => Body::UnsupportedVersion,
            (ResultCode::Success, Opcode::ExternalAddress) => {
                Body::ExternalAddress(Ipv4Addr::from(reader.array::<4>()?))
            }
            (ResultCode::Success, Opcode::Map(protocol)) => Body::Map(MapResponse::read(protocol, reader)?),
            (ResultCode::Success, Opcode::Unknown(number)) => return Err(Malformed::Opcode(number)),
            (result_code, opcode) => {
                let is_map = matches!(opcode, Opcode::Map(_));
                let internal_port = reader.port().ok().flatten().filter(|_| is_map);
                Body::Refused { opcode, internal_port, result_code }
            }
        };
        Ok(Self { epoch_time, body })
    }

    /// Section 3.5 wants the whole request back with the response bit and the result code in it, which leaves
    /// no room for the epoch time; miniupnpd writes the layout of a response. The length tells which it is.
    fn unsupported_opcode(opcode: Opcode, datagram: &[u8]) -> Self {
        const MAP_REQUEST: usize = 12;
        const MAP_RESPONSE: usize = 16;
        const ADDRESS_RESPONSE: usize = 12;
        let at = |offset| {
            let mut reader = Reader::new(datagram);
            reader.take(offset).map(|_| reader)
        };
        let epoch_time = || at(4).and_then(|mut reader| reader.u32()).ok();
        let port = |offset| at(offset).and_then(|mut reader| reader.port()).ok().flatten();
        let (epoch_time, internal_port) = match (opcode, datagram.len()) {
            (Opcode::Map(_), MAP_REQUEST) => (None, port(4)),
            (Opcode::Map(_), MAP_RESPONSE) => (epoch_time(), port(8)),
            (Opcode::ExternalAddress, ADDRESS_RESPONSE) => (epoch_time(), None),
            _ => (None, None),
        };
        let result_code = ResultCode::UnsupportedOpcode;
        Self { epoch_time, body: Body::Refused { opcode, internal_port, result_code } }
    }
}

impl MapResponse {
    fn read(protocol: Protocol, mut reader: Reader<'_>) -> Result<Self, Malformed> {
        let (internal_port, assigned_external_port) = (reader.port()?, reader.port()?);
        let lifetime = reader.u32()?;
        Ok(Self { protocol, internal_port, assigned_external_port, lifetime })
    }
}
