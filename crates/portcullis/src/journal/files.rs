//! The files of other processes.

use super::contents::{Contents, Entries};
use super::error::{JournalError, JournalWarning, Outcome, Problem, Unsafe};
use super::origin::{NoOrigin, Origin};
use super::system;
use portcullis_proto::Time;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Nothing longer is read or written, in bytes.
pub(super) const MAX_FILE: u64 = 1024 * 1024;
/// No more of them are looked at, or made.
pub(super) const MAX_FILES: usize = 256;
/// So many are kept for somebody to look at.
const MAX_BAD: usize = 8;
/// Names in the directory that are gone through, of whatever: a second's work. Beyond that it is an error, and nothing is
/// passed over without a word.
const MAX_NAMES: usize = 1 << 20;

const JOURNAL: &str = ".journal";
/// What is being written, and will get the name without this.
const NEW: &str = ".new";
const BAD: &str = ".bad";

/// What a process left, or is still writing.
#[derive(Debug)]
pub(super) struct OtherFile {
    pub(super) path: PathBuf,
    /// Held, unless its process lives.
    held: Option<File>,
    /// In terms of this process's clock, and without what has expired.
    pub(super) entries: Entries,
    /// How many it had that have expired.
    pub(super) expired: usize,
}

/// A file that cannot be used.
#[derive(Debug)]
pub(super) struct Trouble {
    path: PathBuf,
    problem: Problem,
    /// Its process lives, so it is that one's trouble.
    alive: bool,
}

/// The journals in a directory, in order of their names; where there are too many, one more than are looked at.
pub(super) fn journals(directory: &Path) -> io::Result<Vec<PathBuf>> {
    named(directory, JOURNAL)
}

/// The file that is written before it takes the name of this one.
pub(super) fn beside(path: &Path) -> PathBuf {
    with_end(path, NEW)
}

fn named(directory: &Path, end: &str) -> io::Result<Vec<PathBuf>> {
    let mut paths = BTreeSet::new();
    for (count, found) in directory.read_dir()?.enumerate() {
        if count >= MAX_NAMES {
            return Err(io::Error::other(format!("more than {MAX_NAMES} names are in it")));
        }
        let found = found?;
        if found.file_name().as_encoded_bytes().ends_with(end.as_bytes()) {
            paths.insert(found.path());
            if paths.len() > MAX_FILES.saturating_add(1) {
                paths.pop_last();
            }
        }
    }
    Ok(paths.into_iter().collect())
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut path = OsString::from(path);
    path.push(end);
    path.into()
}

/// Goes through the files of other processes; gives those that cannot be used.
pub(super) fn others(
    directory: &Path,
    own: Option<&Path>,
    here: &Origin,
    now: Time,
    mut visit: impl FnMut(OtherFile),
) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let of_directory = |problem| Trouble { path: directory.to_owned(), problem, alive: false };
    let paths = match journals(directory) {
        Ok(paths) => paths,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            troubles.push(of_directory(Problem::Io(error)));
            Vec::new()
        }
    };
    if paths.len() > MAX_FILES {
        troubles.push(of_directory(Problem::TooMany));
    }
    for path in paths.into_iter().take(MAX_FILES).filter(|path| Some(&**path) != own) {
        match OtherFile::open(&path, here, now) {
            Ok(Some(file)) => visit(file),
            Ok(None) => {}
            Err(trouble) => troubles.push(trouble),
        }
    }
    troubles
}

impl OtherFile {
    /// `None` where there is nothing in it for this machine, or where it has gone.
    pub(super) fn open(path: &Path, here: &Origin, now: Time) -> Result<Option<Self>, Trouble> {
        let trouble = |alive| move |problem| Trouble { path: path.to_owned(), problem, alive };
        let Some((mut file, alive)) = open_other(path).map_err(trouble(false))? else { return Ok(None) };
        let contents = match read(&mut file).map_err(trouble(alive))? {
            Some(contents) if contents.origin.is_elsewhere(here) => return Ok(None),
            contents => contents,
        };
        let mut other = Self {
            path: path.to_owned(),
            held: (!alive).then_some(file),
            entries: Entries::new(),
            expired: 0,
        };
        if let Some(contents) = contents {
            other.entries = contents.entries;
            let count = other.entries.len();
            other.entries.retain(|_, entry| {
                contents.origin.translate(entry, here, now);
                entry.expires.is_none_or(|expires| expires > now)
            });
            other.expired = count.saturating_sub(other.entries.len());
        }
        Ok(Some(other))
    }

    pub(super) fn is_alive(&self) -> bool {
        self.held.is_none()
    }

    /// Leaves these entries in it, and no file where there are none.
    pub(super) fn replace(&mut self, here: &Origin, entries: Entries) -> Result<(), JournalError> {
        if entries.is_empty() {
            std::fs::remove_file(&self.path).map_err(JournalError::io(&self.path, "remove"))?;
        } else {
            write_anew(&self.path, &Contents::write(here, &entries))?;
        }
        self.entries = entries;
        self.expired = 0;
        Ok(())
    }
}

/// Puts a file in the place of another, at once and safely.
pub(super) fn write_anew(path: &Path, text: &str) -> Result<(), JournalError> {
    let new = beside(path);
    let _ = std::fs::remove_file(&new);
    let write = || {
        let mut file = system::nofollow(OpenOptions::new().write(true).create_new(true)).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        drop(file);
        std::fs::rename(&new, path)?;
        path.parent().map_or(Ok(()), system::sync_directory)
    };
    write().map_err(|error| {
        let _ = std::fs::remove_file(&new);
        JournalError::io(path, "write")(error)
    })
}

/// Opened, and held unless its process lives; `None` where it has gone.
fn open_other(path: &Path) -> Result<Option<(File, bool)>, Problem> {
    let opened = || {
        // What is no file of ours is not even opened.
        if let Err(why) = system::unsafe_file(&path.symlink_metadata()?) {
            return Ok(Err(why));
        }
        match system::open_held(path, &mut OpenOptions::new()) {
            Ok(Some(file)) => return Ok(Ok((file, false))),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {}
            Err(error) => return Err(error),
        }
        // Who holds it writes to it. Where nobody can, whether its process lives is told all the same.
        let file = system::nofollow_shared(OpenOptions::new().read(true)).open(path)?;
        let alive = system::is_held(&file, path)?;
        Ok(Ok((file, alive)))
    };
    match opened() {
        Ok(opened) => opened.map(Some).map_err(Problem::Unsafe),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem::Io(error)),
    }
}

fn read(file: &mut File) -> Result<Option<Contents>, Problem> {
    let metadata = file.metadata().map_err(Problem::Io)?;
    system::unsafe_file(&metadata).map_err(Problem::Unsafe)?;
    if metadata.len() > MAX_FILE {
        return Err(Problem::TooLarge);
    }
    // One more, to learn that it ends there.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default().saturating_add(1));
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(Problem::Io)?;
    Contents::read(&bytes).map_err(|error| match error {
        NoOrigin::Version => Problem::Version,
        NoOrigin::Damaged => Problem::Damaged,
    })
}

/// Removes what processes that died in the middle of it were writing.
pub(super) fn remove_unfinished(directory: &Path) {
    for path in named(directory, &format!("{JOURNAL}{NEW}")).unwrap_or_default() {
        let is_file = path.symlink_metadata().is_ok_and(|metadata| system::unsafe_file(&metadata).is_ok());
        if is_file && matches!(system::open_held(&path, &mut OpenOptions::new()), Ok(Some(_))) {
            let _ = std::fs::remove_file(&path);
        }
    }
}

impl Trouble {
    /// For whoever only looks.
    pub(super) fn leave(self) -> JournalWarning {
        JournalWarning::new(&self.path, self.problem, Outcome::LeftAlone)
    }

    /// Moves the file out of the way, unless it is somebody else's.
    pub(super) fn set_aside(self) -> JournalWarning {
        let is_ours = match self.problem {
            Problem::TooLarge | Problem::Version | Problem::Damaged => !self.alive,
            Problem::Unsafe(Unsafe::WritableByOthers) => true,
            _ => false,
        };
        let outcome = if is_ours { put_away(&self.path).ok() } else { None };
        JournalWarning::new(&self.path, self.problem, outcome.unwrap_or(Outcome::LeftAlone))
    }
}

fn put_away(path: &Path) -> io::Result<Outcome> {
    let kept =
        path.parent().map_or(Ok(Vec::new()), |directory| named(directory, &format!("{JOURNAL}{BAD}")))?;
    if kept.len() < MAX_BAD {
        std::fs::rename(path, with_end(path, BAD))?;
        Ok(Outcome::SetAside)
    } else {
        std::fs::remove_file(path)?;
        Ok(Outcome::Deleted)
    }
}
