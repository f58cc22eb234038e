//! Everything that is printed: documents on standard output, all else on standard error.

pub(crate) mod inside;
pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod text;

use crate::cli::GlobalArgs;
use crate::failure::Failure;
use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::sync::{Mutex, PoisonError};
use text::Text;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const NOTE: Style = Style::new().bold();

/// Warnings that are remembered: whoever stays for years meets others.
const MOST_WARNINGS: usize = 1_024;

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

    /// Whether what is printed is not for programs.
    pub(crate) fn is_for_people(&self) -> bool {
        !self.json
    }

    /// Whether somebody may be looking who wants to see that something happens.
    pub(crate) fn may_show_progress(&self) -> bool {
        !self.quiet && !self.verbose
    }

    /// Prints a command's one document, at once.
    pub(crate) fn report(&self, report: &impl Report) -> Result<(), Failure> {
        match self.write(report) {
            // Whoever reads has read enough; what was asked for is done all the same.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(|error| cannot_write(&error)),
        }
    }

    /// Prints a document to a reader that has to be there.
    pub(crate) fn report_to_reader(&self, report: &impl Report) -> Result<(), Failure> {
        self.write(report).map_err(|error| cannot_write(&error))
    }

    /// Prints one of many documents, each in a line of its own.
    pub(crate) fn report_event(&self, event: &impl Report) -> io::Result<()> {
        self.write(event)
    }

    /// Prints what succeeded of a command that failed, for people: in JSON it is in the error's document.
    pub(crate) fn report_beside_failure(&self, report: &impl Report) {
        if !self.json {
            // The command has failed already, for a better reason.
            let _ = self.write(report);
        }
    }

    fn write(&self, report: &impl Report) -> io::Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        if self.json {
            write_json(&mut out, report)
        } else {
            report.write_for_people(&mut out)?;
            out.flush()
        }
    }

    /// Says why the command failed: on standard error, and with `--json` as the document too.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.say(ERROR, "portcullis:", failure.message.as_str());
        if self.verbose {
            for attempt in &failure.attempts {
                let gateway = attempt.gateway.as_ref().map_or("network", Text::as_str);
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
                #[serde(flatten)]
                done: &'a Map<String, Value>,
            }
            // Standard error has said it already.
            let document = Document { error: failure, done: &failure.done };
            let _ = write_json(&mut io::stdout().lock(), &document);
        }
    }

    /// Something that succeeded, but may not be what was hoped for. Each is said once, however often it is found.
    pub(crate) fn warn(&self, text: &str) {
        if !self.quiet && is_new(text) {
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

/// Whether this warning has not been given yet.
fn is_new(warning: &str) -> bool {
    static GIVEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    if given.len() >= MOST_WARNINGS {
        given.clear();
    }
    given.insert(warning.to_owned())
}

fn cannot_write(error: &io::Error) -> Failure {
    Failure::io("cannot write to standard output", error)
}

fn write_json(out: &mut impl Write, document: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, document)?;
    out.write_all(b"\n")?;
    out.flush()
}
