//! PEER (RFC 6887 section 12.1).

use super::{Malformed, Map, address};
use crate::wire::reader::Reader;
use core::net::IpAddr;
use core::num::NonZeroU16;

/// The number of the opcode.
pub(super) const NUMBER: u8 = 2;

/// A mapping for a connection to one peer, as it is asked for and as it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// What a MAP has, too.
    pub map: Map,
    /// The port of the peer, as this host sees it.
    pub remote_peer_port: NonZeroU16,
    /// The address of the peer, as this host sees it.
    pub remote_peer_address: IpAddr,
}

impl Peer {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let map = Map::read(reader)?;
        let (remote_peer_port, _reserved) = (reader.port()?, reader.u16()?);
        let remote_peer_address = address::read(reader)?;
        let remote_peer_port = remote_peer_port.ok_or(Malformed::Port)?;
        Ok(Self { map, remote_peer_port, remote_peer_address })
    }

    pub(super) fn write(&self, datagram: &mut Vec<u8>) {
        self.map.write(datagram);
        datagram.extend(self.remote_peer_port.get().to_be_bytes());
        datagram.extend([0; 2]);
        datagram.extend(address::octets(self.remote_peer_address));
    }
}
