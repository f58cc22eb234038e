//! `portcullis`: opens a port on the gateway, from a terminal or for another program.

mod argument;
mod cli;
mod clock;
mod cmd;
mod context;
mod exit_code;
mod failure;
mod join;
mod output;
mod session;
mod termination;

use clap::Parser;
use cli::Cli;
use clock::Started;
use context::Context;
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    let started = Started::now();
    let cli = match Cli::try_parse().and_then(Cli::validated) {
        Ok(cli) => cli,
        Err(error) => return cli::refuse(&error).into(),
    };
    let output = Output::new(&cli.global);
    let journal = cli.global.journal(cli.network.simulate.is_some());
    let context = Context { started, output, network: cli.network, journal };
    match cmd::run(cli.command, &context) {
        Ok(status) => status.into(),
        Err(failure) => {
            context.output.failure(&failure);
            failure.status.into()
        }
    }
}
