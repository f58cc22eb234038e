//! The commands, one per file: its arguments, what it does, what it reports.

mod address;
mod cleanup;
mod close;
mod completions;
mod device_report;
mod discover;
mod free_port;
mod inspect;
mod journal_report;
mod keep;
mod list;
mod man;
mod open;
mod ports;
mod shortfall;
mod simulate;
mod status;
mod watch;

use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Discover(discover::DiscoverArgs),
    Open(open::OpenArgs),
    Watch(watch::WatchArgs),
    Close(close::CloseArgs),
    List(list::ListArgs),
    Address(address::AddressArgs),
    Status(status::StatusArgs),
    Cleanup(cleanup::CleanupArgs),
    Inspect(inspect::InspectArgs),
    Simulate(simulate::SimulateArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// What a command has to do with the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Journaling {
    Never,
    /// Where it is of use and can be had.
    Maybe,
    Always,
}

impl Command {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Discover(_) => "discover",
            Self::Open(_) => "open",
            Self::Watch(_) => "watch",
            Self::Close(_) => "close",
            Self::List(_) => "list",
            Self::Address(_) => "address",
            Self::Status(_) => "status",
            Self::Cleanup(_) => "cleanup",
            Self::Inspect(_) => "inspect",
            Self::Simulate(_) => "simulate",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }

    pub(crate) fn asks_gateways(&self) -> bool {
        !matches!(
            self,
            Self::Status(_) | Self::Inspect(_) | Self::Simulate(_) | Self::Completions(_) | Self::Man(_)
        )
    }

    pub(crate) fn journaling(&self) -> Journaling {
        match self {
            Self::Inspect(_) | Self::Simulate(_) | Self::Completions(_) | Self::Man(_) => Journaling::Never,
            Self::Status(_) | Self::Cleanup(_) => Journaling::Always,
            Self::Discover(_)
            | Self::Open(_)
            | Self::Watch(_)
            | Self::Close(_)
            | Self::List(_)
            | Self::Address(_) => Journaling::Maybe,
        }
    }
}

pub(crate) fn run(command: Command, context: &Context) -> Result<ExitCode, Failure> {
    let ended = match command {
        Command::Discover(arguments) => discover::run(arguments, context),
        Command::Open(arguments) => return open::run(&arguments, context),
        Command::Watch(arguments) => watch::run(&arguments, context),
        Command::Close(arguments) => close::run(&arguments, context),
        Command::List(arguments) => list::run(&arguments, context),
        Command::Address(arguments) => address::run(&arguments, context),
        Command::Status(arguments) => status::run(&arguments, context),
        Command::Cleanup(arguments) => cleanup::run(&arguments, context),
        Command::Inspect(arguments) => inspect::run(arguments, context),
        Command::Simulate(arguments) => simulate::run(arguments, context),
        Command::Completions(arguments) => completions::run(&arguments, context),
        Command::Man(arguments) => man::run(&arguments, context),
    };
    ended.map(|()| ExitCode::Done)
}
