//! The command line: what there is, and what is said of what is not understood.

use crate::argument::scenario;
use crate::cmd::Command;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output::Output;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, ValueEnum};
use portcullis::GatewayAddress;
use portcullis_sim::Scenario;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  portcullis open 7777                   UDP and TCP, for an hour
  portcullis open 80:8080/tcp --keep     until Ctrl-C
  portcullis --json discover --all       for another program
  portcullis open 7777 --simulate        without any real gateway

Exit status: 0 done, 1 our fault, 2 usage, 3 no gateway found, 4 refused by the gateway,
5 no reply in time, 6 conflict with another mapping, 7 unsupported.";

/// Opens ports on the gateway between this host and the internet
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, after_help = EXAMPLES, disable_help_subcommand = true, arg_required_else_help = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Print one JSON document, also for an error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print nothing but results and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Tell on standard error what happens, and all that was tried
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Gateway options")]
pub(crate) struct NetworkArgs {
    /// How long the command may take, in milliseconds
    #[arg(long, global = true, value_name = "MS", allow_negative_numbers = true, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..))]
    timeout: u32,
    /// Search through this interface only
    #[arg(long, global = true, value_name = "NAME|IP")]
    pub(crate) interface: Option<String>,
    /// Ask this gateway and search for no other: its address, address and search port, or the URL of its
    /// description. May be repeated
    #[arg(long, global = true, value_name = "IP|URL")]
    pub(crate) gateway: Vec<GatewayAddress>,
    /// Protocols that may be used, separated by commas
    #[arg(
        long,
        global = true,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "igd",
        ignore_case = true
    )]
    protocol: Vec<MappingProtocol>,
    /// Use a simulated gateway, started for this command (see 'simulate --list-scenarios')
    #[arg(long, global = true, value_name = "SCENARIO", num_args = 0..=1, require_equals = true,
        default_missing_value = scenario::DEFAULT, value_parser = scenario::parse)]
    pub(crate) simulate: Option<Scenario>,
}

impl NetworkArgs {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout.into())
    }
}

/// How a mapping can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MappingProtocol {
    /// UPnP Internet Gateway Device.
    Igd,
}

impl Cli {
    /// Global options may stand on either side of the command, where clap does not compare them.
    pub(crate) fn validated(self) -> Result<Self, clap::Error> {
        let network = &self.network;
        let named = !network.gateway.is_empty();
        let conflict = if self.global.quiet && self.global.verbose {
            Some(("--quiet", "--verbose"))
        } else if network.simulate.is_some() && named {
            Some(("--simulate", "--gateway"))
        } else if network.interface.is_some() && (named || network.simulate.is_some()) {
            Some(("--interface", if named { "--gateway" } else { "--simulate" }))
        } else {
            None
        };
        match conflict {
            None => Ok(self),
            Some((one, other)) => Err(Self::command().error(
                ErrorKind::ArgumentConflict,
                format!("the argument '{one}' cannot be used with '{other}'"),
            )),
        }
    }
}

/// Answers a command line that is no command: with the help that was asked for, or with an error.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // A closed pipe has seen enough of the help.
        let _ = error.print();
        return ExitCode::Done;
    }
    // Only clap knows which arguments are options; it does not tell once it has failed.
    let json = std::env::args_os()
        .skip(1)
        .take_while(|argument| argument != "--")
        .any(|argument| argument == "--json");
    let failure = Failure::usage(&in_one_line(&error.render().to_string()));
    Output::for_usage_error(json).failure(&failure);
    failure.status
}

/// The message without clap's heading, usage and invitation.
fn in_one_line(rendered: &str) -> String {
    let message = rendered.strip_prefix("error: ").unwrap_or(rendered);
    let lines = message
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .map(str::trim)
        .filter(|line| !line.is_empty());
    format!("{} (see 'portcullis --help')", lines.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
