use crate::home::{Add, Home, key};
use portcullis_sim::{Quirk, Scenario};
use std::time::Duration;

#[test]
fn a_mapping_ends_with_its_lease() {
    let mut home = Home::new(Scenario::igd1());
    home.add(&Add { lease: "604800", ..Add::default() }).unwrap();
    let end = home.gateway.poll_timeout().unwrap();
    assert_eq!(end - home.now, Duration::from_secs(604_800));

    home.pass(Duration::from_secs(604_799));
    let entry = home.call("GetSpecificPortMappingEntry", &key("7777")).unwrap();
    assert_eq!(entry.get("NewLeaseDuration"), Some("1"));

    home.pass(Duration::from_secs(1));
    assert!(home.gateway.mappings().is_empty());
    assert_eq!(home.call("GetSpecificPortMappingEntry", &key("7777")), Err(714));
    assert_eq!(home.gateway.poll_timeout(), None);
}

#[test]
fn a_permanent_mapping_stays() {
    let mut home = Home::new(Scenario::igd1());
    home.add(&Add { lease: "0", ..Add::default() }).unwrap();
    assert_eq!(home.gateway.poll_timeout(), None);
    home.pass(Duration::from_secs(100 * 365 * 86_400));
    assert_eq!(home.gateway.mappings().len(), 1);
}

#[test]
fn lease_quirks_refuse_or_change() {
    for (quirk, asked, outcome) in [
        (Quirk::PermanentLeaseOnly, "3600", Err(725)),
        (Quirk::PermanentLeaseOnly, "0", Ok(0)),
        (Quirk::FiniteLeaseInvalid, "3600", Err(402)),
        (Quirk::FiniteLeaseInvalid, "0", Ok(0)),
        (Quirk::PermanentLeaseInvalid, "0", Err(402)),
        (Quirk::PermanentLeaseInvalid, "604801", Err(402)),
        (Quirk::PermanentLeaseInvalid, "3600", Ok(3_600)),
        (Quirk::LeaseAtMost(120), "3600", Ok(120)),
        (Quirk::LeaseAtMost(120), "0", Ok(120)),
        (Quirk::LeaseAtMost(120), "60", Ok(60)),
        (Quirk::LeaseAlways(86_400), "60", Ok(86_400)),
    ] {
        for scenario in [Scenario::igd1(), Scenario::igd2()] {
            let mut home = Home::new(scenario.with(quirk));
            let added = home.add(&Add { lease: asked, ..Add::default() });
            let granted =
                home.gateway.mappings().first().map(|mapping| mapping.lifetime(home.now).as_seconds());
            assert_eq!(added.map(|()| granted.unwrap()), outcome, "{quirk:?} {asked}");
        }
    }
}
