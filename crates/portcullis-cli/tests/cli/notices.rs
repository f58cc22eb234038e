//! `--exec`, `--exec-shell` and `--port-file`.

use crate::program::{Directory, gateway, run, run_on};
use crate::running::{Running, open_ports};
use portcullis_sim::{EchoedPort, PortControlOddity, Quirk, Scenario, Server};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// As the server of a VPN, but with leases that are renewed after four seconds.
fn vpn() -> Server {
    let odd = |oddity| Quirk::PortControl(oddity);
    let scenario = Scenario::igd1()
        .with(Quirk::NoUpnp)
        .with(Quirk::NatPmp)
        .with(Quirk::AnyPortNeverTheAsked)
        .with(Quirk::LeaseAlways(8))
        .with(odd(PortControlOddity::OnePortForBoth))
        .with(odd(PortControlOddity::EchoesPort(EchoedPort::Zero)));
    gateway(scenario)
}

/// A script that writes down what it is told.
fn script(directory: &Directory) -> String {
    let path = directory.0.join("told.sh");
    fs::write(
        &path,
        r#"echo "$EVENT $PROTOCOL $PORT $INTERNAL_PORT $ADDRESS $*" >> "${0%/*}/log"; echo said"#,
    )
    .expect("a file");
    format!("--exec sh --exec-arg {}", path.display())
}

fn log(directory: &Directory) -> String {
    fs::read_to_string(directory.0.join("log")).unwrap_or_default()
}

/// Waits until a file has this in it.
#[track_caller]
fn becomes(path: &Path, text: &str) {
    for _ in 0..1_000 {
        if fs::read_to_string(path).is_ok_and(|found| found == text) {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("{:?}", fs::read_to_string(path));
}

#[test]
fn a_command_runs_once_for_each_change() {
    let (server, directory) = (vpn(), Directory::new());
    // What looks like an option is an argument, too.
    let line = format!("--json watch 0:6881/udp {} --exec-arg --x", script(&directory));
    let mut watch = Running::start(&server, &line);
    assert_eq!(watch.event("mapped")["external_port"], 6882);
    watch.event("renewed");
    server.with_gateway(|gateway| gateway.clear_mappings());
    assert_eq!(watch.event("port-changed")["to"], "6883");
    becomes(
        &directory.0.join("log"),
        "mapped udp 6882 6881 81.2.69.142 --x\nport-changed udp 6883 6881 81.2.69.142 --x\n",
    );
    watch.signal("-TERM");
    assert_eq!(watch.status(), Some(0));
    assert!(log(&directory).ends_with("\nreleased udp 6883 6881 81.2.69.142 --x\n"), "{}", log(&directory));
    assert_eq!(log(&directory).lines().count(), 3);
    let rest = watch.rest();
    let events = rest.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone());
    assert!(events.into_iter().all(|event| event == "renewed" || event == "released"), "{rest}");
    assert_eq!(watch.said(), "said\n", "what the command says is no document");
}

#[test]
fn the_port_file_has_the_port_for_as_long_as_it_is_open() {
    let (server, directory) = (vpn(), Directory::new());
    let path = directory.0.join("port");
    fs::write(&path, "1\n").unwrap();
    let mut kept = Running::start(&server, &format!("open 0:6881 --keep --port-file {}", path.display()));
    kept.line();
    becomes(&path, "6882\n");
    server.with_gateway(|gateway| gateway.clear_mappings());
    becomes(&path, "6883\n");
    kept.signal("-INT");
    assert_eq!(kept.status(), Some(0));
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 0);
}

#[test]
fn a_port_file_that_cannot_be_written_is_told_before_anything_is_opened() {
    let (server, directory) = (vpn(), Directory::new());
    let notes = directory.0.join("notes");
    fs::write(&notes, "remember the milk").unwrap();
    let nowhere = directory.0.join("none").join("port");
    for (path, status) in [(&nowhere, 1), (&directory.0, 2), (&notes, 2)] {
        for command in ["open 0:6881 --keep", "watch 0:6881"] {
            let ran = run_on(&server, &format!("{command} --port-file {}", path.display()));
            assert_eq!(ran.status, Some(status), "{ran:?}");
            assert!(ran.stderr.contains("--port-file") && ran.stderr.contains(&*path.to_string_lossy()));
        }
    }
    assert_eq!(server.with_gateway(|gateway| gateway.counters().nat_pmp), 0);
    assert_eq!(fs::read_to_string(&notes).unwrap(), "remember the milk");
}

#[test]
fn a_command_that_fails_is_a_warning() {
    for (option, warning) in [
        ("--exec false", "'false': failed: exit status: 1 (udp mapped)"),
        ("--exec /no/such/program", "'/no/such/program': cannot be run"),
        ("--exec-shell false", "'false': failed: exit status: 1 (udp mapped)"),
    ] {
        let server = gateway(Scenario::igd1());
        let mut kept = Running::start(&server, &format!("open 7777/udp --keep {option}"));
        kept.line();
        let said = kept.said();
        assert!(said.starts_with("portcullis: warning: ") && said.contains(warning), "{option}: {said}");
        kept.signal("-TERM");
        assert_eq!(kept.status(), Some(0), "{option}");
        assert_eq!(open_ports(&server), 0);
    }
}

#[test]
fn a_command_that_does_not_end_holds_nobody_up() {
    let server = gateway(Scenario::igd1());
    let mut kept = Running::start(&server, "open 7777/udp --keep --exec sleep --exec-arg 1000");
    kept.line();
    #[expect(clippy::disallowed_methods, reason = "it is the real time that is promised")]
    let signalled = Instant::now();
    kept.signal("-TERM");
    assert_eq!(kept.status(), Some(0));
    assert!(signalled.elapsed() < Duration::from_secs(4));
    assert!(kept.rest_said().contains("was killed"));
    assert_eq!(open_ports(&server), 0);
}

#[test]
fn options_that_lead_nowhere_are_refused() {
    for (line, argument) in [
        ("open 7777 --exec true", "--keep"),
        ("open 7777 --exec-shell true", "--keep"),
        ("open 7777 --port-file port", "--keep"),
        ("watch 7777 --exec true --exec-shell true", "--exec-shell"),
        ("watch 7777 --exec-arg x", "--exec <PROGRAM>"),
        ("watch 7777 7778 --port-file port", "--port-file"),
    ] {
        let ran = run(&format!("{line} --simulate"));
        assert_eq!(ran.status, Some(2), "{line}: {ran:?}");
        assert!(ran.stderr.contains(argument), "{line}: {ran:?}");
    }
}
