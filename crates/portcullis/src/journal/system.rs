//! What systems do differently: who holds a file, whose it is, and what is safe on the disk.
//!
//! A file that is held belongs to a process that lives: the system lets go of it when the process ends, however
//! that happens, and no number of a process is ever compared.

use super::error::Unsafe;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

pub(super) use imp::{
    hold, is_held, is_named, nofollow, nofollow_shared, private_directory, sync_directory, unsafe_directory,
    unsafe_file,
};

/// Opens a file for reading and appending, and holds it; `None` where somebody else does.
pub(super) fn open_held(path: &Path, options: &mut OpenOptions) -> io::Result<Option<File>> {
    let file = match nofollow(options.read(true).append(true)).open(path) {
        Ok(file) => file,
        Err(error) if imp::says_held(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    // The name may have gone to another file before this one was held.
    Ok((hold(&file)? && is_named(&file, path)).then_some(file))
}

fn is_expected(is_it: bool, metadata: &Metadata) -> Result<(), Unsafe> {
    if metadata.file_type().is_symlink() {
        Err(Unsafe::Symlink)
    } else if is_it {
        Ok(())
    } else {
        Err(Unsafe::Kind)
    }
}

#[cfg(unix)]
mod imp {
    use super::*;
    use rustix::fs::{FlockOperation, flock};
    use rustix::io::Errno;
    use std::fs::DirBuilder;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

    /// flock(2) goes with the open file, so two clients of one process count as two, and a renamed file stays
    /// held. `false` where it is held already.
    pub(in crate::journal) fn hold(file: &File) -> io::Result<bool> {
        lock(file, FlockOperation::NonBlockingLockExclusive)
    }

    /// Whether somebody else holds a file that is open for reading.
    pub(in crate::journal) fn is_held(file: &File, _: &Path) -> io::Result<bool> {
        let held = !lock(file, FlockOperation::NonBlockingLockShared)?;
        if !held {
            flock(file, FlockOperation::Unlock)?;
        }
        Ok(held)
    }

    fn lock(file: &File, operation: FlockOperation) -> io::Result<bool> {
        match flock(file, operation) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn says_held(_: &io::Error) -> bool {
        false
    }

    /// Whether the path leads to this file, and not to one that took its place.
    pub(in crate::journal) fn is_named(file: &File, path: &Path) -> bool {
        let (Ok(file), Ok(named)) = (file.metadata(), path.symlink_metadata()) else { return false };
        (file.dev(), file.ino()) == (named.dev(), named.ino())
    }

    /// A pipe is not waited for, and a symbolic link is an error.
    pub(in crate::journal) fn nofollow(options: &mut OpenOptions) -> &mut OpenOptions {
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
    }

    /// For reading what somebody else may hold.
    pub(in crate::journal) fn nofollow_shared(options: &mut OpenOptions) -> &mut OpenOptions {
        nofollow(options)
    }

    pub(in crate::journal) fn private_directory() -> DirBuilder {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
    }

    /// Makes names safe: the disk may keep a file and lose its name.
    pub(in crate::journal) fn sync_directory(path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    pub(in crate::journal) fn unsafe_directory(metadata: &Metadata) -> Result<(), Unsafe> {
        is_expected(metadata.is_dir(), metadata).and_then(|()| is_ours(metadata))
    }

    pub(in crate::journal) fn unsafe_file(metadata: &Metadata) -> Result<(), Unsafe> {
        is_expected(metadata.is_file(), metadata).and_then(|()| is_ours(metadata))
    }

    fn is_ours(metadata: &Metadata) -> Result<(), Unsafe> {
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            Err(Unsafe::Owner(metadata.uid()))
        } else if metadata.mode() & 0o022 != 0 {
            Err(Unsafe::WritableByOthers)
        } else {
            Ok(())
        }
    }
}

#[cfg(windows)]
mod imp {
    use super::*;
    use std::fs::DirBuilder;
    use std::os::windows::fs::OpenOptionsExt;

    /// `FILE_SHARE_READ | FILE_SHARE_DELETE`: whoever opens it to write is refused, as long as it is open here.
    const HELD: u32 = 0x1 | 0x4;
    /// `FILE_FLAG_OPEN_REPARSE_POINT`: a symbolic link is opened itself.
    const NOFOLLOW: u32 = 0x0020_0000;
    const ERROR_SHARING_VIOLATION: i32 = 32;

    /// It is, by the way it was opened.
    pub(in crate::journal) fn hold(_: &File) -> io::Result<bool> {
        Ok(true)
    }

    pub(in crate::journal) fn is_held(_: &File, path: &Path) -> io::Result<bool> {
        open_held(path, &mut OpenOptions::new()).map(|held| held.is_none())
    }

    pub(super) fn says_held(error: &io::Error) -> bool {
        error.raw_os_error() == Some(ERROR_SHARING_VIOLATION)
    }

    /// There is no telling without unsafe code, and little need: what is open is not deleted by ours.
    pub(in crate::journal) fn is_named(_: &File, path: &Path) -> bool {
        path.symlink_metadata().is_ok()
    }

    pub(in crate::journal) fn nofollow(options: &mut OpenOptions) -> &mut OpenOptions {
        options.share_mode(HELD).custom_flags(NOFOLLOW)
    }

    /// For reading what somebody else may hold, and write to meanwhile.
    pub(in crate::journal) fn nofollow_shared(options: &mut OpenOptions) -> &mut OpenOptions {
        options.custom_flags(NOFOLLOW)
    }

    /// A user's own folder is closed to other users already.
    pub(in crate::journal) fn private_directory() -> DirBuilder {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        builder
    }

    /// NTFS keeps a journal of names itself.
    pub(in crate::journal) fn sync_directory(_: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(in crate::journal) fn unsafe_directory(metadata: &Metadata) -> Result<(), Unsafe> {
        is_expected(metadata.is_dir(), metadata)
    }

    pub(in crate::journal) fn unsafe_file(metadata: &Metadata) -> Result<(), Unsafe> {
        is_expected(metadata.is_file(), metadata)
    }
}
