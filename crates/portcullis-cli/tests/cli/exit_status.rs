use crate::program::{fields, gateway, run, run_on};
#[cfg(target_os = "linux")]
use crate::program::{limited, named};
use portcullis_sim::{Quirk, Scenario};

#[test]
fn statuses_say_what_went_wrong() {
    for (line, status, kind) in [
        ("open 7777/udp --simulate=control-refused", 4, "refused"),
        ("open 7777/udp --interface no-such-interface", 2, "invalid-input"),
        ("open 7777/udp --simulate=silent --timeout 150", 3, "no-gateway"),
        ("open 7777/udp --simulate=not-a-gateway --timeout 150", 3, "no-gateway"),
        ("open 7777/udp --simulate=no-connection-service --timeout 150", 3, "no-service"),
        ("discover --simulate=silent --timeout 150", 3, "no-gateway"),
        ("open 7777/udp --simulate=not-authorized --timeout 300", 4, "refused"),
        ("open 7777/udp --simulate=full --timeout 300", 4, "refused"),
        ("open 7777/udp --verify --simulate=forgetful --timeout 300", 4, "malformed"),
        ("open 7777/udp --simulate=loopback-location --timeout 150", 3, "no-gateway"),
        ("open 7777/udp --simulate=login-page --timeout 150", 4, "malformed"),
        ("open 7777/udp --simulate=accepts-silently --timeout 150", 5, "timeout"),
        ("address --simulate=slow-http --timeout 150", 5, "timeout"),
        ("open 7777/udp --simulate=conflict", 6, "conflict"),
        ("open 7777/udp --simulate=always-conflict", 6, "conflict"),
    ] {
        let ran = run(&format!("{line} --json"));
        assert_eq!(ran.status, Some(status), "{line}: {ran:?}");
        let document = ran.json();
        assert_eq!(fields(&document), ["error"], "{line}");
        let error = &document["error"];
        assert_eq!(fields(error), ["attempts", "kind", "message"], "{line}");
        assert_eq!(error["kind"], kind, "{line}");
        for attempt in error["attempts"].as_array().unwrap() {
            assert_eq!(fields(attempt), ["gateway", "message", "step"], "{line}");
        }
        let message = error["message"].as_str().unwrap();
        assert!(ran.stderr.lines().any(|said| said == format!("portcullis: {message}")), "{ran:?}");
    }
}

#[test]
fn a_gateway_without_the_action_is_unsupported() {
    let server = gateway(Scenario::igd1().with(Quirk::Fault("AddPortMapping", 401)));
    let ran = run_on(&server, "--json open 7777/udp");
    assert_eq!(ran.status, Some(7), "{ran:?}");
    assert_eq!(ran.json()["error"]["kind"], "unsupported");
}

#[test]
fn an_error_names_gateway_step_and_code() {
    let ran = run("open 7777/udp --simulate=not-authorized");
    let last = ran.stderr.lines().last().unwrap();
    for part in ["Simulated gateway (127.0.0.1)", "AddPortMapping", "606"] {
        assert!(last.contains(part), "{part}: {ran:?}");
    }
    assert_eq!(ran.stdout, "");
}

#[test]
fn an_interface_that_is_not_there_is_named_with_its_option() {
    for command in ["discover", "open 7777", "list"] {
        let ran = run(&format!("{command} --interface no-such"));
        assert_eq!(ran.status, Some(2), "{ran:?}");
        let named = "portcullis: invalid value for '--interface <NAME|IP>': ";
        assert!(ran.stderr.starts_with(named) && ran.stderr.contains("no-such"), "{ran:?}");
    }
}

/// However few files it may have open, it opens the port or says what it lacks, and where that is more.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_of_open_files_is_told_as_that() {
    let server = gateway(Scenario::igd1());
    let (mut told, mut done) = (0, 0);
    for files in 4..24 {
        if limited(&format!("-n {files}"), "--version").status != Some(0) {
            // Whoever runs the tests has others open, and the system cannot even load it.
            continue;
        }
        for command in ["open 7777/udp", "open 7777/udp --no-journal --protocol igd", "cleanup --left-open"] {
            let line = format!("--timeout 400 {command} {}", named(&server));
            let ran = limited(&format!("-n {files}"), &line);
            if ran.status == Some(0) {
                done += 1;
            } else {
                told += 1;
                assert!(ran.stderr.contains("too many open files"), "{files}: {command}: {ran:?}");
            }
            assert!(!ran.stderr.contains("uncategorized"), "{files}: {command}: {ran:?}");
        }
        run_on(&server, "close 7777/udp --force");
    }
    assert!(told >= 3 && done >= 3, "{told} told, {done} done");
}
