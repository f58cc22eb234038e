//! Why a command failed, ready to be shown.

use crate::exit_code::ExitCode;
use crate::output::text::Text;
use portcullis::{Error, ErrorKind, Step};
use serde::Serialize;
use serde_json::{Map, Value};
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
    /// What was done all the same: stands beside the error in the JSON document.
    #[serde(skip)]
    pub(crate) done: Map<String, Value>,
}

/// One thing that was tried in vain.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Attempt {
    /// By name and address; `None` for a search of the whole network.
    pub(crate) gateway: Option<Text>,
    pub(crate) step: Text,
    pub(crate) message: Text,
    /// Whether it was about one mapping, and not about finding the gateway.
    #[serde(skip)]
    is_of_mapping: bool,
}

impl Failure {
    /// A failure of ours, or of the machine's: `what` could not be done.
    pub(crate) fn io(what: &str, error: &io::Error) -> Self {
        Self::new(ErrorKind::Io, &format!("{what}: {}", portcullis::explained(error)))
    }

    pub(crate) fn new(kind: ErrorKind, message: &str) -> Self {
        Self::with(kind.as_str(), message, kind.into())
    }

    fn with(kind: &'static str, message: &str, status: ExitCode) -> Self {
        Self { kind, message: Text::from(message), attempts: Vec::new(), status, done: Map::new() }
    }

    pub(crate) fn usage(message: &str) -> Self {
        Self::with(USAGE, message, ExitCode::Usage)
    }

    /// One failure of those that the mappings of a command came to, each with its name (`udp 7777`): the
    /// first decides. `None` where none failed. `several` is whether more than one mapping was asked for, so
    /// that it has to be said which is meant.
    pub(crate) fn of_mappings(failed: Vec<(String, Error)>, several: bool) -> Option<Self> {
        let mut failed = failed.into_iter();
        let (name, error) = failed.next()?;
        let mut failure = Self::of_mapping(&name, error, several);
        let mut others = Vec::new();
        for (name, error) in failed {
            for attempt in Self::of_mapping(&name, error, several).attempts {
                // The search is the same for all of them.
                if !failure.attempts.contains(&attempt) {
                    failure.attempts.push(attempt);
                }
            }
            others.push(name);
        }
        if !others.is_empty() && failure.attempts.iter().any(|attempt| attempt.is_of_mapping) {
            failure = failure.and_so(&format!("{} failed too", others.join(", ")));
        }
        Some(failure)
    }

    fn of_mapping(name: &str, error: Error, several: bool) -> Self {
        let mut failure = Self::from(error);
        if !several {
            return failure;
        }
        for attempt in failure.attempts.iter_mut().filter(|attempt| attempt.is_of_mapping) {
            attempt.message = Text::from(format!("{name}: {}", attempt.message).as_str());
        }
        if failure.attempts.iter().any(|attempt| attempt.is_of_mapping) {
            failure.about(name)
        } else {
            failure
        }
    }

    /// Adds what was done all the same to the JSON document.
    pub(crate) fn beside(mut self, name: &str, done: Value) -> Self {
        self.done.insert(name.to_owned(), done);
        self
    }

    /// Puts first what the failure means.
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.message = Text::from(format!("{what}: {}", self.message).as_str());
        self
    }

    /// Adds what follows from it.
    pub(crate) fn and_so(mut self, what: &str) -> Self {
        self.message = Text::from(format!("{}; {what}", self.message).as_str());
        self
    }

    /// Adds what to try next, in the words of this program's options.
    pub(crate) fn advise(self, status: ExitCode, advice: &str) -> Self {
        if self.status == status { self.and_so(&format!("try {advice}")) } else { self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let attempts = error.attempts().iter().map(|attempt| Attempt {
            gateway: (!attempt.gateway.is_empty()).then(|| Text::from(attempt.gateway.as_str())),
            step: Text::from(attempt.step.to_string().as_str()),
            message: Text::from(attempt.failure.to_string().as_str()),
            is_of_mapping: is_of_mapping(attempt),
        });
        let unknown = error.decisive_attempt().map(|attempt| &attempt.failure);
        let message = match unknown {
            Some(unknown @ portcullis::Failure::NoInterface { .. }) => {
                format!("invalid value for '--interface <NAME|IP>': {unknown}")
            }
            _ => error.to_string(),
        };
        Self {
            attempts: attempts.collect(),
            ..Self::with(error.kind().as_str(), &message, error.kind().into())
        }
    }
}

/// Whether an attempt was about one mapping: that nobody is there has nothing to do with it.
fn is_of_mapping(attempt: &portcullis::Attempt) -> bool {
    use portcullis::Failure as Why;
    let nobody_is_there = matches!(
        attempt.failure,
        Why::NotAsked
            | Why::NoAnswer
            | Why::AnswerIgnored(_)
            | Why::Unreachable(_)
            | Why::UnsupportedVersion
            | Why::CannotSend(_)
            | Why::LocalPort { .. }
    );
    !nobody_is_there && !matches!(attempt.step, Step::Search | Step::Description)
}
