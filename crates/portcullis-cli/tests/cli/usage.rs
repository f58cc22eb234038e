use crate::program::run;

#[test]
fn a_bad_argument_is_named() {
    for (line, argument) in [
        ("open 00", "<PORT[:INTERNAL][/PROTOCOL]>"),
        ("open 65536", "<PORT[:INTERNAL][/PROTOCOL]>"),
        ("open 7777:0", "<PORT[:INTERNAL][/PROTOCOL]>"),
        ("open 7777/sctp", "<PORT[:INTERNAL][/PROTOCOL]>"),
        ("open", "<PORT[:INTERNAL][/PROTOCOL]>"),
        ("open 7777:1/udp 7777:2/udp", "<PORT[:INTERNAL][/PROTOCOL]>"),
        ("close 0", "<PORT[/PROTOCOL]>"),
        ("close 65536/udp", "<PORT[/PROTOCOL]>"),
        ("open 7777 --lifetime 2parsecs", "--lifetime"),
        ("open 7777 --lifetime -1", "--lifetime"),
        ("open 7777 --any-port --overwrite", "--overwrite"),
        ("open 0 --overwrite", "--overwrite"),
        ("open 0:7777 --ipv6", "--ipv6"),
        ("watch 0 --ipv6", "--ipv6"),
        ("open 7777 --protocol snmp", "--protocol"),
        ("--protocol igd,tr069 list", "--protocol"),
        ("list --gateway gateway.example", "--gateway"),
        ("list --gateway 127.0.0.1:0", "--gateway"),
        ("list --gateway http://127.0.0.1:22/", "--gateway"),
        ("list --timeout 0", "--timeout"),
        ("list --timeout -1", "--timeout"),
        ("open -1", "<PORT[:INTERNAL][/PROTOCOL]>"),
        ("discover --local-port 65536", "--local-port"),
        ("list --timeout soon", "--timeout"),
        ("list --simulate=no-such", "--simulate"),
        ("list --simulate --gateway 127.0.0.1", "--gateway"),
        ("open 7777 --gateway pcp://127.0.0.1 --protocol igd", "pcp://127.0.0.1"),
        ("list --gateway http://127.0.0.1:5000/x --protocol nat-pmp,pcp", "http://127.0.0.1:5000/x"),
        ("--interface lo list --gateway 127.0.0.1", "--interface"),
        ("-q list -v", "--quiet"),
        ("discover --ttl 0", "--ttl"),
        ("simulate --scenario no-such", "--scenario"),
        ("inspect file --url ftp://192.168.1.1/", "--url"),
        ("completions no-such-shell", "<SHELL>"),
        ("--no-such-option", "--no-such-option"),
        ("no-such-command", "no-such-command"),
        ("-q", "subcommand"),
        ("simulate --simulate", "--simulate"),
        ("simulate --list-scenarios --gateway 127.0.0.1", "--gateway"),
        ("inspect file --interface lo", "--interface"),
        ("--timeout 100 man", "--timeout"),
        ("completions bash --timeout 100", "--timeout"),
    ] {
        let ran = run(line);
        assert_eq!(ran.status, Some(2), "{line}: {ran:?}");
        assert_eq!((ran.stdout.as_str(), ran.stderr.lines().count()), ("", 1), "{line}: {ran:?}");
        assert!(ran.stderr.starts_with("portcullis: ") && ran.stderr.contains(argument), "{line}: {ran:?}");
        let error = &run(&format!("--json {line}")).json()["error"];
        assert_eq!(error["kind"], "usage", "{line}");
        assert_eq!(error["attempts"], serde_json::json!([]), "{line}");
    }
}

#[test]
fn an_unknown_protocol_is_answered_with_those_that_are_known() {
    assert!(run("open 7777 --protocol snmp").stderr.contains("possible values: pcp, nat-pmp, igd"));
    run("open 7777 --protocol IGD --simulate").done();
}

#[test]
fn global_options_stand_on_either_side_of_the_command() {
    assert!(run("--simulate --json address").done().json().is_object());
    assert!(run("address --json --simulate").done().json().is_object());
}

#[test]
fn help_has_examples_and_every_option() {
    for line in ["--help", "discover --help", "open --help", "close --help", "inspect --help", "simulate -h"]
    {
        let ran = run(line).done();
        assert!(ran.stdout.contains("Examples:"), "{line}");
        for option in ["--json", "--timeout", "--interface", "--gateway", "--protocol", "--simulate"] {
            assert!(ran.stdout.contains(option), "{line}: {option}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_gateway_is_said_beside_what_would_be_right() {
    for (gateway, reason) in [
        ("127.0.0.1:0", "ports go from 1 to 65535"),
        ("http://127.0.0.1:9/", "port 9 belongs to a service that is no web server"),
        ("https://127.0.0.1/", "url scheme is not http"),
        ("http://gateway.example/", "name"),
        ("fe80::1", "number of its interface"),
    ] {
        let ran = run(&format!("list --gateway {gateway}"));
        for part in [reason, "IP, IP:PORT, http://IP:PORT/PATH or pcp://IP:PORT", "'portcullis list --help'"]
        {
            assert!(ran.stderr.contains(part), "{part}: {ran:?}");
        }
    }
}

#[test]
fn numbers_out_of_bounds_are_told_their_bounds() {
    for (line, bounds) in [
        ("list --timeout 4294967296", "from 1 to 4294967295"),
        ("list --timeout soon", "from 1 to 4294967295"),
        ("discover --ttl 256", "from 1 to 255"),
        ("discover --local-port 65536", "from 0 to 65535"),
    ] {
        let ran = run(line);
        assert!(ran.stderr.contains(bounds), "{ran:?}");
    }
}

#[test]
fn without_any_argument_the_help_is_the_error() {
    let ran = run("");
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    assert!(ran.stderr.contains("Usage: portcullis") && ran.stderr.contains("Examples:"), "{ran:?}");
}

#[test]
fn help_is_a_command_too() {
    assert_eq!(run("help open").done().stdout, run("open --help").done().stdout);
    assert!(run("help").done().stdout.contains("Examples:"));
}

#[test]
fn help_says_which_options_exclude_each_other_and_does_not_list_scenarios() {
    let help = run("simulate --help").done().stdout;
    for part in ["not with --gateway or --interface", "not with --quiet", "not with --verbose"] {
        assert!(help.split_whitespace().collect::<Vec<_>>().join(" ").contains(part), "{part}: {help}");
    }
    assert!(!help.contains("always-conflict"), "{help}");
}
