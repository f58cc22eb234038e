//! `portcullis status`: what is open, by the journal.

use super::journal_report::{self, EntryReport, State, each_mapping_once};
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

/// Shows what your programs have open, by the journal; asks no gateway
///
/// Shows each port of a gateway once, however many programs or protocols opened it. The state is 'kept' (a running process
/// keeps it open), 'left open' (by 'open' without --keep), 'asked for' (not granted yet) or 'stale' (its process died; the
/// next 'open', 'watch', 'close' or 'cleanup' deletes it). A gateway that restarts may have lost what is shown here. In
/// JSON, the overall state is 'active' if anything is kept or left open, 'degraded' if everything is asked for or stale,
/// else 'none'. The exit status is 0 in each case.
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
    let mappings: Vec<_> = each_mapping_once(&entries).collect();
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
