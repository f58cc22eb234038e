//! The external address is told for what it is worth, and never decides over the mapping (attacks E1 to E4).

use crate::pair::{Pair, udp};
use core::net::IpAddr;
use portcullis_proto::AddressKind;
use portcullis_proto::client::{ErrorKind, SearchOptions};
use portcullis_sim::{HttpOddity, On, Quirk, Scenario};

fn telling(address: &'static str) -> Scenario {
    Scenario::igd1().with(Quirk::OutArgument("NewExternalIPAddress", address))
}

#[test]
fn every_address_is_classed() {
    for (told, kind) in [
        ("81.2.69.142", AddressKind::Public),
        (" 81.2.69.142\n", AddressKind::Public),
        ("10.1.2.3", AddressKind::Private),
        ("192.168.178.2", AddressKind::Private),
        ("172.16.0.1", AddressKind::Private),
        ("100.64.0.1", AddressKind::Shared),
        ("0.0.0.0", AddressKind::Reserved),
        ("127.0.0.1", AddressKind::Reserved),
        ("169.254.1.1", AddressKind::Reserved),
        ("224.0.0.1", AddressKind::Reserved),
        ("255.255.255.255", AddressKind::Reserved),
        ("::ffff:81.2.69.142", AddressKind::Public),
    ] {
        let mut pair = Pair::new(telling(told));
        let granted = pair.map(udp(7777)).unwrap();
        let address = granted.external_address.unwrap_or_else(|| panic!("{told:?}"));
        assert!(address.is_ipv4(), "{told:?}: {address}");
        assert_eq!(AddressKind::of(address), kind, "{told:?}");
        assert_eq!(pair.external_address().unwrap(), address);
    }
}

#[test]
fn a_mapping_stands_whatever_the_gateway_says_of_its_address() {
    let long: &'static str = Box::leak("1".repeat(4_096).into_boxed_str());
    for told in ["", "1.2.3", "01.2.3.4", "1.2.3.4.", "(null)", "gateway.example", "1.2.3.4 5.6.7.8", long] {
        let mut pair = Pair::new(telling(told));
        assert_eq!(pair.map(udp(7777)).unwrap().external_address, None, "{told:?}");
        assert_eq!(pair.gateway.mappings().len(), 1);
        let error = pair.external_address().unwrap_err();
        let kind = if told.is_empty() { ErrorKind::Refused } else { ErrorKind::Malformed };
        assert_eq!(error.kind(), kind, "{told:?}: {error}");
        assert!(error.to_string().len() <= 256);
    }
}

#[test]
fn a_mapping_stands_where_the_gateway_does_not_tell_its_address_at_all() {
    let action = On::Action("GetExternalIPAddress");
    for quirk in [
        Quirk::Fault("GetExternalIPAddress", 401),
        Quirk::Fault("GetExternalIPAddress", 501),
        Quirk::Http(action, HttpOddity::Silent),
        Quirk::Http(action, HttpOddity::CloseAtOnce),
        Quirk::Http(action, HttpOddity::Endless),
    ] {
        let mut pair = Pair::new(Scenario::igd1().with(quirk));
        let granted = pair.map(udp(7777)).unwrap_or_else(|error| panic!("{quirk:?}: {error}"));
        assert_eq!(granted.external_address, None, "{quirk:?}");
        assert!(pair.now.since_start().as_millis() < 2_100, "{quirk:?}: {:?}", pair.now);
    }
}

#[test]
fn a_search_warns_of_an_address_that_nobody_can_reach() {
    for (told, words) in [
        ("192.168.178.2", Some("behind another NAT")),
        ("100.64.0.1", Some("shared")),
        ("0.0.0.0", Some("reserved")),
        ("81.2.69.142", None),
    ] {
        let devices = Pair::new(telling(told)).discover(SearchOptions::default()).unwrap();
        let note = devices[0].note();
        assert_eq!(note.is_some(), words.is_some(), "{told}: {note:?}");
        assert!(note.unwrap_or_default().contains(words.unwrap_or_default()), "{told}");
        let address: IpAddr = told.parse().unwrap();
        assert_eq!(devices[0].status.external_address, Some(address));
    }
}
