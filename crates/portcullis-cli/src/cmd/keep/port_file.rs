//! A file that has the external port in it, for as long as that is open.

use crate::failure::Failure;
use portcullis::{Change, ChangeKind, Protocol, explained};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The longest that such a file can be: five digits and the end of the line.
const LONGEST: u64 = 6;

/// The number and a newline. It is written beside its place and then moved there, so that whoever reads it reads one
/// number or another.
#[derive(Debug)]
pub(super) struct PortFile {
    path: PathBuf,
    /// Where it is written: in the same directory, as only there it can be moved at once.
    beside: PathBuf,
    /// What is in it.
    written: Option<u16>,
    /// What is open, by mapping.
    open: Vec<Option<(Protocol, u16)>>,
}

impl PortFile {
    /// Before anything is opened: tries whether it can be written, and deletes what an earlier run has left.
    pub(super) fn prepare(path: &Path) -> Result<Self, Failure> {
        let what = format!("invalid value '{}' for '--port-file <PATH>'", path.display());
        let refused = |why: &str| Failure::usage(&format!("{what}: {why}"));
        let failed = |error: &io::Error| Failure::io(&what, error);
        let Some(name) = path.file_name() else { return Err(refused("give the name of a file")) };
        match fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() => return Err(refused("this is there, and is no file")),
            Ok(_) if !holds_a_port(path).map_err(|error| failed(&error))? => {
                return Err(refused(
                    "the file has something else in it than a port; name another, or delete it",
                ));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&error)),
        }
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.new", std::process::id()));
        let beside = path.with_file_name(hidden);
        let mut file = Self { path: path.to_owned(), beside, written: None, open: Vec::new() };
        file.try_place().map_err(|error| failed(&error))?;
        Ok(file)
    }

    fn try_place(&mut self) -> io::Result<()> {
        self.write_beside(0)?;
        fs::remove_file(&self.beside)?;
        self.delete()
    }

    /// Something happened to a mapping; what went wrong is to be warned of.
    pub(super) fn tell(&mut self, index: usize, change: &Change, protocol: Protocol) -> Result<(), String> {
        let now = match (change.kind, &change.granted) {
            // What stands so is another, and nothing is said of ours.
            (ChangeKind::LeftBehind, _) => return Ok(()),
            (ChangeKind::Lost | ChangeKind::Released | ChangeKind::HandedOver, _) | (_, None) => None,
            (_, Some(granted)) => Some((protocol, granted.external_port.get())),
        };
        self.set(index, now)
    }

    fn set(&mut self, index: usize, now: Option<(Protocol, u16)>) -> Result<(), String> {
        if self.open.len() <= index {
            self.open.resize(index.saturating_add(1), None);
        }
        if let Some(open) = self.open.get_mut(index) {
            *open = now;
        }
        let of = |wanted| self.open.iter().flatten().find(|(protocol, _)| *protocol == wanted);
        let port = of(Protocol::Tcp).or_else(|| of(Protocol::Udp)).map(|&(_, port)| port);
        // Another program may have deleted it.
        if port == self.written && (port.is_none() || self.path.exists()) {
            return Ok(());
        }
        let done = match port {
            // Better none than one that is not open any more.
            Some(port) => self.replace(port).inspect_err(|_| drop(self.delete())),
            None => self.delete(),
        };
        done.map_err(|error| self.cannot_write(&error))?;
        self.written = port;
        Ok(())
    }

    /// Nothing is open any more.
    pub(super) fn finish(self) -> Result<(), String> {
        self.delete().map_err(|error| self.cannot_write(&error))
    }

    fn cannot_write(&self, error: &io::Error) -> String {
        format!("cannot write the port to '{}': {}", self.path.display(), explained(error))
    }

    fn replace(&self, port: u16) -> io::Result<()> {
        self.write_beside(port)?;
        fs::rename(&self.beside, &self.path)
    }

    fn write_beside(&self, port: u16) -> io::Result<()> {
        // A killed process of this number may have left one; never written through, as it may be a link by now.
        if_there(fs::remove_file(&self.beside))?;
        let mut file = File::create_new(&self.beside)?;
        let written = file.write_all(format!("{port}\n").as_bytes());
        if written.is_err() {
            // The disk may be full: nothing is left on it.
            let _ = fs::remove_file(&self.beside);
        }
        written
    }

    fn delete(&self) -> io::Result<()> {
        if_there(fs::remove_file(&self.path))
    }
}

/// Whether what is there was written by an earlier run, or is empty.
fn holds_a_port(path: &Path) -> io::Result<bool> {
    let mut text = Vec::new();
    File::open(path)?.take(LONGEST.saturating_add(1)).read_to_end(&mut text)?;
    let digits = text.strip_suffix(b"\n").unwrap_or(&text);
    Ok(text.len() as u64 <= LONGEST && digits.iter().all(u8::is_ascii_digit))
}

fn if_there(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_port_that_is_open_and_tcps_where_there_are_two() {
        let directory = std::env::temp_dir().join(format!("portcullis-port-file-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("port");
        fs::write(&path, "1234\n").unwrap();
        let mut file = PortFile::prepare(&path).unwrap();
        assert!(!path.exists(), "what an earlier run has left is gone");
        let (udp, tcp) = ((Protocol::Udp, 6882), (Protocol::Tcp, 6883));
        for (index, now, expected) in [
            (0, Some(udp), Some("6882\n")),
            (1, Some(tcp), Some("6883\n")),
            (1, None, Some("6882\n")),
            (0, None, None),
            (1, Some(tcp), Some("6883\n")),
        ] {
            file.set(index, now).unwrap();
            assert_eq!(fs::read_to_string(&path).ok().as_deref(), expected);
        }
        fs::remove_file(&path).unwrap();
        file.set(1, Some(tcp)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "6883\n", "what somebody deleted is written again");
        file.finish().unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn what_is_no_port_file_is_left_alone() {
        let directory = std::env::temp_dir().join(format!("portcullis-no-port-file-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("notes");
        for text in ["remember the milk", "1234567", "12\n34\n"] {
            fs::write(&path, text).unwrap();
            assert!(PortFile::prepare(&path).is_err(), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        for path in [&directory, &directory.join("none").join("port"), Path::new("/"), Path::new("")] {
            assert!(PortFile::prepare(path).is_err(), "{path:?}");
        }
        fs::remove_dir_all(directory).unwrap();
    }
}
