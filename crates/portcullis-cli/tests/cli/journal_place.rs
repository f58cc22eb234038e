//! Where the journal is, and what becomes of one that cannot be used.

use crate::program::{Directory, Ran, gateway, run, run_on, state_home};
use portcullis_sim::Scenario;
use std::fs;

#[test]
fn commands_that_open_nothing_make_no_journal() {
    for line in [
        "completions bash",
        "man",
        "simulate --list-scenarios",
        "inspect /dev/null",
        "--help",
        "status",
        "discover --simulate",
        "address --simulate",
        "list --simulate",
        "open 7777 --simulate",
        "cleanup",
    ] {
        run(line);
        assert_eq!(fs::read_dir(state_home()).unwrap().count(), 0, "{line}");
    }
}

#[test]
fn it_is_in_the_directory_that_is_named() {
    let server = gateway(Scenario::igd1());
    let directory = Directory::new();
    let place = format!("--journal {}", directory.0.join("below").display());
    run_on(&server, &format!("open 7777/udp {place}")).done();
    assert!(fs::read_dir(directory.0.join("below")).unwrap().count() > 0);
    assert_eq!(fs::read_dir(state_home()).unwrap().count(), 0);
    assert!(run(&format!("status {place}")).done().stdout.contains("7777"));
    assert_eq!(run("status").done().stdout, "nothing is open\n");
}

#[test]
fn a_simulation_has_one_only_where_it_is_named() {
    let directory = Directory::new();
    let place = format!("--journal {}", directory.0.display());
    run(&format!("open 7777/udp --simulate {place}")).done();
    assert!(run(&format!("status {place}")).done().stdout.contains("left open"));
}

#[test]
fn a_named_place_that_cannot_be_used_is_an_error() {
    let server = gateway(Scenario::igd1());
    let directory = Directory::new();
    let file = directory.0.join("file");
    fs::write(&file, "").unwrap();
    let mut places = vec![file];
    #[cfg(target_os = "linux")]
    places.push(read_only(&directory));
    for place in places {
        let ran: Ran = run_on(&server, &format!("--json open 7777/udp --journal {}", place.display()));
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert_eq!(ran.json()["error"]["kind"], "io");
        assert!(ran.stderr.contains("--journal <DIR>") && ran.stderr.contains("name another"), "{ran:?}");
    }
    assert_eq!(server.with_gateway(|gateway| gateway.counters().m_searches), 0);
}

/// A directory that not even root may write to, or else one that this user may not.
#[cfg(target_os = "linux")]
fn read_only(directory: &Directory) -> std::path::PathBuf {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        return "/sys".into();
    }
    let path = directory.0.join("read-only");
    fs::create_dir(&path).expect("a directory");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o500)).expect("a mode");
    path
}

#[cfg(target_os = "linux")]
#[test]
fn a_usual_place_that_cannot_be_used_is_warned_of() {
    let server = gateway(Scenario::igd1());
    fs::write(state_home().join("portcullis"), "").unwrap();
    let ran = run_on(&server, "open 7777/udp").done();
    assert!(ran.stderr.contains("warning: no journal is kept"), "{ran:?}");
    assert!(ran.stderr.contains("--no-journal"), "{ran:?}");
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 1);
    assert_eq!(run_on(&server, "-q open 7777/udp").done().stderr, "");
    assert_eq!(run_on(&server, "open 7777/udp --no-journal").done().stderr, "");
}

#[cfg(target_os = "linux")]
#[test]
fn a_damaged_journal_is_set_aside_and_said_to_be() {
    let server = gateway(Scenario::igd1());
    let place = state_home().join("portcullis");
    run_on(&server, "open 7000/udp").done();
    let write = || {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = fs::OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(place.join("1-1.journal")).unwrap();
        file.write_all(b"somebody else's\n").unwrap();
    };
    write();
    let ran = run("--json status").done();
    assert!(ran.stderr.contains("warning: ") && ran.stderr.contains("it is damaged"), "{ran:?}");
    let document = ran.json();
    assert_eq!(document["warnings"].as_array().unwrap().len(), 1, "{document}");
    assert_eq!(document["mappings"][0]["external_port"], 7000);
    let ran = run_on(&server, "open 7777/udp").done();
    assert_eq!(ran.stderr.matches("warning: ").count(), 1, "{ran:?}");
    assert!(ran.stderr.contains("1-1.journal was not used: it is damaged; it now ends in .bad"), "{ran:?}");
    assert!(place.join("1-1.journal.bad").exists());
    assert_eq!(run_on(&server, "open 7777/udp").done().stderr, "");
    write();
    let mut kept = crate::running::Running::start(&server, "open 7778/udp --keep");
    assert!(kept.said().contains("it is damaged"));
    kept.kill();
}

/// However often a command looks at the journal, and whatever it finds there meanwhile.
#[cfg(unix)]
#[test]
fn each_warning_is_given_once() {
    use std::os::unix::fs::PermissionsExt;
    let server = gateway(Scenario::igd1());
    run_on(&server, "open 7000").done();
    let place = state_home().join("portcullis");
    std::os::unix::fs::symlink("/nonexistent", place.join("1.journal")).unwrap();
    for line in ["status", "open 7777/udp", "open 7778 -v", "close 7777 7778", "cleanup --left-open"] {
        let damaged = place.join("2.journal");
        fs::write(&damaged, "somebody else's\n").unwrap();
        fs::set_permissions(&damaged, fs::Permissions::from_mode(0o600)).unwrap();
        let ran = if line == "status" { run(line) } else { run_on(&server, line) }.done();
        for what in ["1.journal was not used", "2.journal was not used"] {
            assert_eq!(ran.stderr.matches(what).count(), 1, "{line}: {what}: {ran:?}");
        }
    }
}

/// What goes wrong with every line that is written is one trouble.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_warned_of_once() {
    let server = gateway(Scenario::igd1());
    run_on(&server, "open 7000").done();
    let line = format!("open 7777 7778 7779 -v {}", crate::program::named(&server));
    let ran = crate::program::limited("-f 0", &line).done();
    assert_eq!(ran.stderr.matches("File too large").count(), 1, "{ran:?}");
    run_on(&server, "close 7000 7777 7778 7779").done();
}

#[test]
fn options_about_the_journal_are_refused_where_there_is_none() {
    for (line, named) in [
        ("man --no-journal", "--no-journal"),
        ("inspect file --journal x", "--journal"),
        ("simulate --no-journal", "--no-journal"),
        ("status --no-journal", "--no-journal"),
        ("--no-journal cleanup", "--no-journal"),
        ("open 7777 --journal x --no-journal", "--journal"),
        ("status --timeout 10", "--timeout"),
    ] {
        let ran = run(line);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(named), "{ran:?}");
    }
}
