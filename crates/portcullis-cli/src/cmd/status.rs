//! `portcullis status`: what is open, by the journal.

use super::journal_report::{self, EntryReport, State};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::output::text::Text;
use clap::Args;
use serde::Serialize;
use std::io::{self, Write};

const EXAMPLES: &str = "\
Examples:
  portcullis status
  portcullis status --json | jq -e '.state == \"active\"'   for a script: is anything open?";

/// Tells what your programs have open, by the journal; no gateway is asked
///
/// The state of a mapping is 'kept' by a process that runs, 'asked for' by one, 'left open' by 'open' without --keep, or
/// 'stale': its process died, and the next 'open', 'watch', 'close' or 'cleanup' deletes it. In JSON, the state of all is
/// 'active' where something is kept or left open, 'degraded' where there is only something asked for or stale, and 'none'.
/// The exit status is 0 whichever it is.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatusArgs {}

#[derive(Debug, Serialize)]
struct StatusReport {
    state: &'static str,
    mappings: Vec<EntryReport>,
    warnings: Vec<Text>,
}

impl Report for StatusReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.mappings.is_empty() {
            return writeln!(out, "nothing is open");
        }
        journal_report::write_table(out, &self.mappings)
    }
}

pub(crate) fn run(_: &StatusArgs, context: &Context) -> Result<(), Failure> {
    let (entries, warnings) = journal_report::read(context)?;
    let mappings: Vec<_> = entries.iter().map(EntryReport::from).collect();
    let is_open = |entry: &EntryReport| matches!(entry.state, State::Kept | State::LeftOpen);
    let state = if mappings.iter().any(is_open) {
        "active"
    } else if mappings.is_empty() {
        "none"
    } else {
        "degraded"
    };
    context.output.report(&StatusReport { state, mappings, warnings })
}
