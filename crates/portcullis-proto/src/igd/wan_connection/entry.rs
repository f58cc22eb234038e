//! One mapping, as a gateway's table has it.

use std::net::IpAddr;
use std::num::NonZeroU16;

use super::{Action, DecodeError, value};
use crate::wire::soap::Arguments;
use crate::{Lifetime, Protocol};

const INDEX: &str = "NewPortMappingIndex";

/// An entry of a gateway's table of mappings. Texts are at most 256 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortMappingEntry {
    /// The only remote address that is let through, as text; empty for any.
    pub remote_host: String,
    /// The port at the gateway's external address, never 0.
    pub external_port: u16,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The port at the internal client, never 0.
    pub internal_port: u16,
    /// The host that receives the packets, as text: gateways put host names there, or nothing.
    pub internal_client: String,
    /// Whether the mapping works.
    pub enabled: bool,
    /// What its maker called it.
    pub description: String,
    /// How long it lasts from now on; permanent also where the gateway does not say it in a number.
    pub lifetime: Lifetime,
}

impl PortMappingEntry {
    /// The internal client where it is an address.
    pub fn internal_address(&self) -> Option<IpAddr> {
        self.internal_client.trim().parse().ok()
    }

    /// The part that GetSpecificPortMappingEntry answers with.
    fn specific(
        remote_host: String,
        external_port: NonZeroU16,
        protocol: Protocol,
        arguments: &Arguments,
    ) -> Result<Self, DecodeError> {
        value::required(arguments, "NewInternalClient")?;
        Ok(Self {
            remote_host,
            external_port: external_port.get(),
            protocol,
            internal_port: value::port(arguments, "NewInternalPort")?.get(),
            internal_client: value::text(arguments, "NewInternalClient"),
            enabled: value::boolean(arguments, "NewEnabled"),
            description: value::text(arguments, "NewPortMappingDescription"),
            lifetime: value::lifetime(arguments.get("NewLeaseDuration").unwrap_or_default()),
        })
    }

    fn specific_arguments(&self) -> Vec<(&'static str, String)> {
        vec![
            ("NewInternalPort", self.internal_port.to_string()),
            ("NewInternalClient", self.internal_client.clone()),
            ("NewEnabled", value::write_boolean(self.enabled)),
            ("NewPortMappingDescription", self.description.clone()),
            ("NewLeaseDuration", self.lifetime.as_seconds().to_string()),
        ]
    }
}

/// Asks for the entry at an index, from 0 on until the gateway refuses (WANIPConnection:1 section 2.4.14).
///
/// The end is told by 713 SpecifiedArrayIndexInvalid; by 714, 402 or 501 at some gateways (quirk 50).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetGenericPortMappingEntry {
    /// The index of the entry.
    pub index: u16,
}

impl Action for GetGenericPortMappingEntry {
    const NAME: &'static str = "GetGenericPortMappingEntry";
    const CHANGES: bool = false;
    type Response = PortMappingEntry;

    fn arguments(&self) -> Vec<(&'static str, String)> {
        vec![(INDEX, self.index.to_string())]
    }

    fn decode(&self, arguments: &Arguments) -> Result<PortMappingEntry, DecodeError> {
        PortMappingEntry::specific(
            value::text(arguments, "NewRemoteHost"),
            value::port(arguments, "NewExternalPort")?,
            value::protocol(arguments, "NewProtocol")?,
            arguments,
        )
    }

    fn from_arguments(arguments: &Arguments) -> Result<Self, DecodeError> {
        let index = value::number(value::required(arguments, INDEX)?).ok_or(DecodeError::Invalid(INDEX))?;
        Ok(Self { index })
    }

    fn response_arguments(response: &PortMappingEntry) -> Vec<(&'static str, String)> {
        let mut arguments = vec![
            ("NewRemoteHost", response.remote_host.clone()),
            ("NewExternalPort", response.external_port.to_string()),
            ("NewProtocol", response.protocol.to_string()),
        ];
        arguments.extend(response.specific_arguments());
        arguments
    }
}

/// Asks for the entry of one external port (WANIPConnection:1 section 2.4.15).
///
/// What the mapping is of is taken from the question, not from the answer: some gateways repeat it there,
/// and wrongly (quirk 51).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetSpecificPortMappingEntry {
    /// The remote host with which the mapping was made.
    pub remote_host: Option<IpAddr>,
    /// The external port of the mapping.
    pub external_port: NonZeroU16,
    /// The transport protocol of the mapping.
    pub protocol: Protocol,
}

impl Action for GetSpecificPortMappingEntry {
    const NAME: &'static str = "GetSpecificPortMappingEntry";
    const CHANGES: bool = false;
    type Response = PortMappingEntry;

    fn arguments(&self) -> Vec<(&'static str, String)> {
        vec![
            ("NewRemoteHost", value::write_remote_host(self.remote_host)),
            ("NewExternalPort", self.external_port.to_string()),
            ("NewProtocol", self.protocol.to_string()),
        ]
    }

    fn decode(&self, arguments: &Arguments) -> Result<PortMappingEntry, DecodeError> {
        let remote_host = value::write_remote_host(self.remote_host);
        PortMappingEntry::specific(remote_host, self.external_port, self.protocol, arguments)
    }

    fn from_arguments(arguments: &Arguments) -> Result<Self, DecodeError> {
        Ok(Self {
            remote_host: value::remote_host(arguments, "NewRemoteHost")?,
            external_port: value::port(arguments, "NewExternalPort")?,
            protocol: value::protocol(arguments, "NewProtocol")?,
        })
    }

    fn response_arguments(response: &PortMappingEntry) -> Vec<(&'static str, String)> {
        response.specific_arguments()
    }
}
