//! The directory that journals are kept in.

use super::error::{JournalError, Reason};
use super::system;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::thread::park_timeout;
use std::time::Duration;

/// Whoever goes through the files just now is waited for this often and this long: two seconds, far more than
/// that takes.
const NAPS: u32 = 400;
const NAP: Duration = Duration::from_millis(5);

/// Where this user's programs keep their state, by the platform's own rules: `None` where there is no such place.
pub(super) fn default_directory() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name);
    imp::default_directory(&variable)
}

type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// A variable that names a directory; a relative one means nothing (XDG Base Directory Specification).
fn directory(variable: Variable<'_>, name: &str) -> Option<PathBuf> {
    variable(name).map(PathBuf::from).filter(|path| path.is_absolute() && path.parent().is_some())
}

#[cfg(unix)]
mod imp {
    use super::*;
    use rustix::process::{geteuid, getuid};
    use std::os::unix::fs::MetadataExt;

    #[cfg(target_vendor = "apple")]
    const OF_THE_SYSTEM: &str = "/Library/Application Support";
    #[cfg(not(target_vendor = "apple"))]
    const OF_THE_SYSTEM: &str = "/var/lib";

    pub(super) fn default_directory(variable: Variable<'_>) -> Option<PathBuf> {
        // Who runs with borrowed rights is not to be led by the borrower's environment.
        if getuid() != geteuid() {
            return None;
        }
        let state = of_the_user(variable).filter(|(base, _)| belongs_to_us(base)).map(|(_, state)| state);
        let state = state.or_else(|| geteuid().is_root().then(|| OF_THE_SYSTEM.into()));
        state.map(|state| state.join("portcullis"))
    }

    /// What has to be ours, and the directory of states.
    #[cfg(target_vendor = "apple")]
    fn of_the_user(variable: Variable<'_>) -> Option<(PathBuf, PathBuf)> {
        let home = directory(variable, "HOME")?;
        let state = home.join("Library/Application Support");
        Some((home, state))
    }

    #[cfg(not(target_vendor = "apple"))]
    fn of_the_user(variable: Variable<'_>) -> Option<(PathBuf, PathBuf)> {
        if let Some(state) = directory(variable, "XDG_STATE_HOME") {
            return Some((state.clone(), state));
        }
        let home = directory(variable, "HOME")?;
        let state = home.join(".local/state");
        Some((home, state))
    }

    /// Programs that root runs may be given a user's home: what they left there, the user could not use.
    fn belongs_to_us(path: &Path) -> bool {
        let existing = path.ancestors().find_map(|path| path.metadata().ok());
        !geteuid().is_root() || existing.is_some_and(|metadata| metadata.uid() == 0)
    }
}

#[cfg(windows)]
mod imp {
    use super::*;

    pub(super) fn default_directory(variable: Variable<'_>) -> Option<PathBuf> {
        directory(variable, "LOCALAPPDATA").map(|data| data.join("Portcullis"))
    }
}

/// Makes the directory, for its user alone, unless there is one; gives its absolute path.
pub(super) fn prepare(path: &Path) -> Result<PathBuf, JournalError> {
    let path = std::path::absolute(path).map_err(JournalError::io(path, "find"))?;
    // Its components alone: a link whose name ends in a slash or a dot would be looked at through the link.
    let path: PathBuf = path.components().collect();
    let missing: Vec<&Path> = path.ancestors().take_while(|path| path.symlink_metadata().is_err()).collect();
    if !missing.is_empty() {
        system::private_directory().create(&path).map_err(JournalError::io(&path, "make"))?;
        for parent in missing.iter().filter_map(|missing| missing.parent()) {
            system::sync_directory(parent).map_err(JournalError::io(parent, "write to"))?;
        }
    }
    let metadata = path.symlink_metadata().map_err(JournalError::io(&path, "look at"))?;
    system::unsafe_directory(&metadata).map_err(|why| JournalError::new(&path, Reason::Unsafe(why)))?;
    Ok(path)
}

/// Held while files of others are gone through: a file that is held at that time belongs to a process that lives,
/// and not to one that merely looks at it.
#[derive(Debug)]
pub(super) struct Turn {
    _held: File,
}

impl Turn {
    pub(super) fn take(directory: &Path) -> Result<Self, JournalError> {
        Self::take_by(directory, OpenOptions::new().create(true))
    }

    /// Where nothing may be written, or nothing ever was, there is none to take.
    pub(super) fn take_to_read(directory: &Path) -> Result<Self, JournalError> {
        Self::take_by(directory, &mut OpenOptions::new())
    }

    fn take_by(directory: &Path, options: &mut OpenOptions) -> Result<Self, JournalError> {
        let path = directory.join("lock");
        for _ in 0..NAPS {
            let held = system::open_held(&path, options).map_err(JournalError::io(&path, "open"))?;
            if let Some(held) = held {
                return Ok(Self { _held: held });
            }
            park_timeout(NAP);
        }
        Err(JournalError::new(directory, Reason::Busy))
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use rustix::process::geteuid;

    fn default(variables: &[(&str, &str)]) -> Option<PathBuf> {
        imp::default_directory(&|name| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.into())
        })
    }

    /// A directory of ours, and what to expect where only what is not ours is named.
    fn ours() -> (String, Option<PathBuf>) {
        let path = std::env::current_exe().unwrap().parent().unwrap().to_str().unwrap().to_owned();
        (path, geteuid().is_root().then(|| "/var/lib/portcullis".into()))
    }

    #[test]
    fn is_where_the_user_keeps_state() {
        let (ours, _) = ours();
        let path = Path::new(&ours);
        assert_eq!(default(&[("HOME", &ours)]), Some(path.join(".local/state/portcullis")));
        assert_eq!(default(&[("HOME", "/"), ("XDG_STATE_HOME", &ours)]), Some(path.join("portcullis")));
        // Only made with the first use.
        let state = path.join("not/there/yet");
        let variables = [("XDG_STATE_HOME", state.to_str().unwrap())];
        assert_eq!(default(&variables), Some(state.join("portcullis")));
    }

    #[test]
    fn is_the_systems_for_root_without_a_home_and_nowhere_for_others() {
        let (_, without) = ours();
        for variables in [
            &[][..],
            &[("HOME", "")],
            &[("HOME", "/")],
            &[("HOME", "relative")],
            &[("HOME", "/"), ("XDG_STATE_HOME", "relative")],
        ] {
            assert_eq!(default(variables), without, "{variables:?}");
        }
    }

    #[test]
    fn is_not_in_the_home_of_a_user_that_root_stands_in_for() {
        let (_, without) = ours();
        if geteuid().is_root() {
            let home = std::env::temp_dir().join(format!("portcullis-home-{}", std::process::id()));
            std::fs::create_dir(&home).unwrap();
            std::os::unix::fs::chown(&home, Some(12_345), None).unwrap();
            let directory = default(&[("HOME", home.to_str().unwrap())]);
            std::fs::remove_dir(&home).unwrap();
            assert_eq!(directory, without);
        }
    }
}
