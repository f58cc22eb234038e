//! The file of this process.

use super::contents::{self, Contents, Entries};
use super::error::{JournalError, Reason};
use super::files::{self, MAX_FILE, MAX_FILES};
use super::origin::Origin;
use super::system;
use std::collections::hash_map::RandomState;
use std::fs::{File, OpenOptions};
use std::hash::BuildHasher;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file is written anew when it has grown to this and to four times what was in it.
const COMPACT: u64 = 64 * 1024;
const TRIES: u32 = 8;

/// A journal that is held as long as this lives.
#[derive(Debug)]
pub(super) struct OwnFile {
    path: PathBuf,
    file: File,
    /// How much of it counts: what is beyond is what could not be written to its end.
    length: u64,
    compact_at: u64,
    /// Its name may still be lost.
    unnamed: bool,
}

impl OwnFile {
    /// A new one, with these entries.
    pub(super) fn create(directory: &Path, origin: &Origin, entries: &Entries) -> Result<Self, JournalError> {
        if files::journals(directory).map_err(JournalError::io(directory, "read"))?.len() >= MAX_FILES {
            return Err(JournalError::new(directory, Reason::TooManyFiles));
        }
        let text = Contents::write(origin, entries);
        for _ in 0..TRIES {
            let random = RandomState::new().hash_one(0_u8);
            let path = directory.join(format!("{}-{random:016x}.journal", std::process::id()));
            // It is taken for a dead process's until it is held, and may be gone by then.
            if let Some(mut file) = held_file(&path).map_err(JournalError::io(directory, "write to"))? {
                let written = file.write_all(text.as_bytes());
                let mut own = Self { path, file, length: 0, compact_at: 0, unnamed: true };
                own.set_length(text.len());
                if let Err(error) = written {
                    let _ = std::fs::remove_file(&own.path);
                    // By the name of the directory: the file had one for this attempt only.
                    return Err(JournalError::io(directory, "write to")(error));
                }
                return Ok(own);
            }
        }
        Err(JournalError::new(directory, Reason::Busy))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it still has its name: somebody may have cleaned up.
    pub(super) fn is_there(&self) -> bool {
        system::is_named(&self.file, &self.path)
    }

    pub(super) fn has_room_for(&self, line: &str) -> bool {
        self.length.saturating_add(line.len() as u64) <= MAX_FILE
    }

    pub(super) fn is_long(&self) -> bool {
        self.length >= self.compact_at
    }

    /// Writes lines; all of them, or none.
    pub(super) fn append(&mut self, lines: &str, durably: bool) -> Result<(), JournalError> {
        let result = self.try_append(lines, durably);
        if result.is_err() {
            // What was written of it would stand in the way of the next. Where this fails as well, the next
            // attempt begins with it.
            let _ = self.file.set_len(self.length);
        } else {
            self.length = self.length.saturating_add(lines.len() as u64);
        }
        result.map_err(JournalError::io(&self.path, "write"))
    }

    fn try_append(&mut self, lines: &str, durably: bool) -> std::io::Result<()> {
        if self.file.metadata()?.len() != self.length {
            self.file.set_len(self.length)?;
        }
        self.file.write_all(lines.as_bytes())?;
        if durably {
            self.file.sync_data()?;
            if self.unnamed {
                if let Some(directory) = self.path.parent() {
                    system::sync_directory(directory)?;
                }
                self.unnamed = false;
            }
        }
        Ok(())
    }

    /// Forgets everything: this needs no room, however full the disk.
    pub(super) fn clear(&mut self, origin: &Origin) -> Result<(), JournalError> {
        let length = contents::first(origin).len();
        self.file.set_len(length as u64).map_err(JournalError::io(&self.path, "shorten"))?;
        self.set_length(length);
        Ok(())
    }

    /// Writes it anew, with these entries and nothing that was erased.
    pub(super) fn compact(&mut self, origin: &Origin, entries: &Entries) -> Result<(), JournalError> {
        // Not tried again for every line where it fails.
        self.compact_at = self.length.saturating_mul(2);
        let text = Contents::write(origin, entries);
        let path = files::beside(&self.path);
        let _ = std::fs::remove_file(&path);
        // Held before it has the name, as the name must never be that of a file that nobody holds.
        let Some(mut file) = held_file(&path).map_err(JournalError::io(&path, "create"))? else {
            return Err(JournalError::new(&path, Reason::Busy));
        };
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        if let Err(error) = written.and_then(|()| std::fs::rename(&path, &self.path)) {
            let _ = std::fs::remove_file(&path);
            return Err(JournalError::io(&self.path, "write")(error));
        }
        self.file = file;
        self.unnamed = true;
        self.set_length(text.len());
        Ok(())
    }

    fn set_length(&mut self, length: usize) {
        self.length = length as u64;
        self.compact_at = COMPACT.max(self.length.saturating_mul(4));
    }
}

/// A file that was not there before; `None` where somebody was quicker to hold it.
fn held_file(path: &Path) -> std::io::Result<Option<File>> {
    match system::open_held(path, OpenOptions::new().create_new(true)) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(None),
        result => result,
    }
}
