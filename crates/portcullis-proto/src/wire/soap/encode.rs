//! Envelopes on one line: some gateways answer 400 to a line feed or tab before or between tags, others
//! know only the prefixes `s` and `u` (quirks 36 and 37).

use crate::wire::xml::escape;

const HEAD: &str = concat!(
    "<?xml version=\"1.0\"?>",
    "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"",
    " s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>"
);
const TAIL: &str = "</s:Body></s:Envelope>";

/// The envelope of a request, without a single line feed (UPnP Device Architecture 1.1 section 3.2.1).
///
/// `action` and the names of the arguments are names of the specification; values and the service type may
/// be any text.
///
/// ```
/// use portcullis_proto::wire::soap::{decode_request, encode_request};
///
/// let service_type = "urn:schemas-upnp-org:service:WANIPConnection:1";
/// let body = encode_request(service_type, "GetGenericPortMappingEntry", &[("NewPortMappingIndex", "0")]);
/// assert_eq!(decode_request(body.as_bytes())?.arguments.get("NewPortMappingIndex"), Some("0"));
/// # Ok::<(), portcullis_proto::wire::soap::SoapError>(())
/// ```
pub fn encode_request(service_type: &str, action: &str, arguments: &[(&str, &str)]) -> String {
    encode(service_type, action, "", arguments)
}

/// The envelope of a successful reply, as a gateway writes it (section 3.2.2).
pub fn encode_response(service_type: &str, action: &str, arguments: &[(&str, &str)]) -> String {
    encode(service_type, action, "Response", arguments)
}

/// The envelope of a refusal, as a gateway writes it with HTTP status 500 (section 3.2.2).
pub fn encode_fault(code: i64, description: &str) -> String {
    format!(
        "{HEAD}<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>\
         <UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>{code}</errorCode>\
         <errorDescription>{}</errorDescription></UPnPError></detail></s:Fault>{TAIL}",
        value(description)
    )
}

fn encode(service_type: &str, action: &str, suffix: &str, arguments: &[(&str, &str)]) -> String {
    let namespace = value(service_type).replace('"', "&quot;");
    let mut body = format!("{HEAD}<u:{action}{suffix} xmlns:u=\"{namespace}\">");
    for (name, text) in arguments {
        for part in ["<", name, ">", &value(text), "</", name, ">"] {
            body.push_str(part);
        }
    }
    for part in ["</u:", action, suffix, ">", TAIL] {
        body.push_str(part);
    }
    body
}

fn value(text: &str) -> String {
    escape(text).replace(['\r', '\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::soap::{Fault, Reply, decode_reply, decode_request};

    #[test]
    fn writes_a_request_on_one_line() {
        let body = encode_request("urn:x:1", "Do", &[("A", "1 < \"2\"\n&\t'3'"), ("B", "")]);
        assert_eq!(
            body,
            "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body><u:Do xmlns:u=\"urn:x:1\">\
             <A>1 &lt; \"2\" &amp; '3'</A><B></B></u:Do></s:Body></s:Envelope>"
        );
    }

    #[test]
    fn what_is_written_reads_back() {
        let arguments = [("NewA", "<p:x a=\"1\">&amp;</p:x>"), ("NewB", ""), ("NewC", " \u{e9}\u{1F600}")];

        let request = decode_request(encode_request("urn:\"x\"", "Do", &arguments).as_bytes()).unwrap();
        assert_eq!((request.service_type.as_str(), request.action.as_str()), ("urn:\"x\"", "Do"));
        assert!(request.arguments.iter().eq(arguments));

        let reply = decode_reply(encode_response("urn:x", "Do", &arguments).as_bytes(), "Do").unwrap();
        assert_eq!(reply, Reply::Success(arguments.into_iter().collect()));

        let reply = decode_reply(encode_fault(718, "Conflict <1>").as_bytes(), "Do").unwrap();
        assert_eq!(reply, Reply::Fault(Fault { code: Some(718), description: "Conflict <1>".into() }));
    }
}
