//! What gateways were asked for, kept on the disk: so that a process that comes later can find it, keep it, or delete
//! it.
//!
//! Each process has a file of its own in one directory, made when it is first needed and held as long as the process
//! lives: a file that nobody holds is what a dead process left. Nothing in the directory is trusted further than its
//! owner, its size, the sum of each line and the strict reading of it go.
//!
//! Calls go to the disk. Those that look at the files of others wait for each other, for two seconds at most.

mod contents;
mod error;
mod files;
mod origin;
mod own;
mod place;
mod reading;
mod system;
#[cfg(test)]
mod tests;

pub use error::{JournalError, JournalWarning};
pub use reading::{JournalEntry, read_journal};

use contents::{Contents, Entries};
use error::{Outcome, Problem, Reason};
use files::{MAX_FILE, OtherFile, Trouble};
use origin::Origin;
use own::OwnFile;
use place::Turn;
use portcullis_proto::Time;
use portcullis_proto::client::journal::{Entry, EntryId, Record};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// So many files of dead processes are left as they are; more become one. Each is read before anything is asked.
const MERGE: usize = 4;

/// The journal of this process.
#[derive(Debug)]
pub(crate) struct Journal {
    directory: PathBuf,
    here: Origin,
    own: Option<OwnFile>,
    /// What is in the file, or is to be in it.
    entries: Entries,
    /// The file may have more than that: what was erased could not be.
    stale: bool,
    /// Which files of dead processes have what, as far as it has been looked at.
    elsewhere: BTreeMap<EntryId, PathBuf>,
    warnings: Vec<JournalWarning>,
    /// When it was last told.
    now: Time,
}

/// An entry of some process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The entry, with its expiry in this process's clock.
    pub(crate) entry: Entry,
    /// Whether that process lives, and keeps it.
    pub(crate) alive: bool,
}

impl Journal {
    /// Where this user's programs keep their state; `None` where the platform has no place for it, and for
    /// programs that run with another user's rights.
    pub(crate) fn default_directory() -> Option<PathBuf> {
        place::default_directory()
    }

    /// Makes the directory unless it is there, and sees whether it can be written to. The file is made with the first
    /// entry.
    pub(crate) fn open(directory: &Path) -> Result<Self, JournalError> {
        let directory = place::prepare(directory)?;
        // Whoever asks for a journal is told at once that there can be none.
        Turn::take(&directory).map(drop).or_else(|error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Err(error),
            _ => Ok(()),
        })?;
        Ok(Self {
            directory,
            here: Origin::here(),
            own: None,
            entries: Entries::new(),
            stale: false,
            elsewhere: BTreeMap::new(),
            warnings: Vec::new(),
            now: Time::ZERO,
        })
    }

    /// Takes over what dead processes left and did not mean to leave: each entry goes to one process only. What has
    /// expired, or cannot be read, is done away with.
    ///
    /// Also gives what they left on purpose and has not expired: whoever starts wants both, and waits for it.
    pub(crate) fn begin(&mut self, now: Time) -> (Vec<Entry>, Vec<Entry>) {
        let Some(_turn) = self.take_turn(now) else { return Default::default() };
        files::remove_unfinished(&self.directory);
        let (dead, troubles) = self.dead();
        let mut claimed = Vec::new();
        let mut left = Vec::new();
        for mut file in dead {
            let result = self.claim_from(&mut file, &mut claimed);
            if let Err(error) = result {
                let warning = JournalWarning::new(&file.path, Problem::NotTaken(error), Outcome::LeftAlone);
                self.warnings.push(warning);
            }
            if !file.entries.is_empty() {
                left.push(file);
            }
        }
        if left.len() > MERGE {
            self.merge(&mut left);
        }
        for file in &left {
            self.remember(file);
        }
        self.warnings.extend(troubles.into_iter().map(Trouble::set_aside));
        (claimed, left_on_purpose(left))
    }

    /// Writes an entry, or that it is gone. One that is not granted yet is safe on the disk when this returns.
    ///
    /// An entry of a dead process is replaced or erased where it is.
    ///
    /// # Errors
    ///
    /// Where it could not be written, with a [`JournalError`] inside: the entry is then not in the journal, and one
    /// that was to be erased may still be in it.
    pub(crate) fn record(&mut self, record: &Record) -> io::Result<()> {
        match record {
            Record::Put(entry) => {
                if self.elsewhere.contains_key(&entry.id) && self.change_elsewhere(entry.id, Some(entry))? {
                    return Ok(());
                }
                Ok(self.put(std::slice::from_ref(entry), !entry.granted)?)
            }
            Record::Erase(id) if self.entries.contains_key(id) => Ok(self.erase(*id)?),
            Record::Erase(id) => Ok(self.change_elsewhere(*id, None).map(drop)?),
        }
    }

    /// What went wrong without standing in the way, once.
    pub(crate) fn take_warnings(&mut self) -> Vec<JournalWarning> {
        std::mem::take(&mut self.warnings)
    }

    /// What all processes have in a directory, with what could not be read. Nothing is changed.
    pub(crate) fn read_all(directory: &Path, now: Time) -> (Vec<Found>, Vec<JournalWarning>) {
        Self::read_as(directory, &Origin::here(), now)
    }

    fn read_as(directory: &Path, here: &Origin, now: Time) -> (Vec<Found>, Vec<JournalWarning>) {
        let _turn = Turn::take_to_read(directory).ok();
        let mut found = BTreeMap::new();
        let troubles = files::others(directory, None, here, now, |file| {
            let alive = file.is_alive();
            for (id, entry) in file.entries {
                // Where two have it, one of them died while taking it over.
                if alive || !found.contains_key(&id) {
                    found.insert(id, Found { entry, alive });
                }
            }
        });
        (found.into_values().collect(), troubles.into_iter().map(Trouble::leave).collect())
    }

    fn take_turn(&mut self, now: Time) -> Option<Turn> {
        self.now = now;
        Turn::take(&self.directory)
            .map_err(|error| {
                let path = error.path().to_owned();
                let problem = Problem::NotTaken(error);
                self.warnings.push(JournalWarning::new(&path, problem, Outcome::LeftAlone));
            })
            .ok()
    }

    fn dead(&self) -> (Vec<OtherFile>, Vec<Trouble>) {
        let own = self.own.as_ref().map(OwnFile::path);
        let mut dead = Vec::new();
        let troubles = files::others(&self.directory, own, &self.here, self.now, |file| {
            if !file.is_alive() {
                dead.push(file);
            }
        });
        (dead, troubles)
    }

    fn remember(&mut self, file: &OtherFile) {
        self.elsewhere.extend(file.entries.keys().map(|id| (*id, file.path.clone())));
    }

    /// First safely into our own file, then out of the other: dying in between leaves it twice, not nowhere.
    fn claim_from(&mut self, file: &mut OtherFile, claimed: &mut Vec<Entry>) -> Result<(), JournalError> {
        let taken: Vec<Entry> = file.entries.values().filter(|entry| !entry.outlives).cloned().collect();
        let new: Vec<Entry> =
            taken.iter().filter(|entry| !self.entries.contains_key(&entry.id)).cloned().collect();
        if !new.is_empty() {
            self.put(&new, true)?;
            claimed.extend(new);
        }
        if !taken.is_empty() || file.expired > 0 || file.entries.is_empty() {
            let mut left = file.entries.clone();
            left.retain(|_, entry| entry.outlives);
            file.replace(&self.here, left)?;
        }
        Ok(())
    }

    /// Whoever opens many ports leaves as many files.
    fn merge(&self, files: &mut Vec<OtherFile>) {
        let Some(mut into) = files.pop() else { return };
        let size = |file: &OtherFile| Contents::write(&self.here, &file.entries).len() as u64;
        let mut room = MAX_FILE.saturating_sub(size(&into));
        let mut all = into.entries.clone();
        let mut merged = Vec::new();
        files.retain(|file| {
            let fits = room.checked_sub(size(file));
            if let Some(rest) = fits {
                room = rest;
                all.extend(file.entries.clone());
                merged.push(file.path.clone());
            }
            fits.is_none()
        });
        if into.replace(&self.here, all).is_ok() {
            for path in merged {
                let _ = std::fs::remove_file(path);
            }
        }
        files.push(into);
    }

    fn put(&mut self, entries: &[Entry], durably: bool) -> Result<(), JournalError> {
        let lines: String = entries.iter().map(contents::put).collect();
        let own = self.room_for(&lines)?;
        own.append(&lines, durably)?;
        self.entries.extend(entries.iter().map(|entry| (entry.id, entry.clone())));
        self.rewrite_if_long();
        Ok(())
    }

    fn erase(&mut self, id: EntryId) -> Result<(), JournalError> {
        self.entries.remove(&id);
        let line = contents::erase(id);
        let written = match &mut self.own {
            None => return Ok(()),
            Some(own) if !self.entries.is_empty() && own.has_room_for(&line) => own.append(&line, false),
            Some(_) => self.rewrite(),
        };
        match written {
            Ok(()) => self.rewrite_if_long(),
            Err(_) => self.stale = true,
        }
        written
    }

    /// The file of this process, with room for this.
    fn room_for(&mut self, lines: &str) -> Result<&mut OwnFile, JournalError> {
        if self.own.as_ref().is_none_or(|own| !own.is_there()) {
            // Somebody may have removed the directory together with the file.
            place::prepare(&self.directory)?;
            self.own = None;
            self.own = Some(OwnFile::create(&self.directory, &self.here, &self.entries)?);
            self.stale = false;
        }
        if self.stale || self.own.as_ref().is_some_and(|own| !own.has_room_for(lines)) {
            self.rewrite()?;
        }
        let path = self.own.as_ref().map_or(&*self.directory, OwnFile::path).to_owned();
        let own = self.own.as_mut().filter(|own| own.has_room_for(lines));
        own.ok_or_else(|| JournalError::new(&path, Reason::Full))
    }

    /// Everything is in the file as it is: that it gets no shorter is no harm yet.
    fn rewrite_if_long(&mut self) {
        if self.stale || self.own.as_ref().is_some_and(OwnFile::is_long) {
            let _ = self.rewrite();
        }
    }

    /// Replaces or erases an entry in the file of a dead process; `false` where it is in none.
    fn change_elsewhere(&mut self, id: EntryId, entry: Option<&Entry>) -> Result<bool, JournalError> {
        let _turn = match Turn::take(&self.directory) {
            // Nor are there any files.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            turn => turn?,
        };
        let known = self.elsewhere.get(&id);
        let known = known.and_then(|path| OtherFile::open(path, &self.here, self.now).ok().flatten());
        let has = |file: &OtherFile| !file.is_alive() && file.entries.contains_key(&id);
        // Another process may have merged files meanwhile.
        let file = known.filter(has).or_else(|| self.dead().0.into_iter().find(has));
        let Some(mut file) = file else {
            self.elsewhere.remove(&id);
            return Ok(false);
        };
        let mut entries = file.entries.clone();
        match entry {
            Some(entry) => entries.insert(id, entry.clone()),
            None => entries.remove(&id),
        };
        if Contents::write(&self.here, &entries).len() as u64 > MAX_FILE {
            return Err(JournalError::new(&file.path, Reason::Full));
        }
        file.replace(&self.here, entries)?;
        match entry {
            Some(_) => self.elsewhere.insert(id, file.path),
            None => self.elsewhere.remove(&id),
        };
        Ok(true)
    }

    /// Writes the own file anew.
    fn rewrite(&mut self) -> Result<(), JournalError> {
        if let Some(own) = &mut self.own {
            if self.entries.is_empty() {
                own.clear(&self.here)?;
            } else {
                own.compact(&self.here, &self.entries)?;
            }
        }
        self.stale = false;
        Ok(())
    }
}

fn left_on_purpose(files: Vec<OtherFile>) -> Vec<Entry> {
    let entries: Entries = files.into_iter().flat_map(|file| file.entries).collect();
    entries.into_values().filter(|entry| entry.outlives).collect()
}

impl Drop for Journal {
    fn drop(&mut self) {
        let Some(own) = &self.own else { return };
        if self.entries.is_empty() && own.is_there() {
            let _ = std::fs::remove_file(own.path());
        } else if self.stale {
            let _ = self.rewrite();
        }
    }
}
