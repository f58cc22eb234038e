//! What the journal holds, as commands print it.

use crate::argument::duration::duration_in_words;
use crate::argument::port::protocol_name;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::table;
use crate::output::text::Text;
use portcullis::{JournalEntry, read_journal};
use serde::Serialize;
use std::cmp::Reverse;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A mapping in the journal.
#[derive(Clone, Debug, Serialize)]
pub(super) struct EntryReport {
    pub(super) method: &'static str,
    pub(super) protocol: &'static str,
    /// `null` where the gateway has not answered: which of ours leads to it is not known.
    pub(super) internal_address: Option<IpAddr>,
    pub(super) internal_port: u16,
    external_address: Option<IpAddr>,
    pub(super) external_port: u16,
    gateway: Text,
    /// `null` for a permanent mapping.
    pub(super) remaining_s: Option<u64>,
    pub(super) description: Text,
    pub(super) state: State,
    #[serde(skip)]
    is_granted: bool,
}

/// Who looks after a mapping.
/// Of several that speak of one mapping, the first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// A process that lives.
    Kept,
    /// Nobody, as was meant: it is open until its lifetime is over.
    LeftOpen,
    /// A process that lives, as soon as the gateway has granted it.
    Asked,
    /// Nobody: its process died. It is deleted when a command that opens or closes ports runs the next time.
    Stale,
}

impl State {
    pub(super) fn of(entry: &JournalEntry) -> Self {
        match (entry.is_left_open, entry.is_alive, entry.is_granted) {
            (true, _, _) => Self::LeftOpen,
            _ if entry.is_unwanted => Self::Stale,
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
            is_granted: entry.is_granted,
        }
    }
}

impl EntryReport {
    /// What two entries say of one mapping: the one that says more of it, and the longest time left.
    fn merged(self, other: Self) -> Self {
        let rank = |entry: &Self| (entry.state, !entry.is_granted, Reverse(time_left(entry)), entry.method);
        let (first, second) = if rank(&self) <= rank(&other) { (self, other) } else { (other, self) };
        let remaining_s =
            if time_left(&first) < time_left(&second) { second.remaining_s } else { first.remaining_s };
        Self { remaining_s, external_address: first.external_address.or(second.external_address), ..first }
    }

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

/// For comparing: a permanent mapping has more left than any other.
fn time_left(entry: &EntryReport) -> u64 {
    entry.remaining_s.unwrap_or(u64::MAX)
}

/// Each mapping of a gateway once, whichever protocols and processes it has its entries from.
pub(super) fn each_mapping_once<'a>(
    entries: impl IntoIterator<Item = &'a JournalEntry>,
) -> impl Iterator<Item = EntryReport> {
    let mut rows: Vec<(&JournalEntry, EntryReport)> = Vec::new();
    for entry in entries {
        let report = EntryReport::from(entry);
        match rows.iter_mut().find(|(known, _)| known.is_one_with(entry)) {
            Some((_, row)) => *row = row.clone().merged(report),
            None => rows.push((entry, report)),
        }
    }
    rows.into_iter().map(|(_, report)| report)
}

pub(super) fn write_table(out: &mut dyn Write, entries: &[EntryReport]) -> io::Result<()> {
    let header = ["PROTOCOL", "EXTERNAL", "INTERNAL", "STATE", "LEFT", "BY", "GATEWAY", "DESCRIPTION"];
    table::write(out, &header, entries.iter().map(EntryReport::columns))
}

/// The journal of all processes; what cannot be read of it is warned of, and given as text.
pub(super) fn read(context: &Context) -> Result<(Vec<JournalEntry>, Vec<Text>), Failure> {
    let (entries, warnings) = read_silently(context)?;
    warnings.iter().for_each(|warning| context.output.warn(warning.as_str()));
    Ok((entries, warnings))
}

/// The same for a command whose session reads it too, and tells what becomes of what cannot be read.
pub(super) fn read_silently(context: &Context) -> Result<(Vec<JournalEntry>, Vec<Text>), Failure> {
    let (mut entries, warnings) =
        read_journal(&context.journal).map_err(|error| Failure::io("cannot read the journal", &error))?;
    entries.sort_by_key(|entry| (entry.external_port, protocol_name(entry.protocol), entry.gateway.clone()));
    let warnings = warnings.iter().map(|warning| Text::from(warning.to_string().as_str())).collect();
    Ok((entries, warnings))
}

/// A second that has begun counts as a whole one: 0 is over.
pub(super) fn in_whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: State, is_granted: bool, remaining_s: Option<u64>, method: &'static str) -> EntryReport {
        EntryReport {
            method,
            protocol: "udp",
            internal_address: None,
            internal_port: 7777,
            external_address: None,
            external_port: 7777,
            gateway: Text::from("gateway"),
            remaining_s,
            description: Text::from(""),
            state,
            is_granted,
        }
    }

    #[test]
    fn of_one_mapping_whoever_looks_after_it_best_is_shown() {
        use State::{Asked, Kept, LeftOpen, Stale};
        let best_first = [
            row(Kept, true, Some(60), "pcp"),
            row(LeftOpen, true, Some(600), "nat-pmp"),
            row(Asked, false, Some(3600), "igd"),
            row(Stale, true, Some(5), "pcp"),
            row(Stale, false, Some(7200), "nat-pmp"),
        ];
        for (at, better) in best_first.iter().enumerate() {
            for worse in &best_first[at..] {
                for merged in [better.clone().merged(worse.clone()), worse.clone().merged(better.clone())] {
                    assert_eq!((merged.state, merged.method), (better.state, better.method));
                    assert_eq!(merged.is_granted, better.is_granted);
                    assert_eq!(merged.remaining_s, better.remaining_s.max(worse.remaining_s));
                }
            }
        }
    }

    #[test]
    fn the_longest_time_left_is_shown_and_of_equals_whoever_has_it() {
        let hour = row(State::Kept, true, Some(3600), "pcp");
        let forever = row(State::Kept, true, None, "igd");
        let address = "81.2.69.142".parse().ok();
        let told = EntryReport { external_address: address, ..row(State::Stale, true, Some(1), "nat-pmp") };
        for merged in [hour.clone().merged(forever.clone()), forever.merged(hour.clone())] {
            assert_eq!((merged.method, merged.remaining_s), ("igd", None));
        }
        assert_eq!(hour.merged(told).external_address, address);
    }
}
