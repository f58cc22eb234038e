//! The actions of WANIPConnection:1, :2 and WANPPPConnection:1.

use crate::wire::soap::Arguments;
use crate::{Lifetime, Protocol};
use core::net::IpAddr;
use core::num::NonZeroU16;

/// One action of a service: its in-arguments, and how its answer reads.
pub trait Action {
    /// e.g. "AddPortMapping"
    const NAME: &'static str;
    type Response;
    /// in the order of the specification
    fn arguments(&self) -> Vec<(&'static str, String)>;
    fn decode(&self, _arguments: &Arguments) -> Result<Self::Response, DecodeError>;
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError { Missing(&'static str), Invalid(&'static str) }

#[derive(Clone, Debug)] pub struct GetExternalIpAddress;      // -> Response IpAddr (garbage → Invalid; v4-mapped canonicalised; no class check here)
#[derive(Clone, Debug)] pub struct GetStatusInfo;             // -> StatusInfo
#[derive(Clone, Debug, PartialEq, Eq)] pub struct StatusInfo { pub connection_status: ConnectionStatus, pub last_connection_error: String, /** seconds; None where malformed */ pub uptime: Option<u32> }
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)] #[non_exhaustive] pub enum ConnectionStatus { Connected /* also "Up" */, Disconnected /* any other known word: Unconfigured, Connecting, Disconnecting, PendingDisconnect, Authenticating, Disconnected.. */, Unknown }
#[derive(Clone, Debug, PartialEq, Eq)] pub struct AddPortMapping { pub remote_host: Option<IpAddr>, pub external_port: NonZeroU16, pub protocol: Protocol, pub internal_port: NonZeroU16, pub internal_client: IpAddr, pub enabled: bool, pub description: String, pub lifetime: Lifetime } // -> ()
#[derive(Clone, Debug, PartialEq, Eq)] pub struct AddAnyPortMapping(pub AddPortMapping); // -> NonZeroU16 reserved port (0/70000 → Invalid)
#[derive(Clone, Debug, PartialEq, Eq)] pub struct DeletePortMapping { pub remote_host: Option<IpAddr>, pub external_port: NonZeroU16, pub protocol: Protocol } // -> ()
#[derive(Clone, Debug, PartialEq, Eq)] pub struct DeletePortMappingRange { pub start_port: NonZeroU16, pub end_port: NonZeroU16, pub protocol: Protocol, pub manage: bool } // -> ()
#[derive(Clone, Debug, PartialEq, Eq)] pub struct GetGenericPortMappingEntry { pub index: u16 } // -> PortMappingEntry
#[derive(Clone, Debug, PartialEq, Eq)] pub struct GetSpecificPortMappingEntry { pub remote_host: Option<IpAddr>, pub external_port: NonZeroU16, pub protocol: Protocol } // -> PortMappingEntry (keys from the request, see quirks 51)
#[derive(Clone, Debug, PartialEq, Eq)] pub struct GetListOfPortMappings { pub start_port: NonZeroU16, pub end_port: NonZeroU16, pub protocol: Protocol, pub manage: bool, pub count: u16 } // -> Vec<PortMappingEntry>
/// internal_client is text: routers put host names there; ≤ 256 bytes
#[derive(Clone, Debug, PartialEq, Eq)] pub struct PortMappingEntry { pub remote_host: String, pub external_port: u16, pub protocol: Protocol, pub internal_port: u16, pub internal_client: String, pub enabled: bool, pub description: String, pub lifetime: Lifetime }
impl PortMappingEntry { pub fn internal_address(&self) -> Option<IpAddr> { self.internal_client.trim().parse().ok() } }
