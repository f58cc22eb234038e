//! What NAT-PMP and PCP have in common: the port, the announcements, and the first bytes of a message.
//!
//! Both protocols are spoken on one port and tell themselves apart by the first byte, the version:
//! 0 for NAT-PMP (RFC 6886), 2 for PCP (RFC 6887). A gateway that does not speak the version of a request
//! answers in its own, so whoever waits for an answer reads it with [`Answer::decode`], not with the
//! decoder of the protocol it asked in.

use super::natpmp;
use super::pcp;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

/// The UDP port on which a gateway is asked (RFC 6886 section 3, RFC 6887 section 19.1).
pub const PORT: u16 = 5351;
/// The UDP port on which clients hear announcements (RFC 6886 section 3.2.1, RFC 6887 section 14.1.1).
pub const ANNOUNCE_PORT: u16 = 5350;
/// The group that announcements are sent to over IPv4: all hosts on the link.
pub const ANNOUNCE_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// The group that announcements of PCP are sent to over IPv6: all nodes on the link (RFC 6887 section 14.1.1).
pub const ANNOUNCE_GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Longest message in bytes (RFC 6887 section 7). NAT-PMP has no limit of its own and stays far below.
pub const MAX_MESSAGE: usize = 1100;

/// The bit of the second byte that is set in responses and clear in requests.
pub(super) const RESPONSE_BIT: u8 = 0x80;
/// Result code 1 says the same in both protocols and, in both, stands in the fourth byte.
pub(super) const UNSUPPORTED_VERSION: u8 = 1;

/// Why bytes are no message of NAT-PMP or PCP.
///
/// A client ignores such a datagram and goes on waiting (RFC 6886 section 3.1, RFC 6887 section 8.3). A server
/// finds the code to refuse a request with in [`result_code`](Self::result_code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Malformed {
    /// Fewer bytes than a message of its kind has.
    TooShort,
    /// More than [`MAX_MESSAGE`] bytes, or than an answer of NAT-PMP has.
    TooLong,
    /// The length of a PCP message is no multiple of 4.
    Unaligned,
    /// A message of this version, which is not the one that was expected.
    Version(u8),
    /// A response where a request was expected.
    NotARequest,
    /// A request where a response was expected; our own come back where multicast is looped.
    NotAResponse,
    /// An opcode that RFC 6886 or RFC 6887 does not define, without the response bit.
    Opcode(u8),
    /// An IANA protocol number other than that of TCP or UDP.
    Protocol(u8),
    /// Internal port 0, which stands for all ports and is not supported here.
    Port,
    /// More than 32 options.
    TooManyOptions,
    /// The option of this code is longer or shorter than it must be, or than the message.
    OptionLength(u8),
    /// The option of this code has a value that it cannot have.
    OptionValue(u8),
    /// The option of this code appears more often than once.
    DuplicateOption(u8),
    /// An unknown option of this code, which must not be passed over (below 128).
    UnknownOption(u8),
}

impl Malformed {
    /// The code with which a PCP server refuses such a request; `None` where it must not answer at all
    /// (RFC 6887 section 8.2).
    pub const fn result_code(self) -> Option<pcp::ResultCode> {
        match self {
            Self::NotARequest | Self::NotAResponse => None,
            Self::Version(_) => Some(pcp::ResultCode::UnsuppVersion),
            Self::Opcode(_) => Some(pcp::ResultCode::UnsuppOpcode),
            Self::Protocol(_) => Some(pcp::ResultCode::UnsuppProtocol),
            Self::UnknownOption(_) => Some(pcp::ResultCode::UnsuppOption),
            Self::OptionLength(_) | Self::OptionValue(_) | Self::DuplicateOption(_) => {
                Some(pcp::ResultCode::MalformedOption)
            }
            Self::TooShort | Self::TooLong | Self::Unaligned | Self::Port | Self::TooManyOptions => {
                Some(pcp::ResultCode::MalformedRequest)
            }
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => f.write_str("message too short"),
            Self::TooLong => f.write_str("message too long"),
            Self::Unaligned => f.write_str("message length not a multiple of four"),
            Self::Version(version) => write!(f, "message of version {version}"),
            Self::NotARequest => f.write_str("response in place of a request"),
            Self::NotAResponse => f.write_str("request in place of a response"),
            Self::Opcode(opcode) => write!(f, "unknown opcode {opcode}"),
            Self::Protocol(protocol) => write!(f, "protocol {protocol} is neither tcp nor udp"),
            Self::Port => f.write_str("internal port 0"),
            Self::TooManyOptions => f.write_str("too many options"),
            Self::OptionLength(code) => write!(f, "wrong length of option {code}"),
            Self::OptionValue(code) => write!(f, "impossible value of option {code}"),
            Self::DuplicateOption(code) => write!(f, "option {code} given twice"),
            Self::UnknownOption(code) => write!(f, "unknown mandatory option {code}"),
        }
    }
}

impl std::error::Error for Malformed {}

/// What came from the port of a gateway, or to the port for announcements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// In the layout of NAT-PMP. As an answer to a request of PCP it says, whatever else it says, that the
    /// gateway speaks NAT-PMP only.
    NatPmp(natpmp::Response),
    /// In the layout of PCP, or (with [`pcp::ResultCode::UnsuppVersion`]) of a version that neither RFC
    /// defines. As an answer to a request of NAT-PMP it says that the gateway speaks PCP only.
    Pcp(pcp::Response),
}

impl Answer {
    /// Decodes a datagram by the version in its first byte.
    ///
    /// # Errors
    ///
    /// Any [`Malformed`]. A caller that waits for an answer ignores the datagram and goes on waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis_proto::wire::natpmp::Body;
    /// use portcullis_proto::wire::port_control::Answer;
    ///
    /// // A gateway that speaks NAT-PMP only, asked by PCP (RFC 6886 section 3.5).
    /// let Ok(Answer::NatPmp(answer)) = Answer::decode(&[0, 0, 0, 1, 0, 0, 0, 9]) else { panic!() };
    /// assert_eq!(answer.body, Body::UnsupportedVersion);
    /// ```
    pub fn decode(datagram: &[u8]) -> Result<Self, Malformed> {
        match datagram.first() {
            Some(&natpmp::VERSION) => natpmp::Response::decode(datagram).map(Self::NatPmp),
            _ => pcp::Response::decode(datagram).map(Self::Pcp),
        }
    }

    /// The epoch time of the gateway in seconds; `None` in those answers that have none.
    pub const fn epoch_time(&self) -> Option<u32> {
        match self {
            Self::NatPmp(response) => response.epoch_time,
            Self::Pcp(response) => response.epoch_time(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::natpmp::Body;
    use crate::wire::pcp::ResultCode;

    #[test]
    fn sorts_answers_by_version() {
        let nat_pmp = [0, 128, 0, 0, 0, 0, 0, 5, 198, 51, 100, 7];
        assert!(matches!(Answer::decode(&nat_pmp), Ok(Answer::NatPmp(_))));
        let mut announcement = [0; 24];
        announcement[..2].copy_from_slice(&[2, 128]);
        announcement[11] = 33;
        let answer = Answer::decode(&announcement).unwrap();
        assert!(matches!(answer, Answer::Pcp(_)));
        assert_eq!(answer.epoch_time(), Some(33));
        assert_eq!(Answer::decode(&[]), Err(Malformed::TooShort));
    }

    #[test]
    fn a_layout_of_one_protocol_under_the_version_of_the_other_is_none() {
        assert_eq!(
            Answer::decode(&[2, 129, 0, 0, 0, 0, 0, 5, 0, 80, 0, 80, 0, 0, 2, 88]),
            Err(Malformed::TooShort)
        );
        let mut pcp_layout = [0; 60];
        pcp_layout[1] = 129;
        assert_eq!(Answer::decode(&pcp_layout), Err(Malformed::TooLong));
    }

    #[test]
    fn knows_both_ways_to_say_that_a_version_is_not_spoken() {
        for datagram in [[0, 0, 0, 1, 0, 0, 0, 9], [0, 128, 0, 1, 0, 0, 0, 9], [0, 129, 0, 1, 0, 0, 0, 9]] {
            let Ok(Answer::NatPmp(answer)) = Answer::decode(&datagram) else { panic!("{datagram:?}") };
            assert_eq!(answer.body, Body::UnsupportedVersion);
            assert_eq!(answer.epoch_time, Some(9));
        }
        let mut datagram = [0; 24];
        for version in [1, 2, 3, 255] {
            datagram[..4].copy_from_slice(&[version, 129, 0, 1]);
            let Ok(Answer::Pcp(answer)) = Answer::decode(&datagram) else { panic!("{version}") };
            assert_eq!((answer.version, answer.result_code), (version, ResultCode::UnsuppVersion));
        }
    }

    /// What is understood of noise says the same when it is written and read again.
    #[test]
    fn noise_is_refused_or_understood_the_same_way_twice() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random.to_le_bytes()
        };
        let mut understood = 0;
        for round in 0..50_000 {
            let [version, opcode, code, protocol, length, option, ..] = next();
            let mut datagram: Vec<u8> = (0..13).flat_map(|_| next()).collect();
            // Noise that begins well gets further.
            datagram[0] = version & 2;
            datagram[1] = opcode & 0x83;
            datagram[2] = 0;
            datagram[3] = code & 7;
            datagram[36] = if protocol & 1 == 0 { 6 } else { 17 };
            datagram[60..64].copy_from_slice(&[option & 0x83, 0, 0, length & 31]);
            datagram.truncate([12, 16, 24, 60, 80, 84, 100][round % 7]);
            if let Ok(answer) = Answer::decode(&datagram) {
                let encoded = match &answer {
                    Answer::NatPmp(response) => response.encode(),
                    Answer::Pcp(response) => response.encode(),
                };
                let again = Answer::decode(&encoded).unwrap();
                // Sent back with a request in it, an unsupported opcode has no epoch time.
                if answer.epoch_time().is_some() {
                    assert_eq!(again, answer, "{datagram:?}");
                }
                understood += 1;
            }
            if let Ok(request) = pcp::Request::decode(&datagram) {
                assert_eq!(pcp::Request::decode(&request.encode()), Ok(request));
            }
            if let Ok(request) = natpmp::Request::decode(&datagram) {
                assert_eq!(natpmp::Request::decode(&request.encode()), Ok(request));
            }
        }
        assert!(understood > 1_000, "{understood}");
    }

    #[test]
    fn names_every_fault_without_a_full_stop() {
        for fault in [Malformed::TooShort, Malformed::Version(9), Malformed::UnknownOption(7)] {
            let text = fault.to_string();
            assert!(text.starts_with(char::is_lowercase) && !text.ends_with('.'), "{text}");
        }
    }
}
