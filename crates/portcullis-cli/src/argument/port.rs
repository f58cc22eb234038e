//! `7777`, `7777/udp`, `80:8080/tcp`, `0:6881`: which ports are meant.

use portcullis::Protocol;
use std::num::NonZeroU16;
use std::str::FromStr;

/// The protocols a port without `/udp` or `/tcp` stands for.
pub(crate) const BOTH: [Protocol; 2] = [Protocol::Udp, Protocol::Tcp];

/// An external port, and the protocol where it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExternalPort {
    pub(crate) port: NonZeroU16,
    pub(crate) protocol: Option<Protocol>,
}

/// An external port and the internal one it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortPair {
    /// `None` (0) leaves it to the gateway.
    pub(crate) external: Option<NonZeroU16>,
    /// `None` (0) stands for one that is free.
    pub(crate) internal: Option<NonZeroU16>,
    pub(crate) protocol: Option<Protocol>,
}

impl FromStr for ExternalPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (port, protocol) = split_protocol(text)?;
        Ok(Self { port: parse_port(port)?, protocol })
    }
}

impl FromStr for PortPair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (ports, protocol) = split_protocol(text)?;
        let (external, internal) = ports.split_once(':').unwrap_or((ports, ports));
        let (external, internal) = (parse_port_or_any(external)?, parse_port_or_any(internal)?);
        if let (Some(external), None) = (external, internal) {
            return Err(format!(
                "internal port 0 stands for any free one, and goes with external port 0 alone: 0 in place of {external}:0"
            ));
        }
        Ok(Self { external, internal, protocol })
    }
}

/// The name of a protocol as this program writes it.
pub(crate) fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Udp => "udp",
        Protocol::Tcp => "tcp",
    }
}

fn split_protocol(text: &str) -> Result<(&str, Option<Protocol>), String> {
    match text.split_once('/') {
        None => Ok((text, None)),
        Some((port, protocol)) => match protocol.parse() {
            Ok(protocol) => Ok((port, Some(protocol))),
            Err(error) => Err(format!("protocol '{protocol}' is {error}")),
        },
    }
}

fn parse_port_or_any(text: &str) -> Result<Option<NonZeroU16>, String> {
    if text == "0" { Ok(None) } else { parse_port(text).map(Some) }
}

fn parse_port(text: &str) -> Result<NonZeroU16, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if is_number => Ok(port),
        _ if is_number => Err(format!("port {text} does not exist, they go from 1 to 65535")),
        _ => Err(format!("'{text}' is not a port number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(port: u16) -> NonZeroU16 {
        NonZeroU16::new(port).unwrap()
    }

    #[test]
    fn reads_ports_with_and_without_protocol() {
        for (text, external, internal, protocol) in [
            ("7777", 7_777, 7_777, None),
            ("7777/udp", 7_777, 7_777, Some(Protocol::Udp)),
            ("80:8080/TCP", 80, 8_080, Some(Protocol::Tcp)),
            ("65535:1", 65_535, 1, None),
        ] {
            let (external, internal) = (Some(port(external)), Some(port(internal)));
            assert_eq!(text.parse(), Ok(PortPair { external, internal, protocol }), "{text}");
        }
        assert_eq!("7/udp".parse(), Ok(ExternalPort { port: port(7), protocol: Some(Protocol::Udp) }));
    }

    #[test]
    fn reads_0_as_any_port() {
        for (text, internal, protocol) in [
            ("0", None, None),
            ("0:0", None, None),
            ("0/tcp", None, Some(Protocol::Tcp)),
            ("0:6881/udp", Some(port(6_881)), Some(Protocol::Udp)),
        ] {
            assert_eq!(text.parse(), Ok(PortPair { external: None, internal, protocol }), "{text}");
        }
        assert!("7777:0".parse::<PortPair>().unwrap_err().contains("0 in place of 7777:0"));
        assert!("0".parse::<ExternalPort>().is_err());
    }

    #[test]
    fn refuses_what_is_no_port() {
        for text in [
            "",
            "00",
            "65536",
            "-1",
            "+1",
            "7777/",
            "7777/icmp",
            "7777:",
            ":7777",
            "1:2:3",
            "7777/udp/tcp",
            " 1",
        ] {
            assert!(text.parse::<PortPair>().is_err(), "{text}");
            assert!(text.parse::<ExternalPort>().is_err(), "{text}");
        }
        assert!("1:2".parse::<ExternalPort>().is_err());
    }
}
