//! `portcullis cleanup`: deletes what dead processes have left at gateways.

use super::journal_report::{self, EntryReport, State, each_mapping_once};
use crate::context::Context;
use crate::failure::Failure;
use crate::join::join;
use crate::output::Report;
use crate::output::progress::Progress;
use crate::session::{Purpose, Session};
use clap::Args;
use portcullis::{ErrorKind, Event, JournalEntry, Protocol};
use serde::Serialize;
use std::io::{self, Write};
use std::num::NonZeroU16;

const EXAMPLES: &str = "\
Examples:
  portcullis cleanup
  portcullis cleanup --left-open   also closes what 'open' without --keep has opened";

/// Closes the ports that killed processes have left open, by the journal
///
/// 'open', 'watch' and 'close' do that in passing; this command also reports the result. Each port is closed at the gateway
/// that opened it, and only if it is still ours. Ports that a running process keeps, and ports left open on purpose, stay open.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CleanupArgs {
    /// Also close ports that 'open' left open on purpose
    #[arg(long)]
    left_open: bool,
}

#[derive(Debug, Serialize)]
struct CleanupReport {
    deleted: Vec<EntryReport>,
    /// What could not be deleted.
    left: Vec<EntryReport>,
    /// Each mapping once: two protocols or processes may have asked for one.
    #[serde(skip)]
    deleted_names: Vec<String>,
    #[serde(skip)]
    left_names: Vec<String>,
}

impl Report for CleanupReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        for name in &self.deleted_names {
            writeln!(out, "{name} deleted")?;
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
    let (entries, warnings) = journal_report::read_silently(context)?;
    let is_kept = |entry: &JournalEntry| !is_unwanted(entry);
    let left_open: Vec<_> =
        entries.iter().filter(|entry| entry.is_left_open && is_unwanted(entry)).map(port).collect();
    let before = unless_kept(entries, is_kept);
    if before.is_empty() && left_open.is_empty() {
        warnings.iter().for_each(|warning| context.output.warn(warning.as_str()));
        return context.output.report(&CleanupReport::new(&[], &[]));
    }
    let session = match Session::start(Purpose::CleanUp, context) {
        Ok(session) => session,
        Err(failure) => {
            let report = CleanupReport::new(&[], &before);
            return Err(report.beside(failure.about(&report.what_is_left())));
        }
    };
    let progress = Progress::start(&context.output, "deleting what was left");
    session.client.clean_up();
    // What somebody keeps by now is that one's alone from then on.
    let closing =
        left_open.into_iter().map(|(protocol, port)| session.client.close_left_open(protocol, port));
    let closed = join(closing.collect(), context.started, || false);
    let trouble = session.finish(context.network.timeout()).into_iter().rev().find_map(|event| match event {
        Event::JournalTrouble(trouble) => Some(trouble),
        _ => None,
    });
    drop(progress);

    let (after, _) = journal_report::read(context)?;
    let after = unless_kept(after, is_kept);
    let (left, deleted): (Vec<_>, Vec<_>) =
        before.into_iter().partition(|entry| after.iter().any(|left| is_same(left, entry)));
    let report = CleanupReport::new(&deleted, &left);
    if report.left.is_empty() {
        return context.output.report(&report);
    }
    context.output.report_beside_failure(&report);
    let reason = closed.into_iter().find_map(|ended| ended.result.err());
    Err(report.beside(failure(&report.what_is_left(), reason, trouble)))
}

fn port(entry: &JournalEntry) -> (Protocol, NonZeroU16) {
    (entry.protocol, entry.external_port)
}

/// What is kept stays open; whoever else has been there before leaves it to whoever keeps it.
fn unless_kept(entries: Vec<JournalEntry>, is_kept: impl Fn(&JournalEntry) -> bool) -> Vec<JournalEntry> {
    let (kept, mut others): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_kept);
    others.retain(|entry| !kept.iter().any(|kept| kept.is_one_with(entry)));
    others
}

/// Whether two readings of the journal show the same mapping.
fn is_same(one: &JournalEntry, other: &JournalEntry) -> bool {
    let key = |entry: &JournalEntry| {
        let JournalEntry { method, protocol, external_port, internal_port, internal_address, .. } = *entry;
        (method, protocol, external_port, internal_port, internal_address)
    };
    key(one) == key(other) && one.gateway == other.gateway
}

impl CleanupReport {
    fn new(deleted: &[JournalEntry], left: &[JournalEntry]) -> Self {
        let reports = |entries: &[JournalEntry]| entries.iter().map(EntryReport::from).collect();
        let names = |entries| each_mapping_once(entries).map(|entry| entry.name()).collect();
        Self {
            deleted: reports(deleted),
            left: reports(left),
            deleted_names: names(deleted),
            left_names: names(left),
        }
    }

    fn what_is_left(&self) -> String {
        format!("{} may still be open", self.left_names.join(", "))
    }

    /// Puts what was done beside the reason why not all was.
    fn beside(&self, failure: Failure) -> Failure {
        let value = |entries: &[EntryReport]| serde_json::to_value(entries).unwrap_or_default();
        failure.beside("deleted", value(&self.deleted)).beside("left", value(&self.left))
    }
}

/// Why something is left, as far as it is known: what is deleted in passing gives no reason, and what the journal could
/// not be rid of is in it still.
fn failure(what: &str, reason: Option<portcullis::Error>, trouble: Option<String>) -> Failure {
    match (reason, trouble) {
        (Some(error), _) => Failure::from(error).about(what),
        (None, Some(trouble)) => Failure::new(
            ErrorKind::Io,
            &format!("{what}: no answer in time, a refusal, or the journal alone is to blame: {trouble}"),
        ),
        (None, None) => Failure::new(ErrorKind::Timeout, &format!("{what}: no answer in time, or a refusal")),
    }
}
