//! What is asked of a gateway is written down before, and struck out after its end.

use crate::asked::{asked, lifetime, of_one_protocol, seconds};
use crate::pair::{CLIENT, Pair, network, udp, upnp_alone};
use portcullis_proto::client::io::Output;
use portcullis_proto::client::journal::{Custody, Entry, EntryId, Record};
use portcullis_proto::client::{Client, Config, Method};
use portcullis_proto::{Protocol, Time};
use portcullis_sim::{Quirk, Scenario};
use std::collections::BTreeMap;

fn with_journal(scenario: Scenario) -> Pair {
    Pair::with(scenario, Config { journal: true, seed: [7, 7], ..Config::default() }, network())
}

/// What the journal holds by now.
pub(crate) fn held(pair: &Pair) -> Vec<Entry> {
    let mut held: BTreeMap<EntryId, Entry> = BTreeMap::new();
    for (_, record) in pair.journal() {
        match record {
            Record::Put(entry) => {
                held.insert(entry.id, entry);
            }
            Record::Erase(id) => assert!(held.remove(&id).is_some(), "struck out twice: {id:?}"),
        }
    }
    held.into_values().collect()
}

/// Another process on the same host, with what the first one left.
fn next_process(pair: &mut Pair, stale: Vec<Entry>, left_open: Vec<Entry>) {
    let config = Config { journal: true, seed: [8, 8], ..Config::default() };
    pair.kill(Client::new(config, network()));
    pair.start(|client, _| client.restore(stale, left_open));
}

/// Whether something like this was written before any request for a mapping went out.
fn is_written_first(pair: &Pair, method: Method) -> bool {
    let is_put = |output: &Output| matches!(output, Output::Journal(Record::Put(entry)) if entry.method == method && !entry.granted);
    let asks = |output: &Output| match output {
        Output::Datagram { destination, payload, .. } => {
            destination.port() == 5351 && payload.len() > 2 && payload[1] != 0
        }
        Output::Send { bytes, .. } => String::from_utf8_lossy(bytes).contains("#AddPortMapping"),
        _ => false,
    };
    let outputs = pair.record.outputs.iter().map(|(_, output)| output);
    let put = outputs.clone().position(is_put).unwrap();
    put < outputs.clone().position(asks).unwrap_or(usize::MAX)
        || outputs.clone().position(is_put) < outputs.clone().rposition(asks)
}

#[test]
fn it_is_written_down_first_and_struck_out_at_the_end() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = with_journal(scenario);
        let (mapping, granted) = pair.keep(udp(7777)).unwrap();
        assert!(is_written_first(&pair, method), "{method}");
        pair.drive_for(seconds(30));
        let held_now = held(&pair);
        assert_eq!(held_now.len(), 1, "{method}: {held_now:#?}");
        let entry = &held_now[0];
        assert_eq!((entry.method, entry.protocol, entry.granted), (method, Protocol::Udp, true));
        assert_eq!((entry.external_port.get(), entry.internal_port.get()), (7777, 7777));
        assert_eq!(entry.internal_address.to_string(), CLIENT);
        assert_eq!(entry.external_address, granted.external_address);
        assert_eq!(entry.nonce.is_some(), method == Method::Pcp);
        pair.stop_keeping(mapping).unwrap();
        assert!(held(&pair).is_empty(), "{method}");
    }
}

#[test]
fn a_renewal_is_written_down_before_it_is_asked_for() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = with_journal(scenario);
        pair.keep(udp(7777).lifetime(lifetime(600))).unwrap();
        let first = held(&pair)[0].expires.unwrap();
        pair.drive_until_asked();
        let entry = &held(&pair)[0];
        // A connection takes a moment to be made.
        let expires = entry.expires.unwrap();
        assert!(expires > pair.now + seconds(599) && expires > first, "{method}");
    }
}

#[test]
fn years_without_an_answer_are_few_entries_and_one_nonce() {
    let scenario = Scenario::igd2().with(Quirk::Pcp).with(Quirk::NatPmp);
    let mut pair = with_journal(scenario);
    let mapping = pair.start(|client, now| {
        let id = client.keep_asking(now, udp(7777));
        (id, now).0
    });
    pair.gateway.is_off = true;
    pair.drive_for(seconds(100_000));
    let entries = held(&pair);
    assert!(entries.len() <= 3, "{}", entries.len());
    let nonces: Vec<_> = asked(&pair).into_iter().filter_map(|asked| asked.nonce).collect();
    assert!(nonces.len() > 100 && nonces.iter().all(|nonce| *nonce == nonces[0]));
    pair.gateway.is_off = false;
    pair.drive_until("mapped");
    pair.drive_for(seconds(30));
    pair.stop_keeping(mapping).unwrap();
    pair.drive_for(seconds(30));
    assert!(held(&pair).is_empty(), "{:#?}", held(&pair));
}

#[test]
fn what_a_killed_process_left_is_deleted_by_the_next() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = with_journal(scenario);
        pair.keep(udp(7777)).unwrap();
        let stale = held(&pair);
        next_process(&mut pair, stale, Vec::new());
        assert_eq!(pair.start(|client, now| client.clean_up(now)), 1);
        pair.drive_for(seconds(10));
        assert!(pair.gateway.mappings().is_empty(), "{method}");
        assert!(held(&pair).is_empty(), "{method}");
        pair.assert_idle();
    }
}

#[test]
fn a_process_that_is_killed_at_any_moment_leaves_nothing_after_the_next() {
    for (method, scenario) in of_one_protocol() {
        for after in 0..60 {
            let mut pair = with_journal(scenario.clone());
            pair.start(|client, now| client.keep(now, udp(7777), seconds(15)));
            pair.drive_for(core::time::Duration::from_micros(after * 250));
            let stale = held(&pair);
            next_process(&mut pair, stale, Vec::new());
            pair.drive_for(seconds(1));
            pair.start(|client, now| client.clean_up(now));
            pair.drive_for(seconds(10));
            assert!(pair.gateway.mappings().is_empty(), "{method}, {after}: {:?}", pair.gateway.mappings());
        }
    }
}

#[test]
fn silence_of_whoever_is_there_does_not_strike_out_what_may_have_been_made() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = with_journal(scenario);
        pair.keep(udp(7777)).unwrap();
        // It was killed before it heard the answer.
        let stale: Vec<_> = held(&pair).into_iter().map(|entry| Entry { granted: false, ..entry }).collect();
        next_process(&mut pair, stale.clone(), Vec::new());
        pair.keep(udp(7778)).unwrap();
        pair.gateway.is_off = true;
        pair.start(|client, now| client.clean_up(now));
        pair.drive_for(seconds(10));
        assert!(held(&pair).iter().any(|entry| entry.id == stale[0].id), "{method}: {:#?}", held(&pair));
    }
}

#[test]
fn what_is_wanted_again_is_adopted_with_its_nonce() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = with_journal(scenario);
        pair.keep(udp(7777)).unwrap();
        let nonce = asked(&pair).iter().find_map(|asked| asked.nonce);
        let stale = held(&pair);
        let old = pair.record.outputs.len();
        next_process(&mut pair, stale, Vec::new());
        let (mapping, granted) = pair.keep(udp(7777)).unwrap();
        assert_eq!((granted.method(), granted.external_port.get()), (method, 7777));
        if method == Method::Pcp {
            let again = asked(&pair).into_iter().rfind(|asked| asked.nonce.is_some()).unwrap();
            assert!(again.nonce == nonce && pair.record.outputs.len() > old);
        }
        pair.start(|client, now| client.clean_up(now));
        pair.drive_for(seconds(10));
        assert_eq!(pair.gateway.mappings().len(), 1, "{method}: adopted, not deleted");
        pair.stop_keeping(mapping).unwrap();
        assert!(pair.gateway.mappings().is_empty(), "{method}");
        pair.drive_for(seconds(10));
        assert!(held(&pair).is_empty(), "{method}: {:#?}", held(&pair));
    }
}

#[test]
fn what_was_left_open_is_closed_by_a_later_process() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = with_journal(scenario);
        let granted = pair.map(udp(7777)).unwrap();
        pair.start(|client, _| client.leave_open(&granted));
        let left_open = held(&pair);
        assert!(
            left_open.iter().all(|entry| entry.custody == Custody::LeftOpen) && !left_open.is_empty(),
            "{method}"
        );
        next_process(&mut pair, Vec::new(), left_open);
        assert_eq!(pair.start(|client, now| client.clean_up(now)), 0);
        pair.drive_for(seconds(10));
        assert_eq!(pair.gateway.mappings().len(), 1, "{method}");
        assert!(pair.close(7777, false).unwrap(), "{method}");
        assert!(pair.gateway.mappings().is_empty(), "{method}");
        assert!(held(&pair).is_empty(), "{method}");
    }
}

#[test]
fn what_a_killed_process_left_is_closed_by_its_port() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = with_journal(scenario);
        pair.keep(udp(7777)).unwrap();
        let stale = held(&pair);
        next_process(&mut pair, stale, Vec::new());
        assert!(pair.close(7777, false).unwrap(), "{method}");
        pair.drive_for(seconds(30));
        assert!(pair.gateway.mappings().is_empty() && held(&pair).is_empty(), "{method}");
    }
}

#[test]
fn what_upnp_left_open_is_closed_where_it_was_made_without_a_search() {
    let mut pair = with_journal(Scenario::igd1());
    let granted = pair.map(udp(7777)).unwrap();
    pair.start(|client, _| client.leave_open(&granted));
    let left_open = held(&pair);
    next_process(&mut pair, Vec::new(), left_open.clone());
    let begin = pair.now;
    assert!(pair.close(7777, false).unwrap());
    assert!(pair.now - begin < seconds(1) && pair.gateway.mappings().is_empty());
    let searches = |output: &Output| matches!(output, Output::Datagram { destination, .. } if destination.port() == 1900);
    assert!(!pair.record.outputs.iter().any(|(at, output)| *at >= begin && searches(output)));
    assert!(held(&pair).is_empty());

    // It has restarted with another port since, and kept its table.
    let mut pair = with_journal(Scenario::igd1());
    let granted = pair.map(udp(7777)).unwrap();
    pair.start(|client, _| client.leave_open(&granted));
    let left_open = held(&pair);
    next_process(&mut pair, Vec::new(), left_open);
    pair.gateway.set_http_address("192.168.1.1:5001".parse().unwrap());
    assert!(pair.close(7777, false).unwrap());
    assert!(pair.gateway.mappings().is_empty() && held(&pair).is_empty());
}

#[test]
fn what_has_run_out_is_struck_out_unasked() {
    for (method, scenario) in of_one_protocol() {
        let mut pair = with_journal(scenario);
        pair.keep(udp(7777).lifetime(lifetime(600))).unwrap();
        let stale = held(&pair);
        next_process(&mut pair, stale, Vec::new());
        pair.drive_for(seconds(1_300));
        let before = pair.record.outputs.len();
        pair.start(|client, now| client.clean_up(now));
        assert!(held(&pair).is_empty(), "{method}");
        assert!(pair.record.outputs[before..].iter().all(|(_, output)| matches!(output, Output::Journal(_))));
    }
}

#[test]
fn without_a_journal_nothing_is_said_of_one() {
    let mut pair = Pair::every_protocol(Scenario::igd2().with(Quirk::Pcp));
    let (mapping, _) = pair.keep(udp(7777)).unwrap();
    pair.drive_for(seconds(4_000));
    pair.stop_keeping(mapping).unwrap();
    assert_eq!(pair.journal(), Vec::<(Time, Record)>::new());
}

#[test]
fn what_an_earlier_process_made_by_another_protocol_is_no_other_programs() {
    for quirk in [Quirk::Pcp, Quirk::NatPmp] {
        let locked = [Quirk::RefreshRefused, Quirk::Fault("DeletePortMapping", 606)];
        let scenario = locked.into_iter().fold(Scenario::igd1().with(quirk), Scenario::with);
        let mut pair = with_journal(scenario);
        let (_, granted) = pair.keep(udp(7777)).unwrap();
        assert_ne!(granted.method(), Method::Igd);
        let stale = held(&pair);
        let upnp = Config { journal: true, seed: [8, 8], ..upnp_alone() };
        pair.kill(Client::new(upnp, network()));
        pair.start(|client, _| client.restore(stale, Vec::new()));
        let (mapping, granted) = pair.keep(udp(7777)).unwrap();
        assert_eq!(granted.method(), Method::Igd);
        // By the protocol that made it.
        assert!(pair.stop_keeping(mapping).unwrap());
        assert!(held(&pair).is_empty() && pair.gateway.mappings().is_empty());
    }
}
