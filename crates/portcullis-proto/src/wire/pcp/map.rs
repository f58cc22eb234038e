//! MAP (RFC 6887 section 11.1).

use super::{Malformed, address};
use crate::Protocol;
use crate::wire::reader::{Reader, port_number};
use core::net::IpAddr;
use core::num::NonZeroU16;

/// The number of the opcode.
pub(super) const NUMBER: u8 = 1;

/// IANA protocol number of TCP.
const TCP: u8 = 6;
/// IANA protocol number of UDP.
const UDP: u8 = 17;

/// The mapping nonce: 96 random bits that the client chooses once for a mapping and shows again to renew and to
/// delete it (RFC 6887 section 11.2). Answers that do not repeat it are not for this mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nonce(pub [u8; 12]);

/// A mapping as it is asked for, and as it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Map {
    /// The mapping nonce.
    pub nonce: Nonce,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The port of this host.
    pub internal_port: NonZeroU16,
    /// In a request the suggested external port, `None` to leave it to the server; in a response the assigned
    /// one.
    pub external_port: Option<NonZeroU16>,
    /// In a request the suggested external address, all zeros of the wanted family to leave it to the server;
    /// in a response the assigned one.
    pub external_address: IpAddr,
}

impl Map {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let nonce = Nonce(reader.array()?);
        let [protocol, _, _, _] = reader.array()?;
        let (internal_port, external_port) = (reader.port()?, reader.port()?);
        let external_address = address::read(reader)?;
        let protocol = match protocol {
            TCP => Protocol::Tcp,
            UDP => Protocol::Udp,
            number => return Err(Malformed::Protocol(number)),
        };
        let internal_port = internal_port.ok_or(Malformed::Port)?;
        Ok(Self { nonce, protocol, internal_port, external_port, external_address })
    }

    pub(super) fn write(&self, datagram: &mut Vec<u8>) {
        let protocol = match self.protocol {
            Protocol::Tcp => TCP,
            Protocol::Udp => UDP,
        };
        datagram.extend(self.nonce.0);
        datagram.extend([protocol, 0, 0, 0]);
        datagram.extend(self.internal_port.get().to_be_bytes());
        datagram.extend(port_number(self.external_port).to_be_bytes());
        datagram.extend(address::octets(self.external_address));
    }
}
