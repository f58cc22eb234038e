//! What a client asks (RFC 6886 sections 3.2 to 3.4).

use super::{Malformed, Opcode, VERSION};
use crate::Protocol;
use crate::wire::port_control::{MAX_MESSAGE, RESPONSE_BIT};
use crate::wire::reader::{Reader, port_number};
use core::num::NonZeroU16;

/// What a client asks a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Which external address the gateway has (RFC 6886 section 3.2).
    ExternalAddress,
    /// To map a port, or to delete a mapping (RFC 6886 sections 3.3 and 3.4).
    Map(MapRequest),
}

/// A request to map a port, or to delete a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MapRequest {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The port of this host.
    pub internal_port: NonZeroU16,
    /// The port of the gateway that is wished for; `None` leaves it to the gateway, and must stand in a request
    /// to delete.
    pub suggested_external_port: Option<NonZeroU16>,
    /// Seconds; 0 deletes the mapping (RFC 6886 section 3.4).
    pub lifetime: u32,
}

impl MapRequest {
    /// The request that deletes a mapping: lifetime 0 and external port 0 (RFC 6886 section 3.4).
    pub const fn delete(protocol: Protocol, internal_port: NonZeroU16) -> Self {
        Self { protocol, internal_port, suggested_external_port: None, lifetime: 0 }
    }
}

impl Request {
    /// The opcode that asks this.
    pub const fn opcode(&self) -> Opcode {
        match self {
            Self::ExternalAddress => Opcode::ExternalAddress,
            Self::Map(map) => Opcode::Map(map.protocol),
        }
    }

    /// The datagram: 2 bytes, or 12 for a mapping.
    ///
    /// ```
    /// use portcullis_proto::{Protocol, wire::natpmp::{MapRequest, Request}};
    ///
    /// let delete = MapRequest::delete(Protocol::Tcp, 7777.try_into().unwrap());
    /// assert_eq!(Request::Map(delete).encode(), [0, 2, 0, 0, 0x1e, 0x61, 0, 0, 0, 0, 0, 0]);
    /// ```
    pub fn encode(&self) -> Vec<u8> {
        let mut datagram = vec![VERSION, self.opcode().number()];
        if let Self::Map(map) = self {
            datagram.extend([0, 0]);
            datagram.extend(map.internal_port.get().to_be_bytes());
            datagram.extend(port_number(map.suggested_external_port).to_be_bytes());
            datagram.extend(map.lifetime.to_be_bytes());
        }
        datagram
    }

    /// Decodes what a gateway was asked. Bytes behind the request are passed over.
    ///
    /// # Errors
    ///
    /// [`Malformed::Version`] for another version and [`Malformed::Opcode`] for another request, which a gateway
    /// answers; any other, which it ignores (RFC 6886 section 3.5).
    pub fn decode(datagram: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(datagram);
        let (version, opcode) = (reader.u8()?, reader.u8()?);
        if opcode & RESPONSE_BIT != 0 {
            return Err(Malformed::NotARequest);
        }
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        if datagram.len() > MAX_MESSAGE {
            return Err(Malformed::TooLong);
        }
        match Opcode::from_number(opcode) {
            Opcode::ExternalAddress => Ok(Self::ExternalAddress),
            Opcode::Unknown(number) => Err(Malformed::Opcode(number)),
            Opcode::Map(protocol) => {
                let _reserved = reader.u16()?;
                let (internal_port, suggested_external_port) = (reader.port()?, reader.port()?);
                let lifetime = reader.u32()?;
                let internal_port = internal_port.ok_or(Malformed::Port)?;
                Ok(Self::Map(MapRequest { protocol, internal_port, suggested_external_port, lifetime }))
            }
        }
    }
}
