//! A device description that somebody saved: the document alone, or the whole HTTP reply it came in.

use crate::igd::description::{Description, DescriptionError, Service};
use crate::wire::http::{HttpError, Response, ResponseReader};
use crate::wire::url::HttpUrl;
use core::fmt;

/// Stands for a location that nobody knows; no device has this address (RFC 6890).
const NOWHERE: &str = "http://0.0.0.0/";

/// A saved description, read without any network.
///
/// # Examples
///
/// ```
/// use portcullis_proto::igd::saved::SavedDescription;
/// use portcullis_proto::wire::url::HttpUrl;
///
/// let reply = b"HTTP/1.1 200 OK\r\nServer: Linux UPnP/1.0\r\n\r\n<root><device><serviceList><service>
///     <serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>
///     <controlURL>/ctl/IPConn</controlURL>
/// </service></serviceList></device></root>";
/// let location = HttpUrl::parse("http://192.168.1.1:5000/rootDesc.xml").unwrap();
/// let saved = SavedDescription::read(reply, Some(location))?;
/// let (_, control_url) = saved.control_urls().next().unwrap();
/// assert_eq!(control_url, "http://192.168.1.1:5000/ctl/IPConn");
/// assert_eq!(saved.server, "Linux UPnP/1.0");
/// # Ok::<(), portcullis_proto::igd::saved::SavedError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedDescription {
    /// What the device says about itself.
    pub description: Description,
    /// The software that the HTTP reply names; empty for a document alone.
    pub server: String,
    /// Where it came from: as given, else the document's URLBase.
    location: Option<HttpUrl>,
}

impl SavedDescription {
    /// Reads a document, or an HTTP reply (it begins with `HTTP/`), that came from `location`.
    ///
    /// Without a location URLs are resolved against the document's URLBase, which is what it is for; where
    /// it has none either, they stay without a host.
    ///
    /// # Errors
    ///
    /// [`SavedError`], by the part that cannot be read.
    pub fn read(bytes: &[u8], location: Option<HttpUrl>) -> Result<Self, SavedError> {
        let reply = if bytes.starts_with(b"HTTP/") { Some(read_reply(bytes)?) } else { None };
        let document = reply.as_ref().map_or(bytes, |reply| &reply.body);
        // Some gateways serve a good description with a status of 500.
        let parse = |location: &HttpUrl| {
            Description::parse(document, location).map_err(|error| match &reply {
                Some(reply) if !(200..300).contains(&reply.status) => SavedError::Status(reply.status),
                _ => SavedError::Description(error),
            })
        };
        let nowhere =
            HttpUrl::parse(NOWHERE).map_err(|_| SavedError::Description(DescriptionError::Empty))?;
        let mut description = parse(location.as_ref().unwrap_or(&nowhere))?;
        let location =
            location.or_else(|| description.url_base.as_deref().and_then(|base| HttpUrl::parse(base).ok()));
        if let Some(location) = &location {
            description = parse(location)?;
        }
        let server = reply.map(|reply| reply.server).unwrap_or_default();
        Ok(Self { description, server, location })
    }

    /// Its services with their control URLs: at the location's host, whatever host they name, or without
    /// a host where the location is not known. Services whose URL is refused are left out.
    pub fn control_urls(&self) -> impl Iterator<Item = (&Service, String)> {
        self.description.services.iter().filter_map(|service| {
            let url = service.control_url.as_ref().ok()?;
            let shown = match &self.location {
                Some(location) => url.with_host_of(location).to_string(),
                None if NOWHERE.contains(url.host()) => url.target().to_string(),
                None => url.to_string(),
            };
            Some((service, shown))
        })
    }
}

fn read_reply(bytes: &[u8]) -> Result<Response, SavedError> {
    let mut reader = ResponseReader::new("root");
    match reader.push(bytes).map_err(SavedError::Http)? {
        Some(reply) => Ok(reply),
        None => reader.finish().map_err(SavedError::Http),
    }
}

/// Why a file is no saved description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SavedError {
    /// It begins like an HTTP reply and is none.
    Http(HttpError),
    /// It is an HTTP reply of failure, without a description in it.
    Status(u16),
    /// The document is no description.
    Description(DescriptionError),
}

impl fmt::Display for SavedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => write!(f, "http reply: {error}"),
            Self::Status(status) => write!(f, "http reply: status {status} and no description"),
            Self::Description(error) => write!(f, "description: {error}"),
        }
    }
}

impl std::error::Error for SavedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Http(error) => Some(error),
            Self::Description(error) => Some(error),
            Self::Status(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "<serviceList><service>\
        <serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>\
        <controlURL>/ctl?x</controlURL></service></serviceList>";

    fn document(head: &str) -> String {
        format!("<root>{head}<device>{SERVICE}</device></root>")
    }

    fn control_url(document: &str, location: Option<&str>) -> String {
        let location = location.map(|location| HttpUrl::parse(location).unwrap());
        let saved = SavedDescription::read(document.as_bytes(), location).unwrap();
        let (_, url) = saved.control_urls().next().unwrap();
        url
    }

    #[test]
    fn control_urls_are_as_absolute_as_what_is_known() {
        let base = "<URLBase>http://10.0.0.1:5432/</URLBase>";
        for (head, location, url) in [
            ("", None, "/ctl?x"),
            ("", Some("http://192.168.1.1:80/desc.xml"), "http://192.168.1.1/ctl?x"),
            ("", Some("http://gateway.example:49000/desc.xml"), "http://gateway.example:49000/ctl?x"),
            (base, None, "http://10.0.0.1:5432/ctl?x"),
            (base, Some("http://10.0.0.1/desc.xml"), "http://10.0.0.1:5432/ctl?x"),
            ("<URLBase>garbage</URLBase>", None, "/ctl?x"),
        ] {
            assert_eq!(control_url(&document(head), location), url, "{head} {location:?}");
        }
    }

    #[test]
    fn errors_name_the_part_that_cannot_be_read() {
        for (bytes, message) in [
            ("", "description: empty device description"),
            ("HTTP/1.1 200", "http reply: connection closed early"),
            ("HTTP/1.1 404 Not Found\r\n\r\n<html></html>", "http reply: status 404 and no description"),
        ] {
            let error = SavedDescription::read(bytes.as_bytes(), None).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
