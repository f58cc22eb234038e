//! `portcullis close`: takes mappings away.

use super::journal_report::State;
use crate::argument::duration::duration_in_words;
use crate::argument::port::{BOTH, ExternalPort, protocol_name};
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::join::join;
use crate::output::Report;
use crate::output::progress::Progress;
use crate::session::{AFTERWARDS, Purpose, Session};
use clap::{Args, ValueHint};
use portcullis::{Closed, JournalEntry, Protocol, read_journal};
use serde::Serialize;
use std::io::{self, Write};
use std::num::NonZeroU16;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  portcullis close 7777              UDP and TCP
  portcullis close 7777/udp 80/tcp
  portcullis close 7777/udp --force  even if it leads to another host
  portcullis close 7777 --ipv6       the pinholes of 'open --ipv6', and nothing else";

/// Closes external ports that lead to this host
///
/// Ends everything known of a port, whichever protocols and programs opened it: by the journal and the gateway's own
/// table. If a running process is keeping the port open, it will reopen it. NAT-PMP alone does not say whether anything was
/// closed, and PCP alone closes only what the journal knows. A port that is not open is not an error. If one port
/// cannot be closed, the others still are.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CloseArgs {
    /// External port; without a protocol, both UDP and TCP
    #[arg(required = true, value_name = "PORT[/PROTOCOL]", allow_negative_numbers = true, value_hint = ValueHint::Other)]
    ports: Vec<ExternalPort>,
    /// Close the port even if it leads to another host
    #[arg(long)]
    force: bool,
    /// Close only pinholes for IPv6. Gateways do not list them: those that the journal knows; not with --force
    #[arg(long, conflicts_with = "force")]
    ipv6: bool,
}

#[derive(Debug, Serialize)]
struct CloseReport {
    closed: Vec<ClosedReport>,
}

#[derive(Debug, Serialize)]
struct ClosedReport {
    protocol: &'static str,
    external_port: u16,
    /// What came of it: `deleted`, `not-open`, `unconfirmed`, `still-kept` or `ending`.
    outcome: &'static str,
    /// Whether there was a mapping; `null` where the gateway does not say, as none does of a pinhole that nobody knows.
    existed: Option<bool>,
    /// How long it stays open, where the gateway deletes it by its lifetime alone.
    ends_in_s: Option<u64>,
    /// Whether a process that runs keeps it: it makes it again.
    kept: bool,
}

impl ClosedReport {
    fn new(protocol: &'static str, port: NonZeroU16, closed: Closed, kept: bool, ipv6: bool) -> Self {
        let ends_in_s = match closed {
            Closed::Ending(within) => Some(within.as_secs()),
            _ => None,
        };
        let is_known = closed != Closed::Unconfirmed && !(ipv6 && closed == Closed::NotOpen);
        let existed = is_known.then_some(closed.existed());
        Self { protocol, external_port: port.get(), outcome: closed.as_str(), existed, ends_in_s, kept }
    }

    fn in_words(&self) -> String {
        let Self { protocol, external_port: port, outcome, ends_in_s, .. } = self;
        match (*outcome, ends_in_s) {
            ("not-open", _) if self.existed.is_none() => {
                format!("{protocol} {port}: no pinhole is known here, and gateways do not list them")
            }
            ("not-open", _) => format!("{protocol} {port} was not open"),
            ("unconfirmed", _) => {
                format!("{protocol} {port}: asked to close; the gateway does not say whether it did")
            }
            ("still-kept", _) => format!("{protocol} {port} stays open: another program keeps it"),
            (_, Some(seconds)) => {
                let left = duration_in_words(Duration::from_secs(*seconds));
                format!(
                    "{protocol} {port} closes within {left}, when its lifetime ends; the gateway cannot close it sooner"
                )
            }
            _ => format!("{protocol} {port} closed"),
        }
    }
}

impl Report for CloseReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        for closed in &self.closed {
            writeln!(out, "{}", closed.in_words())?;
        }
        Ok(())
    }
}

pub(crate) fn run(arguments: &CloseArgs, context: &Context) -> Result<(), Failure> {
    let wanted = wanted(&arguments.ports);
    let kept = kept_by_others(context, arguments.ipv6);
    let purpose = if arguments.ipv6 { Purpose::MapIpv6 } else { Purpose::Map };
    let session = Session::start(purpose, context)?;
    let progress = Progress::start(&context.output, "closing");
    let pending = wanted.iter().map(|&(port, protocol)| {
        if arguments.ipv6 {
            session.client.close_pinholes(protocol, port)
        } else if arguments.force {
            session.client.close_by_force(protocol, port)
        } else {
            session.client.close(protocol, port)
        }
    });
    let ended = join(pending.collect(), context.started, || false);
    drop(progress);
    session.finish(AFTERWARDS);
    let several = wanted.len() > 1;
    let (mut closed, mut failed) = (Vec::new(), Vec::new());
    for (ended, pair) in ended.into_iter().zip(wanted) {
        let (port, protocol) = (pair.0, protocol_name(pair.1));
        match ended.result {
            Ok(outcome) => {
                let kept = outcome.existed() && kept.contains(&pair);
                if kept {
                    context.output.warn(&format!(
                        "{protocol} {port} is kept by another process, which opens it again (end that process to keep it \
                         closed)"
                    ));
                }
                closed.push(ClosedReport::new(protocol, port, outcome, kept, arguments.ipv6));
            }
            Err(error) => failed.push((format!("{protocol} {port}"), error)),
        }
    }
    let report = CloseReport { closed };
    let Some(failure) = Failure::of_mappings(failed, several) else {
        return context.output.report(&report);
    };
    context.output.report_beside_failure(&report);
    let failure = if arguments.force { failure } else { failure.advise(ExitCode::Conflict, "--force") };
    Err(match serde_json::to_value(report.closed) {
        Ok(closed) => failure.beside("closed", closed),
        Err(_) => failure,
    })
}

/// What processes that run keep open, by the journal; of pinholes alone where those alone are meant.
fn kept_by_others(context: &Context, ipv6: bool) -> Vec<(NonZeroU16, Protocol)> {
    // What is wrong with the journal is told by whoever opens it next.
    let Ok((entries, _)) = read_journal(&context.journal) else { return Vec::new() };
    let is_meant = |entry: &JournalEntry| entry.internal_address.is_ipv6() || !ipv6;
    let kept = entries.into_iter().filter(|entry| State::of(entry) == State::Kept && is_meant(entry));
    kept.map(|entry| (entry.external_port, entry.protocol)).collect()
}

/// Each port and protocol once, in the order they were given.
fn wanted(ports: &[ExternalPort]) -> Vec<(NonZeroU16, Protocol)> {
    let mut wanted = Vec::new();
    for port in ports {
        let protocols =
            BOTH.into_iter().filter(|&protocol| port.protocol.is_none_or(|only| only == protocol));
        for pair in protocols.map(|protocol| (port.port, protocol)) {
            if !wanted.contains(&pair) {
                wanted.push(pair);
            }
        }
    }
    wanted
}
