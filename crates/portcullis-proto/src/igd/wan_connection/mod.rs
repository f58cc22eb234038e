//! The actions of WANIPConnection:1, WANIPConnection:2 and WANPPPConnection:1.
//!
//! Arguments have the names and the order of the service descriptions. Every action can be encoded and
//! decoded in both directions, for a client and for a gateway.

mod entry;
mod listing;
mod mapping;
mod status;

pub use super::action::{Action, DecodeError};
use super::value;
pub use entry::{GetGenericPortMappingEntry, GetSpecificPortMappingEntry, PortMappingEntry};
pub use listing::{GetListOfPortMappings, MAX_LISTED_ENTRIES, encode_port_listing};
pub use mapping::{AddAnyPortMapping, AddPortMapping, DeletePortMapping, DeletePortMappingRange};
pub use status::{ConnectionStatus, GetExternalIpAddress, GetStatusInfo, StatusInfo};

#[cfg(test)]
mod tests;
