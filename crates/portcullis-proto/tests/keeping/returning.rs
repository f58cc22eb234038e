//! What another gateway has goes back to the default one.

use crate::asked::seconds;
use crate::pair::{Pair, SimPeer, network_with_two_gateways, udp};
use core::cell::RefCell;
use core::net::SocketAddr;
use portcullis_proto::Protocol;
use portcullis_proto::client::{ChangeKind, Config, Event};
use portcullis_sim::{Gateway, Mapping, Quirk, Scenario};
use std::rc::Rc;

/// The default gateway, which is silent as yet, and a neighbour that announces a gateway of its own.
fn beside_a_neighbour(scenario: Scenario) -> (Pair, Rc<RefCell<SimPeer>>) {
    let mut pair =
        Pair::with(scenario, Config { journal: true, ..Config::default() }, network_with_two_gateways());
    let other = Gateway::new(Scenario::igd1(), SocketAddr::from(([192, 168, 1, 2], 5000)));
    let other = Rc::new(RefCell::new(SimPeer::new(other)));
    pair.add(Rc::clone(&other));
    (pair, other)
}

fn warnings(pair: &Pair) -> usize {
    let is_warning = |event: &Event| matches!(event, Event::OtherGateway { .. });
    pair.record.events.iter().filter(|(_, event)| is_warning(event)).count()
}

#[test]
fn the_default_gateway_has_it_as_soon_as_it_grants_it() {
    for scenario in
        [Scenario::igd1(), Scenario::igd1().with(Quirk::Pcp), Scenario::igd1().with(Quirk::NatPmp)]
    {
        let (mut pair, other) = beside_a_neighbour(scenario);
        pair.gateway.is_off = true;
        let (mapping, granted) = pair.keep(udp(7777)).unwrap();
        assert_eq!((granted.default_gateway, warnings(&pair)), (Some(false), 1));
        assert_eq!(other.borrow().mappings().len(), 1);
        pair.drive_for(seconds(400));
        assert!(pair.is_well(mapping));
        pair.gateway.is_off = false;
        pair.drive_for(seconds(1_000));
        assert_eq!(pair.gateway.mappings().len(), 1);
        assert!(other.borrow().mappings().is_empty());
        let (_, last) = pair.changes().pop().unwrap();
        assert_eq!(last.granted.unwrap().default_gateway, Some(true));
        let lost = pair.changes().iter().filter(|(_, change)| change.kind == ChangeKind::Lost).count();
        let granted = pair.record.journal().iter().filter(|entry| entry.granted).count();
        assert_eq!((lost, granted), (0, 1));
    }
}

#[test]
fn a_port_that_another_gateway_chose_goes_back_with_it() {
    let (mut pair, other) = beside_a_neighbour(Scenario::igd1().with(Quirk::NatPmp));
    pair.gateway.is_off = true;
    let foreign = Mapping::new(Protocol::Udp, 7777, [192, 168, 1, 9].into());
    other.borrow_mut().add_mapping(foreign);
    let (mapping, granted) = pair.keep(udp(7777).any_external_port()).unwrap();
    assert_ne!(granted.external_port.get(), 7777);
    pair.gateway.is_off = false;
    pair.drive_for(seconds(1_000));
    assert_eq!(pair.gateway.mappings().len(), 1);
    assert!(!pair.kinds(mapping).contains(&"port-changed"), "{:?}", pair.kinds(mapping));
}

#[test]
fn what_the_default_gateway_never_grants_stays_where_it_is() {
    let (mut pair, other) = beside_a_neighbour(Scenario::igd1().with(Quirk::NoUpnp));
    let (mapping, _) = pair.keep(udp(7777)).unwrap();
    pair.drive_for(seconds(86_400));
    assert!(pair.is_well(mapping));
    assert_eq!((other.borrow().mappings().len(), pair.record.journal().len()), (1, 1));
    assert!(!pair.kinds(mapping).contains(&"degraded"));
}
