//! A gateway that comes back under another port is searched for again (quirk 45).

use crate::pair::{Pair, SimPeer, TIMEOUT, udp};
use core::time::Duration;
use portcullis_proto::client::{ErrorKind, ExchangeError, Failure};
use portcullis_sim::{Gateway, Quirk, Scenario};

#[test]
fn it_is_found_again_and_used() {
    let mut pair = Pair::new(Scenario::igd1());
    pair.map(udp(7777)).unwrap();
    pair.drive_for(Duration::from_secs(60));
    let now = pair.now;
    pair.gateway.reboot(now);
    pair.gateway.set_http_address("192.168.1.1:5555".parse().unwrap());

    let granted = pair.map(udp(7778)).unwrap();
    assert_eq!(granted.grantor.control_point().unwrap().remote.port(), 5555);
    assert!(pair.now - now < Duration::from_millis(200), "{:?}", pair.now - now);
    assert_eq!(pair.gateway.mappings().len(), 1);
}

#[test]
fn one_that_is_gone_for_good_is_told_by_the_deadline() {
    let mut pair = Pair::new(Scenario::igd1());
    pair.map(udp(7777)).unwrap();
    pair.drive_for(Duration::from_secs(60));
    let silent = Scenario::igd1().with(Quirk::AnswersOnly(&[]));
    pair.gateway = SimPeer::new(Gateway::new(silent, "192.168.1.99:5555".parse().unwrap()));
    let start = pair.now;
    let error = pair.map(udp(7778)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(error.attempts()[0].failure, Failure::Exchange(ExchangeError::ConnectTimeout));
    assert!(pair.now - start <= TIMEOUT);
    pair.drive_for(Duration::from_secs(20));
    pair.assert_idle();
}

#[test]
fn another_gateway_in_its_place_is_used() {
    let mut pair = Pair::new(Scenario::igd1());
    let first = pair.map(udp(7777)).unwrap();
    pair.drive_for(Duration::from_secs(60));
    pair.gateway = SimPeer::new(Gateway::new(Scenario::igd2(), "192.168.1.1:49152".parse().unwrap()));
    let second = pair.map(udp(7777)).unwrap();
    assert_ne!(first.grantor.control_point().unwrap(), second.grantor.control_point().unwrap());
    assert!(second.grantor.control_point().unwrap().is_version_2());
}
