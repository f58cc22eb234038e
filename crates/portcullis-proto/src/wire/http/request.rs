use crate::wire::url::RequestTarget;
use core::fmt;
use core::net::SocketAddr;

/// UPnP Device Architecture 1.1 section 2.2.1 wants the version of UPnP in it; some gateways look for it.
const USER_AGENT: &str = concat!("portcullis/", env!("CARGO_PKG_VERSION"), " UPnP/1.1");

/// Encodes a GET of `target` from the gateway at `host`.
///
/// # Examples
///
/// ```
/// use portcullis_proto::wire::{http::encode_get, url::RequestTarget};
///
/// let request = encode_get("192.168.1.1:5000".parse().unwrap(), &RequestTarget::new("/rootDesc.xml")?);
/// assert!(request.starts_with(b"GET /rootDesc.xml HTTP/1.1\r\nHost: 192.168.1.1:5000\r\n"));
/// # Ok::<(), portcullis_proto::wire::url::UrlError>(())
/// ```
pub fn encode_get(host: SocketAddr, target: &RequestTarget) -> Vec<u8> {
    let host = Host(host);
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

/// Encodes the POST of a SOAP request: `soap_action` is `service type#action`, without quotes.
///
/// Head and body are in one buffer and must be sent in one write, because some routers read one segment
/// only. `SOAPAction` keeps its case and its quotes: routers answer 501 to any other form.
pub fn encode_post(host: SocketAddr, target: &RequestTarget, soap_action: &str, body: &str) -> Vec<u8> {
    let host = Host(host);
    // The service type in it was written by the gateway.
    let soap_action: String = soap_action.chars().filter(|c| c.is_ascii_graphic() && *c != '"').collect();
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nContent-Length: {length}\r\n\
         Content-Type: text/xml; charset=\"utf-8\"\r\nSOAPAction: \"{soap_action}\"\r\nConnection: close\r\n\r\n\
         {body}"
    )
    .into_bytes()
}

/// The value of Host, from the address that is really dialled: no zone, and no port where it is 80, since
/// some routers compare the text.
struct Host(SocketAddr);

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            SocketAddr::V4(address) => write!(f, "{}", address.ip())?,
            SocketAddr::V6(address) => write!(f, "[{}]", address.ip())?,
        }
        match self.0.port() {
            80 => Ok(()),
            port => write!(f, ":{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(request: Vec<u8>) -> String {
        String::from_utf8(request).unwrap()
    }

    #[test]
    fn encodes_get() {
        let target = RequestTarget::new("/d.xml?a").unwrap();
        assert_eq!(
            text(encode_get("192.168.1.1:80".parse().unwrap(), &target)),
            format!(
                "GET /d.xml?a HTTP/1.1\r\nHost: 192.168.1.1\r\nUser-Agent: {USER_AGENT}\r\n\
                 Connection: close\r\n\r\n"
            )
        );
    }

    #[test]
    fn host_of_link_local_address_has_no_zone() {
        let target = RequestTarget::new("/").unwrap();
        let request = text(encode_get("[fe80::1%3]:1900".parse().unwrap(), &target));
        assert!(request.contains("\r\nHost: [fe80::1]:1900\r\n"), "{request}");
    }

    #[test]
    fn encodes_post() {
        let target = RequestTarget::new("/ctl").unwrap();
        let request = text(encode_post("10.0.0.1:5000".parse().unwrap(), &target, "urn:a:1#Do", "<ä/>"));
        assert_eq!(
            request,
            format!(
                "POST /ctl HTTP/1.1\r\nHost: 10.0.0.1:5000\r\nUser-Agent: {USER_AGENT}\r\nContent-Length: 5\r\n\
                 Content-Type: text/xml; charset=\"utf-8\"\r\nSOAPAction: \"urn:a:1#Do\"\r\n\
                 Connection: close\r\n\r\n<ä/>"
            )
        );
    }

    #[test]
    fn soap_action_cannot_add_a_line() {
        let target = RequestTarget::new("/").unwrap();
        let request = text(encode_post("10.0.0.1:80".parse().unwrap(), &target, "a\"\r\nX: y#Do", ""));
        assert!(request.contains("SOAPAction: \"aX:y#Do\"\r\n"), "{request}");
    }
}
