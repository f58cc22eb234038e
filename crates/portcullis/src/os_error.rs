//! What the operating system says is wrong, where its own words, or those of the standard library, do not help.

use std::borrow::Cow;
use std::io;

/// Says what is wrong, and what to do where the system's words do not tell: a process that has no more open files to
/// give is told of in many places, and never to blame the place.
///
/// # Examples
///
/// ```
/// let error = std::io::Error::from(std::io::ErrorKind::NotFound);
/// assert_eq!(portcullis::explained(&error), "entity not found");
/// ```
pub fn explained(error: &io::Error) -> Cow<'static, str> {
    match Files::of(error) {
        Some(Files::OfProcess) => {
            "this process has too many open files: close some, or raise its limit with ulimit -n".into()
        }
        Some(Files::OfSystem) => "the system has too many open files: close some, or raise its limit".into(),
        None => error.to_string().into(),
    }
}

/// The kind of an error, as the core is told of it. For a limit of open files the standard library has no kind that can
/// be named: it is a quota of the process, and the core has words for that.
pub(crate) fn kind(error: &io::Error) -> io::ErrorKind {
    if is_out_of_files(error) { io::ErrorKind::QuotaExceeded } else { error.kind() }
}

/// Whether neither another place nor another address would help.
pub(crate) fn is_out_of_files(error: &io::Error) -> bool {
    Files::of(error).is_some()
}

/// Whose limit of open files is reached.
enum Files {
    OfProcess,
    OfSystem,
}

impl Files {
    #[cfg(unix)]
    fn of(error: &io::Error) -> Option<Self> {
        match error.raw_os_error()? {
            libc::EMFILE => Some(Self::OfProcess),
            libc::ENFILE => Some(Self::OfSystem),
            _ => None,
        }
    }

    #[cfg(not(unix))]
    fn of(error: &io::Error) -> Option<Self> {
        // ERROR_TOO_MANY_OPEN_FILES and WSAEMFILE.
        matches!(error.raw_os_error()?, 4 | 10_024).then_some(Self::OfProcess)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_open_files_is_told_as_that() {
        for (number, whose) in [(libc::EMFILE, "this process has"), (libc::ENFILE, "the system has")] {
            let error = io::Error::from_raw_os_error(number);
            let text = explained(&error);
            assert!(text.starts_with(whose) && text.contains("too many open files"), "{text}");
            assert_eq!(kind(&error), io::ErrorKind::QuotaExceeded);
        }
        let other = io::Error::from_raw_os_error(libc::EACCES);
        assert_eq!(explained(&other), other.to_string());
        assert_eq!(kind(&other), io::ErrorKind::PermissionDenied);
    }
}
