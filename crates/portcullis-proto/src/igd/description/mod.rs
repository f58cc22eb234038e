//! Device descriptions (UPnP Device Architecture 1.1 section 2.3), read for the services of a gateway.

mod parse;
mod service_type;
mod url_base;

use std::fmt;

use crate::wire::url::{HttpUrl, UrlError};
use crate::wire::xml::XmlError;
pub use service_type::ServiceKind;

/// A service of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// What it is, by its type.
    pub kind: ServiceKind,
    /// The type as advertised, in which form it goes into `SOAPAction`: at most 256 bytes of visible ASCII
    /// without `" < > &`.
    pub service_type: String,
    /// Where to send actions: absolute, resolved as [`Description::parse`] says. The host is what the
    /// gateway wrote, not where to connect to. [`UrlError::Empty`] where the service gives none, or two
    /// different ones.
    pub control_url: Result<HttpUrl, UrlError>,
    /// The other reading, where URLBase and location lead to different ports or paths: worth a try when
    /// nothing answers at the first.
    pub alternate_control_url: Option<HttpUrl>,
    /// Which WANDevice it stands in, counted from 0 in document order (and 0 outside of any).
    pub wan_device: u8,
    /// Whether the type is in `urn:dslforum-org`: a service of the time before UPnP had adopted IGD
    /// (quirk 26), or of TR-064.
    pub dslforum: bool,
}

impl Service {
    /// Whether it is a WAN connection service that can be asked for mappings.
    fn is_usable_wan_connection(&self) -> bool {
        self.kind.is_wan_connection() && self.control_url.is_ok()
    }
}

/// What a device says about itself.
///
/// Names are those of the root device: at most 256 bytes without control characters, empty where missing.
///
/// # Examples
///
/// ```
/// use portcullis_proto::igd::description::Description;
/// use portcullis_proto::wire::url::HttpUrl;
///
/// let location = HttpUrl::parse("http://192.168.1.1:5000/rootDesc.xml").unwrap();
/// let document = b"<root><device><serviceList><service>
///     <serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>
///     <controlURL>/ctl/IPConn</controlURL>
/// </service></serviceList></device></root>";
/// let description = Description::parse(document, &location)?;
/// let service = description.wan_connections().next().unwrap();
/// assert_eq!(service.control_url.as_ref().unwrap().to_string(), "http://192.168.1.1:5000/ctl/IPConn");
/// # Ok::<(), portcullis_proto::igd::description::DescriptionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// `deviceType`, e.g. `urn:schemas-upnp-org:device:InternetGatewayDevice:1`.
    pub device_type: String,
    /// `friendlyName`: what a person calls it.
    pub friendly_name: String,
    /// `manufacturer`.
    pub manufacturer: String,
    /// `modelName`.
    pub model_name: String,
    /// `UDN`, the unique device name.
    pub udn: String,
    /// `URLBase` as written, usable or not.
    pub url_base: Option<String>,
    /// The services in document order. At most 64 are kept, those of WAN devices before all others.
    pub services: Vec<Service>,
}

impl Description {
    /// Reads a description that was fetched from `location`.
    ///
    /// **Control URLs** are resolved against URLBase where it is an `http` URL of the location's own host
    /// (the same text or the same address), as its port and path may well differ from the location's
    /// (Corega: description on port 80, services on 5432). Where it names another host, a loopback address
    /// or nothing readable, it is wrong about where it is, so the location is the base; what URLBase would
    /// have given, moved to the location's address, becomes
    /// [`alternate_control_url`](Service::alternate_control_url). An absolute control URL keeps its port.
    /// (quirks 6, 18, 19)
    ///
    /// A document that is cut off behind the root device is complete: nothing is lost but closing tags.
    ///
    /// # Errors
    ///
    /// [`DescriptionError`]; a device that is no gateway, or a gateway without a service, is none.
    pub fn parse(document: &[u8], location: &HttpUrl) -> Result<Self, DescriptionError> {
        parse::parse(document, location)
    }

    /// Whether the device is a gateway: an InternetGatewayDevice of any version by its type, or anything
    /// with a WAN connection service to talk to.
    pub fn is_gateway(&self) -> bool {
        let words = self.device_type.split(':').map(str::trim);
        words.skip(2).take(2).eq(["device", "InternetGatewayDevice"])
            || self.wan_connections().next().is_some()
    }

    /// Why no port can be mapped with the device, in a few words; `None` where one can.
    pub fn note(&self) -> Option<&'static str> {
        if !self.is_gateway() {
            Some("not an internet gateway")
        } else if self.wan_connections().next().is_none() {
            Some("a gateway, but without a service that maps ports")
        } else {
            None
        }
    }

    /// The WAN connection services with a usable control URL, best first: WANIPConnection:2 and later,
    /// WANIPConnection:1, WANPPPConnection, and those of dslforum.org behind all others; in document order
    /// among equals.
    ///
    /// The dslforum.org services of a TR-064 device are left out, as they need a login.
    pub fn wan_connections(&self) -> impl Iterator<Item = &Service> {
        let tr_064 = self.is_tr_064();
        let mut services: Vec<_> = self
            .services
            .iter()
            .filter(|service| service.is_usable_wan_connection() && !(tr_064 && service.dslforum))
            .collect();
        services.sort_by_key(|service| (service.dslforum, service.kind.preference()));
        services.into_iter()
    }

    /// Whether it is the description of a TR-064 device, whose actions want a login. Such a device has the services
    /// by which it is managed, in the domain of its own type; a gateway that only kept the old domain has none of
    /// them, and no login (quirk 26). What it has of LANConfigSecurity says nothing: that is about other passwords.
    fn is_tr_064(&self) -> bool {
        service_type::is_dslforum(&self.device_type)
            && self.services.iter().any(|service| service_type::is_tr_064_management(&service.service_type))
    }

    /// The services that open pinholes for IPv6, in document order.
    ///
    /// Those of dslforum.org are left out: there is no such service of theirs without a login.
    pub fn ipv6_firewalls(&self) -> impl Iterator<Item = &Service> {
        self.services
            .iter()
            .filter(|service| service.kind == ServiceKind::WanIpv6FirewallControl && !service.dslforum)
            .filter(|service| service.control_url.is_ok())
    }
}

/// Why a document is no description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DescriptionError {
    /// There is nothing in it.
    Empty,
    /// It is not XML that can be read.
    Xml(XmlError),
    /// It is something else: XML without a device, or a web page (of a login, or a captive portal).
    NotADescription,
}

impl fmt::Display for DescriptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty device description"),
            Self::Xml(error) => error.fmt(f),
            Self::NotADescription => f.write_str("not a upnp device description, perhaps a login page"),
        }
    }
}

impl std::error::Error for DescriptionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Xml(error) => Some(error),
            Self::Empty | Self::NotADescription => None,
        }
    }
}

impl From<XmlError> for DescriptionError {
    fn from(error: XmlError) -> Self {
        match error {
            XmlError::Html => Self::NotADescription,
            error => Self::Xml(error),
        }
    }
}

#[cfg(test)]
mod tests;
