//! Why a command failed, ready to be shown.

use crate::exit_code::ExitCode;
use crate::output::text::Text;
use portcullis::{Error, ErrorKind};
use serde::Serialize;
use std::io;

/// The kind of a command line that could not be understood.
const USAGE: &str = "usage";

/// A failed command: what goes on standard error, into the JSON document and into the exit status.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    kind: &'static str,
    pub(crate) message: Text,
    pub(crate) attempts: Vec<Attempt>,
    #[serde(skip)]
    pub(crate) status: ExitCode,
}

/// One thing that was tried in vain.
#[derive(Debug, Serialize)]
pub(crate) struct Attempt {
    /// By name and address; empty for a search of the whole network.
    pub(crate) gateway: Text,
    pub(crate) step: Text,
    pub(crate) message: Text,
}

impl Failure {
    /// A failure of ours, or of the machine's: `what` could not be done.
    pub(crate) fn io(what: &str, error: &io::Error) -> Self {
        Self::new(ErrorKind::Io, &format!("{what}: {error}"))
    }

    pub(crate) fn new(kind: ErrorKind, message: &str) -> Self {
        Self { kind: kind.as_str(), message: Text::from(message), attempts: Vec::new(), status: kind.into() }
    }

    pub(crate) fn usage(message: &str) -> Self {
        Self { kind: USAGE, message: Text::from(message), attempts: Vec::new(), status: ExitCode::Usage }
    }

    /// Puts first what the failure means.
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.message = Text::from(format!("{what}: {}", self.message).as_str());
        self
    }

    /// Adds what to try next, in the words of this program's options.
    pub(crate) fn advise(mut self, status: ExitCode, advice: &str) -> Self {
        if self.status == status {
            self.message = Text::from(format!("{}; try {advice}", self.message).as_str());
        }
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let attempts = error.attempts().iter().map(|attempt| Attempt {
            gateway: Text::from(attempt.gateway.as_str()),
            step: Text::from(attempt.step.to_string().as_str()),
            message: Text::from(attempt.failure.to_string().as_str()),
        });
        Self {
            kind: error.kind().as_str(),
            message: Text::from(error.to_string().as_str()),
            attempts: attempts.collect(),
            status: error.kind().into(),
        }
    }
}
