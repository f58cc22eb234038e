//! `portcullis man`: the manual page.

use crate::cli::Cli;
use crate::context::Context;
use crate::exit_code;
use crate::failure::Failure;
use crate::output::Report;
use clap::{Args, CommandFactory};
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
With --json exactly one JSON document is printed on standard output, also for an error:
.PP
.nf
{\"error\":{\"kind\":\"conflict\",\"message\":\"...\",\"attempts\":[{\"gateway\":\"...\",\"step\":\"...\",\"message\":\"...\"}]}}
.fi
.PP
Texts are empty where a device does not say; addresses are null where they are not known. A lifetime_s of 0
stands for a permanent mapping. Protocols are udp and tcp.
";

const ENVIRONMENT: &str = "\
.TP
NO_COLOR
When set and not empty, nothing is coloured.
";

pub(crate) fn run(_: &ManArgs, context: &Context) -> Result<(), Failure> {
    let mut page = Vec::new();
    write_page(&mut page).map_err(|error| Failure::io("cannot write the manual page", &error))?;
    context.output.report(&ManReport { man: String::from_utf8_lossy(&page).into_owned() })
}

fn write_page(out: &mut Vec<u8>) -> io::Result<()> {
    let mut command = Cli::command();
    // Gives subcommands their full names and the global options.
    command.build();
    let page = Man::new(command.clone()).manual("Portcullis");
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    writeln!(out, ".SH COMMANDS")?;
    for subcommand in command.get_subcommands() {
        write_subcommand(out, subcommand)?;
    }
    writeln!(out, ".SH \"EXIT STATUS\"")?;
    for (code, explained) in exit_code::TABLE {
        writeln!(out, ".TP\n{}\n{explained}", code as u8)?;
    }
    write!(out, ".SH JSON\n{JSON}.SH ENVIRONMENT\n{ENVIRONMENT}")?;
    page.render_extra_section(out)?;
    page.render_version_section(out)
}

/// Its sections become parts of the one page: headings a level down, global options left out.
fn write_subcommand(out: &mut Vec<u8>, subcommand: &clap::Command) -> io::Result<()> {
    let name = subcommand.get_name().to_owned();
    let own = subcommand.clone().mut_args(|argument| {
        let global = argument.is_global_set();
        argument.hide(global)
    });
    let page = Man::new(own.disable_help_flag(true));
    let mut sections = Vec::new();
    page.render_description_section(&mut sections)?;
    if subcommand.get_arguments().any(|argument| !argument.is_global_set()) {
        page.render_options_section(&mut sections)?;
    }
    page.render_extra_section(&mut sections)?;
    writeln!(out, ".SS \"portcullis {name}\"")?;
    for line in String::from_utf8_lossy(&sections).lines() {
        match line.strip_prefix(".SH ") {
            Some("DESCRIPTION") => {}
            Some(heading) => writeln!(out, ".PP\n.B {heading}")?,
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}
