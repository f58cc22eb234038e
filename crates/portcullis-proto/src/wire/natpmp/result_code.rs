//! Why a gateway refuses (RFC 6886 section 3.5).

use core::fmt;

/// The result of a request (RFC 6886 section 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResultCode {
    /// 0: it was done.
    Success,
    /// 1: the gateway does not speak the version of the request.
    UnsupportedVersion,
    /// 2: the gateway does not permit it, for instance because port mapping is switched off.
    NotAuthorized,
    /// 3: the gateway has no external address itself.
    NetworkFailure,
    /// 4: the gateway has no room for another mapping.
    OutOfResources,
    /// 5: the gateway does not support the request.
    UnsupportedOpcode,
    /// Any other.
    Unknown(u16),
}

impl ResultCode {
    /// The code as a number.
    pub const fn number(self) -> u16 {
        match self {
            Self::Success => 0,
            Self::UnsupportedVersion => 1,
            Self::NotAuthorized => 2,
            Self::NetworkFailure => 3,
            Self::OutOfResources => 4,
            Self::UnsupportedOpcode => 5,
            Self::Unknown(number) => number,
        }
    }

    /// The name of the RFC, without blanks; `"unknown result"` for [`Unknown`](Self::Unknown).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::UnsupportedVersion => "UnsupportedVersion",
            Self::NotAuthorized => "NotAuthorized/Refused",
            Self::NetworkFailure => "NetworkFailure",
            Self::OutOfResources => "OutOfResources",
            Self::UnsupportedOpcode => "UnsupportedOpcode",
            Self::Unknown(_) => "unknown result",
        }
    }
}

impl From<u16> for ResultCode {
    fn from(number: u16) -> Self {
        match number {
            0 => Self::Success,
            1 => Self::UnsupportedVersion,
            2 => Self::NotAuthorized,
            3 => Self::NetworkFailure,
            4 => Self::OutOfResources,
            5 => Self::UnsupportedOpcode,
            number => Self::Unknown(number),
        }
    }
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.name())
    }
}
