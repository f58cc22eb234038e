//! What real gateways do differently in NAT-PMP and PCP, and what attackers do, as switches.
//!
//! Numbers are rows of QUIRKS.md, those with a letter before them attacks.

use core::time::Duration;

/// Something odd about NAT-PMP and PCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortControlOddity {
    /// Takes requests and answers none, and no ICMP either.
    Silent,
    /// Does not answer the first so many copies of each request (attack F21).
    IgnoresFirst(u32),
    /// Answers after this long (61; attack F13).
    Delay(Duration),
    /// Repeats each answer `count` times, `interval` apart (attack F11 and F12).
    Repeats {
        /// How many more answers there are.
        count: u32,
        /// The time between two of them.
        interval: Duration,
    },
    /// Somebody sends this before each answer.
    Preceded(Forgery),
    /// Sends this in place of each answer.
    Replaced(Forgery),
    /// How a gateway that speaks one of the two protocols answers a request in the other (60; attack F4).
    VersionAnswer(VersionAnswer),
    /// Answers requests of PCP with UNSUPP_VERSION and these versions in turn (attack F8).
    OtherVersions(&'static [u8]),
    /// Cuts those answers to so many bytes (94).
    OtherVersionsCut(usize),
    /// Refuses every NAT-PMP request with this result code (attack F7).
    NatPmpResult(u16),
    /// Refuses every PCP request with this result code (attack F7).
    PcpResult(u8),
    /// Says that refusals of PCP last this many seconds (attack F10; miniupnpd says 0).
    ErrorLifetime(u32),
    /// Does not support this opcode of NAT-PMP, and sends the request back (attack F7).
    NatPmpWithoutOpcode(u8),
    /// Does not support this opcode of PCP; many have no PEER.
    PcpWithoutOpcode(u8),
    /// Does not support this option of PCP.
    PcpWithoutOption(u8),
    /// Lets a client map other hosts by THIRD_PARTY.
    ThirdPartyAllowed,
    /// Does not compare nonces, and answers with that of the request.
    NonceIgnored,
    /// Keeps at most so many filters for a mapping: EXCESSIVE_REMOTE_PEERS.
    MostFilters(usize),
    /// Tells this external address, whatever its own is (64; attack F15).
    AssignsAddress(&'static str),
    /// Grants by NAT-PMP and PCP whatever lifetime is asked for, and reckons its end in seconds since 1970, of 32 bits:
    /// what is too long for those is over at once (99).
    LifetimeWraps,
    /// Assigns external port 0 (attack F14).
    AssignsPortZero,
    /// Answers requests of NAT-PMP with this in place of the internal port (94, servers of VPNs).
    EchoesPort(EchoedPort),
    /// Gives TCP and UDP of one internal port the same external one (94, servers of VPNs).
    OnePortForBoth,
    /// Sees its clients at this address, because there is a NAT between them (63; attack F22).
    SeesClientAs(&'static str),
    /// Its epoch time is always this (attack F16).
    EpochAlways(u32),
    /// Its epoch time counts on when its external address changes, against RFC 6887 section 8.5 (miniupnpd#254).
    EpochOutlivesAddress,
    /// Deletes by NAT-PMP and PCP what was made by the same protocol alone, although each extends what another has
    /// made (miniupnpd).
    DeletesItsOwnAlone,
    /// Answers a PCP request to delete what is not there with this result code: 8 (miniupnpd).
    NothingToDelete(u8),
    /// Refuses every deletion by NAT-PMP and PCP with 2, NOT_AUTHORIZED (miniupnpd with nftables).
    DeletionRefused,
    /// Announces nothing.
    NoAnnouncements,
    /// From the start and from each reboot on, announces so often (attack F17).
    AnnouncementFlood {
        /// How many announcements there are.
        count: u32,
        /// The time between two of them.
        interval: Duration,
        /// Whether they come from another host and tell an epoch time of 0.
        forged: bool,
    },
    /// Adds these bytes to the answers of PCP: options, well-formed or not (attack F19).
    Appends(&'static [u8]),
}

/// What stands in the answers of NAT-PMP in place of the internal port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoedPort {
    /// 0.
    Zero,
    /// The external port.
    External,
}

/// A datagram that is not the answer, although it looks like one. Those that a client could take for the answer
/// tell another external port than the answer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forgery {
    /// From another address (attack F1).
    WrongAddress,
    /// From another port (attack F2).
    WrongPort,
    /// The first bytes of the answer only (attack F3).
    Cut(usize),
    /// The answer, with so many bytes of zero behind it (attack F3).
    Padded(usize),
    /// The request (attack F4).
    Request,
    /// For another opcode (attack F5).
    WrongOpcode,
    /// For TCP in place of UDP, or the reverse (attack F5).
    WrongProtocol,
    /// For another internal port (attack F5).
    WrongInternalPort,
    /// With one bit of the nonce wrong (attack F6).
    WrongNonce,
    /// The answer to the request before, if there was another (61; attack F12).
    Previous,
    /// The layout of one protocol under the version of the other (attack F20).
    WrongVersion,
    /// These bytes.
    Bytes(&'static [u8]),
}

/// How a gateway answers a version that it does not speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionAnswer {
    /// 8 bytes in the layout of NAT-PMP with the response bit, as miniupnpd does.
    ResponseBit,
    /// So many bytes in the layout of NAT-PMP, which has 8 (60).
    Length(usize),
    /// 8 bytes in the layout of NAT-PMP, although it speaks PCP only.
    NatPmpLayout,
    /// Not at all.
    None,
}

/// What a forged datagram needs to know of the answer.
pub(super) struct Answered<'a> {
    pub(super) request: &'a [u8],
    pub(super) answer: &'a [u8],
    pub(super) previous: Option<&'a [u8]>,
}

/// Where the fields are that a forgery changes.
const VERSION: usize = 0;
const OPCODE: usize = 1;
const PCP_NONCE: usize = 24;
const PCP_PROTOCOL: usize = 36;

impl Forgery {
    /// The bytes; `None` where there is nothing to forge.
    pub(super) fn payload(self, answered: &Answered<'_>) -> Option<Vec<u8>> {
        let mut payload = answered.answer.to_vec();
        let is_pcp = payload.first() == Some(&2);
        let internal_port = if is_pcp { 41 } else { 9 };
        match self {
            Self::WrongAddress | Self::WrongPort => {}
            Self::Cut(length) => {
                payload.truncate(length);
                return Some(payload);
            }
            Self::Padded(length) => payload.resize(payload.len().saturating_add(length), 0),
            Self::Request => return Some(answered.request.to_vec()),
            Self::WrongOpcode => flip(&mut payload, OPCODE, 3),
            Self::WrongProtocol if is_pcp => flip(&mut payload, PCP_PROTOCOL, 6 ^ 17),
            // Opcode 1 is for UDP, 2 for TCP.
            Self::WrongProtocol => flip(&mut payload, OPCODE, 3),
            Self::WrongInternalPort => flip(&mut payload, internal_port, 1),
            Self::WrongNonce => flip(&mut payload, PCP_NONCE, 1),
            Self::Previous => return answered.previous.map(<[u8]>::to_vec),
            Self::WrongVersion => flip(&mut payload, VERSION, 2),
            Self::Bytes(bytes) => return Some(bytes.to_vec()),
        }
        // The external port follows the internal one.
        flip(&mut payload, internal_port.saturating_add(2), 1);
        Some(payload)
    }
}

fn flip(payload: &mut [u8], at: usize, bits: u8) {
    if let Some(byte) = payload.get_mut(at) {
        *byte ^= bits;
    }
}
