//! `portcullis completions`: what a shell needs to complete our command line.

use crate::cli::Cli;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde::Serialize;
use std::io::{self, Write};

const EXAMPLES: &str = "\
Examples:
  portcullis completions bash > ~/.local/share/bash-completion/completions/portcullis
  portcullis completions fish > ~/.config/fish/completions/portcullis.fish";

/// Prints completions for a shell
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    shell: Shell,
}

#[derive(Debug, Serialize)]
struct CompletionsReport {
    completions: String,
}

impl Report for CompletionsReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.completions.as_bytes())
    }
}

pub(crate) fn run(arguments: &CompletionsArgs, context: &Context) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "portcullis", &mut script);
    context.output.report(&CompletionsReport { completions: String::from_utf8_lossy(&script).into_owned() })
}
