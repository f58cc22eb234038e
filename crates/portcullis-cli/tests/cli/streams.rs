//! What goes where, and what a reader that went away does to it.

use crate::program::{Ran, command, run};
use std::process::Stdio;

#[test]
fn a_closed_standard_output_is_no_crash() {
    for line in ["open 7777 --simulate", "--json list --simulate", "completions bash", "man", "--help"] {
        let mut child = command(line.split_whitespace()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(ran.status, Some(0), "{line}: {ran:?}");
        assert!(!ran.stderr.contains("panic"), "{line}: {ran:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ran =
        Ran::from(command(["list", "--simulate"]).stdout(full).spawn().unwrap().wait_with_output().unwrap());
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("standard output"), "{ran:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn ports_that_nobody_could_be_told_of_are_closed_again() {
    use crate::program::gateway;
    let server = gateway(portcullis_sim::Scenario::igd1());
    let address = server.ssdp_address().to_string();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let on_full_disk = command(["open", "7777", "--gateway", &address]).stdout(full).spawn().unwrap();
    let mut unread = command(["open", "7000", "--keep", "--gateway", &address]).spawn().unwrap();
    drop(unread.stdout.take());
    for child in [on_full_disk, unread] {
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("standard output"), "{ran:?}");
        assert!(ran.stderr.contains("closed again"), "{ran:?}");
    }
    server.with_gateway(|gateway| {
        assert_eq!(gateway.mappings().len(), 0);
        assert!(gateway.counters().posts("DeletePortMapping") >= 2);
    });
}

#[test]
fn without_a_terminal_there_is_no_spinner_and_no_colour() {
    let ran = run("open 7777 --simulate=slow-search").done();
    assert!(!ran.stderr.contains(['\x1b', '\r']) && !ran.stdout.contains('\x1b'), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    assert_eq!(run("open 7777 --simulate -q").done().stderr, "");
}

#[test]
fn verbose_tells_what_happened_and_what_was_tried() {
    let ran = run("-v open 7777/udp --simulate").done();
    assert!(ran.stderr.contains("mapped UDP port 7777 to 127.0.0.1:7777"), "{ran:?}");
    let ran = run("-v discover --simulate").done();
    assert!(ran.stderr.contains("found Simulated gateway (127.0.0.1) at http://127.0.0.1:"), "{ran:?}");
    let ran = run("-v open 7777/udp --simulate=not-authorized");
    assert!(ran.stderr.contains("tried Simulated gateway (127.0.0.1): AddPortMapping"), "{ran:?}");
}

#[test]
fn standard_error_may_be_closed() {
    let ran = Ran::from(
        command(["open", "7777", "--simulate=conflict"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap(),
    );
    assert_eq!(ran.status, Some(6), "{ran:?}");
}
