use crate::program::run;

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(&format!("completions {shell}")).done().stdout;
        assert!(script.contains("any-port"), "{shell}");
    }
    let document = run("--json completions bash").done().json();
    assert!(document["completions"].as_str().unwrap().contains("portcullis"));
}

#[test]
fn the_manual_page_has_every_command_option_and_status() {
    let page = run("man").done().stdout;
    assert!(page.contains(".TH portcullis 1"), "{page}");
    for part in [
        "discover",
        "open",
        "close",
        "list",
        "watch",
        "status",
        "cleanup",
        "address",
        "inspect",
        "simulate",
        "completions",
        "man",
        r"\-\-keep",
        r"\-\-filter",
        r"\-\-force",
        r"\-\-url",
        r"\-\-list\-scenarios",
        r"\-\-gateway",
        r"\-\-protocol",
        r"\-\-ipv6",
        r"\-\-journal",
        r"\-\-no\-journal",
        r"\-\-left\-open",
        "EXIT STATUS",
        "NO_COLOR",
        "lifetime_s",
        "external_address_kind",
        "remaining_s",
        "port_control_address",
        "external\\-address\\-changed",
        "FILES",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(run("--json man").done().json()["man"].as_str().unwrap().contains(".TH"));
}

#[test]
fn values_are_completed_where_they_are_known() {
    let script = run("completions bash").done().stdout;
    let words_after = |option: &str| {
        let after = script.split(&format!("{option})\n")).nth(1).unwrap_or_else(|| panic!("{option}"));
        after.lines().next().unwrap().to_owned()
    };
    assert!(words_after("--scenario").contains("always-conflict"));
    assert!(words_after("--simulate").contains("always-conflict"));
    for option in ["--gateway", "--timeout", "--interface", "--lifetime", "--ttl"] {
        assert!(!words_after(option).contains("compgen -f"), "{option}: {}", words_after(option));
    }
}
