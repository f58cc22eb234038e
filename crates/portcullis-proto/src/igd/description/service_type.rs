//! Types of services and devices: `urn:DOMAIN:service:NAME:VERSION`.

/// What a service is, by the name and version in its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServiceKind {
    /// WANIPConnection of this version; 1 where the type has none that can be read.
    WanIpConnection(u8),
    /// WANPPPConnection of this version; 1 where the type has none that can be read.
    WanPppConnection(u8),
    /// WANCommonInterfaceConfig: line rates and byte counts.
    WanCommonInterfaceConfig,
    /// WANIPv6FirewallControl: pinholes for IPv6.
    WanIpv6FirewallControl,
    /// Any other.
    Other,
}

impl ServiceKind {
    /// The kind that a service type names. The domain is not looked at, nor is a version required
    /// (quirk 25).
    pub fn of(service_type: &str) -> Self {
        let mut words = service_type.split(':').skip(2);
        if words.next() != Some("service") {
            return Self::Other;
        }
        let name = words.next().unwrap_or_default();
        let version =
            words.next().and_then(|word| word.parse().ok()).filter(|&version| version > 0).unwrap_or(1);
        match name {
            "WANIPConnection" => Self::WanIpConnection(version),
            "WANPPPConnection" => Self::WanPppConnection(version),
            "WANCommonInterfaceConfig" => Self::WanCommonInterfaceConfig,
            "WANIPv6FirewallControl" => Self::WanIpv6FirewallControl,
            _ => Self::Other,
        }
    }

    /// The kind that a service type names; `None` where it may not stand in a request.
    pub(crate) fn of_sound(service_type: &str) -> Option<Self> {
        is_sound(service_type).then(|| Self::of(service_type))
    }

    /// Whether port mappings are made at services of this kind.
    pub const fn is_wan_connection(self) -> bool {
        matches!(self, Self::WanIpConnection(_) | Self::WanPppConnection(_))
    }

    /// The smaller, the better for mapping ports.
    pub(super) const fn preference(self) -> u8 {
        match self {
            Self::WanIpConnection(2..) => 0,
            Self::WanIpConnection(_) => 1,
            Self::WanPppConnection(_) => 2,
            Self::WanCommonInterfaceConfig | Self::WanIpv6FirewallControl | Self::Other => 3,
        }
    }
}

/// Whether a type is in the domain of the DSL Forum, today's Broadband Forum.
pub(super) fn is_dslforum(urn: &str) -> bool {
    urn.split(':').nth(1) == Some("dslforum-org")
}

/// Whether a type is that of a service by which a device is managed and which every TR-064 device has: DeviceInfo or
/// DeviceConfig, in the domain of the DSL Forum.
pub(super) fn is_tr_064_management(service_type: &str) -> bool {
    let mut words = service_type.split(':').skip(1);
    words.next() == Some("dslforum-org")
        && words.next() == Some("service")
        && matches!(words.next(), Some("DeviceInfo" | "DeviceConfig"))
}

/// Whether a service type may stand in a request header and in an attribute as it is.
pub(super) fn is_sound(service_type: &str) -> bool {
    !service_type.is_empty()
        && service_type.len() <= 256
        && service_type.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'&'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_services_of_any_domain_and_version() {
        for (service_type, kind) in [
            ("urn:schemas-upnp-org:service:WANIPConnection:1", ServiceKind::WanIpConnection(1)),
            ("urn:schemas-upnp-org:service:WANIPConnection:2", ServiceKind::WanIpConnection(2)),
            ("urn:schemas-upnp-org:service:WANIPConnection", ServiceKind::WanIpConnection(1)),
            ("urn:schemas-upnp-org:service:WANIPConnection:x", ServiceKind::WanIpConnection(1)),
            ("urn:schemas-upnp-org:service:WANIPConnection:300", ServiceKind::WanIpConnection(1)),
            ("urn:dslforum-org:service:WANPPPConnection:1", ServiceKind::WanPppConnection(1)),
            (
                "urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1",
                ServiceKind::WanCommonInterfaceConfig,
            ),
            ("urn:schemas-upnp-org:service:WANIPv6FirewallControl:1", ServiceKind::WanIpv6FirewallControl),
            ("urn:schemas-upnp-org:service:WANIPConnectionX:1", ServiceKind::Other),
            ("urn:schemas-upnp-org:device:WANIPConnection:1", ServiceKind::Other),
            ("WANIPConnection:1", ServiceKind::Other),
            ("", ServiceKind::Other),
        ] {
            assert_eq!(ServiceKind::of(service_type), kind, "{service_type}");
        }
    }

    #[test]
    fn refuses_types_that_could_leave_their_header_or_attribute() {
        for service_type in ["", "a b", "a\r\nb", "a\"b", "a<b", "a&b", "\u{e9}", &"a".repeat(257)] {
            assert!(!is_sound(service_type), "{service_type:?}");
        }
    }
}
