//! Scenes that the schedules once found, each as short as it can be told. A line is what a person types at host A or B,
//! and ends before the next one begins, but for what keeps; or what happens around them:
//!
//! ```text
//! A open 7000/udp --keep      the first process, number 1
//! A! 3000 open 7000           one that is killed after 3,000 microseconds
//! A? 3000 open 7000           one that is told to stop by then
//! stop 1, kill 1              that process is told to stop, or killed
//! restart                     the gateway restarts, and has forgotten its mappings
//! foreign A 7000:7001/tcp igd a program that is none of ours maps a port to host A
//! wait 60                     seconds pass
//! ```
//!
//! At the end nothing may have happened against a promise, and the journal has what the gateway has.

use super::command::{Command, What};
use super::home::Home;
use core::net::IpAddr;
use core::time::Duration;
use portcullis_proto::client::Method;
use portcullis_sim::{Mapping, PortControlOddity as Oddity, Quirk, Scenario};

/// Plays a scene; everything that happened against a promise.
fn broken(scenario: Scenario, scene: &[&str]) -> Vec<String> {
    let mut home = Home::calm(scenario);
    for line in scene {
        let (who, what) = line.split_once(' ').unwrap_or((line, ""));
        match who {
            "A" | "B" => {
                let number = home.begin(usize::from(who == "B"), what.parse().unwrap());
                home.wait_for(number);
            }
            // One that is killed, or told to stop, after so many microseconds.
            "A!" | "A?" => {
                let (micros, command) = what.split_once(' ').unwrap();
                let number = home.begin(0, command.parse().unwrap());
                home.live(home.now + Duration::from_micros(micros.parse().unwrap()));
                if who == "A!" { home.kill(number) } else { home.leave(number) }
            }
            "stop" => home.leave(what.parse().unwrap()),
            "kill" => home.kill(what.parse().unwrap()),
            "restart" => home.restart_gateway(true, Duration::from_secs(5)),
            "wait" => home.live(home.now + Duration::from_secs(what.parse().unwrap())),
            "foreign" => foreign(&mut home, what),
            other => panic!("nobody is called {other}"),
        }
    }
    home.compare_when_quiet();
    home.violations.iter().map(ToString::to_string).collect()
}

fn holds(scenario: Scenario, scene: &[&str]) {
    let broken = broken(scenario, scene);
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

fn foreign(home: &mut Home, what: &str) {
    let mut words = what.split_whitespace();
    let host: IpAddr = match words.next() {
        Some("A") => home.hosts[0].address,
        Some("B") => home.hosts[1].address,
        _ => IpAddr::from([192, 168, 1, 50]),
    };
    let command: Command = format!("open {}", words.next().unwrap()).parse().unwrap();
    let method: Method = words.next().unwrap().parse().unwrap();
    let What::Open { ports, .. } = command.what else { return };
    for wanted in ports {
        let mapping = Mapping::new(wanted.protocol, wanted.external_port, host);
        let description = "somebody else's".into();
        home.map_as_foreigner(Mapping {
            internal_port: wanted.internal_port,
            method,
            description,
            ..mapping
        });
    }
}

fn igd1() -> Scenario {
    Scenario::igd1()
}

fn pcp() -> Scenario {
    Scenario::igd2().with(Quirk::NoUpnp).with(Quirk::Pcp)
}

fn nat_pmp() -> Scenario {
    Scenario::igd1().with(Quirk::NoUpnp).with(Quirk::NatPmp)
}

/// Speaks all, in one table.
fn all() -> Scenario {
    Scenario::igd2().with(Quirk::Pcp).with(Quirk::NatPmp)
}

/// Speaks all, and does one thing about deletions in its own way.
fn all_but(oddity: Oddity) -> Scenario {
    all().with(Quirk::PortControl(oddity))
}

/// Speaks all, and each has a table of its own.
fn all_apart() -> Scenario {
    all().with(Quirk::SeparateTables)
}

fn each() -> [Scenario; 5] {
    [igd1(), pcp(), nat_pmp(), all(), all_apart()]
}

#[test]
fn what_is_opened_and_closed_is_gone() {
    for scenario in each() {
        holds(scenario.clone(), &["A open 7000", "A close 7000", "A open 7001:7000/udp --any-port"]);
        holds(scenario, &["A open 7000 --keep", "stop 1"]);
    }
}

#[test]
fn what_a_killed_process_left_is_deleted_by_the_next() {
    for scenario in each() {
        holds(scenario, &["A open 7000 --keep", "kill 1", "A open 7001/udp", "wait 5"]);
    }
}

#[test]
fn a_process_that_is_killed_at_once_leaves_nothing_that_lasts() {
    for scenario in each() {
        for micros in [0, 500, 1_500, 3_000, 6_000, 9_000, 14_000, 20_000] {
            let early = format!("A! {micros} open 7000");
            holds(scenario.clone(), &[&early, "wait 5", "A cleanup", "wait 5", "A cleanup --left-open"]);
            holds(scenario.clone(), &[&early, "A open 7000 --keep", "stop 2"]);
        }
    }
}

#[test]
fn a_failing_open_leaves_what_stands() {
    for scenario in each() {
        let kept = ["A open 7000/udp --keep", "foreign C 7000/tcp igd", "A open 7000"];
        holds(scenario.clone(), &kept);
        let left = ["A open 7000/udp", "foreign C 7000/tcp igd", "A open 7000", "A open 7000 --keep"];
        holds(scenario, &left);
    }
}

#[test]
fn closing_what_was_left_open_by_upnp_strikes_it_out() {
    holds(igd1(), &["A open 7000", "A close 7000/udp"]);
    holds(igd1(), &["A open 7000", "A open 7001/udp", "A cleanup --left-open"]);
    let pcp_and_upnp = Scenario::igd1().with(Quirk::Pcp);
    holds(pcp_and_upnp, &["A open 7000/udp --protocol igd", "A close 7000/udp"]);
}

#[test]
fn closing_a_port_spares_another_that_leads_to_the_port_of_that_number() {
    holds(nat_pmp(), &["A open 7002:7001/udp", "A close 7001/udp"]);
    holds(nat_pmp(), &["A open 7002:7001/udp --keep", "A close 7001/udp"]);
}

#[test]
fn a_keeper_that_ends_spares_what_was_left_open_since() {
    for scenario in each() {
        holds(scenario, &["A open 7002/udp --keep", "A open 7002/udp", "stop 1"]);
    }
}

#[test]
fn what_several_keep_is_deleted_by_the_last() {
    for scenario in each() {
        let first = ["A open 7002/udp --keep", "A open 7002/udp --keep", "stop 1", "wait 5", "stop 2"];
        holds(scenario.clone(), &first);
        let last = ["A open 7002/udp --keep", "A open 7002/udp --keep", "stop 2", "wait 5", "stop 1"];
        holds(scenario, &last);
    }
}

#[test]
fn a_failing_keeper_leaves_what_another_keeps() {
    for scenario in each() {
        holds(scenario, &["A open 7002/tcp --keep", "foreign C 7002/udp igd", "A open 7002 --keep"]);
    }
}

#[test]
fn what_is_overwritten_is_not_left_open_any_more() {
    holds(igd1(), &["A open 7000:7001/udp", "A open 7000/udp --overwrite"]);
    holds(pcp(), &["A open 7000:7001/udp", "A open 7000/udp --overwrite"]);
    holds(all(), &["A open 7000:7001/udp --protocol igd", "A open 7000/udp --overwrite"]);
}

#[test]
fn what_the_gateway_forgot_and_now_refuses_is_not_left_open_any_more() {
    for scenario in each() {
        let taken = "foreign C 7001/udp";
        for method in ["pcp", "nat-pmp", "igd"] {
            let foreign = format!("{taken} {method}");
            let scene = ["A open 7001/udp", "restart", &foreign, "A open 7001/udp"];
            holds(scenario.clone(), &scene);
        }
    }
}

#[test]
fn what_the_gateway_had_forgotten_is_undone_by_whoever_made_it_again() {
    for scenario in each() {
        holds(scenario, &["A open 7001", "restart", "foreign C 7001/udp igd", "A open 7001"]);
    }
}

#[test]
fn two_external_ports_of_one_internal_port_end_together() {
    for scenario in each() {
        holds(scenario.clone(), &["A open 7600:7700/tcp 7601:7700/tcp", "A close 7601/tcp"]);
        holds(scenario.clone(), &["A open 7600:7700/tcp 7601:7700/tcp --keep", "stop 1"]);
        holds(scenario, &["A open 7001:7002 7002/tcp --overwrite --keep", "wait 60", "stop 1"]);
    }
}

#[test]
fn one_mapping_has_one_row_whoever_opened_it_last() {
    for (first, second) in [("igd", "nat-pmp"), ("pcp", "nat-pmp"), ("nat-pmp", "igd"), ("pcp", "igd")] {
        let first = format!("A open 7000/udp --protocol {first}");
        let second = format!("A open 7000/udp --protocol {second}");
        holds(all(), &[&first, &second]);
        holds(all(), &[&first, &second, "A close 7000/udp"]);
        holds(all_apart(), &[&first, &second, "A close 7000/udp"]);
    }
}

#[test]
fn a_port_that_cannot_be_seen_is_not_said_to_be_closed() {
    holds(nat_pmp(), &["foreign A 7003:7001/udp nat-pmp", "A close 7003/udp"]);
}

#[test]
fn a_protocol_that_knows_nothing_of_a_port_does_not_say_that_it_was_closed() {
    holds(nat_pmp(), &["A open 7003/udp", "A close 7003/udp --protocol pcp"]);
}

#[test]
fn what_one_protocol_closed_of_another_is_struck_out() {
    holds(all(), &["A open 7001/udp --protocol pcp", "A close 7001/udp --protocol nat-pmp"]);
}

#[test]
fn what_another_program_has_behind_another_port_is_not_given_back() {
    let nat_pmp_and_upnp = Scenario::igd1().with(Quirk::NatPmp);
    holds(nat_pmp_and_upnp, &["foreign A 7000:7003/udp nat-pmp", "A open 7003/udp"]);
    holds(all(), &["foreign A 7000:7003/udp pcp", "A open 7003/udp"]);
    holds(all(), &["foreign A 7000:7003/udp igd", "A open 7003/udp"]);
    holds(all(), &["foreign A 7000:7003/udp pcp", "A open 7003/udp --overwrite"]);
    holds(all(), &["foreign A 7000:7003/udp igd", "A open 7003/udp --overwrite"]);
}

#[test]
fn what_another_program_has_for_ever_is_not_shortened() {
    holds(igd1(), &["foreign A 7002/udp igd", "A open 7002/udp --lifetime 600"]);
    holds(igd1(), &["foreign A 7002/udp igd", "A open 7002/udp --lifetime 600 --keep", "stop 1"]);
}

#[test]
fn what_is_left_to_a_keeper_ends_with_it() {
    for scenario in each() {
        let scene = ["A open 7002/udp --keep", "A open 7002/udp", "A cleanup --left-open", "stop 1"];
        holds(scenario, &scene);
    }
}

#[test]
fn what_a_keeper_took_over_may_be_closed_by_another() {
    let scene = ["A open 7003/udp", "A open 7003/udp --keep", "A close 7003/udp", "stop 2"];
    holds(igd1().with(Quirk::RefreshRefused), &scene);
}

#[test]
fn what_was_taken_from_another_program_is_closed_with_the_rest() {
    let scene = ["foreign A 7002/udp igd", "A open 7002/udp --overwrite", "A cleanup --left-open"];
    holds(igd1(), &scene);
    let scene = ["foreign A 7003/udp igd", "A open 7000:7003/udp --any-port", "A cleanup --left-open"];
    holds(all(), &scene);
}

#[test]
fn no_port_but_the_wanted_one_is_overwritten() {
    let gateway = igd1().with(Quirk::SamePortOnly);
    holds(gateway.clone(), &["B open 7002/udp", "A open 7001:7002/udp --overwrite"]);
    holds(gateway, &["foreign C 7002/udp igd", "A open 7001:7002/udp --overwrite"]);
}

#[test]
fn what_a_process_leaves_open_is_not_taken_over_by_one_that_keeps_the_same() {
    for port in 7000..7008 {
        let [kept, left] = [format!("A open {port} --keep"), format!("A open {port}")];
        let gateway = nat_pmp().with(Quirk::PortControl(Oddity::NoAnnouncements));
        holds(gateway, &[&kept, "restart", &left, "wait 90", "stop 1"]);
    }
}

#[test]
fn what_a_keeper_has_is_not_deleted_to_be_made_anew_for_another() {
    let gateway = all().with(Quirk::RefreshRefused);
    holds(gateway, &["A open 7003/udp --keep", "A open 7003/udp --protocol igd", "wait 60"]);
}

#[test]
fn what_was_extended_for_another_program_is_still_known_as_its_own() {
    let kept = "A open 7001/udp --lifetime 0 --keep --protocol igd";
    let scene = ["foreign A 7001/udp igd", "wait 60", kept, "stop 1", "A open 7001/udp --lifetime 600"];
    holds(Scenario::igd2(), &scene);
}

#[test]
fn what_stands_for_ever_is_not_asked_for_where_nothing_lasts_for_ever() {
    let first = "A open 7000/udp --lifetime 0 --protocol igd --keep";
    holds(all(), &[first, "A open 7000/udp --lifetime 0 --protocol nat-pmp"]);
    holds(
        all(),
        &["A open 7001/udp --lifetime 0 --protocol igd --keep", "A open 7001/udp --protocol nat-pmp"],
    );
}

#[test]
fn what_cannot_be_given_back_is_written_down() {
    let gateway = all_but(Oddity::DeletionRefused);
    holds(gateway, &["foreign C 7003/udp igd", "B open 7003/udp --protocol nat-pmp"]);
}

#[test]
fn what_refuses_to_go_is_not_struck_out() {
    let gateway = || all_but(Oddity::DeletionRefused);
    holds(gateway(), &["A open 7003 --keep", "kill 1", "A close 7001", "wait 5"]);
    holds(gateway(), &["A! 1500 open 7003", "A close 7003", "wait 5"]);
}

#[test]
#[ignore = "the client does not keep this yet"]
fn a_protocol_that_did_not_make_it_does_not_strike_it_out() {
    let scene = ["A open 7002:7001/udp --protocol pcp", "A close 7002/udp --protocol nat-pmp"];
    holds(all(), &scene);
    holds(all_apart(), &["A open 7002/udp --protocol nat-pmp", "A close 7002/udp --protocol igd"]);
}

#[test]
#[ignore = "the client does not keep this yet"]
fn what_a_protocol_says_of_its_own_is_no_word_on_another() {
    let gateway = || all_but(Oddity::DeletesItsOwnAlone);
    for (first, second) in [("nat-pmp", "pcp"), ("pcp", "nat-pmp"), ("igd", "pcp"), ("igd", "nat-pmp")] {
        let first = format!("A open 7002/udp --protocol {first} --keep");
        let second = format!("A open 7002/udp --protocol {second} --keep");
        holds(gateway(), &[&first, &second, "stop 1", "wait 5", "stop 2", "A cleanup"]);
        holds(gateway(), &[&first, &second, "stop 2", "wait 5", "stop 1", "A cleanup"]);
    }
}

#[test]
fn what_was_spared_for_another_ends_with_it() {
    let scene = [
        "A open 7003/udp --protocol igd",
        "A open 7003/udp --protocol nat-pmp --keep",
        "kill 2",
        "A cleanup --left-open",
    ];
    holds(all(), &scene);
    let keepers =
        ["A open 7002/udp --protocol pcp --keep", "A open 7002/udp --protocol nat-pmp --keep", "stop 2"];
    holds(all(), &[&keepers[..], &["stop 1"]].concat());
}

#[test]
fn what_ended_beside_a_keeper_waits_for_that_one_and_nobody_else() {
    let keepers = ["A open 7001/tcp --protocol igd --keep", "A open 7001/tcp --protocol pcp --keep"];
    let rest = ["stop 1", "A open 7003/udp --protocol nat-pmp --keep", "stop 2"];
    holds(all(), &[&keepers[..], &rest].concat());
}

#[test]
fn what_stands_beside_it_is_looked_at_again_when_that_is_gone() {
    let killed = ["A open 7001:7003/tcp --protocol pcp --keep", "kill 1"];
    let rest = ["A open 7002:7003/tcp --protocol pcp", "A cleanup --left-open"];
    holds(all(), &[&killed[..], &rest].concat());
}

#[test]
fn two_rows_of_one_internal_port_do_not_keep_each_other() {
    let scene = ["A open 7000:7002/udp", "restart", "A open 7002/udp", "A cleanup --left-open"];
    holds(nat_pmp(), &scene);
    holds(pcp(), &scene);
}

#[test]
fn what_lasts_longer_than_a_day_is_not_asked_for_where_nothing_does() {
    holds(all(), &["A open 7001/udp --lifetime 604800 --protocol igd --keep", "A open 7001/udp"]);
}

#[test]
fn a_server_that_gives_another_port_has_not_got_the_one_of_before() {
    for scenario in [pcp(), nat_pmp(), all()] {
        let scene = ["A open 7001/udp", "restart", "B open 7001/udp", "A open 7001/udp --any-port"];
        holds(scenario, &scene);
    }
}

#[test]
fn what_is_given_in_place_of_a_port_lasts_for_as_long_as_it_is_given() {
    let short = all().with(Quirk::LeaseAtMost(120));
    let left = "A open 7001:7003/udp --lifetime 120 --protocol pcp";
    holds(short, &[left, "A open 7003/udp --lifetime 600 --protocol nat-pmp", "wait 200"]);
}

#[test]
fn what_another_protocol_made_lasts_for_as_long_as_it_was_asked_for_since() {
    let left = "A open 7002:7000/udp --protocol igd";
    holds(all(), &[left, "A open 7000/udp --lifetime 0 --protocol nat-pmp", "wait 4000"]);
}

#[test]
fn what_outlasts_its_keeper_is_written_down() {
    let kept = "A open 7000/tcp --lifetime 120 --keep";
    let given = "A open 7003:7000/tcp --lifetime 7200";
    holds(nat_pmp(), &[kept, given, "kill 1", "wait 300"]);
    for scenario in [pcp(), nat_pmp(), igd1()] {
        let longer = "A open 7000/tcp --lifetime 7200 --keep";
        holds(scenario, &[kept, longer, "stop 2", "kill 1", "wait 300"]);
    }
}

#[test]
fn what_is_kept_and_given_another_port_is_not_written_down_where_it_was() {
    let scene = ["A open 7003/udp --keep", "restart", "B open 7003/udp", "A open 7001:7003/udp", "wait 100"];
    holds(nat_pmp(), &scene);
}

#[test]
fn what_a_server_cannot_delete_since_it_has_nothing_is_gone() {
    let nothing = Quirk::PortControl(Oddity::NothingToDelete(8));
    for scenario in [pcp(), pcp().with(Quirk::NatPmp)] {
        let scene = ["A open 7001/tcp", "restart", "A close 7001/tcp"];
        holds(scenario.with(nothing), &scene);
    }
}

#[test]
fn what_is_overwritten_and_cannot_be_deleted_alone_is_not_left_open_any_more() {
    let first = "A open 7001:7000/udp --protocol pcp";
    let scene = [first, "A open 7000/udp 7001/udp --overwrite --protocol igd --keep"];
    holds(all(), &scene);
}

#[test]
fn what_a_keeper_has_lost_to_another_is_not_written_down_as_granted() {
    let taken = ["wait 100", "restart", "foreign C 7000/udp igd", "wait 120"];
    for scenario in [igd1(), Scenario::igd2()] {
        holds(scenario.clone(), &[&["A open 7000/udp --keep"][..], &taken].concat());
        holds(scenario.clone(), &[&["A open 7000/udp --any-port --keep"][..], &taken].concat());
        let overwritten =
            ["A open 7002/udp --lifetime 600 --keep", "B open 7002/udp --overwrite", "wait 400"];
        holds(scenario, &overwritten);
    }
}

#[test]
fn what_another_program_had_and_the_gateway_forgot_is_ours_when_it_is_made_again() {
    let kept = ["foreign A 7003/tcp igd", "A open 7003/tcp --keep", "wait 100"];
    holds(igd1(), &[&kept[..], &["restart", "wait 120", "stop 1"]].concat());
}

#[test]
fn what_was_asked_for_in_vain_and_refuses_to_go_is_not_struck_out() {
    let gateway = || all_but(Oddity::DeletionRefused);
    holds(gateway(), &["A! 1500 open 7003", "A cleanup", "wait 5"]);
    holds(gateway(), &["A! 1500 open 7003", "A close 7000", "wait 5"]);
    holds(gateway(), &["A? 1500 open 7003", "wait 5"]);
}

#[test]
fn what_is_broken_off_beside_another_port_of_the_same_is_not_forgotten() {
    for scenario in [pcp(), nat_pmp(), all()] {
        let lost = ["A open 7001/udp", "restart", "A? 1500 open 7002:7001/udp"];
        holds(scenario.clone(), &lost);
        let longer = ["A open 7000/tcp --lifetime 600", "A? 5000 open 7001:7000/tcp", "wait 700"];
        holds(scenario, &longer);
    }
}

#[test]
fn what_is_not_extended_ends_when_it_did_before() {
    holds(igd1().with(Quirk::RefreshRefused), &["A open 7001:7000/udp --lifetime 600 --keep", "wait 600"]);
}

#[test]
fn what_was_given_beside_what_is_left_open_is_not_left_open() {
    let gateway = Scenario::igd1().with(Quirk::NatPmp);
    let crossed = "A open 7000:7001 7001:7000/udp --overwrite";
    holds(gateway, &["A open 7000/udp --keep", "foreign C 7000/tcp nat-pmp", crossed]);
}

#[test]
fn a_gateway_that_restarts_as_soon_as_it_has_granted_is_noticed() {
    for scenario in [igd1(), Scenario::igd2()] {
        holds(scenario, &["A open 7000/udp --keep", "restart"]);
    }
}

#[test]
fn what_another_program_has_is_not_left_open() {
    let scene =
        ["foreign A 7001/udp igd", "wait 60", "A open 7001/udp --lifetime 0", "A cleanup --left-open"];
    holds(Scenario::igd2(), &scene);
}

#[test]
fn what_another_program_has_made_since_is_not_what_was_left_open() {
    let scene = ["A open 7000/udp", "restart", "foreign A 7000/udp igd", "A cleanup --left-open"];
    holds(igd1(), &scene);
}

#[test]
fn what_a_server_has_behind_another_port_by_now_does_not_stand_in_the_way() {
    for scenario in [pcp(), nat_pmp()] {
        let scene = ["A open 7001/udp", "restart", "A open 7002:7001/udp", "A close 7002/udp"];
        holds(scenario, &scene);
    }
}

#[test]
fn what_one_protocol_deleted_and_another_has_not_is_gone() {
    let gateway = pcp().with(Quirk::NatPmp).with(Quirk::PortControl(Oddity::NothingToDelete(8)));
    let scene = ["A open 7001/udp --protocol nat-pmp", "A open 7001/udp --protocol pcp", "A close 7001/udp"];
    holds(gateway, &scene);
}
