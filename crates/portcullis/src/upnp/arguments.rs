//! The arguments of a mapping, checked in the engine's order.

use super::result::UpnpResult;
use crate::{Lifetime, MappingRequest, Protocol};
use core::num::NonZeroU16;
use portcullis_proto::client::DEFAULT_DESCRIPTION;

/// Characters of a description that are sent; gateways store a few dozen.
const DESCRIPTION_LENGTH: usize = 256;

/// A mapping that may be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MappingArguments {
    pub(super) port: NonZeroU16,
    pub(super) port_internal: NonZeroU16,
    pub(super) description: String,
    pub(super) protocol: Protocol,
    pub(super) lifetime: Lifetime,
}

impl MappingArguments {
    /// External port, internal port, protocol, duration: the first one that is wrong decides.
    pub(super) fn check(
        port: i32,
        port_internal: i32,
        desc: &str,
        proto: &str,
        duration: i32,
    ) -> Result<Self, UpnpResult> {
        let port = external_port(port)?;
        let port_internal = u16::try_from(port_internal).map_err(|_| UpnpResult::InvalidPort)?;
        let protocol = protocol(proto)?;
        let duration = u32::try_from(duration).map_err(|_| UpnpResult::InvalidDuration)?;
        let desc = if desc.is_empty() { DEFAULT_DESCRIPTION } else { desc };
        Ok(Self {
            port,
            port_internal: NonZeroU16::new(port_internal).unwrap_or(port),
            description: desc.chars().take(DESCRIPTION_LENGTH).collect(),
            protocol,
            lifetime: Lifetime::from_seconds(duration),
        })
    }
}

/// A request for [`Client::map`](crate::Client::map) from the engine's arguments, checked as
/// [`UpnpDevice::add_port_mapping`](super::UpnpDevice::add_port_mapping) checks them.
///
/// # Errors
///
/// [`InvalidPort`](UpnpResult::InvalidPort), [`InvalidProtocol`](UpnpResult::InvalidProtocol),
/// [`InvalidDuration`](UpnpResult::InvalidDuration), in this order.
///
/// ```
/// use portcullis::upnp::{UpnpResult, mapping_request};
///
/// assert_eq!(mapping_request(7777, 0, "", "UDP", 0)?.internal_port().get(), 7777);
/// assert_eq!(mapping_request(7777, 0, "", "udp", 0), Err(UpnpResult::InvalidProtocol));
/// # Ok::<(), UpnpResult>(())
/// ```
pub fn mapping_request(
    port: i32,
    port_internal: i32,
    desc: &str,
    proto: &str,
    duration: i32,
) -> Result<MappingRequest, UpnpResult> {
    let arguments = MappingArguments::check(port, port_internal, desc, proto, duration)?;
    Ok(MappingRequest::new(arguments.protocol, arguments.port_internal)
        .external_port(arguments.port)
        .lifetime(arguments.lifetime)
        .description(&arguments.description))
}

pub(super) fn external_port(port: i32) -> Result<NonZeroU16, UpnpResult> {
    u16::try_from(port).ok().and_then(NonZeroU16::new).ok_or(UpnpResult::InvalidPort)
}

/// In upper case only, as the engine wants it.
pub(super) fn protocol(proto: &str) -> Result<Protocol, UpnpResult> {
    [Protocol::Udp, Protocol::Tcp]
        .into_iter()
        .find(|protocol| protocol.as_str() == proto)
        .ok_or(UpnpResult::InvalidProtocol)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(port: i32, port_internal: i32, proto: &str, duration: i32) -> Option<UpnpResult> {
        MappingArguments::check(port, port_internal, "", proto, duration).err()
    }

    #[test]
    fn the_first_wrong_argument_decides() {
        for (port, internal, proto, duration, expected) in [
            (0, -1, "", -1, UpnpResult::InvalidPort),
            (65_536, 1, "UDP", 0, UpnpResult::InvalidPort),
            (-1, 1, "UDP", 0, UpnpResult::InvalidPort),
            (1, 65_536, "", -1, UpnpResult::InvalidPort),
            (1, -1, "UDP", 0, UpnpResult::InvalidPort),
            (1, 1, "udp", -1, UpnpResult::InvalidProtocol),
            (1, 1, "UDP ", 0, UpnpResult::InvalidProtocol),
            (1, 1, "", 0, UpnpResult::InvalidProtocol),
            (1, 1, "TCP", -1, UpnpResult::InvalidDuration),
        ] {
            assert_eq!(refusal(port, internal, proto, duration), Some(expected), "{port} {internal} {proto}");
        }
        assert_eq!(refusal(1, 65_535, "TCP", i32::MAX), None);
        assert_eq!(refusal(65_535, 0, "UDP", 0), None);
    }

    #[test]
    fn what_is_left_out_is_filled_in() {
        let arguments = MappingArguments::check(7_777, 0, "", "UDP", 0).unwrap();
        assert_eq!(arguments.port_internal, arguments.port);
        assert_eq!(arguments.description, "portcullis");
        assert_eq!(arguments.lifetime, Lifetime::Permanent);
    }

    #[test]
    fn a_description_keeps_its_characters_up_to_a_length() {
        let arguments = MappingArguments::check(1, 0, &"\u{e9}&".repeat(200), "UDP", 0).unwrap();
        assert_eq!(arguments.description, "\u{e9}&".repeat(128));
    }
}
