//! What happened to a mapping: a JSON object of its own, or a line.

use crate::argument::duration::duration_in_words;
use crate::argument::port::protocol_name;
use crate::cmd::journal_report::in_whole_seconds;
use crate::output::Report;
use crate::output::text::Text;
use portcullis::{Change, ChangeKind, MappingRequest, Time};
use serde::Serialize;
use std::fmt;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

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
    /// The port that was asked for where nothing is granted yet.
    external_port: u16,
    gateway: Option<Text>,
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
        let remaining = change.expires.map(|at| if is_over { Duration::ZERO } else { at - now });
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
            internal_address: granted.map(|granted| granted.internal_address),
            internal_port: request.internal_port().get(),
            external_address: granted.and_then(|granted| granted.external_address),
            external_port: granted
                .map_or_else(|| request.external_port_or_internal(), |granted| granted.external_port)
                .get(),
            gateway: granted.map(|granted| Text::from(granted.gateway.as_str())),
            lifetime_s: granted.map(|granted| granted.lifetime.as_seconds()),
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

    /// The mapping's name and its place on the internet side.
    pub(super) fn place(&self) -> String {
        match self.external_address {
            Some(address) => {
                format!("{} {}", self.protocol, SocketAddr::new(address, self.external_port))
            }
            None => format!("{} port {}", self.protocol, self.external_port),
        }
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
        // Nothing that was granted is in doubt: there is nothing yet.
        let is_asking = self.method.is_none() && self.event == ChangeKind::Degraded.as_str();
        let event = if is_asking { "not open yet" } else { self.event };
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
        write!(f, "{}: {} {}", self.elapsed_in_words(), self.place(), self.what())?;
        match self.remaining_s {
            Some(left) if left > 0 => write!(f, ", {} left", duration_in_words(Duration::from_secs(left))),
            _ => Ok(()),
        }
    }
}
