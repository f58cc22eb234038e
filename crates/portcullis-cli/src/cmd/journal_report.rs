//! What the journal holds, as commands print it.

use crate::argument::duration::duration_in_words;
use crate::argument::port::protocol_name;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::table;
use crate::output::text::Text;
use portcullis::{JournalEntry, read_journal};
use serde::Serialize;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A mapping in the journal.
#[derive(Clone, Debug, Serialize)]
pub(super) struct EntryReport {
    method: &'static str,
    protocol: &'static str,
    /// `null` where the gateway has not answered: which of ours leads to it is not known.
    internal_address: Option<IpAddr>,
    internal_port: u16,
    external_address: Option<IpAddr>,
    external_port: u16,
    gateway: Text,
    /// `null` for a permanent mapping.
    remaining_s: Option<u64>,
    description: Text,
    pub(super) state: State,
}

/// Who looks after a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// A process that lives.
    Kept,
    /// A process that lives, as soon as the gateway has granted it.
    Asked,
    /// Nobody, as was meant: it is open until its lifetime is over.
    LeftOpen,
    /// Nobody: its process died. It is deleted when a command that opens or closes ports runs the next time.
    Stale,
}

impl State {
    pub(super) fn of(entry: &JournalEntry) -> Self {
        match (entry.is_left_open, entry.is_alive, entry.is_granted) {
            (true, _, _) => Self::LeftOpen,
            (_, true, true) => Self::Kept,
            (_, true, false) => Self::Asked,
            (_, false, _) => Self::Stale,
        }
    }

    const fn in_words(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Asked => "asked for",
            Self::LeftOpen => "left open",
            Self::Stale => "stale",
        }
    }
}

impl From<&JournalEntry> for EntryReport {
    fn from(entry: &JournalEntry) -> Self {
        Self {
            method: entry.method.as_str(),
            protocol: protocol_name(entry.protocol),
            internal_address: Some(entry.internal_address).filter(|address| !address.is_unspecified()),
            internal_port: entry.internal_port.get(),
            external_address: entry.external_address,
            external_port: entry.external_port.get(),
            gateway: Text::from(entry.gateway.as_str()),
            remaining_s: entry.remaining.map(in_whole_seconds),
            description: Text::from(entry.description.as_str()),
            state: State::of(entry),
        }
    }
}

impl EntryReport {
    /// `udp 7777`, by its gateway.
    pub(super) fn name(&self) -> String {
        format!("{} {} of {}", self.protocol, self.external_port, self.gateway)
    }

    fn columns(&self) -> Vec<Text> {
        let place = |address: Option<IpAddr>, port| match address {
            Some(address) => SocketAddr::new(address, port).to_string(),
            None => format!("port {port}"),
        };
        let external = place(self.external_address, self.external_port);
        let internal = place(self.internal_address, self.internal_port);
        let left = self.remaining_s.map(|left| duration_in_words(Duration::from_secs(left)));
        let left = left.unwrap_or_else(|| "permanent".to_owned());
        [self.protocol, &external, &internal, self.state.in_words(), &left, self.method]
            .into_iter()
            .map(Text::from)
            .chain([self.gateway.clone(), self.description.clone()])
            .collect()
    }
}

pub(super) fn write_table(out: &mut dyn Write, entries: &[EntryReport]) -> io::Result<()> {
    let header = ["PROTOCOL", "EXTERNAL", "INTERNAL", "STATE", "LEFT", "BY", "GATEWAY", "DESCRIPTION"];
    table::write(out, &header, entries.iter().map(EntryReport::columns))
}

/// The journal of all processes; what cannot be read of it is warned of, and given as text.
pub(super) fn read(context: &Context) -> Result<(Vec<JournalEntry>, Vec<Text>), Failure> {
    let (mut entries, warnings) =
        read_journal(&context.journal).map_err(|error| Failure::io("cannot read the journal", &error))?;
    entries.sort_by_key(|entry| (entry.external_port, protocol_name(entry.protocol), entry.gateway.clone()));
    let warnings: Vec<_> = warnings.iter().map(|warning| Text::from(warning.to_string().as_str())).collect();
    warnings.iter().for_each(|warning| context.output.warn(warning.as_str()));
    Ok((entries, warnings))
}

/// A second that has begun counts as a whole one: 0 is over.
pub(super) fn in_whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}
