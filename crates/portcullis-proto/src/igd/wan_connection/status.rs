//! What the connection is, and its address.

use std::fmt;
use std::net::IpAddr;

use super::{Action, DecodeError, value};
use crate::wire::soap::Arguments;

/// Asks for the address by which the internet knows the gateway (WANIPConnection:1 section 2.4.18).
///
/// Decoding takes any IP address, a mapped IPv4 address as the IPv4 address it is; whether it is one that
/// can be reached is for [`AddressKind`](crate::AddressKind) to say. `0.0.0.0` is what many gateways answer
/// while they are not connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetExternalIpAddress;

const EXTERNAL_IP_ADDRESS: &str = "NewExternalIPAddress";

impl GetExternalIpAddress {
    /// Whether the answer is that there is none: the argument is there and empty. So it is where the connection is down, and
    /// at some gateways whose own address is not one of the internet (miniupnpd).
    pub fn is_none(arguments: &Arguments) -> bool {
        arguments.get(EXTERNAL_IP_ADDRESS).is_some_and(|told| told.trim().is_empty())
    }
}

impl Action for GetExternalIpAddress {
    const NAME: &'static str = "GetExternalIPAddress";
    const CHANGES: bool = false;
    type Response = IpAddr;

    fn arguments(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn decode(&self, arguments: &Arguments) -> Result<IpAddr, DecodeError> {
        value::address(arguments, EXTERNAL_IP_ADDRESS)
    }

    fn from_arguments(_arguments: &Arguments) -> Result<Self, DecodeError> {
        Ok(Self)
    }

    fn response_arguments(response: &IpAddr) -> Vec<(&'static str, String)> {
        vec![(EXTERNAL_IP_ADDRESS, response.to_string())]
    }
}

/// Asks whether the connection is up (WANIPConnection:1 section 2.4.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetStatusInfo;

const CONNECTION_STATUS: &str = "NewConnectionStatus";
const LAST_CONNECTION_ERROR: &str = "NewLastConnectionError";
const UPTIME: &str = "NewUptime";

/// The answer to [`GetStatusInfo`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusInfo {
    /// Whether the connection is up, as far as the gateway knows: some say `Disconnected` and map ports
    /// all the same.
    pub connection_status: ConnectionStatus,
    /// Why the last connection failed, e.g. `ERROR_NONE`; at most 256 bytes, possibly empty. Connected
    /// gateways give errors too.
    pub last_connection_error: String,
    /// How long the connection has been up, in seconds; `None` where the gateway gives no number from 0
    /// to 2^32-1.
    pub uptime: Option<u32>,
}

/// The state of a WAN connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionStatus {
    /// `Connected`, or `Up` as some gateways say (quirk 46).
    Connected,
    /// Any other state of the specifications (unconfigured, connecting, disconnecting, disconnected), and
    /// `Down` and `Offline`.
    Disconnected,
    /// A word of no specification.
    Unknown,
}

impl ConnectionStatus {
    const DISCONNECTED: [&str; 8] = [
        "Unconfigured",
        "Connecting",
        "Authenticating",
        "PendingDisconnect",
        "Disconnecting",
        "Disconnected",
        "Down",
        "Offline",
    ];

    fn from_word(word: &str) -> Self {
        let is = |known: &&str| word.trim().eq_ignore_ascii_case(known);
        if ["Connected", "Up"].iter().any(is) {
            Self::Connected
        } else if Self::DISCONNECTED.iter().any(is) {
            Self::Disconnected
        } else {
            Self::Unknown
        }
    }
}

/// Lower case: `connected`, `disconnected`, `unknown`.
impl fmt::Display for ConnectionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Unknown => "unknown",
        })
    }
}

impl Action for GetStatusInfo {
    const NAME: &'static str = "GetStatusInfo";
    const CHANGES: bool = false;
    type Response = StatusInfo;

    fn arguments(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn decode(&self, arguments: &Arguments) -> Result<StatusInfo, DecodeError> {
        Ok(StatusInfo {
            connection_status: ConnectionStatus::from_word(value::required(arguments, CONNECTION_STATUS)?),
            last_connection_error: value::text(arguments, LAST_CONNECTION_ERROR),
            uptime: arguments.get(UPTIME).and_then(value::number),
        })
    }

    fn from_arguments(_arguments: &Arguments) -> Result<Self, DecodeError> {
        Ok(Self)
    }

    /// An unknown status is written as `Unconfigured`, an unknown uptime as 0.
    fn response_arguments(response: &StatusInfo) -> Vec<(&'static str, String)> {
        let status = match response.connection_status {
            ConnectionStatus::Connected => "Connected",
            ConnectionStatus::Disconnected => "Disconnected",
            ConnectionStatus::Unknown => "Unconfigured",
        };
        vec![
            (CONNECTION_STATUS, status.to_owned()),
            (LAST_CONNECTION_ERROR, response.last_connection_error.clone()),
            (UPTIME, response.uptime.unwrap_or_default().to_string()),
        ]
    }
}
