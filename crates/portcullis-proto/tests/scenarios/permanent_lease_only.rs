//! Leases: what a gateway insists on is taken, and told (quirks 47 and 48).

use crate::pair::{Pair, udp};
use portcullis_proto::client::{Error, ErrorKind, MappingRequest, OnConflict};
use portcullis_proto::{Lifetime, Protocol};
use portcullis_sim::{Quirk, Scenario};

/// The lifetime granted, that of the gateway's own table, and how often it was asked to add.
fn lease(quirks: &[Quirk], request: MappingRequest) -> (Lifetime, Lifetime, u64) {
    let scenario = quirks.iter().fold(Scenario::igd1(), |scenario, &quirk| scenario.with(quirk));
    let mut pair = Pair::new(scenario);
    let granted = pair.map(request).unwrap();
    let actual = pair.gateway.mappings()[0].lifetime(pair.now);
    (granted.lifetime, actual, pair.gateway.counters().posts("AddPortMapping"))
}

fn hour() -> MappingRequest {
    udp(7777).lifetime(Lifetime::from_seconds(3_600))
}

fn permanent() -> MappingRequest {
    udp(7777).lifetime(Lifetime::Permanent)
}

#[test]
fn takes_a_permanent_lease_where_there_is_no_other() {
    for quirk in [
        Quirk::PermanentLeaseOnly,
        Quirk::FiniteLeaseInvalid,
        Quirk::FiniteLeaseRefused(501),
        Quirk::FiniteLeaseRefused(-1),
        Quirk::FiniteLeaseRefused(899),
        Quirk::FiniteLeaseRefused(70_000),
    ] {
        let (granted, actual, adds) = lease(&[quirk], hour());
        assert_eq!((granted, actual, adds), (Lifetime::Permanent, Lifetime::Permanent, 2), "{quirk:?}");
    }
}

#[test]
fn takes_a_week_where_permanent_is_refused() {
    let (granted, actual, adds) = lease(&[Quirk::PermanentLeaseInvalid], permanent());
    assert_eq!((granted, actual, adds), (Lifetime::from_seconds(604_800), granted, 2));
}

#[test]
fn asks_once_where_the_lease_is_fine() {
    assert_eq!(
        lease(&[Quirk::PermanentLeaseOnly], permanent()),
        (Lifetime::Permanent, Lifetime::Permanent, 1)
    );
    assert_eq!(lease(&[Quirk::PermanentLeaseInvalid], hour()).2, 1);
}

#[test]
fn tells_the_lease_that_was_granted_in_place_of_the_one_asked_for() {
    for (quirk, seconds) in [
        (Quirk::LeaseAtMost(120), 120),
        (Quirk::LeaseAtMost(1), 1),
        (Quirk::LeaseAlways(86_400), 86_400),
        (Quirk::LeaseAlways(u32::MAX), u32::MAX),
        (Quirk::OutArgument("NewLeaseDuration", "0"), 0),
        (Quirk::OutArgument("NewLeaseDuration", "-1"), 0),
        (Quirk::OutArgument("NewLeaseDuration", "99999999999"), 0),
    ] {
        let (granted, ..) = lease(&[quirk], hour().read_back());
        assert_eq!(granted, Lifetime::from_seconds(seconds), "{quirk:?}");
    }
}

#[test]
fn a_permanent_lease_that_became_a_week_is_told_without_asking() {
    let mut pair = Pair::new(Scenario::igd2());
    assert_eq!(pair.map(permanent()).unwrap().lifetime, Lifetime::from_seconds(604_800));
}

#[test]
fn a_gateway_that_refuses_every_lease_is_asked_each_way_once() {
    for code in [725, 402, 501, -1, 899, 70_000] {
        let mut pair = Pair::new(Scenario::igd1().with(Quirk::Fault("AddPortMapping", code)));
        let error = pair.map(hour().description("lobby of Tom & Jerry")).unwrap_err();
        assert!(error.to_string().contains(&code.to_string()), "{error}");
        let adds = pair.gateway.counters().posts("AddPortMapping");
        assert!((2..=6).contains(&adds), "{code}: {adds}");
    }
}

/// Quirk 98
#[test]
fn takes_a_permanent_lease_where_a_finite_one_is_not_kept() {
    let (granted, actual, adds) = lease(&[Quirk::FiniteLeaseIgnored], hour().read_back());
    assert_eq!((granted, actual, adds), (Lifetime::Permanent, Lifetime::Permanent, 2));
    // Nor is a gateway asked for more that keeps nothing at all.
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::AddIgnored));
    assert_eq!(pair.map(hour().read_back()).unwrap_err().kind(), ErrorKind::Malformed);
    assert_eq!(pair.gateway.counters().posts("AddPortMapping"), 2);
}

/// Quirk 49: a code that says nothing, and somebody in the way, is no word on the lease. Once nobody is in the way, it may
/// be one (quirk 97).
#[test]
fn another_hosts_port_is_no_matter_of_the_lease() {
    let taken = Quirk::ForeignMapping(Protocol::Udp, 7777);
    for code in [501, -1, 899] {
        for (quirk, kind) in [
            (Quirk::Fault("AddPortMapping", code), Some(ErrorKind::Refused)),
            (Quirk::FiniteLeaseRefused(code), None),
        ] {
            let mut pair = Pair::new(Scenario::igd1().with(taken).with(quirk));
            let result = pair.map(hour().on_conflict(OnConflict::Overwrite));
            assert_eq!(result.as_ref().err().map(Error::kind), kind, "{quirk:?}");
            let told = result.err().map(|error| error.to_string());
            assert!(told.is_none_or(|told| told.contains(&code.to_string())), "{quirk:?}");
            // The same lease again for what was in the way, and then another one.
            assert_eq!(pair.gateway.counters().leases(), [3_600, 3_600, 0], "{quirk:?}");
            let posts = |action| pair.gateway.counters().posts(action);
            assert_eq!((posts("AddPortMapping"), posts("DeletePortMapping")), (3, 1), "{quirk:?}");
        }
        // What stays in the way is a conflict, and no lease is asked for.
        let mut pair = Pair::new(Scenario::igd1().with(taken).with(Quirk::Fault("AddPortMapping", code)));
        assert_eq!(pair.map(hour()).unwrap_err().kind(), ErrorKind::Conflict, "{code}");
        assert_eq!(pair.gateway.counters().leases(), [0; 0], "{code}");
    }
}
