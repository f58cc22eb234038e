//! Everything that is printed: documents on standard output, all else on standard error.

pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod text;

use crate::cli::GlobalArgs;
use crate::failure::Failure;
use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::io::{self, BufWriter, Write};
use text::Text;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const NOTE: Style = Style::new().bold();

/// What a command has to say: as one JSON document by its fields, or to a person.
pub(crate) trait Report: Serialize {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// How to print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    pub(crate) verbose: bool,
}

impl Output {
    pub(crate) fn new(options: &GlobalArgs) -> Self {
        Self { json: options.json, quiet: options.quiet, verbose: options.verbose }
    }

    /// For a command line that was not understood.
    pub(crate) fn for_usage_error(json: bool) -> Self {
        Self { json, quiet: false, verbose: false }
    }

    /// Whether somebody may be looking who wants to see that something happens.
    pub(crate) fn may_show_progress(&self) -> bool {
        !self.quiet && !self.verbose
    }

    /// Prints a command's one document, at once.
    pub(crate) fn report(&self, report: &impl Report) -> Result<(), Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        let written =
            if self.json { write_json(&mut out, report) } else { report.write_for_people(&mut out) };
        match written.and_then(|()| out.flush()) {
            // Whoever reads has read enough; what was asked for is done all the same.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(|error| Failure::io("cannot write to standard output", &error)),
        }
    }

    /// Says why the command failed: on standard error, and with `--json` as the document too.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.say(ERROR, "portcullis:", failure.message.as_str());
        if self.verbose {
            for attempt in &failure.attempts {
                let gateway =
                    if attempt.gateway.as_str().is_empty() { "network" } else { attempt.gateway.as_str() };
                self.say(
                    NOTE,
                    "portcullis:",
                    &format!("tried {gateway}: {}: {}", attempt.step, attempt.message),
                );
            }
        }
        if self.json {
            #[derive(Serialize)]
            struct Document<'a> {
                error: &'a Failure,
            }
            // Standard error has said it already.
            let _ = write_json(&mut io::stdout().lock(), &Document { error: failure });
        }
    }

    /// Something that succeeded, but may not be what was hoped for.
    pub(crate) fn warn(&self, text: &str) {
        if !self.quiet {
            self.say(WARNING, "portcullis: warning:", text);
        }
    }

    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.say(NOTE, "portcullis:", text);
        }
    }

    fn say(&self, style: Style, who: &str, text: &str) {
        let mut err = AutoStream::auto(io::stderr().lock());
        // Nobody is left to be told that standard error is closed.
        let _ = writeln!(err, "{style}{who}{style:#} {}", Text::from(text));
    }
}

fn write_json(out: &mut impl Write, document: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, document)?;
    out.write_all(b"\n")?;
    out.flush()
}
