//! The header of a request (RFC 6887 section 7.1).

use super::{Malformed, Opcode, PcpOption, VERSION, address, check_length};
use crate::wire::port_control::RESPONSE_BIT;
use crate::wire::reader::Reader;
use core::net::IpAddr;

/// What a client asks a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// The address that the request is sent from; the server refuses another one, which tells the client that
    /// there is a NAT between them (RFC 6887 section 8.2).
    pub client_address: IpAddr,
    /// The requested lifetime in seconds, 0 to delete the mapping.
    pub lifetime: u32,
    /// What is asked.
    pub opcode: Opcode,
    /// Options, in the order in which the server is to process them.
    pub options: Vec<PcpOption>,
}

impl Request {
    /// The datagram: 24 bytes, and what the opcode (MAP 36, PEER 56) and the options add to it.
    ///
    /// ```
    /// use portcullis_proto::wire::pcp::{Opcode, Request};
    ///
    /// let request = Request {
    ///     client_address: "192.168.1.7".parse().unwrap(),
    ///     lifetime: 0,
    ///     opcode: Opcode::Announce,
    ///     options: Vec::new(),
    /// };
    /// assert_eq!(request.encode().len(), 24);
    /// assert_eq!(Request::decode(&request.encode()), Ok(request));
    /// ```
    pub fn encode(&self) -> Vec<u8> {
        let mut datagram = vec![VERSION, self.opcode.number(), 0, 0];
        datagram.extend(self.lifetime.to_be_bytes());
        datagram.extend(address::octets(self.client_address));
        self.opcode.write(&mut datagram);
        for option in &self.options {
            option.write(&mut datagram);
        }
        datagram
    }

    /// Decodes what a server was asked, checking in the order of RFC 6887 section 8.2.
    ///
    /// # Errors
    ///
    /// Any [`Malformed`]; [`Malformed::result_code`] tells how it is answered.
    pub fn decode(datagram: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(datagram);
        let (version, opcode) = (reader.u8()?, reader.u8()?);
        if opcode & RESPONSE_BIT != 0 {
            return Err(Malformed::NotARequest);
        }
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        check_length(datagram)?;
        let _reserved = reader.u16()?;
        let lifetime = reader.u32()?;
        let client_address = address::read(&mut reader)?;
        let opcode = Opcode::read(opcode, &mut reader)?;
        let options = PcpOption::read_all(reader)?;
        Ok(Self { client_address, lifetime, opcode, options })
    }
}
