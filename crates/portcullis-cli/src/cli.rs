//! The command line: what there is, and what is said of what is not understood.

use crate::argument::method::MappingProtocol;
use crate::argument::number::parse_number;
use crate::argument::scenario::{self, ScenarioParser};
use crate::cmd::{Command, Journaling};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output::Output;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, ValueHint};
use portcullis::{GatewayAddress, JournalPlace, Method};
use portcullis_sim::Scenario;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  portcullis open 7777                   UDP and TCP, for an hour
  portcullis open 80:8080/tcp --keep     until Ctrl-C
  portcullis status                      what is open, whoever of your programs opened it
  portcullis --json discover --all       for another program
  portcullis open 7777 --simulate        without any real gateway

Exit status: 0 done, 1 internal or system error, 2 usage, 3 no gateway found, 4 refused by the gateway,
5 no reply in time, 6 conflict with another mapping, 7 unsupported, 8 opened without --keep, but for another
NAT in front of this host.";

const JOURNAL: &str = "--journal";
const NO_JOURNAL: &str = "--no-journal";

const DEFAULT_TIMEOUT: Duration = Duration::from_millis(5_000);

/// Opens ports on the gateway between this host and the internet
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, after_help = EXAMPLES, arg_required_else_help = true)]
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
    /// Print one JSON document, also for an error; 'watch' and 'open --keep' print one for each event, a line each
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print nothing but results and errors; not with --verbose
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Tell on standard error what happens, and all that was tried; not with --quiet
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Directory for the journal of open ports, created if missing [default: this user's state directory]. Not with
    /// --no-journal
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    journal: Option<PathBuf>,
    /// Keep no journal: later commands will not find what this one opens, and what it leaves if it is killed stays open
    /// until its lifetime ends. Not with --journal
    #[arg(long, global = true)]
    no_journal: bool,
}

impl GlobalArgs {
    /// Where the journal is; a simulated gateway, which ends with its command, has none unless one is named.
    pub(crate) fn journal(&self, is_simulated: bool) -> JournalPlace {
        match &self.journal {
            Some(directory) => JournalPlace::Directory(directory.clone()),
            None if self.no_journal || is_simulated => JournalPlace::Off,
            None => JournalPlace::Default,
        }
    }

    /// The first option that was given which is about the journal.
    fn first_given(&self) -> Option<&'static str> {
        let given = [(self.journal.is_some(), JOURNAL), (self.no_journal, NO_JOURNAL)];
        given.into_iter().find_map(|(is_given, name)| is_given.then_some(name))
    }
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Gateway options")]
pub(crate) struct NetworkArgs {
    /// How long the command may take, in milliseconds [default: 5000]
    #[arg(long, global = true, value_name = "MS", allow_negative_numbers = true, value_parser = parse_timeout,
        value_hint = ValueHint::Other)]
    timeout: Option<u32>,
    /// Ask through this interface only, and from its address, by name or address: what is opened leads there; not with
    /// --gateway or --simulate
    #[arg(long, global = true, value_name = "NAME|IP", value_hint = ValueHint::Other)]
    pub(crate) interface: Option<String>,
    /// Ask this gateway and search for no other: its address, address and search port, the URL of its UPnP
    /// description (http://IP:PORT/PATH), or of its PCP or NAT-PMP server (pcp://IP[:PORT]). May be repeated; not with
    /// --simulate
    #[arg(long, global = true, value_name = "IP|URL", value_hint = ValueHint::Other)]
    pub(crate) gateway: Vec<GatewayAddress>,
    /// Protocols that may be used, separated by commas, the preferred one first: pcp, nat-pmp, igd (that is, UPnP)
    /// [default: pcp,nat-pmp,igd]
    #[arg(
        long,
        global = true,
        value_name = "LIST",
        value_delimiter = ',',
        ignore_case = true,
        hide_possible_values = true
    )]
    protocol: Vec<MappingProtocol>,
    /// Use a simulated gateway, started for this command (see 'simulate --list-scenarios'); not with
    /// --gateway or --interface
    #[arg(long, global = true, value_name = "SCENARIO", num_args = 0..=1, require_equals = true,
        default_missing_value = scenario::DEFAULT, value_parser = ScenarioParser, hide_possible_values = true)]
    pub(crate) simulate: Option<Scenario>,
}

impl NetworkArgs {
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.map_or(DEFAULT_TIMEOUT, |timeout| Duration::from_millis(timeout.into()))
    }

    /// The protocols that were chosen, the preferred one first; none: all.
    pub(crate) fn methods(&self) -> Vec<Method> {
        self.protocol.iter().copied().map(Method::from).collect()
    }

    /// Whether a protocol may be used.
    pub(crate) fn allows(&self, protocol: MappingProtocol) -> bool {
        self.protocol.is_empty() || self.protocol.contains(&protocol)
    }

    /// Whether what was chosen can be asked about IPv6, or why not.
    pub(crate) fn leads_over_ipv6(&self) -> Result<(), &'static str> {
        if !self.allows(MappingProtocol::Pcp) && !self.allows(MappingProtocol::Igd) {
            return Err("NAT-PMP knows no IPv6: '--ipv6' needs pcp or igd in '--protocol <LIST>'");
        }
        let is_ipv4 = |gateway: &GatewayAddress| match gateway {
            GatewayAddress::Search(address) | GatewayAddress::PortControl(address) => address.is_ipv4(),
            GatewayAddress::Location(url) => url.ip().is_some_and(|ip| ip.is_ipv4()),
            _ => false,
        };
        if !self.gateway.is_empty() && self.gateway.iter().all(is_ipv4) {
            return Err(
                "a gateway is asked about IPv6 over IPv6: '--ipv6' needs its IPv6 address in '--gateway'",
            );
        }
        Ok(())
    }

    /// Whether one of the protocols that may be used is spoken where the gateway was named.
    fn may_speak_with(&self, gateway: &GatewayAddress) -> bool {
        match gateway {
            GatewayAddress::Location(_) => self.allows(MappingProtocol::Igd),
            GatewayAddress::PortControl(_) => {
                self.allows(MappingProtocol::Pcp) || self.allows(MappingProtocol::NatPmp)
            }
            _ => true,
        }
    }

    /// The first option that was given which is about asking a gateway.
    fn first_given(&self) -> Option<&'static str> {
        [
            (self.simulate.is_some(), "--simulate"),
            (!self.gateway.is_empty(), "--gateway"),
            (self.interface.is_some(), "--interface"),
            (self.timeout.is_some(), "--timeout"),
            (!self.protocol.is_empty(), "--protocol"),
        ]
        .into_iter()
        .find_map(|(is_given, name)| is_given.then_some(name))
    }
}

fn parse_timeout(text: &str) -> Result<u32, String> {
    parse_number(text, 1..=u32::MAX)
}

impl Cli {
    /// Global options may stand on either side of the command, where clap does not compare them.
    pub(crate) fn validated(self) -> Result<Self, clap::Error> {
        match self.contradiction() {
            None => Ok(self),
            Some(message) => Err(Self::command().error(ErrorKind::ArgumentConflict, message)),
        }
    }

    fn contradiction(&self) -> Option<String> {
        let (global, network) = (&self.global, &self.network);
        let name = self.command.name();
        if let (false, Some(option)) = (self.command.asks_gateways(), network.first_given()) {
            return Some(format!("'{name}' asks no gateway: the argument '{option}' cannot be used with it"));
        }
        if let (Journaling::Never, Some(option)) = (self.command.journaling(), global.first_given()) {
            return Some(format!("'{name}' has no journal: the argument '{option}' cannot be used with it"));
        }
        if self.command.journaling() == Journaling::Always && global.no_journal {
            return Some(format!(
                "'{name}' is about the journal: the argument '{NO_JOURNAL}' cannot be used with it"
            ));
        }
        if let Some(gateway) = network.gateway.first() {
            if !network.gateway.iter().any(|gateway| network.may_speak_with(gateway)) {
                return Some(format!(
                    "the gateway '{gateway}' speaks none of the protocols that '--protocol' allows"
                ));
            }
        }
        let named = !network.gateway.is_empty();
        let simulated = network.simulate.is_some();
        let (one, other) = if global.quiet && global.verbose {
            ("--quiet", "--verbose")
        } else if global.journal.is_some() && global.no_journal {
            (JOURNAL, NO_JOURNAL)
        } else if simulated && named {
            ("--simulate", "--gateway")
        } else if network.interface.is_some() && (named || simulated) {
            ("--interface", if named { "--gateway" } else { "--simulate" })
        } else {
            return None;
        };
        Some(format!("the argument '{one}' cannot be used with '{other}'"))
    }
}

/// Answers a command line that is no command: with the help that was asked for, or with an error.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A closed pipe has seen enough of the help.
            let _ = error.print();
            return ExitCode::Done;
        }
        // Nothing at all was given.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            return ExitCode::Usage;
        }
        _ => {}
    }
    // Only clap knows which arguments are options; it does not tell once it has failed.
    let json = std::env::args_os()
        .skip(1)
        .take_while(|argument| argument != "--")
        .any(|argument| argument == "--json");
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    let failure = Failure::usage(&in_one_line(&error.render().to_string(), meant_command(arguments)));
    Output::for_usage_error(json).failure(&failure);
    failure.status
}

/// The command that these arguments are for, whatever is wrong with them.
fn meant_command(mut arguments: impl Iterator<Item = String>) -> Option<String> {
    let definition = Cli::command();
    let takes_next = |option: &str| {
        definition.get_arguments().any(|known| {
            known.get_action().takes_values()
                && !known.is_require_equals_set()
                && known.get_long().is_some_and(|long| option.strip_prefix("--") == Some(long))
        })
    };
    while let Some(argument) = arguments.next() {
        if takes_next(&argument) {
            arguments.next();
        } else if !argument.starts_with('-') {
            return definition.find_subcommand(&argument).map(|command| command.get_name().to_owned());
        }
    }
    None
}

/// The message without clap's heading, usage and invitation.
fn in_one_line(rendered: &str, command: Option<String>) -> String {
    let message = rendered.strip_prefix("error: ").unwrap_or(rendered);
    let lines = message
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let command = command.map(|command| format!("{command} ")).unwrap_or_default();
    format!("{} (see 'portcullis {command}--help')", lines.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_command_is_known_however_wrong_its_arguments_are() {
        for (line, command) in [
            ("open 00", Some("open")),
            ("--json --timeout list open --lifetime x", Some("open")),
            ("--simulate list", Some("list")),
            ("--gateway=x list", Some("list")),
            ("--no-such", None),
            ("no-such list", None),
            ("", None),
        ] {
            let arguments = line.split_whitespace().map(str::to_owned);
            assert_eq!(meant_command(arguments).as_deref(), command, "{line}");
        }
    }
}
