//! What must never be trusted.

use super::*;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

#[test]
fn whatever_was_written_of_a_file_what_is_whole_counts() {
    let directory = Directory::new();
    let path = directory.dead(&[entry(1), left(2), entry(3)]);
    let bytes = fs::read(&path).unwrap();
    for length in (0..bytes.len()).rev() {
        fs::write(&path, &bytes[..length]).unwrap();
        let lines = bytes[..length].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(directory.all(at(0)).len(), lines.saturating_sub(1), "{length} bytes");
    }
    // Nothing, or not even a header, is what a process leaves that died at once.
    let mut journal = directory.journal();
    assert!(journal.claim(at(0)).is_empty());
    assert!(journal.take_warnings().is_empty());
    assert!(directory.names().is_empty());
}

#[test]
fn a_file_that_cannot_be_trusted_is_set_aside_whole() {
    let good = {
        let directory = Directory::new();
        fs::read(directory.dead(&[entry(1), left(2)])).unwrap()
    };
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let future = b"0123456789abcdef portcullis-journal 2 and more\nin other words\n".to_vec();
    for (content, reason) in [
        (flipped(0), "damaged"),
        (flipped(30), "damaged"),
        (flipped(good.len() / 2), "damaged"),
        (vec![0; 4_096], "damaged"),
        (b"#!/bin/sh\nexit 0\n".to_vec(), "damaged"),
        (future, "another version"),
    ] {
        let directory = Directory::new();
        let path = directory.0.join("1-2.journal");
        fs::write(&path, &content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let mut journal = directory.journal();
        // Whoever only looks changes nothing.
        let (found, warnings) = Journal::read_as(&directory.0, &here(), at(0));
        assert_eq!((found.len(), warnings.len()), (0, 1));
        assert_eq!(directory.names(), ["1-2.journal"]);

        assert!(journal.claim(at(0)).is_empty());
        let warnings = journal.take_warnings();
        let text = messages(&warnings);
        assert!(text.contains("1-2.journal was not used") && text.contains(reason), "{text}");
        assert!(text.contains(".bad") && warnings.iter().all(JournalWarning::is_settled));
        assert_eq!(warnings[0].path(), path);
        assert_eq!(directory.names(), ["1-2.journal.bad"]);
        assert_eq!(fs::read(directory.0.join("1-2.journal.bad")).unwrap(), content);
        assert!(journal.claim(at(0)).is_empty());
        assert!(journal.take_warnings().is_empty());
    }
}

#[test]
fn a_file_of_100_mb_is_not_read() {
    let directory = Directory::new();
    let path = directory.dead(&[entry(1)]);
    fs::OpenOptions::new().append(true).open(&path).unwrap().set_len(100 << 20).unwrap();
    let mut journal = directory.journal();
    assert!(journal.claim(at(0)).is_empty());
    let text = messages(&journal.take_warnings());
    assert!(text.contains("too large"), "{text}");
    assert!(directory.names()[0].ends_with(".journal.bad"));
}

#[test]
fn a_file_that_others_may_write_to_is_set_aside() {
    let directory = Directory::new();
    let path = directory.dead(&[entry(1)]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
    let mut journal = directory.journal();
    assert!(journal.claim(at(0)).is_empty());
    let text = messages(&journal.take_warnings());
    assert!(text.contains("others may write to it"), "{text}");
    assert!(directory.names()[0].ends_with(".journal.bad"));
}

#[test]
fn no_more_than_eight_are_set_aside() {
    let directory = Directory::new();
    for number in 0..20 {
        let path = directory.0.join(format!("{number}.journal"));
        fs::write(&path, "damaged\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let mut journal = directory.journal();
    assert!(journal.claim(at(0)).is_empty());
    let warnings = journal.take_warnings();
    assert_eq!(warnings.len(), 20);
    assert!(messages(&warnings).contains("so it was removed"));
    assert_eq!(directory.names().len(), 8);
}

#[test]
fn links_and_what_is_no_file_are_not_touched() {
    let directory = Directory::new();
    let outside = Directory::new();
    let target = outside.dead(&[entry(1)]);
    let bytes = fs::read(&target).unwrap();
    symlink(&target, directory.0.join("1.journal")).unwrap();
    symlink("/nonexistent", directory.0.join("2.journal")).unwrap();
    fs::create_dir(directory.0.join("3.journal")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(directory.0.join("4.journal")).status();
    assert!(fifo.unwrap().success());
    let good = directory.dead(&[entry(5)]);
    let names = directory.names();

    let mut journal = directory.journal();
    assert_eq!(ids(&journal.claim(at(0))), [5]);
    let warnings = journal.take_warnings();
    let text = messages(&warnings);
    assert_eq!(text.matches("it is a symbolic link").count(), 2, "{text}");
    assert_eq!(text.matches("it is something else").count(), 2, "{text}");
    assert!(warnings.iter().all(|warning| !warning.is_settled()));
    assert!(names.iter().filter(|name| !good.ends_with(name)).all(|name| directory.names().contains(name)));
    assert_eq!(fs::read(&target).unwrap(), bytes);
}

#[test]
fn what_belongs_to_somebody_else_is_not_touched() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let directory = Directory::new();
    let path = directory.dead(&[entry(1)]);
    std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
    let mut journal = directory.journal();
    assert!(journal.claim(at(0)).is_empty());
    let text = messages(&journal.take_warnings());
    assert!(text.contains("it belongs to user 12345"), "{text}");
    assert!(path.exists());

    std::os::unix::fs::chown(&directory.0, Some(12_345), None).unwrap();
    let error = Journal::open(&directory.0).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("it belongs to user 12345; name another directory"), "{error}");
}

#[test]
fn a_living_processs_file_is_not_set_aside_whatever_is_in_it() {
    let directory = Directory::new();
    let mut newer = directory.journal();
    put(&mut newer, entry(1));
    let path = newer.own.as_ref().unwrap().path().to_owned();
    fs::write(&path, "0123456789abcdef portcullis-journal 2\n").unwrap();
    let mut journal = directory.journal();
    assert!(journal.claim(at(0)).is_empty());
    assert!(journal.take_warnings().iter().all(|warning| !warning.is_settled()));
    assert!(path.exists());
}

#[test]
fn a_directory_is_made_for_its_user_alone() {
    let directory = Directory::new();
    let path = directory.0.join("state/portcullis");
    let mut journal = Journal::open(&path).unwrap();
    put(&mut journal, entry(1));
    for made in [&path, &directory.0.join("state")] {
        assert_eq!(made.metadata().unwrap().mode() & 0o777, 0o700);
    }
    for file in fs::read_dir(&path).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_directory_that_cannot_be_trusted_is_refused() {
    let directory = Directory::new();
    let path = directory.0.join("portcullis");
    fs::write(&path, "a file").unwrap();
    let refused = |path: &Path, reason: &str| {
        let text = Journal::open(path).unwrap_err().to_string();
        assert!(
            text.contains(reason) && text.contains("portcullis") && text.contains("name another"),
            "{text}"
        );
    };
    refused(&path, "it is something else");
    refused(&path.join("below"), "cannot make");
    fs::remove_file(&path).unwrap();
    symlink(std::env::temp_dir(), &path).unwrap();
    refused(&path, "it is a symbolic link");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    refused(&path, "others may write to it");
    refused(Path::new("/proc/portcullis"), "cannot make");
}

#[test]
fn a_link_is_refused_however_its_name_ends() {
    let directory = Directory::new();
    let path = directory.0.join("portcullis");
    symlink(std::env::temp_dir(), &path).unwrap();
    for end in ["", "/", "//", "/.", "/./", "/.//"] {
        let mut name = path.clone().into_os_string();
        name.push(end);
        let text = Journal::open(Path::new(&name)).unwrap_err().to_string();
        assert!(text.contains("it is a symbolic link"), "{}: {text}", name.display());
    }
    // A good name may end so.
    fs::remove_file(&path).unwrap();
    Journal::open(&path.join("")).unwrap();
    Journal::open(&path.join("./")).unwrap();
}

#[test]
fn other_names_hide_no_journal() {
    let directory = Directory::new();
    for number in 0..6_000 {
        fs::File::create(directory.0.join(format!("{number}.txt"))).unwrap();
        // Systems tell names in any order.
        if number % 375 == 0 {
            directory.dead(&[entry(number)]);
        }
    }
    assert_eq!(directory.all(at(0)).len(), 16);
    assert_eq!(directory.journal().claim(at(0)).len(), 16);
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let directory = Directory::new();
    let target = directory.0.join("target");
    symlink(&target, directory.0.join("lock")).unwrap();
    let mut journal = directory.journal();
    assert!(journal.claim(at(0)).is_empty());
    assert_eq!(journal.take_warnings().len(), 1);
    assert!(!target.exists());
    // What is our own needs no lock.
    put(&mut journal, entry(1));
}

#[test]
fn a_directory_that_is_not_there_has_nothing_in_it() {
    let directory = Directory::new();
    let path = directory.0.join("nothing");
    let (found, warnings) = Journal::read_all(&path, at(0)).unwrap();
    assert!(found.is_empty() && warnings.is_empty());
    assert!(!path.exists());
}

#[test]
fn a_directory_that_cannot_be_read_is_not_said_to_be_empty() {
    let directory = Directory::new();
    let path = directory.0.join("file");
    fs::write(&path, "").unwrap();
    let error = Journal::read_all(&path, at(0)).unwrap_err();
    assert!(error.to_string().contains("cannot read") && error.to_string().contains("file"), "{error}");
}
