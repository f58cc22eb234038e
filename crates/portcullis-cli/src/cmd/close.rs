//! `portcullis close`: takes mappings away.

use crate::argument::port::{BOTH, ExternalPort, protocol_name};
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::join::join;
use crate::output::Report;
use crate::output::progress::Progress;
use crate::session::{AFTERWARDS, Purpose, Session};
use clap::{Args, ValueHint};
use portcullis::Protocol;
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
/// What earlier commands opened by PCP, NAT-PMP or as a pinhole is found in the journal; else the gateway is asked by
/// UPnP. A port that is not open is no error. When one cannot be closed the others are closed all the same.
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
    /// Whether there was a mapping.
    existed: bool,
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
    for (ended, (port, protocol)) in ended.into_iter().zip(wanted) {
        let protocol = protocol_name(protocol);
        match ended.result {
            Ok(existed) => closed.push(Closed { protocol, external_port: port.get(), existed }),
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
