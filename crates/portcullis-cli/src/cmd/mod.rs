//! The commands, one per file: its arguments, what it does, what it reports.

mod address;
mod close;
mod completions;
mod device_report;
mod discover;
mod inspect;
mod list;
mod man;
mod open;
mod shortfall;
mod simulate;

use crate::context::Context;
use crate::failure::Failure;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Discover(discover::DiscoverArgs),
    Open(open::OpenArgs),
    Close(close::CloseArgs),
    List(list::ListArgs),
    Address(address::AddressArgs),
    Inspect(inspect::InspectArgs),
    Simulate(simulate::SimulateArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

impl Command {
    /// The name of a command that asks no gateway.
    pub(crate) fn offline_name(&self) -> Option<&'static str> {
        match self {
            Self::Inspect(_) => Some("inspect"),
            Self::Simulate(_) => Some("simulate"),
            Self::Completions(_) => Some("completions"),
            Self::Man(_) => Some("man"),
            Self::Discover(_) | Self::Open(_) | Self::Close(_) | Self::List(_) | Self::Address(_) => None,
        }
    }
}

pub(crate) fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Discover(arguments) => discover::run(arguments, context),
        Command::Open(arguments) => open::run(arguments, context),
        Command::Close(arguments) => close::run(&arguments, context),
        Command::List(arguments) => list::run(&arguments, context),
        Command::Address(arguments) => address::run(&arguments, context),
        Command::Inspect(arguments) => inspect::run(arguments, context),
        Command::Simulate(arguments) => simulate::run(arguments, context),
        Command::Completions(arguments) => completions::run(&arguments, context),
        Command::Man(arguments) => man::run(&arguments, context),
    }
}
