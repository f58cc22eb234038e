//! Nothing is deleted that the gateway does not say is ours, unless by force (quirk 59).

use crate::pair::{Pair, TIMEOUT, udp};
use portcullis_proto::Protocol;
use portcullis_proto::client::{Closed, Error, ErrorKind, Failure, Granted, Outcome};
use portcullis_sim::{HttpOddity, Mapping, On, Quirk, Scenario};

const TAKEN: Quirk = Quirk::ForeignMapping(Protocol::Udp, 7777);

fn deletions(pair: &Pair) -> u64 {
    pair.gateway.counters().posts("DeletePortMapping")
}

fn release(pair: &mut Pair, granted: &Granted) -> Result<bool, Error> {
    let operation = pair.start(|client, now| client.release(now, granted, TIMEOUT));
    match pair.drive_until_finished(operation)? {
        Outcome::Closed(closed) => Ok(closed.existed()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_mapping_of_another_host_stays() {
    for scenario in [Scenario::igd1(), Scenario::igd2()] {
        let mut pair = Pair::new(scenario.with(TAKEN));
        let error = pair.close(7777, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(error.attempts()[0].failure, Failure::NotOurs { holder: "192.168.1.254".into() });
        assert_eq!((deletions(&pair), pair.gateway.mappings().len()), (0, 1));
    }
}

#[test]
fn force_deletes_it_where_the_gateway_lets_us() {
    let mut pair = Pair::new(Scenario::igd1().with(TAKEN));
    assert!(pair.close(7777, true).unwrap());
    assert!(pair.gateway.mappings().is_empty());

    let mut pair = Pair::new(Scenario::igd2().with(TAKEN));
    assert_eq!(pair.close(7777, true).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(pair.gateway.mappings().len(), 1);
}

#[test]
fn what_the_gateway_does_not_tell_the_owner_of_stays() {
    let specific = |code| Quirk::Fault("GetSpecificPortMappingEntry", code);
    let generic = Quirk::Fault("GetGenericPortMappingEntry", 401);
    for quirks in [
        vec![specific(401), generic],
        vec![specific(501), generic],
        vec![specific(606)],
        vec![specific(501), Quirk::Fault("GetGenericPortMappingEntry", 402)],
        vec![specific(501), Quirk::Fault("GetGenericPortMappingEntry", 501)],
        vec![Quirk::OutArgument("NewInternalClient", "")],
        vec![Quirk::OutArgument("NewInternalClient", ""), specific(501)],
    ] {
        let scenario = quirks.iter().fold(Scenario::igd1(), |scenario, &quirk| scenario.with(quirk));
        let mut pair = Pair::new(scenario);
        pair.gateway.add_mapping(Mapping::new(Protocol::Udp, 7777, "192.168.1.7".parse().unwrap()));
        let error = pair.close(7777, false).unwrap_err();
        assert_eq!(error.attempts()[0].failure, Failure::OwnerUnknown, "{quirks:?}");
        assert_eq!(deletions(&pair), 0);
    }
}

/// Quirk 96
#[test]
fn the_list_tells_what_the_question_about_an_entry_does_not() {
    let ours = Mapping::new(Protocol::Udp, 7777, "192.168.1.7".parse().unwrap());
    let others = Mapping::new(Protocol::Udp, 7778, "192.168.1.9".parse().unwrap());
    for code in [402, 501, 899] {
        let mut pair = Pair::new(Scenario::igd1().with(Quirk::Fault("GetSpecificPortMappingEntry", code)));
        pair.gateway.add_mapping(ours.clone());
        pair.gateway.add_mapping(others.clone());
        assert_eq!(pair.close(7777, false), Ok(true), "{code}");
        assert_eq!(pair.close(7778, false).unwrap_err().kind(), ErrorKind::Conflict, "{code}");
        assert_eq!(pair.close(7779, false), Ok(false), "{code}");
        assert_eq!((deletions(&pair), pair.gateway.mappings().len()), (1, 1), "{code}");
    }
}

/// Quirk 96
#[test]
fn a_vague_refusal_for_what_is_not_there_is_no_error() {
    let scenario: Scenario = "absent-501".parse().unwrap();
    // An empty list that ends with 501, too, proves nothing: next to others, the gateway tells.
    for others in [1, 3] {
        let mut pair = Pair::new(scenario.clone());
        for port in 1..=others {
            pair.gateway.add_mapping(Mapping::new(Protocol::Udp, port, "192.168.1.9".parse().unwrap()));
        }
        assert_eq!(pair.close(7777, false), Ok(false), "{others}");
        // Deleted without proof, and refused in the same words.
        assert_eq!(pair.close(7777, true), Ok(false), "{others}");
        let granted = pair.map(udp(7777)).unwrap();
        assert_eq!(pair.close(7777, false), Ok(true), "{others}");
        assert_eq!(release(&mut pair, &granted), Ok(false), "{others}");
        assert_eq!(pair.gateway.mappings().len(), usize::from(others));
    }
    // What is there, and is not deleted, is none of that.
    let kept = scenario.with(Quirk::Fault("DeletePortMapping", 501));
    let mut pair = Pair::new(kept);
    pair.map(udp(7777)).unwrap();
    assert_eq!(pair.close(7777, false).unwrap_err().kind(), ErrorKind::Refused);
}

/// Quirk 96: a list that ends before its first entry with a code that may mean anything shows nothing, and what it does
/// not show may be open.
#[test]
fn a_list_that_proves_nothing_closes_nothing() {
    for code in [402, 501] {
        let blind = Scenario::igd1()
            .with(Quirk::Fault("GetSpecificPortMappingEntry", 501))
            .with(Quirk::Fault("GetGenericPortMappingEntry", code));
        let mut pair = Pair::new(blind.clone().with(TAKEN));
        let error = pair.close(7777, false).unwrap_err();
        assert_eq!(error.attempts()[0].failure, Failure::OwnerUnknown, "{code}");
        assert_eq!(deletions(&pair), 0, "{code}");
        // With force it is deleted unseen, and the answer to that decides.
        assert_eq!(pair.close_port(7777, true), Ok(Closed::Unconfirmed), "{code}");
        assert_eq!((deletions(&pair), pair.gateway.mappings().len()), (1, 0), "{code}");
        assert_eq!(pair.close_port(7777, true), Ok(Closed::NotOpen), "{code}");

        let refused = blind.with(TAKEN).with(Quirk::Fault("DeletePortMapping", 501));
        let mut pair = Pair::new(refused);
        assert_eq!(pair.close(7777, true).unwrap_err().kind(), ErrorKind::Refused, "{code}");
        assert_eq!(deletions(&pair), 1, "{code}");
    }
    // 713 says that there is nothing.
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::Fault("GetSpecificPortMappingEntry", 501)));
    assert_eq!(pair.close_port(7777, false), Ok(Closed::NotOpen));
    assert_eq!(pair.close_port(7777, true), Ok(Closed::NotOpen));
    assert_eq!(deletions(&pair), 0);
}

/// Quirk 96: who may not ask about the entry may not be shown it in the list, either.
#[test]
fn what_the_caller_may_not_know_is_not_looked_for_in_the_list() {
    for code in [606, 401] {
        let specific = Quirk::Fault("GetSpecificPortMappingEntry", code);
        let mut pair = Pair::new(Scenario::igd1().with(specific));
        assert_eq!(
            pair.close(7777, false).unwrap_err().attempts()[0].failure,
            Failure::OwnerUnknown,
            "{code}"
        );
        assert_eq!(pair.gateway.counters().posts("GetGenericPortMappingEntry"), 0, "{code}");
    }
    let scenario = Scenario::igd1()
        .with(Quirk::Fault("GetSpecificPortMappingEntry", 606))
        .with(Quirk::Fault("DeletePortMapping", 606));
    let mut pair = Pair::new(scenario);
    let error = pair.close(7777, true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("606"), "{error}");
    assert_eq!(deletions(&pair), 1);
}

#[test]
fn deleting_what_is_not_there_is_no_error() {
    for force in [false, true] {
        for scenario in [Scenario::igd1(), Scenario::igd2()] {
            assert!(!Pair::new(scenario).close(7777, force).unwrap());
        }
    }
}

/// Quirk 100: a yes to a deletion of nothing is no proof that there was something, with force neither.
#[test]
fn what_is_not_there_is_not_said_to_be_closed() {
    let closed = |pair: &mut Pair| {
        let port = core::num::NonZeroU16::new(7777).unwrap();
        let operation = pair.start(|client, now| client.close(now, Protocol::Udp, port, true, TIMEOUT));
        match pair.drive_until_finished(operation).unwrap() {
            Outcome::Closed(closed) => closed,
            other => panic!("{other:?}"),
        }
    };
    let scenario: Scenario = "deletes-nothing".parse().unwrap();
    let mut pair = Pair::new(scenario.clone());
    assert_eq!((closed(&mut pair), deletions(&pair)), (Closed::NotOpen, 0));
    // What is there is closed all the same, whosever it is.
    let mut pair = Pair::new(scenario.clone().with(TAKEN));
    assert_eq!(closed(&mut pair), Closed::Deleted);
    assert!(pair.gateway.mappings().is_empty());
    // Where the gateway does not tell what is there, it does not tell what it has deleted either.
    let specific = Quirk::Fault("GetSpecificPortMappingEntry", 401);
    let blind = scenario.with(specific).with(Quirk::Fault("GetGenericPortMappingEntry", 401));
    for (scenario, left) in [(blind.clone(), 0), (blind.with(TAKEN), 0)] {
        let mut pair = Pair::new(scenario);
        assert_eq!(closed(&mut pair), Closed::Unconfirmed);
        assert_eq!((deletions(&pair), pair.gateway.mappings().len()), (1, left));
    }
}

#[test]
fn our_own_from_another_run_is_deleted() {
    let mut pair = Pair::new(Scenario::igd2());
    pair.gateway.add_mapping(Mapping::new(Protocol::Udp, 7777, "192.168.1.7".parse().unwrap()));
    assert!(pair.close(7777, false).unwrap());
    assert!(pair.gateway.mappings().is_empty());
}

#[test]
fn the_other_protocol_of_the_port_stays() {
    let mut pair = Pair::new(Scenario::igd1());
    pair.gateway.add_mapping(Mapping::new(Protocol::Tcp, 7777, "192.168.1.7".parse().unwrap()));
    pair.map(udp(7777)).unwrap();
    assert!(pair.close(7777, false).unwrap());
    assert_eq!(pair.gateway.mappings().len(), 1);
    assert_eq!(pair.gateway.mappings()[0].protocol, Protocol::Tcp);
}

#[test]
fn what_was_granted_is_released_also_where_the_gateway_cannot_tell() {
    for quirk in [
        Quirk::SamePortOnly,
        Quirk::Fault("GetSpecificPortMappingEntry", 401),
        Quirk::OutArgument("NewInternalClient", ""),
    ] {
        let mut pair = Pair::new(Scenario::igd1().with(quirk));
        let granted = pair.map(udp(7777)).unwrap();
        assert!(release(&mut pair, &granted).unwrap(), "{quirk:?}");
        assert!(pair.gateway.mappings().is_empty(), "{quirk:?}");
        assert!(!release(&mut pair, &granted).unwrap_or_default(), "{quirk:?}");
    }
}

#[test]
fn what_leads_elsewhere_by_now_is_not_released() {
    let mut pair = Pair::new(Scenario::igd1());
    let granted = pair.map(udp(7777)).unwrap();
    pair.gateway.add_mapping(Mapping::new(Protocol::Udp, 7777, "192.168.1.9".parse().unwrap()));
    assert_eq!(release(&mut pair, &granted).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(deletions(&pair), 0);
}

#[test]
fn a_late_answer_is_asked_for_again_without_harm() {
    let late = HttpOddity::Delay(core::time::Duration::from_millis(700));
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::Http(On::Any, late)));
    pair.map(udp(7777)).unwrap();
    assert!(pair.close(7777, false).unwrap());
    assert!(pair.gateway.mappings().is_empty());
}
