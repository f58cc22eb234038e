//! The faults of control requests (UPnP Device Architecture 1.1 section 3.2.2).

use crate::device::Device;
use crate::quirk::{Quirk, parameter};
use portcullis_proto::igd::description::ServiceKind;
use portcullis_proto::igd::error_code::UpnpErrorCode;
use portcullis_proto::wire::soap;

/// A UPnP error code with which an action is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UpnpError(pub(crate) i64);

impl UpnpError {
    pub(crate) const INVALID_ACTION: Self = Self(401);
    pub(crate) const INVALID_ARGS: Self = Self(402);
    pub(crate) const ACTION_FAILED: Self = Self(501);
    pub(crate) const NOT_AUTHORIZED: Self = Self(606);
    // WANIPv6FirewallControl:1.
    pub(crate) const PINHOLE_SPACE_EXHAUSTED: Self = Self(701);
    pub(crate) const FIREWALL_DISABLED: Self = Self(702);
    pub(crate) const INBOUND_PINHOLE_NOT_ALLOWED: Self = Self(703);
    pub(crate) const NO_SUCH_ENTRY: Self = Self(704);
    pub(crate) const PROTOCOL_NOT_SUPPORTED: Self = Self(705);
    pub(crate) const INTERNAL_PORT_WILDCARDING_NOT_ALLOWED: Self = Self(706);
    pub(crate) const PROTOCOL_WILDCARDING_NOT_ALLOWED: Self = Self(707);
    pub(crate) const INTERNAL_CLIENT_WILDCARDING_NOT_ALLOWED: Self = Self(708);
    pub(crate) const NO_TRAFFIC_RECEIVED: Self = Self(709);
    // WANIPConnection.
    pub(crate) const SPECIFIED_ARRAY_INDEX_INVALID: Self = Self(713);
    pub(crate) const NO_SUCH_ENTRY_IN_ARRAY: Self = Self(714);
    pub(crate) const WILDCARD_NOT_PERMITTED_IN_SRC_IP: Self = Self(715);
    pub(crate) const WILDCARD_NOT_PERMITTED_IN_EXT_PORT: Self = Self(716);
    pub(crate) const CONFLICT_IN_MAPPING_ENTRY: Self = Self(718);
    pub(crate) const SAME_PORT_VALUES_REQUIRED: Self = Self(724);
    pub(crate) const ONLY_PERMANENT_LEASES_SUPPORTED: Self = Self(725);
    pub(crate) const REMOTE_HOST_ONLY_SUPPORTS_WILDCARD: Self = Self(726);
    pub(crate) const EXTERNAL_PORT_ONLY_SUPPORTS_WILDCARD: Self = Self(727);
    pub(crate) const NO_PORT_MAPS_AVAILABLE: Self = Self(728);
    pub(crate) const CONFLICT_WITH_OTHER_MECHANISMS: Self = Self(729);
    pub(crate) const PORT_MAPPING_NOT_FOUND: Self = Self(730);
    pub(crate) const WILDCARD_NOT_PERMITTED_IN_INT_PORT: Self = Self(732);
    pub(crate) const INCONSISTENT_PARAMETERS: Self = Self(733);

    /// The code that this gateway sends where the specification has `self`.
    fn as_sent(self, device: &Device) -> Self {
        let vague = [
            Self::NO_SUCH_ENTRY_IN_ARRAY,
            Self::WILDCARD_NOT_PERMITTED_IN_EXT_PORT,
            Self::CONFLICT_IN_MAPPING_ENTRY,
        ];
        let absent = parameter!(device.quirks, Quirk::NoSuchEntryAs(code) => code);
        if let Some(code) = absent.filter(|_| self == Self::NO_SUCH_ENTRY_IN_ARRAY) {
            Self(code)
        } else if device.has(Quirk::ActionFailedForConflict) && vague.contains(&self) {
            Self::ACTION_FAILED
        } else {
            self
        }
    }

    /// The body of a service's reply.
    pub(crate) fn encode(self, device: &Device, service: ServiceKind) -> Vec<u8> {
        let Self(code) = self.as_sent(device);
        if device.has(Quirk::BareFaults) {
            return bare(code, b"");
        }
        if device.has(Quirk::GarbageInFaults) {
            return bare(code, b"<errorDescription>\x01\xff\xfe\x80</errorDescription>");
        }
        let mut fault = soap::encode_fault(code, UpnpErrorCode::of(service, code).name());
        if device.has(Quirk::FaultsInCdata) {
            fault = fault.replace(&format!(">{code}<"), &format!("><![CDATA[{code}]]><"));
        }
        if device.has(Quirk::FaultsPrefixed) {
            for name in ["UPnPError", "errorCode", "errorDescription"] {
                fault = fault.replace(&format!("<{name}"), &format!("<e:{name}"));
                fault = fault.replace(&format!("</{name}"), &format!("</e:{name}"));
            }
            fault = fault.replace("<e:UPnPError xmlns=", "<e:UPnPError xmlns:e=");
        }
        fault.into_bytes()
    }
}

/// A fault with nothing in it but its number and `more`.
fn bare(code: i64, more: &[u8]) -> Vec<u8> {
    let mut body = format!(
        "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault>\
         <detail><UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>{code}</errorCode>"
    )
    .into_bytes();
    body.extend_from_slice(more);
    body.extend_from_slice(b"</UPnPError></detail></s:Fault></s:Body></s:Envelope>");
    body
}
