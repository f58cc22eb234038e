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
use portcullis_proto::client::Method;
use portcullis_proto::client::journal::{Custody, Entry, EntryId, Record};
use std::collections::{BTreeMap, BTreeSet};
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
    /// What is erased, and is in such a file still: there was no room to write that anew without it.
    undone: BTreeSet<EntryId>,
    warnings: Vec<JournalWarning>,
    /// When it was last told.
    now: Time,
}

/// What there is of other processes.
#[derive(Debug, Default)]
pub(crate) struct Others {
    /// What dead ones left on purpose and has not expired.
    pub(crate) left_open: Vec<Entry>,
    /// What living ones have.
    pub(crate) living: Vec<Entry>,
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
            undone: BTreeSet::new(),
            warnings: Vec::new(),
            now: Time::ZERO,
        })
    }

    /// Takes over what dead processes left and did not mean to leave: each entry goes to one process only. What has
    /// expired, or cannot be read, is done away with.
    ///
    /// `may_delete` says by which protocols it may be deleted here: the rest stays for others to take over.
    ///
    /// Also gives what else there is of other processes: whoever starts wants both, and waits for it.
    pub(crate) fn begin(&mut self, now: Time, may_delete: impl Fn(Method) -> bool) -> (Vec<Entry>, Others) {
        let Some(_turn) = self.take_turn(now) else { return Default::default() };
        files::remove_unfinished(&self.directory);
        let (dead, living, troubles) = self.survey();
        // What a living process keeps the same of is that one's to take over, when it closes it.
        let is_kept = |entry: &Entry| {
            let keeps = |other: &&Entry| other.granted && other.custody == Custody::Kept;
            living.iter().filter(keeps).any(|other| other.is_one_with(entry))
        };
        let is_left =
            |entry: &Entry| entry.custody == Custody::LeftOpen || is_kept(entry) || !may_delete(entry.method);
        let mut claimed = Vec::new();
        let mut left = Vec::new();
        for mut file in dead {
            if let Err(problem) = self.claim_from(&mut file, &is_left, &mut claimed) {
                self.warnings.push(JournalWarning::new(&file.path, problem, Outcome::LeftAlone));
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
        (claimed, Others { left_open: left_on_purpose(left), living })
    }

    /// What there is of other processes by now. Nothing is changed.
    pub(crate) fn others(&mut self, now: Time) -> Others {
        self.now = now;
        let _turn = Turn::take_to_read(&self.directory).ok();
        let (dead, living, _) = self.survey();
        dead.iter().for_each(|file| self.remember(file));
        Others { left_open: left_on_purpose(dead), living }
    }

    /// Lets go of an entry where another living process has the same mapping, or one left it open: it is that one's from
    /// then on. Whether there is one.
    /// Of two that let go at the same time, the later one finds nobody else.
    pub(crate) fn hand_over(&mut self, id: EntryId, now: Time) -> bool {
        let Some(own) = self.entries.get(&id).cloned() else { return false };
        let Some(_turn) = self.take_turn(now) else { return false };
        let (dead, living, _) = self.survey();
        let left_open = left_on_purpose(dead);
        let keeps =
            |other: &&Entry| other.custody != Custody::Unwanted && other.granted && own.is_one_with(other);
        let Some(heir) = living.iter().chain(&left_open).find(keeps) else { return false };
        let lasts_longer = match (own.expires, heir.expires) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(own), Some(heirs)) => own > heirs,
        };
        let is_left_open = left_open.iter().any(|entry| entry.id == heir.id);
        if lasts_longer && is_left_open {
            let longer = Entry { expires: own.expires, lifetime: own.lifetime, ..heir.clone() };
            if self.change_elsewhere_in_turn(heir.id, Some(&longer)).is_err() {
                return false;
            }
        }
        // Made by another protocol, or at another address of the gateway, it may be another mapping: whoever is the last
        // deletes it. So does whoever comes after an heir that dies before it has heard of the longer lease.
        let is_asked_alike = (heir.method, heir.remote.ip()) == (own.method, own.remote.ip());
        let written = if is_asked_alike && (is_left_open || !lasts_longer) {
            self.erase(id)
        } else {
            self.put(&[Entry { custody: Custody::Unwanted, ..own }], true)
        };
        written.is_ok()
    }

    /// Writes an entry, or that it is gone. One that is not granted yet is safe on the disk when this returns.
    ///
    /// An entry that a dead process left open is replaced or erased where it is, as long as it stays left open.
    ///
    /// # Errors
    ///
    /// Where it could not be written, with a [`JournalError`] inside: the entry is then not in the journal, and one
    /// that was to be erased may still be in it.
    pub(crate) fn record(&mut self, record: &Record) -> io::Result<()> {
        match record {
            Record::Put(entry) => {
                self.undone.remove(&entry.id);
                let is_elsewhere = self.elsewhere.contains_key(&entry.id);
                let stays = is_elsewhere && entry.custody == Custody::LeftOpen;
                if stays && self.change_elsewhere(entry.id, Some(entry))? {
                    return Ok(());
                }
                self.put(std::slice::from_ref(entry), is_elsewhere || !entry.granted)?;
                if is_elsewhere {
                    // Kept by this process from now on: nobody else is to take it for a dead one's.
                    self.change_elsewhere(entry.id, None)?;
                }
                Ok(())
            }
            Record::Erase(id) => {
                let is_here = self.entries.contains_key(id);
                let here = if is_here { self.erase(*id) } else { Ok(()) };
                if !is_here || self.elsewhere.contains_key(id) {
                    self.change_elsewhere(*id, None)?;
                }
                Ok(here?)
            }
        }
    }

    /// What went wrong without standing in the way, once.
    pub(crate) fn take_warnings(&mut self) -> Vec<JournalWarning> {
        std::mem::take(&mut self.warnings)
    }

    /// What all processes have in a directory, with what could not be read. Nothing is changed.
    ///
    /// # Errors
    ///
    /// Where the directory is there and cannot be read: that there is nothing in it would be false.
    pub(crate) fn read_all(directory: &Path, now: Time) -> io::Result<(Vec<Found>, Vec<JournalWarning>)> {
        match directory.read_dir() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(JournalError::io(directory, "read")(error).into())
            }
            _ => Ok(Self::read_as(directory, &Origin::here(), now)),
        }
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

    fn dead(&self) -> Vec<OtherFile> {
        self.survey().0
    }

    /// The files of dead processes, the entries of living ones, and what could not be read.
    fn survey(&self) -> (Vec<OtherFile>, Vec<Entry>, Vec<Trouble>) {
        let own = self.own.as_ref().map(OwnFile::path);
        let (mut dead, mut living) = (Vec::new(), Vec::new());
        let troubles = files::others(&self.directory, own, &self.here, self.now, |file| {
            if file.is_alive() {
                living.extend(file.entries.into_values());
            } else {
                dead.push(file);
            }
        });
        (dead, living, troubles)
    }

    fn remember(&mut self, file: &OtherFile) {
        self.elsewhere.extend(file.entries.keys().map(|id| (*id, file.path.clone())));
    }

    /// First safely into our own file, then out of the other: dying in between leaves it twice, not nowhere.
    ///
    /// Where there is no room for it, it is claimed where it is: what is to be deleted needs none. Another process may
    /// then claim it too, and to delete a mapping twice does no harm.
    fn claim_from(
        &mut self,
        file: &mut OtherFile,
        is_left: &impl Fn(&Entry) -> bool,
        claimed: &mut Vec<Entry>,
    ) -> Result<(), Problem> {
        let taken: Vec<Entry> = file.entries.values().filter(|entry| !is_left(entry)).cloned().collect();
        let is_known = |id| self.entries.contains_key(id) || claimed.iter().any(|known| known.id == *id);
        let unwanted = |entry: &Entry| Entry { custody: Custody::Unwanted, ..entry.clone() };
        let new: Vec<Entry> = taken.iter().filter(|entry| !is_known(&entry.id)).map(unwanted).collect();
        if !new.is_empty() {
            let written = self.put(&new, true);
            claimed.extend(new);
            written.map_err(Problem::NotMoved)?;
        }
        if !taken.is_empty() || file.expired > 0 || file.entries.is_empty() {
            let mut left = file.entries.clone();
            left.retain(|_, entry| is_left(entry));
            file.replace(&self.here, left).map_err(Problem::NotTaken)?;
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
        for file in std::mem::take(files) {
            match room.checked_sub(size(&file)) {
                Some(rest) => {
                    room = rest;
                    all.extend(file.entries.clone());
                    merged.push(file);
                }
                None => files.push(file),
            }
        }
        if into.replace(&self.here, all).is_ok() {
            for file in merged {
                let _ = std::fs::remove_file(file.path);
            }
        } else {
            files.append(&mut merged);
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
        self.change_elsewhere_in_turn(id, entry)
    }

    fn change_elsewhere_in_turn(&mut self, id: EntryId, entry: Option<&Entry>) -> Result<bool, JournalError> {
        let known = self.elsewhere.get(&id);
        let known = known.and_then(|path| OtherFile::open(path, &self.here, self.now).ok().flatten());
        let has = |file: &OtherFile| !file.is_alive() && file.entries.contains_key(&id);
        // Another process may have merged files meanwhile.
        let file = known.filter(has).or_else(|| self.dead().into_iter().find(has));
        let Some(mut file) = file else {
            self.elsewhere.remove(&id);
            return Ok(false);
        };
        let mut entries = file.entries.clone();
        match entry {
            Some(entry) => entries.insert(id, entry.clone()),
            None => entries.remove(&id),
        };
        entries.retain(|id, _| !self.undone.contains(id));
        if Contents::write(&self.here, &entries).len() as u64 > MAX_FILE {
            return Err(JournalError::new(&file.path, Reason::Full));
        }
        if let Err(error) = file.replace(&self.here, entries) {
            if entry.is_none() {
                // It goes with the rest of the file: to remove that needs no room.
                self.undone.insert(id);
            }
            return Err(error);
        }
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
    entries.into_values().filter(|entry| entry.custody == Custody::LeftOpen).collect()
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
