//! Descriptions: sent as they are, and made plainer where the gateway will not have them (605, 402).

use crate::pair::{Pair, udp};
use portcullis_proto::Lifetime;
use portcullis_sim::{Quirk, Scenario};

const LOBBY: &str = "lobby of Tom & Jerry <ÅÄÖ>";

/// The description and the lifetime that the gateway has in the end, and how often it was asked.
fn mapped(quirks: &[Quirk], description: &str) -> (String, Lifetime, u64) {
    let scenario = quirks.iter().fold(Scenario::igd1(), |scenario, &quirk| scenario.with(quirk));
    let mut pair = Pair::new(scenario);
    pair.map(udp(7777).description(description)).unwrap();
    let mapping = &pair.gateway.mappings()[0];
    let lifetime = mapping.lifetime(pair.now);
    (mapping.description.clone(), lifetime, pair.gateway.counters().posts("AddPortMapping"))
}

fn refused(code: i64, at_most: usize, any_alphabet: bool) -> Quirk {
    Quirk::DescriptionRefused { code, at_most, any_alphabet }
}

const HOUR: Lifetime = Lifetime::from_seconds(3_600);

#[test]
fn any_text_arrives_as_it_was_given() {
    assert_eq!(mapped(&[], LOBBY), (LOBBY.to_owned(), HOUR, 1));
    assert_eq!(mapped(&[], "a\r\nb\0\u{1b}[31m"), ("ab[31m".to_owned(), HOUR, 1));
    assert_eq!(mapped(&[], ""), (String::new(), HOUR, 1));
}

#[test]
fn unusual_characters_are_left_out_where_they_are_refused() {
    assert_eq!(mapped(&[refused(605, 64, false)], LOBBY), ("lobby of Tom  Jerry ".to_owned(), HOUR, 2));
}

#[test]
fn one_that_is_too_long_even_then_is_left_out() {
    assert_eq!(mapped(&[refused(605, 10, true)], LOBBY), (String::new(), HOUR, 3));
    let long = "x".repeat(200);
    assert_eq!(mapped(&[refused(605, 40, true)], &long), ("x".repeat(32), HOUR, 2));
}

#[test]
fn the_lease_is_the_callers_again_where_402_meant_the_description() {
    assert_eq!(mapped(&[refused(402, 64, false)], LOBBY), ("lobby of Tom  Jerry ".to_owned(), HOUR, 3));
}

#[test]
fn both_are_given_up_where_402_meant_both() {
    let quirks = [Quirk::FiniteLeaseInvalid, refused(402, 64, false)];
    let plain = "lobby of Tom  Jerry ".to_owned();
    assert_eq!(mapped(&quirks, LOBBY), (plain, Lifetime::Permanent, 4));
    let quirks = [Quirk::FiniteLeaseInvalid, refused(402, 10, true)];
    assert_eq!(mapped(&quirks, LOBBY), (String::new(), Lifetime::Permanent, 6));
}

#[test]
fn one_refusal_after_the_other_is_met() {
    let quirks = [Quirk::PermanentLeaseOnly, refused(605, 64, false)];
    let (description, lifetime, adds) = mapped(&quirks, LOBBY);
    assert_eq!((description.as_str(), lifetime), ("lobby of Tom  Jerry ", Lifetime::Permanent));
    assert!(adds <= 5, "{adds}");
}
