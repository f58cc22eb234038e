//! Making and deleting mappings.

use std::net::IpAddr;
use std::num::NonZeroU16;

use super::{Action, DecodeError, value};
use crate::wire::soap::Arguments;
use crate::{Lifetime, Protocol};

const REMOTE_HOST: &str = "NewRemoteHost";
const EXTERNAL_PORT: &str = "NewExternalPort";
const PROTOCOL: &str = "NewProtocol";
const RESERVED_PORT: &str = "NewReservedPort";
const START_PORT: &str = "NewStartPort";
const END_PORT: &str = "NewEndPort";
const MANAGE: &str = "NewManage";

/// Maps an external port to a host in the network (WANIPConnection:1 section 2.4.16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddPortMapping {
    /// The only address whose packets are let through; `None` for any. Many gateways only take `None`.
    pub remote_host: Option<IpAddr>,
    /// The port at the gateway's external address.
    pub external_port: NonZeroU16,
    /// The transport protocol; a mapping is for one.
    pub protocol: Protocol,
    /// The port at the internal client.
    pub internal_port: NonZeroU16,
    /// The host that receives the packets. Gateways permit the sender of the request, and few any other.
    pub internal_client: IpAddr,
    /// Whether the mapping works at once.
    pub enabled: bool,
    /// A name for people; goes out on one line, without characters that XML forbids.
    pub description: String,
    /// How long the mapping is to last.
    pub lifetime: Lifetime,
}

impl Action for AddPortMapping {
    const NAME: &'static str = "AddPortMapping";
    const CHANGES: bool = true;
    type Response = ();

    fn arguments(&self) -> Vec<(&'static str, String)> {
        vec![
            (REMOTE_HOST, value::write_remote_host(self.remote_host)),
            (EXTERNAL_PORT, self.external_port.to_string()),
            (PROTOCOL, self.protocol.to_string()),
            ("NewInternalPort", self.internal_port.to_string()),
            ("NewInternalClient", self.internal_client.to_string()),
            ("NewEnabled", value::write_boolean(self.enabled)),
            ("NewPortMappingDescription", self.description.clone()),
            ("NewLeaseDuration", self.lifetime.as_seconds().to_string()),
        ]
    }

    fn decode(&self, _arguments: &Arguments) -> Result<(), DecodeError> {
        Ok(())
    }

    fn from_arguments(arguments: &Arguments) -> Result<Self, DecodeError> {
        let lease = value::required(arguments, "NewLeaseDuration")?;
        Ok(Self {
            remote_host: value::remote_host(arguments, REMOTE_HOST)?,
            external_port: value::port(arguments, EXTERNAL_PORT)?,
            protocol: value::protocol(arguments, PROTOCOL)?,
            internal_port: value::port(arguments, "NewInternalPort")?,
            internal_client: value::address(arguments, "NewInternalClient")?,
            enabled: value::boolean(arguments, "NewEnabled"),
            description: arguments.get("NewPortMappingDescription").unwrap_or_default().to_owned(),
            lifetime: value::number(lease)
                .map(Lifetime::from_seconds)
                .ok_or(DecodeError::Invalid("NewLeaseDuration"))?,
        })
    }

    fn response_arguments((): &()) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// The same, but the gateway takes another external port where this one is taken; it answers with the port
/// it took (WANIPConnection:2 section 2.5.17).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddAnyPortMapping(pub AddPortMapping);

impl Action for AddAnyPortMapping {
    const NAME: &'static str = "AddAnyPortMapping";
    const CHANGES: bool = true;
    type Response = NonZeroU16;

    fn arguments(&self) -> Vec<(&'static str, String)> {
        self.0.arguments()
    }

    fn decode(&self, arguments: &Arguments) -> Result<NonZeroU16, DecodeError> {
        value::port(arguments, RESERVED_PORT)
    }

    fn from_arguments(arguments: &Arguments) -> Result<Self, DecodeError> {
        AddPortMapping::from_arguments(arguments).map(Self)
    }

    fn response_arguments(response: &NonZeroU16) -> Vec<(&'static str, String)> {
        vec![(RESERVED_PORT, response.to_string())]
    }
}

/// Deletes one mapping (WANIPConnection:1 section 2.4.17).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletePortMapping {
    /// The remote host with which the mapping was made.
    pub remote_host: Option<IpAddr>,
    /// The external port of the mapping.
    pub external_port: NonZeroU16,
    /// The transport protocol of the mapping.
    pub protocol: Protocol,
}

impl Action for DeletePortMapping {
    const NAME: &'static str = "DeletePortMapping";
    const CHANGES: bool = true;
    type Response = ();

    fn arguments(&self) -> Vec<(&'static str, String)> {
        vec![
            (REMOTE_HOST, value::write_remote_host(self.remote_host)),
            (EXTERNAL_PORT, self.external_port.to_string()),
            (PROTOCOL, self.protocol.to_string()),
        ]
    }

    fn decode(&self, _arguments: &Arguments) -> Result<(), DecodeError> {
        Ok(())
    }

    fn from_arguments(arguments: &Arguments) -> Result<Self, DecodeError> {
        Ok(Self {
            remote_host: value::remote_host(arguments, REMOTE_HOST)?,
            external_port: value::port(arguments, EXTERNAL_PORT)?,
            protocol: value::protocol(arguments, PROTOCOL)?,
        })
    }

    fn response_arguments((): &()) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// Deletes all mappings of a range of external ports (WANIPConnection:2 section 2.5.19).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletePortMappingRange {
    /// The first external port.
    pub start_port: NonZeroU16,
    /// The last external port.
    pub end_port: NonZeroU16,
    /// The transport protocol of the mappings.
    pub protocol: Protocol,
    /// Whether mappings of other hosts are deleted too, which takes authorization.
    pub manage: bool,
}

impl Action for DeletePortMappingRange {
    const NAME: &'static str = "DeletePortMappingRange";
    const CHANGES: bool = true;
    type Response = ();

    fn arguments(&self) -> Vec<(&'static str, String)> {
        vec![
            (START_PORT, self.start_port.to_string()),
            (END_PORT, self.end_port.to_string()),
            (PROTOCOL, self.protocol.to_string()),
            (MANAGE, value::write_boolean(self.manage)),
        ]
    }

    fn decode(&self, _arguments: &Arguments) -> Result<(), DecodeError> {
        Ok(())
    }

    fn from_arguments(arguments: &Arguments) -> Result<Self, DecodeError> {
        Ok(Self {
            start_port: value::port(arguments, START_PORT)?,
            end_port: value::port(arguments, END_PORT)?,
            protocol: value::protocol(arguments, PROTOCOL)?,
            manage: value::required(arguments, MANAGE).map(value::is_yes)?,
        })
    }

    fn response_arguments((): &()) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}
