//! `portcullis close`: takes mappings away.

use super::journal_report::State;
use crate::argument::port::{BOTH, ExternalPort, protocol_name};
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::join::join;
use crate::output::Report;
use crate::output::progress::Progress;
use crate::session::{AFTERWARDS, Purpose, Session};
use clap::{Args, ValueHint};
use portcullis::{Protocol, read_journal};
use serde::Serialize;
use std::io::{self, Write};
use std::num::NonZeroU16;

const EXAMPLES: &str = "\
Examples:
  portcullis close 7777              UDP and TCP
  portcullis close 7777/udp 80/tcp
  portcullis close 7777/udp --force  whosever it is";

/// Closes external ports that lead to this host
///
/// What earlier commands opened is found in the journal; else the gateway is asked, by UPnP and NAT-PMP. What a process that
/// runs keeps is opened again by it. A port that is not open is no error. When one cannot be closed the others are closed all the same.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CloseArgs {
    /// External port; without a protocol both are meant
    #[arg(required = true, value_name = "PORT[/PROTOCOL]", allow_negative_numbers = true, value_hint = ValueHint::Other)]
    ports: Vec<ExternalPort>,
    /// Close ports of other hosts too
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Serialize)]
struct CloseReport {
    closed: Vec<Closed>,
}

#[derive(Debug, Serialize)]
struct Closed {
    protocol: &'static str,
    external_port: u16,
    /// Whether there was a mapping; by NAT-PMP and PCP, whether its deletion was granted.
    existed: bool,
    /// Whether a process that runs keeps it: it makes it again.
    kept: bool,
}

impl Report for CloseReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        for closed in &self.closed {
            let how = if closed.existed { "closed" } else { "was not open" };
            writeln!(out, "{} {} {how}", closed.protocol, closed.external_port)?;
        }
        Ok(())
    }
}

pub(crate) fn run(arguments: &CloseArgs, context: &Context) -> Result<(), Failure> {
    let wanted = wanted(&arguments.ports);
    let kept = kept_by_others(context);
    let session = Session::start(Purpose::Map, context)?;
    let progress = Progress::start(&context.output, "closing");
    let pending = wanted.iter().map(|&(port, protocol)| {
        if arguments.force {
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
            Ok(existed) => {
                let kept = existed && kept.contains(&pair);
                if kept {
                    context.output.warn(&format!(
                        "{protocol} {port} is kept by another process, which opens it again (end that process to keep it \
                         closed)"
                    ));
                }
                closed.push(Closed { protocol, external_port: port.get(), existed, kept });
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

/// What processes that run keep open, by the journal.
fn kept_by_others(context: &Context) -> Vec<(NonZeroU16, Protocol)> {
    // What is wrong with the journal is told by whoever opens it next.
    let Ok((entries, _)) = read_journal(&context.journal) else { return Vec::new() };
    let kept = entries.into_iter().filter(|entry| State::of(entry) == State::Kept);
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
