//! What is wrong with a journal, and what comes of it.

use crate::os_error::{explained, is_out_of_files};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why nothing can be written to a journal: the path, the reason and what to do about it, as text.
#[derive(Debug)]
pub struct JournalError {
    path: PathBuf,
    reason: Reason,
}

/// What helps where a directory does not serve.
const ELSEWHERE: &str = "name another directory, or do without a journal";
/// The same where its disk is full.
const MAKE_ROOM: &str = "make room on the disk, name another directory, or do without a journal";

#[derive(Debug)]
pub(super) enum Reason {
    /// What was being done, and what the system said.
    Io(&'static str, io::Error),
    Unsafe(Unsafe),
    Full,
    TooManyFiles,
    Busy,
}

/// Why a file or a directory is not touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(windows, allow(dead_code, reason = "who may write to a folder is not told as a number there"))]
pub(super) enum Unsafe {
    Symlink,
    /// Not of the kind it should be.
    Kind,
    /// The user it belongs to.
    Owner(u32),
    WritableByOthers,
}

impl JournalError {
    pub(super) fn new(path: &Path, reason: Reason) -> Self {
        Self { path: path.to_owned(), reason }
    }

    /// For `map_err`.
    pub(super) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self { path, reason: Reason::Io(doing, error) }
    }

    /// The file or directory it is about.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the operating system calls it.
    pub fn kind(&self) -> io::ErrorKind {
        match &self.reason {
            Reason::Io(_, error) => error.kind(),
            Reason::Unsafe(_) => io::ErrorKind::PermissionDenied,
            // What a file system says that has no more room.
            Reason::Full | Reason::TooManyFiles => io::ErrorKind::StorageFull,
            Reason::Busy => io::ErrorKind::WouldBlock,
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.reason {
            Reason::Io(doing, error) => {
                write!(f, "cannot {doing} {path}: {}", explained(error))?;
                match advice(error) {
                    Some(advice) => write!(f, "; {advice}"),
                    None => Ok(()),
                }
            }
            Reason::Unsafe(why) => write!(f, "cannot keep a journal in {path}: {why}; {ELSEWHERE}"),
            Reason::Full => write!(f, "the journal {path} is full; close mappings that it holds"),
            Reason::TooManyFiles => {
                write!(
                    f,
                    "there are too many journals in {path}; clean up what other processes left, or {ELSEWHERE}"
                )
            }
            Reason::Busy => write!(f, "the journals in {path} are in use; try again"),
        }
    }
}

/// What helps, where the error does not say so itself.
fn advice(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        // Another directory would not be opened either.
        _ if is_out_of_files(error) => None,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Some(MAKE_ROOM)
        }
        _ => Some(ELSEWHERE),
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            Reason::Io(_, error) => Some(error),
            _ => None,
        }
    }
}

impl From<JournalError> for io::Error {
    fn from(error: JournalError) -> Self {
        Self::new(error.kind(), error)
    }
}

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symlink => f.write_str("it is a symbolic link"),
            Self::Kind => f.write_str("it is something else"),
            Self::Owner(owner) => write!(f, "it belongs to user {owner}"),
            Self::WritableByOthers => f.write_str("others may write to it"),
        }
    }
}

/// A file among the journals that was not used, and what came of it, as text.
#[derive(Debug)]
pub struct JournalWarning {
    path: PathBuf,
    problem: Problem,
    outcome: Outcome,
}

/// What is wrong with a file among the journals.
#[derive(Debug)]
pub(super) enum Problem {
    Unsafe(Unsafe),
    TooLarge,
    /// Written by a later version of this program, it seems.
    Version,
    Damaged,
    Io(io::Error),
    /// There are more of them than are looked at.
    TooMany,
    /// What it holds could not be taken over.
    NotTaken(JournalError),
    /// What it holds was taken over, and had to stay where it is.
    NotMoved(JournalError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    LeftAlone,
    /// Renamed, with `.bad` at its end.
    SetAside,
    Deleted,
}

impl JournalWarning {
    pub(super) fn new(path: &Path, problem: Problem, outcome: Outcome) -> Self {
        Self { path: path.to_owned(), problem, outcome }
    }

    /// The file it is about, by the name that it had.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is out of the way, so that nobody will be told of it again.
    pub fn is_settled(&self) -> bool {
        self.outcome != Outcome::LeftAlone
    }
}

impl fmt::Display for JournalWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        if let Problem::TooMany = self.problem {
            return write!(f, "there are too many journals in {path}, and some were not looked at");
        }
        if let Problem::NotMoved(error) = &self.problem {
            return write!(f, "the journal {path} stays, and what it holds is deleted all the same: {error}");
        }
        if let Problem::NotTaken(error) = &self.problem {
            // It names its path itself.
            if error.path() == self.path {
                return write!(f, "{error}");
            }
        }
        write!(f, "the journal {path} was not used: ")?;
        match &self.problem {
            Problem::Unsafe(why) => write!(f, "{why}"),
            Problem::TooLarge => f.write_str("it is too large"),
            Problem::Version => f.write_str("another version of the program wrote it"),
            Problem::Damaged => f.write_str("it is damaged"),
            Problem::Io(error) => return f.write_str(&explained(error)),
            Problem::NotTaken(error) => return write!(f, "{error}"),
            Problem::TooMany | Problem::NotMoved(_) => Ok(()),
        }?;
        f.write_str(match self.outcome {
            Outcome::LeftAlone => "; look at it, and remove it unless it is of use",
            Outcome::SetAside => "; it now ends in .bad, and may be removed",
            Outcome::Deleted => "; enough such files are kept, so it was removed",
        })
    }
}
