//! `portcullis man`: the manual page.

use crate::cli::Cli;
use crate::context::Context;
use crate::exit_code;
use crate::failure::Failure;
use crate::output::Report;
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use serde::Serialize;
use std::io::{self, Write};

/// Prints the manual page (roff)
///
/// To read it: portcullis man | man -l -
#[derive(Args, Debug)]
pub(crate) struct ManArgs {}

#[derive(Debug, Serialize)]
struct ManReport {
    man: String,
}

impl Report for ManReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.man.as_bytes())
    }
}

const JSON: &str = "\
With --json exactly one JSON document is printed on standard output, also for an error. Only watch and open --keep go on
with one for each event, a line each, until they end:
.PP
.nf
{\"error\":{\"kind\":\"conflict\",\"message\":\"...\",\"attempts\":[{\"gateway\":\"...\",\"step\":\"...\",\"message\":\"...\"}]}}
.fi
.PP
The documents, with every field they have:
.PP
.nf
discover  {\"devices\":[DEVICE],\"elapsed_ms\"}
inspect   DEVICE
open      {\"mappings\":[{\"method\",\"protocol\",\"internal_address\",\"internal_port\",\"external_address\",
          \"external_port\",\"lifetime_s\",\"gateway\",\"elapsed_ms\"}]}; with --keep, EVENT after EVENT follows
watch     EVENT after EVENT, each in a line of its own
close     {\"closed\":[{\"protocol\",\"external_port\",\"outcome\",\"existed\",\"ends_in_s\",\"kept\"}]},
          beside an error too
list      {\"mappings\":[{\"method\",\"protocol\",\"external_port\",\"internal_address\",\"internal_port\",
          \"description\",\"enabled\",\"lifetime_s\",\"remote_host\"}]}
address   {\"external_address\",\"external_address_kind\",\"gateway\"}
status    {\"state\",\"mappings\":[ENTRY],\"warnings\":[TEXT]}
cleanup   {\"deleted\":[ENTRY],\"left\":[ENTRY]}, beside an error too
simulate  {\"scenario\",\"ssdp_address\",\"port_control_address\",\"location\"} or
          {\"scenarios\":[{\"name\",\"summary\"}]}
DEVICE is {\"location\",\"search_target\",\"usn\",\"server\",\"friendly_name\",\"manufacturer\",\"model_name\",
          \"gateway\",\"usable\",\"note\",\"status\",\"services\":[{\"service_type\",\"control_url\"}],
          \"local_address\",\"external_address\",\"external_address_kind\"}
EVENT is  {\"event\",\"sequence\",\"elapsed_ms\",\"method\",\"protocol\",\"internal_address\",\"internal_port\",
          \"external_address\",\"external_port\",\"gateway\",\"lifetime_s\",\"remaining_s\",\"reason\",
          \"message\",\"from\",\"to\"}
ENTRY is  {\"method\",\"protocol\",\"internal_address\",\"internal_port\",\"external_address\",\"external_port\",
          \"gateway\",\"remaining_s\",\"description\",\"state\"}
.fi
.PP
Texts are empty where a device does not say; addresses are null where they are not known, and so is the gateway
of an attempt that was a search of the network. A lifetime_s of 0
stands for a permanent mapping, and remaining_s is null for one. Protocols are udp and tcp; methods are pcp, nat-pmp,
igd and igd-pinhole; elapsed_ms counts
from the start of the program; a status is connected, disconnected or unknown; a kind of address is public,
private, shared, reserved or unknown.
.PP
An event is mapped, renewed, external-address-changed or port-changed (from and to say how), degraded (it may be closed,
and is worked at; or it is not open yet: then gateway, method and lifetime_s are null), lost (its lifetime is over),
recovered (it is open again), released (it was closed, as asked), handed-over (the command has ended and the port
stays open: it was open before, or another program keeps it) or left-behind (this host has another address, and what
leads to the old one could not be deleted: it stays for remaining_s). The sequence grows by one with each. A reason is
asked, scheduled, gateway-restarted, address-changed, state-lost (one of these two), forgotten, gateway-told,
network-changed, expired or failed, and the message says it in words. Released has two more: unconfirmed (the gateway does
not say whether it closed the port) and ending (the gateway closes it only when its lifetime ends, in remaining_s).
.PP
The outcome of close is deleted, not-open, unconfirmed (the gateway was asked and does not say what it did; existed is
null), still-kept (another program keeps it open) or ending (open for ends_in_s more). kept says that another process
keeps the port and will open it again.
.PP
The state of an ENTRY is kept, asked, left-open or stale; that of all is active, degraded or none (see status).
";

const ENVIRONMENT: &str = "\
.TP
NO_COLOR
When set and not empty, nothing is coloured.
.TP
XDG_STATE_HOME
Where the journal is (see FILES).
";

const FILES: &str = "\
.TP
$XDG_STATE_HOME/portcullis, or ~/.local/state/portcullis
The journal: what open, watch, close and cleanup have asked gateways for, so that later commands find it and nothing
that a killed process leaves behind stays for good. On macOS it is ~/Library/Application Support/portcullis, on Windows
%LOCALAPPDATA%\\\\Portcullis. --journal names another directory, --no-journal does without; a simulated gateway has none
unless one is named.
";

pub(crate) fn run(_: &ManArgs, context: &Context) -> Result<(), Failure> {
    let mut page = Vec::new();
    write_page(&mut page).map_err(|error| Failure::io("cannot write the manual page", &error))?;
    context.output.report(&ManReport { man: String::from_utf8_lossy(&page).into_owned() })
}

fn write_page(out: &mut Vec<u8>) -> io::Result<()> {
    let mut command = Cli::command();
    // Gives subcommands their usage and the global options.
    command.build();
    let page = Man::new(command.clone()).manual("Portcullis");
    page.render_title(out)?;
    page.render_name_section(out)?;
    writeln!(out, ".SH SYNOPSIS")?;
    write_usage(out, &command)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    writeln!(out, ".SH COMMANDS")?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        write_subcommand(out, subcommand)?;
    }
    writeln!(out, ".SH \"EXIT STATUS\"")?;
    for (code, explained) in exit_code::TABLE {
        writeln!(out, ".TP\n{}\n{explained}", code as u8)?;
    }
    write!(out, ".SH JSON\n{JSON}.SH ENVIRONMENT\n{ENVIRONMENT}.SH FILES\n{FILES}")?;
    page.render_version_section(out)
}

/// A part of the one page: usage, what it does, its own options, examples.
fn write_subcommand(out: &mut Vec<u8>, subcommand: &Command) -> io::Result<()> {
    writeln!(out, ".SS {}", subcommand.get_name())?;
    write_usage(out, subcommand)?;
    let is_shared = |argument: &clap::Arg| argument.is_global_set() || argument.get_id() == "help";
    let own = subcommand.clone().mut_args(|argument| {
        let shared = is_shared(&argument);
        argument.hide(shared)
    });
    let page = Man::new(own);
    let mut sections = Vec::new();
    page.render_description_section(&mut sections)?;
    if subcommand.get_arguments().any(|argument| !is_shared(argument)) {
        page.render_options_section(&mut sections)?;
    }
    // Sections of a page of its own are paragraphs here.
    for line in String::from_utf8_lossy(&sections).lines() {
        writeln!(out, "{}", if line.starts_with(".SH ") { ".PP" } else { line })?;
    }
    if let Some(examples) = subcommand.get_after_help() {
        let examples = examples.to_string();
        let examples = examples.strip_prefix("Examples:\n").unwrap_or(&examples);
        writeln!(out, ".PP\nExamples:\n.PP\n.nf\n{}\n.fi", examples.replace('-', "\\-"))?;
    }
    Ok(())
}

fn write_usage(out: &mut Vec<u8>, command: &Command) -> io::Result<()> {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
    writeln!(out, ".PP\n.B {}", usage.replace('-', "\\-"))
}
