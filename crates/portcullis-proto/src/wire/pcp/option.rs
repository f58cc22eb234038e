//! Options (RFC 6887 sections 7.3 and 13).

use super::{Malformed, address};
use crate::wire::reader::{Reader, port_number};
use core::net::IpAddr;
use core::num::NonZeroU16;

/// Most options of one message that are read. 1,100 bytes have room for more, and no use needs them.
pub const MAX_OPTIONS: usize = 32;

/// RFC 6887 section 13.1.
const THIRD_PARTY: u8 = 1;
/// RFC 6887 section 13.2.
const PREFER_FAILURE: u8 = 2;
/// RFC 6887 section 13.3.
const FILTER: u8 = 3;
/// A code from here on may be passed over by who does not know it; one below must be understood (section 7.3).
const FIRST_OPTIONAL: u8 = 128;
/// What an IPv4 address has in front of it on the wire, in bits.
const IPV4_PREFIX: u8 = 96;
/// The bits of an address on the wire.
const ADDRESS_BITS: u8 = 128;

/// An option of a request, or of a response to a request that had it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PcpOption {
    /// THIRD_PARTY: the mapping is for this host, not for the one that asks (RFC 6887 section 13.1).
    ThirdParty(IpAddr),
    /// PREFER_FAILURE: the suggested external address and port, or none (RFC 6887 section 13.2).
    PreferFailure,
    /// FILTER: only these may use the mapping (RFC 6887 section 13.3). May be given several times.
    Filter {
        /// Bits of the address that count, of the 128 on the wire: 96 to 128 for IPv4, to 128 for IPv6. 0
        /// removes all earlier filters.
        prefix_length: u8,
        /// The port of the peer; `None` for all.
        remote_port: Option<NonZeroU16>,
        /// The address of the peer.
        remote_address: IpAddr,
    },
    /// An option that this version does not know and need not, as its code is 128 or above.
    Unknown {
        /// The code.
        code: u8,
        /// The data, without padding.
        data: Vec<u8>,
    },
}

impl PcpOption {
    /// The option code.
    pub const fn code(&self) -> u8 {
        match self {
            Self::ThirdParty(_) => THIRD_PARTY,
            Self::PreferFailure => PREFER_FAILURE,
            Self::Filter { .. } => FILTER,
            Self::Unknown { code, .. } => *code,
        }
    }

    /// Reads options to the end of the message.
    pub(super) fn read_all(mut reader: Reader<'_>) -> Result<Vec<Self>, Malformed> {
        let mut options: Vec<Self> = Vec::new();
        while !reader.is_empty() {
            if options.len() == MAX_OPTIONS {
                return Err(Malformed::TooManyOptions);
            }
            let option = Self::read(&mut reader)?;
            let is_single = matches!(option, Self::ThirdParty(_) | Self::PreferFailure);
            if is_single && options.iter().any(|earlier| earlier.code() == option.code()) {
                return Err(Malformed::DuplicateOption(option.code()));
            }
            options.push(option);
        }
        Ok(options)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (code, _reserved) = (reader.u8()?, reader.u8()?);
        let length = usize::from(reader.u16()?);
        let wrong_length = |_| Malformed::OptionLength(code);
        let data = reader.take(length).map_err(wrong_length)?;
        // The length does not count the zeros that fill up to a multiple of 4.
        reader.take(padding(length)).map_err(wrong_length)?;
        let mut data_reader = Reader::new(data);
        let option = match code {
            THIRD_PARTY => Self::ThirdParty(address::read(&mut data_reader).map_err(wrong_length)?),
            PREFER_FAILURE => Self::PreferFailure,
            FILTER => Self::read_filter(&mut data_reader)
                .map_err(wrong_length)?
                .ok_or(Malformed::OptionValue(code))?,
            FIRST_OPTIONAL.. => return Ok(Self::Unknown { code, data: data.to_vec() }),
            code => return Err(Malformed::UnknownOption(code)),
        };
        if data_reader.is_empty() { Ok(option) } else { Err(Malformed::OptionLength(code)) }
    }

    fn read_filter(reader: &mut Reader<'_>) -> Result<Option<Self>, Malformed> {
        let (_reserved, prefix_length) = (reader.u8()?, reader.u8()?);
        let remote_port = reader.port()?;
        let remote_address = address::read(reader)?;
        let shortest = if remote_address.is_ipv4() { IPV4_PREFIX } else { 0 };
        let is_possible = prefix_length == 0 || (shortest..=ADDRESS_BITS).contains(&prefix_length);
        Ok(is_possible.then_some(Self::Filter { prefix_length, remote_port, remote_address }))
    }

    /// Data beyond 65,535 bytes, of which no message is, is left out.
    pub(super) fn write(&self, datagram: &mut Vec<u8>) {
        let data = match self {
            Self::ThirdParty(address) => address::octets(*address).to_vec(),
            Self::PreferFailure => Vec::new(),
            Self::Filter { prefix_length, remote_port, remote_address } => {
                let mut data = vec![0, *prefix_length];
                data.extend(port_number(*remote_port).to_be_bytes());
                data.extend(address::octets(*remote_address));
                data
            }
            Self::Unknown { data, .. } => data.clone(),
        };
        let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
        datagram.extend([self.code(), 0]);
        datagram.extend(length.to_be_bytes());
        datagram.extend(data.iter().take(usize::from(length)));
        datagram.extend(core::iter::repeat_n(0, padding(usize::from(length))));
    }
}

/// The bytes that are missing to a multiple of 4.
const fn padding(length: usize) -> usize {
    length.wrapping_neg() & 3
}
