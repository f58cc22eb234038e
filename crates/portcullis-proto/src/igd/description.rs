//! Device descriptions (UPnP Device Architecture 1.1 section 2.3), read for the services of a gateway.

use crate::wire::{url::{HttpUrl, UrlError}, xml::XmlError};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServiceKind { WanIpConnection(u8), WanPppConnection(u8), WanCommonInterfaceConfig, WanIpv6FirewallControl, Other }

/// A service with a control URL
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub kind: ServiceKind,
    /// as advertised (goes into SOAPAction verbatim; validated: no CR LF " < > & control characters, ≤ 256 bytes)
    pub service_type: String,
    /// absolute; resolved against a usable URLBase, else against the location
    pub control_url: Result<HttpUrl, UrlError>,
    /// the other reading where URLBase and location disagree
    pub alternate_control_url: Option<HttpUrl>,
    /// index of the WANDevice it stands in, document order
    pub wan_device: u8,
    /// urn:dslforum-org
    pub dslforum: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub device_type: String, pub friendly_name: String, pub manufacturer: String, pub model_name: String, pub udn: String,
    pub url_base: Option<String>,
    /// in document order, all of them (≤ 64 kept: WAN services never crowded out by others)
    pub services: Vec<Service>,
}
impl Description {
    pub fn parse(_document: &[u8], _location: &HttpUrl) -> Result<Self, DescriptionError> { todo!() }
    /// deviceType InternetGatewayDevice (any version, any domain) or any usable WAN connection service
    pub fn is_gateway(&self) -> bool { todo!() }
    /// WAN connection services with a usable control URL in order of preference: WANIPConnection:2, :1, WANPPPConnection, document order within;
    /// dslforum variants last. (corpus: "first WAN service in document order among WANIPConnection:2, :1, WANPPPConnection")
    pub fn wan_connections(&self) -> impl Iterator<Item = &Service> { self.services.iter() }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DescriptionError { Empty, Xml(XmlError), NotADescription /* e.g. html login page */ }
