//! Making, renewing and deleting pinholes.

use std::fmt;
use std::net::Ipv6Addr;
use std::num::NonZeroU16;

use super::{Action, DecodeError, LeaseTime, value};
use crate::Protocol;
use crate::wire::soap::Arguments;

const UNIQUE_ID: &str = "UniqueID";
const LEASE_TIME: &str = "LeaseTime";
const NEW_LEASE_TIME: &str = "NewLeaseTime";
const REMOTE_HOST: &str = "RemoteHost";
const REMOTE_PORT: &str = "RemotePort";
const INTERNAL_CLIENT: &str = "InternalClient";
const INTERNAL_PORT: &str = "InternalPort";
const PROTOCOL: &str = "Protocol";

/// The number by which a gateway knows a pinhole (section 2.4.9).
///
/// It means nothing to other gateways, nor to the same one after it has lost its state, when it may name
/// another pinhole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniqueId(pub u16);

impl UniqueId {
    pub(super) fn read(arguments: &Arguments) -> Result<Self, DecodeError> {
        let number = value::number(value::required(arguments, UNIQUE_ID)?);
        number.map(Self).ok_or(DecodeError::Invalid(UNIQUE_ID))
    }

    pub(super) fn write(self) -> (&'static str, String) {
        (UNIQUE_ID, self.to_string())
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which packets pass: the arguments that two actions share.
///
/// The internal side is always one port of one transport protocol: a pinhole for all ports, or for all
/// protocols, cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The only host whose packets pass; `None` for any.
    pub remote_host: Option<Ipv6Addr>,
    /// The only port from which packets pass; `None` for any.
    pub remote_port: Option<NonZeroU16>,
    /// The host that is opened. Gateways permit the sender of the request, and few any other.
    pub internal_client: Ipv6Addr,
    /// The port that is opened. Gateways may refuse those below 1,024 (section 2.6.3).
    pub internal_port: NonZeroU16,
    /// The transport protocol, which is sent as the number of RFC 5237's registry.
    pub protocol: Protocol,
}

impl Flow {
    pub(super) fn arguments(&self) -> Vec<(&'static str, String)> {
        vec![
            (REMOTE_HOST, self.remote_host.map(|address| address.to_string()).unwrap_or_default()),
            (REMOTE_PORT, self.remote_port.map_or(0, NonZeroU16::get).to_string()),
            (INTERNAL_CLIENT, self.internal_client.to_string()),
            (INTERNAL_PORT, self.internal_port.to_string()),
            (PROTOCOL, protocol_number(self.protocol).to_string()),
        ]
    }

    pub(super) fn read(arguments: &Arguments) -> Result<Self, DecodeError> {
        let remote_host = match value::required(arguments, REMOTE_HOST)? {
            "" => None,
            host => Some(ipv6_address(host).ok_or(DecodeError::Invalid(REMOTE_HOST))?),
        };
        let remote_port = value::number::<u16>(value::required(arguments, REMOTE_PORT)?)
            .ok_or(DecodeError::Invalid(REMOTE_PORT))?;
        let internal_client = ipv6_address(value::required(arguments, INTERNAL_CLIENT)?)
            .ok_or(DecodeError::Invalid(INTERNAL_CLIENT))?;
        let protocol = value::number::<u16>(value::required(arguments, PROTOCOL)?)
            .and_then(protocol_of)
            .ok_or(DecodeError::Invalid(PROTOCOL))?;
        Ok(Self {
            remote_host,
            remote_port: NonZeroU16::new(remote_port),
            internal_client,
            internal_port: value::port(arguments, INTERNAL_PORT)?,
            protocol,
        })
    }
}

/// Lets packets through to a port of an IPv6 host (section 2.6.3). The answer is the pinhole's number.
///
/// Asked again for the same flow with another lease, a gateway extends the pinhole that it has, and answers
/// with the number of that.
///
/// # Examples
///
/// ```
/// use portcullis_proto::igd::ipv6_firewall::{Action, AddPinhole, Flow, LeaseTime, UniqueId};
/// use portcullis_proto::{Protocol, wire::soap::Arguments};
///
/// let action = AddPinhole {
///     flow: Flow {
///         remote_host: None,
///         remote_port: None,
///         internal_client: "2a02:ff0::7".parse().unwrap(),
///         internal_port: 7777.try_into().unwrap(),
///         protocol: Protocol::Udp,
///     },
///     lifetime: LeaseTime::MAX,
/// };
/// assert!(action.arguments().contains(&("Protocol", "17".to_owned())));
/// let reply: Arguments = [("UniqueID", "42")].into_iter().collect();
/// assert_eq!(action.decode(&reply), Ok(UniqueId(42)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddPinhole {
    /// Which packets pass.
    pub flow: Flow,
    /// How long they do.
    pub lifetime: LeaseTime,
}

impl Action for AddPinhole {
    const NAME: &'static str = "AddPinhole";
    const CHANGES: bool = true;
    type Response = UniqueId;

    fn arguments(&self) -> Vec<(&'static str, String)> {
        let mut arguments = self.flow.arguments();
        arguments.push((LEASE_TIME, self.lifetime.to_string()));
        arguments
    }

    fn decode(&self, arguments: &Arguments) -> Result<UniqueId, DecodeError> {
        UniqueId::read(arguments)
    }

    fn from_arguments(arguments: &Arguments) -> Result<Self, DecodeError> {
        Ok(Self { flow: Flow::read(arguments)?, lifetime: lease_time(arguments, LEASE_TIME)? })
    }

    fn response_arguments(response: &UniqueId) -> Vec<(&'static str, String)> {
        vec![response.write()]
    }
}

/// Gives a pinhole a new lease, from now on (section 2.6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdatePinhole {
    /// The pinhole.
    pub unique_id: UniqueId,
    /// How long it lasts from now on.
    pub lifetime: LeaseTime,
}

impl Action for UpdatePinhole {
    const NAME: &'static str = "UpdatePinhole";
    const CHANGES: bool = true;
    type Response = ();

    fn arguments(&self) -> Vec<(&'static str, String)> {
        vec![self.unique_id.write(), (NEW_LEASE_TIME, self.lifetime.to_string())]
    }

    fn decode(&self, _arguments: &Arguments) -> Result<(), DecodeError> {
        Ok(())
    }

    fn from_arguments(arguments: &Arguments) -> Result<Self, DecodeError> {
        Ok(Self { unique_id: UniqueId::read(arguments)?, lifetime: lease_time(arguments, NEW_LEASE_TIME)? })
    }

    fn response_arguments((): &()) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// Closes a pinhole (section 2.6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletePinhole {
    /// The pinhole.
    pub unique_id: UniqueId,
}

impl Action for DeletePinhole {
    const NAME: &'static str = "DeletePinhole";
    const CHANGES: bool = true;
    type Response = ();

    fn arguments(&self) -> Vec<(&'static str, String)> {
        vec![self.unique_id.write()]
    }

    fn decode(&self, _arguments: &Arguments) -> Result<(), DecodeError> {
        Ok(())
    }

    fn from_arguments(arguments: &Arguments) -> Result<Self, DecodeError> {
        Ok(Self { unique_id: UniqueId::read(arguments)? })
    }

    fn response_arguments((): &()) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// The number that stands for a protocol in the header of a packet (RFC 5237).
const fn protocol_number(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
    }
}

fn protocol_of(number: u16) -> Option<Protocol> {
    [Protocol::Tcp, Protocol::Udp].into_iter().find(|&protocol| protocol_number(protocol) == number)
}

/// An address that IPv6 packets can have; not an IPv4 address in its clothes.
fn ipv6_address(text: &str) -> Option<Ipv6Addr> {
    text.trim().parse().ok().filter(|address: &Ipv6Addr| address.to_ipv4_mapped().is_none())
}

fn lease_time(arguments: &Arguments, name: &'static str) -> Result<LeaseTime, DecodeError> {
    let seconds = value::number(value::required(arguments, name)?);
    seconds.and_then(LeaseTime::new).ok_or(DecodeError::Invalid(name))
}
