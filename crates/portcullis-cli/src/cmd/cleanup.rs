//! `portcullis cleanup`: deletes what dead processes have left at gateways.

use super::journal_report::{self, EntryReport, State};
use crate::context::Context;
use crate::failure::Failure;
use crate::join::join;
use crate::output::Report;
use crate::output::progress::Progress;
use crate::session::{Purpose, Session};
use clap::Args;
use portcullis::{ErrorKind, JournalEntry};
use serde::Serialize;
use std::io::{self, Write};

const EXAMPLES: &str = "\
Examples:
  portcullis cleanup
  portcullis cleanup --left-open   closes all that 'open' without --keep has opened, too";

/// Deletes what dead processes have left at gateways, by the journal
///
/// That is what a process that was killed could not close. Commands that open or close ports do it in passing; this one
/// says what came of it. Each is deleted at the gateway where it was made, after proof that it is ours. What a process
/// that runs keeps is left alone.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CleanupArgs {
    /// Close what was left open on purpose, too
    #[arg(long)]
    left_open: bool,
}

#[derive(Debug, Serialize)]
struct CleanupReport {
    deleted: Vec<EntryReport>,
    /// What could not be deleted.
    left: Vec<EntryReport>,
}

impl Report for CleanupReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        for deleted in &self.deleted {
            writeln!(out, "{} deleted", deleted.name())?;
        }
        if self.deleted.is_empty() && self.left.is_empty() {
            writeln!(out, "nothing to clean up")?;
        }
        Ok(())
    }
}

pub(crate) fn run(arguments: &CleanupArgs, context: &Context) -> Result<(), Failure> {
    let is_unwanted = |entry: &JournalEntry| match State::of(entry) {
        State::Stale => true,
        State::LeftOpen => arguments.left_open,
        State::Kept | State::Asked => false,
    };
    let before: Vec<_> = journal_report::read(context)?.0.into_iter().filter(is_unwanted).collect();
    if before.is_empty() {
        return context.output.report(&CleanupReport { deleted: Vec::new(), left: Vec::new() });
    }
    let session = Session::start(Purpose::Map, context)?;
    let progress = Progress::start(&context.output, "deleting what was left");
    session.client.clean_up();
    let left_open = before.iter().filter(|entry| entry.is_left_open);
    let closing = left_open.map(|entry| session.client.close(entry.protocol, entry.external_port));
    let closed = join(closing.collect(), context.started, || false);
    session.finish(context.network.timeout());
    drop(progress);

    let (after, _) = journal_report::read(context)?;
    let (left, deleted): (Vec<_>, Vec<_>) =
        before.iter().partition(|entry| after.iter().any(|left| is_same(left, entry)));
    let reports = |entries: Vec<&JournalEntry>| entries.into_iter().map(EntryReport::from).collect();
    let report = CleanupReport { deleted: reports(deleted), left: reports(left) };
    if report.left.is_empty() {
        return context.output.report(&report);
    }
    context.output.report_beside_failure(&report);
    Err(failure(&report, closed.into_iter().find_map(|ended| ended.result.err())))
}

/// Whether two readings of the journal show the same mapping.
fn is_same(one: &JournalEntry, other: &JournalEntry) -> bool {
    let key = |entry: &JournalEntry| {
        let JournalEntry { method, protocol, external_port, internal_port, internal_address, .. } = *entry;
        (method, protocol, external_port, internal_port, internal_address)
    };
    key(one) == key(other) && one.gateway == other.gateway
}

/// What is left, and why as far as it is known: what is deleted in passing gives no reason.
fn failure(report: &CleanupReport, reason: Option<portcullis::Error>) -> Failure {
    let names: Vec<_> = report.left.iter().map(EntryReport::name).collect();
    let what = format!("{} may still be open", names.join(", "));
    let failure = match reason {
        Some(error) => Failure::from(error).about(&what),
        None => Failure::new(ErrorKind::Timeout, &format!("{what}: no answer in time, or a refusal")),
    };
    let value = |entries: &[EntryReport]| serde_json::to_value(entries).unwrap_or_default();
    failure.beside("deleted", value(&report.deleted)).beside("left", value(&report.left))
}
