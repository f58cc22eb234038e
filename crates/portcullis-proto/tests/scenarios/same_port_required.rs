//! Gateways that map a port to itself only (quirk 54).

use crate::pair::{Pair, udp};
use core::num::NonZeroU16;
use portcullis_proto::client::ErrorKind;
use portcullis_sim::{Quirk, Scenario};

#[test]
fn the_internal_port_is_taken_where_both_must_be_the_same() {
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::SamePortOnly));
    let granted = pair.map(udp(7777).external_port(NonZeroU16::new(8000).unwrap())).unwrap();
    assert_eq!((granted.external_port.get(), granted.internal_port.get()), (7777, 7777));
    assert_eq!(pair.gateway.counters().posts("AddPortMapping"), 2);
    assert_eq!(pair.gateway.mappings().len(), 1);
}

#[test]
fn different_ports_are_kept_where_the_gateway_can() {
    let mut pair = Pair::new(Scenario::igd1());
    let granted = pair.map(udp(7777).external_port(NonZeroU16::new(8000).unwrap())).unwrap();
    assert_eq!((granted.external_port.get(), granted.internal_port.get()), (8000, 7777));
}

#[test]
fn a_gateway_that_says_so_of_equal_ports_is_asked_once() {
    let mut pair = Pair::new(Scenario::igd1().with(Quirk::Fault("AddPortMapping", 724)));
    assert_eq!(pair.map(udp(7777)).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(pair.gateway.counters().posts("AddPortMapping"), 1);
}
