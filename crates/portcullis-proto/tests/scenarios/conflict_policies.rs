//! A port that somebody else holds: an error, another port, or the other's loss, as the caller wants it.

use crate::pair::{Pair, udp};
use portcullis_proto::Protocol;
use portcullis_proto::client::{ErrorKind, Failure, MappingRequest, OnConflict};
use portcullis_sim::{Mapping, Quirk, Scenario};

const TAKEN: Quirk = Quirk::ForeignMapping(Protocol::Udp, 7777);
const HOLDER: &str = "192.168.1.254";

fn wanting(on_conflict: OnConflict) -> MappingRequest {
    udp(7777).on_conflict(on_conflict)
}

fn holder(pair: &Pair, port: u16) -> Option<&str> {
    let mapping = pair.gateway.mappings().iter().find(|mapping| mapping.external_port == port);
    mapping.map(|mapping| mapping.internal_client.as_str())
}

#[test]
fn by_default_it_is_an_error_that_names_the_holder() {
    for scenario in [
        Scenario::igd1().with(TAKEN),
        Scenario::igd2().with(TAKEN),
        Scenario::igd1().with(TAKEN).with(Quirk::ActionFailedForConflict),
    ] {
        let mut pair = Pair::new(scenario);
        let error = pair.map(wanting(OnConflict::Fail)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let Failure::Conflict { holder: Some(named), description, .. } = &error.attempts()[0].failure else {
            panic!("{error:?}")
        };
        assert_eq!((named.as_str(), description.as_str()), (HOLDER, "somebody else's"));
        assert_eq!(holder(&pair, 7777), Some(HOLDER));
        assert_eq!(pair.gateway.mappings().len(), 1);
    }
}

#[test]
fn a_mechanism_that_the_table_does_not_show_is_a_conflict_too() {
    for scenario in [Scenario::igd1(), Scenario::igd2()] {
        let mut pair = Pair::new(scenario.with(Quirk::OtherMechanism(7777)));
        assert_eq!(pair.map(wanting(OnConflict::Fail)).unwrap_err().kind(), ErrorKind::Conflict);
    }
}

#[test]
fn another_port_is_mapped_where_any_will_do() {
    for scenario in [
        Scenario::igd1().with(TAKEN),
        Scenario::igd2().with(TAKEN),
        Scenario::igd1().with(Quirk::OtherMechanism(7777)),
        Scenario::igd2().with(TAKEN).with(Quirk::AnyPortNeverTheAsked),
        Scenario::igd2().with(TAKEN).with(Quirk::Fault("AddAnyPortMapping", 401)),
    ] {
        let mut pair = Pair::new(scenario);
        let granted = pair.map(wanting(OnConflict::AnyPort)).unwrap();
        assert_ne!(granted.external_port.get(), 7777);
        assert_eq!(granted.internal_port.get(), 7777);
        assert_eq!(holder(&pair, granted.external_port.get()), Some("192.168.1.7"));
    }
}

#[test]
fn the_service_chooses_the_port_where_it_can() {
    let mut pair = Pair::new(Scenario::igd2().with(TAKEN));
    let granted = pair.map(wanting(OnConflict::AnyPort)).unwrap();
    assert_eq!(pair.gateway.counters().posts("AddAnyPortMapping"), 1);
    // Its neighbour may be another program's of this host, which a gateway that looks for a free port would replace.
    assert!(granted.external_port.get() >= 49_152, "{}", granted.external_port);
}

#[test]
fn a_port_that_cannot_be_is_not_believed() {
    for port in ["0", "70000", "", "-1"] {
        let scenario = Scenario::igd2().with(TAKEN).with(Quirk::OutArgument("NewReservedPort", port));
        let mut pair = Pair::new(scenario);
        let granted = pair.map(wanting(OnConflict::AnyPort)).unwrap();
        assert_eq!(holder(&pair, granted.external_port.get()), Some("192.168.1.7"), "{port:?}");
        let ours = pair.gateway.mappings().iter().filter(|mapping| mapping.internal_client == "192.168.1.7");
        assert_eq!(ours.count(), 1, "{port:?}: nothing is left behind");
    }
}

#[test]
fn a_gateway_on_which_every_port_is_taken_is_asked_six_times_at_most() {
    for scenario in [Scenario::igd1(), Scenario::igd2()] {
        let mut pair = Pair::new(
            scenario.with(Quirk::Fault("AddPortMapping", 718)).with(Quirk::Fault("AddAnyPortMapping", 718)),
        );
        assert_eq!(pair.map(wanting(OnConflict::AnyPort)).unwrap_err().kind(), ErrorKind::Conflict);
        let counters = pair.gateway.counters();
        let adds = counters.posts("AddPortMapping") + counters.posts("AddAnyPortMapping");
        assert!((2..=6).contains(&adds), "{adds}");
    }
}

#[test]
fn it_is_overwritten_where_the_caller_and_the_gateway_want_it() {
    let mut pair = Pair::new(Scenario::igd1().with(TAKEN));
    assert_eq!(pair.map(wanting(OnConflict::Overwrite)).unwrap().external_port.get(), 7777);
    assert_eq!(holder(&pair, 7777), Some("192.168.1.7"));

    // Version 2 lets nobody delete what is another's.
    let mut pair = Pair::new(Scenario::igd2().with(TAKEN));
    assert_eq!(pair.map(wanting(OnConflict::Overwrite)).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(holder(&pair, 7777), Some(HOLDER));
}

#[test]
fn a_gateway_that_keeps_what_it_deletes_is_not_asked_for_ever() {
    let mut pair = Pair::new(Scenario::igd1().with(TAKEN).with(Quirk::DeleteIgnored));
    assert_eq!(pair.map(wanting(OnConflict::Overwrite)).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(pair.gateway.counters().posts("DeletePortMapping"), 1);
    assert_eq!(pair.gateway.counters().posts("AddPortMapping"), 2);
}

#[test]
fn our_own_mapping_from_before_is_no_conflict() {
    for refuses in [false, true] {
        let mut scenario = Scenario::igd1();
        if refuses {
            scenario = scenario.with(Quirk::Fault("AddPortMapping", 718));
        }
        let mut pair = Pair::new(scenario);
        pair.gateway.add_mapping(Mapping::new(Protocol::Udp, 7777, "192.168.1.7".parse().unwrap()));
        let result = pair.map(wanting(OnConflict::Fail));
        // One that wants it gone before it takes it again, and then does not take it, has nothing left.
        assert_eq!(result.is_ok(), !refuses, "{result:?}");
    }
}

/// QUIRKS.md 52.
#[test]
fn a_low_port_that_is_refused_is_replaced_where_any_will_do() {
    let scenario = || Scenario::igd1().with(Quirk::PrivilegedPortsRefused);
    let granted = Pair::new(scenario()).map(udp(80).on_conflict(OnConflict::AnyPort)).unwrap();
    assert!(granted.external_port.get() >= 1_024);
    assert_eq!(granted.internal_port.get(), 80);
    assert_eq!(Pair::new(scenario()).map(udp(80)).unwrap_err().kind(), ErrorKind::Refused);
}
