//! What happened to a mapping: a JSON object of its own, or a line.

use crate::argument::duration::duration_in_words;
use crate::argument::port::protocol_name;
use crate::cmd::journal_report::in_whole_seconds;
use crate::cmd::ports::external_port;
use crate::output::Report;
use crate::output::text::Text;
use portcullis::{Change, ChangeKind, MappingRequest, Reason, Time};
use serde::Serialize;
use std::fmt;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::time::Duration;

/// What is said of a mapping that the gateway was asked to delete.
const UNCONFIRMED: &str = "asked to close; the gateway does not say whether it did";
const CLOSES_LATER: &str = "closes when its lifetime ends; the gateway cannot close it sooner";
/// What is said of one that is kept no more and stays.
const STAYS_OPEN: &str = "stays open (it was open before, or another program keeps it)";
/// What is said of one that leads to an address which this host had.
const STILL_THERE: &str = "still leads to this host's old address";

#[derive(Debug, Serialize)]
pub(super) struct ChangeReport {
    event: &'static str,
    sequence: u64,
    elapsed_ms: u64,
    method: Option<&'static str>,
    protocol: &'static str,
    internal_address: Option<IpAddr>,
    internal_port: u16,
    external_address: Option<IpAddr>,
    /// The port that was asked for where nothing is granted yet; 0 where the gateway is left to choose.
    external_port: u16,
    gateway: Option<Text>,
    default_gateway: Option<bool>,
    behind_nat: Option<bool>,
    lifetime_s: Option<u32>,
    /// `null` for a permanent mapping, and where nothing is granted.
    remaining_s: Option<u64>,
    reason: &'static str,
    /// The reason in words.
    message: Text,
    /// What was, and what is, of a port or address that changed.
    from: Option<String>,
    to: Option<String>,
}

impl ChangeReport {
    pub(super) fn new(change: &Change, request: &MappingRequest, now: Time, elapsed_ms: u64) -> Self {
        let granted = change.granted.as_ref();
        let is_over = matches!(change.kind, ChangeKind::Lost | ChangeKind::Released);
        let remaining = match change.reason {
            Reason::Ending(within) => Some(within),
            _ => change.expires.map(|at| if is_over { Duration::ZERO } else { at - now }),
        };
        let (from, to) = match change.kind {
            ChangeKind::PortChanged { from, to } => (Some(from.to_string()), Some(to.to_string())),
            ChangeKind::ExternalAddressChanged { from, to } => {
                (from.map(|address| address.to_string()), to.map(|address| address.to_string()))
            }
            _ => (None, None),
        };
        Self {
            event: change.kind.as_str(),
            sequence: change.sequence,
            elapsed_ms,
            method: granted.map(|granted| granted.method().as_str()),
            protocol: protocol_name(request.protocol()),
            internal_address: granted
                .filter(|granted| !granted.behind_nat)
                .map(|granted| granted.internal_address),
            internal_port: request.internal_port().get(),
            external_address: granted.and_then(|granted| granted.external_address),
            external_port: granted
                .map(|granted| granted.external_port)
                .or_else(|| external_port(request))
                .map_or(0, NonZeroU16::get),
            gateway: granted.map(|granted| Text::from(granted.gateway.as_str())),
            default_gateway: granted.and_then(|granted| granted.default_gateway),
            behind_nat: granted.map(|granted| granted.behind_nat),
            lifetime_s: granted.map(|granted| granted.told_lifetime().as_seconds()),
            remaining_s: remaining.map(in_whole_seconds),
            reason: change.reason.as_str(),
            message: Text::from(change.reason.to_string().as_str()),
            from,
            to,
        }
    }

    /// From the start of the program.
    pub(super) fn elapsed_in_words(&self) -> String {
        duration_in_words(Duration::from_millis(self.elapsed_ms))
    }

    /// How it stands, in a word.
    pub(super) fn state(&self) -> &'static str {
        match (self.event, self.reason) {
            ("degraded", _) if self.method.is_some() => "in doubt",
            ("degraded", _) => "asking",
            ("lost", _) => "lost",
            ("released", "unconfirmed") => "in doubt",
            ("released", "ending") => "closing",
            ("released", _) => "closed",
            ("handed-over", _) => "left open",
            _ => "open",
        }
    }

    /// The mapping's name and its place on the internet side.
    pub(super) fn place(&self) -> String {
        match self.external_address {
            Some(address) => {
                format!("{} {}", self.protocol, SocketAddr::new(address, self.external_port))
            }
            None if self.external_port == 0 => format!("{} any port", self.protocol),
            None => format!("{} port {}", self.protocol, self.external_port),
        }
    }

    /// For how long, where that is known, to be put behind what happened.
    pub(super) fn left_in_words(&self) -> String {
        let left = self.remaining_s.filter(|&left| left > 0);
        left.map(|left| format!(", {} left", duration_in_words(Duration::from_secs(left))))
            .unwrap_or_default()
    }

    /// What happened, and why.
    pub(super) fn what(&self) -> String {
        let change = match (&self.from, &self.to) {
            (None, None) => String::new(),
            (from, to) => {
                let or_none = |value: &Option<String>| value.as_deref().unwrap_or("none").to_owned();
                format!(" from {} to {}", or_none(from), or_none(to))
            }
        };
        let event = match (self.event, self.reason) {
            // Nothing that was granted is in doubt: there is nothing yet.
            ("degraded", _) if self.method.is_none() => "not open yet",
            ("released", "unconfirmed") => return UNCONFIRMED.to_owned(),
            ("released", "ending") => return CLOSES_LATER.to_owned(),
            ("released", _) => "closed",
            ("handed-over", _) => return STAYS_OPEN.to_owned(),
            ("left-behind", _) => {
                let address = self.internal_address.map(|address| format!(" {address}")).unwrap_or_default();
                return format!("{STILL_THERE}{address} ({})", self.message);
            }
            ("mapped", _) if self.behind_nat == Some(true) => {
                "mapped for the NAT in front of this host, not for this host"
            }
            (event, _) => event,
        };
        format!("{event}{change} ({})", self.message)
    }
}

impl Report for ChangeReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{self}")
    }
}

/// Since when, which mapping, what and why, for how long.
impl fmt::Display for ChangeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}{}", self.elapsed_in_words(), self.place(), self.what(), self.left_in_words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(event: ChangeKind, reason: &Reason, remaining_s: u64) -> ChangeReport {
        ChangeReport {
            event: event.as_str(),
            sequence: 1,
            elapsed_ms: 2_000,
            method: Some("pcp"),
            protocol: "udp",
            internal_address: "192.168.1.7".parse().ok(),
            internal_port: 7777,
            external_address: None,
            external_port: 7777,
            gateway: None,
            default_gateway: None,
            behind_nat: None,
            lifetime_s: None,
            remaining_s: Some(remaining_s),
            reason: reason.as_str(),
            message: Text::from(reason.to_string().as_str()),
            from: None,
            to: None,
        }
    }

    #[test]
    fn a_mapping_for_a_nat_in_front_of_this_host_is_told_as_that() {
        let mapped = report(ChangeKind::Mapped, &Reason::Asked, 60);
        assert_eq!(mapped.what(), "mapped (as asked)");
        let mapped = ChangeReport { behind_nat: Some(true), ..mapped };
        assert_eq!(mapped.what(), "mapped for the NAT in front of this host, not for this host (as asked)");
    }

    #[test]
    fn the_end_of_a_keeper_is_told_as_it_is() {
        let ending = Reason::Ending(Duration::from_secs(120));
        for (event, reason, remaining_s, state, line) in [
            (ChangeKind::Released, Reason::Asked, 0, "closed", "closed (as asked)"),
            (
                ChangeKind::Released,
                Reason::Unconfirmed,
                0,
                "in doubt",
                "asked to close; the gateway does not say whether it did",
            ),
            (
                ChangeKind::Released,
                ending,
                120,
                "closing",
                "closes when its lifetime ends; the gateway cannot close it sooner, 2m left",
            ),
            (
                ChangeKind::HandedOver,
                Reason::Asked,
                60,
                "left open",
                "stays open (it was open before, or another program keeps it), 1m left",
            ),
            (
                ChangeKind::LeftBehind,
                Reason::NetworkChanged,
                60,
                "open",
                "still leads to this host's old address 192.168.1.7 (the network has changed), 1m left",
            ),
        ] {
            let report = report(event, &reason, remaining_s);
            assert_eq!(report.state(), state, "{reason:?}");
            assert_eq!(report.to_string(), format!("2s: udp port 7777 {line}"));
        }
    }
}
