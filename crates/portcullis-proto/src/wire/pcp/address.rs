//! Addresses as PCP writes them: always 128 bits (RFC 6887 section 5).

use super::Malformed;
use crate::wire::reader::Reader;
use core::net::{IpAddr, Ipv6Addr};

pub(super) fn read(reader: &mut Reader<'_>) -> Result<IpAddr, Malformed> {
    reader.array::<16>().map(|octets| Ipv6Addr::from(octets).to_canonical())
}

pub(super) const fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}
