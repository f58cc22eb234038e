//! Control: from a request to the reply of an action (UPnP Device Architecture 1.1 section 3.2).

use super::arguments::{Call, OutArguments};
use super::description;
use super::ipv6_firewall;
use super::upnp_error::UpnpError;
use super::wan_connection;
use crate::counters::Counters;
use crate::device::Device;
use crate::http::{Reply, Request};
use crate::quirk::{ControlUrl, Quirk, parameter};
use crate::ssdp::answers_to;
use core::net::IpAddr;
use portcullis_proto::Time;
use portcullis_proto::igd::description::ServiceKind;
use portcullis_proto::wire::soap;

/// A reply, and the action it belongs to.
#[derive(Debug)]
pub(crate) struct Controlled {
    pub(crate) action: Option<String>,
    pub(crate) reply: Reply,
}

pub(crate) fn respond(
    device: &mut Device,
    counters: &mut Counters,
    now: Time,
    peer: IpAddr,
    request: &Request,
) -> Controlled {
    let refused = |status| Controlled { action: None, reply: Reply::error(status) };
    if let Some(status) = dislike(device, request) {
        return refused(status);
    }
    // A literal control URL may lead anywhere on this gateway, and does lead to it.
    let literal = parameter!(device.quirks, Quirk::ControlUrl(ControlUrl::Literal(_)) => ()).is_some();
    let target = if literal { "/ctl/IPConn" } else { request.target.as_str() };
    let Some(service) = description::service_at(device, target) else { return refused(404) };
    let Ok(soap_request) = soap::decode_request(&request.body) else { return refused(400) };
    let soap::Request { service_type, action, arguments } = soap_request;
    counters.count_post(&action);

    let call = Call {
        now,
        peer,
        version_two: service_type.rsplit(':').next().and_then(|version| version.parse().ok()).unwrap_or(0)
            >= 2,
        down: service.down,
        arguments: &arguments,
    };
    if let Ok(seconds) = call.seconds("NewLeaseDuration") {
        counters.note_lease(seconds);
    }
    let known = answers_to(&service.service_type, &service_type) && names(request, &service_type, &action);
    let outcome =
        if known { perform(device, &call, &service_type, &action) } else { Err(UpnpError::INVALID_ACTION) };
    let reply = match outcome {
        Ok(mut out) => {
            override_arguments(device, &mut out);
            let name = parameter!(device.quirks, Quirk::AnswersAs(asked, other) if asked == action => other);
            let out: Vec<_> = out.iter().map(|(name, value)| (*name, value.as_str())).collect();
            Reply::xml(200, soap::encode_response(&service_type, name.unwrap_or(&action), &out))
        }
        Err(error) => Reply::xml(500, error.encode(device, ServiceKind::of(&service_type))),
    };
    Controlled { action: Some(action), reply }
}

/// The status with which this gateway refuses a request for its form alone.
fn dislike(device: &Device, request: &Request) -> Option<u16> {
    if device.has(Quirk::OneReadOnly) && request.reads > 1 {
        return Some(400);
    }
    if device.has(Quirk::ExactSoapActionCase) && !request.headers.iter().any(|(name, _)| name == "SOAPAction")
    {
        return Some(501);
    }
    let quoted = |value: &str| value.len() > 1 && value.starts_with('"') && value.ends_with('"');
    if device.has(Quirk::QuotedSoapAction) && !request.header("SOAPAction").is_some_and(quoted) {
        return Some(400);
    }
    if device.has(Quirk::CompactEnvelopeOnly) && !is_compact(&request.body) {
        return Some(400);
    }
    None
}

/// No white space before the first tag, or alone between two.
fn is_compact(body: &[u8]) -> bool {
    let starts_with_tag = body.first() == Some(&b'<');
    let between = body.split(|byte| *byte == b'>').any(|text| {
        let space = text.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        space > 0 && text.get(space) == Some(&b'<')
    });
    starts_with_tag && !between
}

/// Whether the header names the action of the body (section 3.2.1).
fn names(request: &Request, service_type: &str, action: &str) -> bool {
    request
        .header("SOAPAction")
        .is_some_and(|header| header.trim_matches('"').rsplit_once('#') == Some((service_type, action)))
}

fn perform(
    device: &mut Device,
    call: &Call<'_>,
    service_type: &str,
    action: &str,
) -> Result<OutArguments, UpnpError> {
    if let Some(code) = parameter!(device.quirks, Quirk::Fault(name, code) if name == action => code) {
        return Err(UpnpError(code));
    }
    match service_type.rsplit(':').nth(1) {
        Some("WANIPConnection" | "WANPPPConnection") => wan_connection::perform(device, call, action),
        Some("WANCommonInterfaceConfig") if action == "GetCommonLinkProperties" => Ok(vec![
            ("NewWANAccessType", "Ethernet".to_owned()),
            ("NewLayer1UpstreamMaxBitRate", "40000000".to_owned()),
            ("NewLayer1DownstreamMaxBitRate", "100000000".to_owned()),
            ("NewPhysicalLinkStatus", "Up".to_owned()),
        ]),
        Some("WANIPv6FirewallControl") => ipv6_firewall::perform(device, call, action),
        _ => Err(UpnpError::INVALID_ACTION),
    }
}

fn override_arguments(device: &Device, out: &mut OutArguments) {
    for (name, value) in out {
        if let Some(other) =
            parameter!(device.quirks, Quirk::OutArgument(which, other) if which == *name => other)
        {
            *value = other.to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_compact_envelopes_from_others() {
        assert!(is_compact(b"<?xml version=\"1.0\"?><a><b>text with space </b></a>"));
        assert!(!is_compact(b"\n<a></a>"));
        assert!(!is_compact(b"<a>\n<b></b></a>"));
        assert!(!is_compact(b""));
    }
}
