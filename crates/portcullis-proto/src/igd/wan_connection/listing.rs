//! The whole table in one answer: a document inside of an argument (WANIPConnection:2 section 2.3.25).

use std::num::NonZeroU16;

use super::{Action, DecodeError, PortMappingEntry, value};
use crate::Protocol;
use crate::wire::soap::Arguments;
use crate::wire::xml::{XmlError, XmlEvent, XmlReader, escape};

/// Most entries that are read from one listing.
pub const MAX_LISTED_ENTRIES: usize = 512;

const START_PORT: &str = "NewStartPort";
const END_PORT: &str = "NewEndPort";
const PROTOCOL: &str = "NewProtocol";
const MANAGE: &str = "NewManage";
const NUMBER_OF_PORTS: &str = "NewNumberOfPorts";
const PORT_LISTING: &str = "NewPortListing";

/// Asks for the mappings of a range of external ports (WANIPConnection:2 section 2.5.21).
///
/// An entry that cannot be read (no port, another protocol than TCP or UDP) is left out; at most
/// [`MAX_LISTED_ENTRIES`] are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetListOfPortMappings {
    /// The first external port.
    pub start_port: NonZeroU16,
    /// The last external port.
    pub end_port: NonZeroU16,
    /// The transport protocol of the mappings.
    pub protocol: Protocol,
    /// Whether mappings of other hosts are listed too, which takes authorization.
    pub manage: bool,
    /// The most entries to answer with; 0 for all.
    pub count: u16,
}

impl Action for GetListOfPortMappings {
    const NAME: &'static str = "GetListOfPortMappings";
    const CHANGES: bool = false;
    type Response = Vec<PortMappingEntry>;

    fn arguments(&self) -> Vec<(&'static str, String)> {
        vec![
            (START_PORT, self.start_port.to_string()),
            (END_PORT, self.end_port.to_string()),
            (PROTOCOL, self.protocol.to_string()),
            (MANAGE, value::write_boolean(self.manage)),
            (NUMBER_OF_PORTS, self.count.to_string()),
        ]
    }

    fn decode(&self, arguments: &Arguments) -> Result<Vec<PortMappingEntry>, DecodeError> {
        let listing = value::required(arguments, PORT_LISTING)?;
        if listing.is_empty() {
            return Ok(Vec::new());
        }
        read(listing).map_err(|_| DecodeError::Invalid(PORT_LISTING))
    }

    fn from_arguments(arguments: &Arguments) -> Result<Self, DecodeError> {
        Ok(Self {
            start_port: value::port(arguments, START_PORT)?,
            end_port: value::port(arguments, END_PORT)?,
            protocol: value::protocol(arguments, PROTOCOL)?,
            manage: value::required(arguments, MANAGE).map(value::is_yes)?,
            count: value::number(value::required(arguments, NUMBER_OF_PORTS)?)
                .ok_or(DecodeError::Invalid(NUMBER_OF_PORTS))?,
        })
    }

    fn response_arguments(response: &Vec<PortMappingEntry>) -> Vec<(&'static str, String)> {
        vec![(PORT_LISTING, encode_port_listing(response))]
    }
}

/// The document of a listing, as a gateway puts it (escaped once more) into `NewPortListing`.
pub fn encode_port_listing(entries: &[PortMappingEntry]) -> String {
    let mut listing = String::from("<p:PortMappingList xmlns:p=\"urn:schemas-upnp-org:gw:WANIPConnection\">");
    for entry in entries {
        listing.push_str("<p:PortMappingEntry>");
        for (name, text) in [
            ("NewRemoteHost", entry.remote_host.clone()),
            ("NewExternalPort", entry.external_port.to_string()),
            ("NewProtocol", entry.protocol.to_string()),
            ("NewInternalPort", entry.internal_port.to_string()),
            ("NewInternalClient", entry.internal_client.clone()),
            ("NewEnabled", value::write_boolean(entry.enabled)),
            ("NewDescription", entry.description.clone()),
            ("NewLeaseTime", entry.lifetime.as_seconds().to_string()),
        ] {
            for part in ["<p:", name, ">", &escape(&text), "</p:", name, ">"] {
                listing.push_str(part);
            }
        }
        listing.push_str("</p:PortMappingEntry>");
    }
    listing.push_str("</p:PortMappingList>");
    listing
}

fn read(listing: &str) -> Result<Vec<PortMappingEntry>, XmlError> {
    let mut reader = XmlReader::new(listing.as_bytes())?;
    let mut entries = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut draft: Option<Draft> = None;
    while let Some(event) = reader.next_event()? {
        match event {
            XmlEvent::Start(name) => {
                if open.is_empty() && name != "PortMappingList" {
                    return Err(XmlError::Syntax);
                }
                if name == "PortMappingEntry" {
                    draft = Some(Draft::default());
                }
                open.push(name);
            }
            XmlEvent::Text(text) => {
                if let (Some(draft), Some(name)) = (&mut draft, open.last()) {
                    draft.give(name, &text);
                }
            }
            XmlEvent::End(name) => {
                open.pop();
                if name == "PortMappingEntry" {
                    entries.extend(draft.take().and_then(Draft::finish));
                    if entries.len() >= MAX_LISTED_ENTRIES {
                        break;
                    }
                }
            }
        }
    }
    Ok(entries)
}

/// An entry as far as read.
#[derive(Debug, Default)]
struct Draft {
    remote_host: String,
    external_port: Option<NonZeroU16>,
    protocol: Option<Protocol>,
    internal_port: Option<NonZeroU16>,
    internal_client: String,
    disabled: bool,
    description: String,
    lease: String,
}

impl Draft {
    /// Takes both the names of the listing's schema and those of the other actions, which gateways mix up.
    fn give(&mut self, name: &str, text: &str) {
        match name {
            "NewRemoteHost" => self.remote_host = value::sanitise(text),
            "NewExternalPort" => self.external_port = value::number(text),
            "NewProtocol" => self.protocol = text.trim().parse().ok(),
            "NewInternalPort" => self.internal_port = value::number(text),
            "NewInternalClient" => self.internal_client = value::sanitise(text),
            "NewEnabled" => self.disabled = !value::is_yes(text),
            "NewDescription" | "NewPortMappingDescription" => self.description = value::sanitise(text),
            "NewLeaseTime" | "NewLeaseDuration" => self.lease = value::sanitise(text),
            _ => {}
        }
    }

    fn finish(self) -> Option<PortMappingEntry> {
        Some(PortMappingEntry {
            remote_host: self.remote_host,
            external_port: self.external_port?.get(),
            protocol: self.protocol?,
            internal_port: self.internal_port?.get(),
            internal_client: self.internal_client,
            enabled: !self.disabled,
            description: self.description,
            lifetime: value::lifetime(&self.lease),
        })
    }
}
