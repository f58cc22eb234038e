//! Result codes, by the numbers and names of RFC 6887 section 7.4.

use core::fmt;

/// A success refuses nothing.
const NONE: u32 = 0;
/// How long a server says that a lasting refusal lasts, in seconds: 30 minutes (RFC 6887 section 7.4).
const LONG_LIFETIME: u32 = 1_800;
/// How long a server says that a passing refusal lasts, in seconds (RFC 6887 section 7.4).
const SHORT_LIFETIME: u32 = 30;

macro_rules! codes {
    ($($number:literal $variant:ident $name:literal $lifetime:ident $explanation:literal)*) => {
        /// The result of a request (RFC 6887 section 7.4).
        ///
        /// ```
        /// use portcullis_proto::wire::pcp::ResultCode;
        ///
        /// assert_eq!(ResultCode::from(11).to_string(), "11 CANNOT_PROVIDE_EXTERNAL");
        /// assert_eq!(ResultCode::from(14), ResultCode::Unknown(14));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ResultCode {
            $(#[doc = concat!("`", $number, "`: ", $explanation, ".")] $variant,)*
            /// Any other.
            Unknown(u8),
        }

        impl ResultCode {
            /// All codes with a name, in ascending order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code as a number.
            pub const fn number(self) -> u8 {
                match self {
                    $(Self::$variant => $number,)*
                    Self::Unknown(number) => number,
                }
            }

            /// The name as the RFC writes it, e.g. `"NO_RESOURCES"`; `"unknown result"` for
            /// [`Unknown`](Self::Unknown).
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Unknown(_) => "unknown result",
                }
            }

            /// One plain sentence for a person: lower case, no full stop.
            pub const fn explanation(self) -> &'static str {
                match self {
                    $(Self::$variant => $explanation,)*
                    Self::Unknown(_) => "the gateway gave a result that the standard does not explain",
                }
            }

            /// How long a server should say that such a refusal lasts, in seconds; 0 for a success. That of
            /// [`CannotProvideExternal`](Self::CannotProvideExternal) depends on the reason: this is for a
            /// port that somebody else has, perhaps not for long.
            pub const fn error_lifetime(self) -> u32 {
                match self {
                    $(Self::$variant => $lifetime,)*
                    Self::Unknown(_) => LONG_LIFETIME,
                }
            }
        }

        impl From<u8> for ResultCode {
            fn from(number: u8) -> Self {
                match number {
                    $($number => Self::$variant,)*
                    number => Self::Unknown(number),
                }
            }
        }
    };
}

codes! {
    0 Success "SUCCESS" NONE "it was done"
    1 UnsuppVersion "UNSUPP_VERSION" LONG_LIFETIME "the gateway does not speak this version of the protocol"
    2 NotAuthorized "NOT_AUTHORIZED" LONG_LIFETIME "the gateway does not permit this to this client"
    3 MalformedRequest "MALFORMED_REQUEST" LONG_LIFETIME "the gateway could not read the request"
    4 UnsuppOpcode "UNSUPP_OPCODE" LONG_LIFETIME "the gateway does not support this kind of request"
    5 UnsuppOption "UNSUPP_OPTION" LONG_LIFETIME "the gateway does not support an option that the request needs"
    6 MalformedOption "MALFORMED_OPTION" LONG_LIFETIME "the gateway could not read an option of the request"
    7 NetworkFailure "NETWORK_FAILURE" SHORT_LIFETIME "the gateway's own network is down, it may have no external address yet"
    8 NoResources "NO_RESOURCES" SHORT_LIFETIME "the gateway has no room for another mapping just now"
    9 UnsuppProtocol "UNSUPP_PROTOCOL" LONG_LIFETIME "the gateway does not map this transport protocol"
    10 UserExQuota "USER_EX_QUOTA" SHORT_LIFETIME "this client has as many mappings as the gateway allows it"
    11 CannotProvideExternal "CANNOT_PROVIDE_EXTERNAL" SHORT_LIFETIME "the gateway cannot provide this external address and port"
    12 AddressMismatch "ADDRESS_MISMATCH" LONG_LIFETIME "the gateway sees another address than the client's own: there is a nat between them"
    13 ExcessiveRemotePeers "EXCESSIVE_REMOTE_PEERS" LONG_LIFETIME "the gateway cannot keep so many filters"
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.name())
    }
}
