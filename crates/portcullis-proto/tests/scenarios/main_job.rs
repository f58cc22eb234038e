//! Open a port, see it, close it: against a gateway that does as its specification says.

use crate::pair::{CLIENT, Pair, udp};
use portcullis_proto::Protocol;
use portcullis_sim::Scenario;

#[test]
fn opens_lists_and_closes_on_both_versions() {
    for scenario in [Scenario::igd1(), Scenario::igd2()] {
        let mut pair = Pair::new(scenario);
        let granted = pair.map(udp(7777)).unwrap();
        assert_eq!(granted.external_port.get(), 7777);
        assert_eq!(granted.external_address, Some("81.2.69.142".parse().unwrap()));
        assert_eq!(granted.internal_address.to_string(), CLIENT);
        assert_eq!(granted.lifetime.as_seconds(), 3_600);
        assert_eq!(pair.gateway.mappings().len(), 1);

        let entries = pair.list().unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].protocol, entries[0].external_port), (Protocol::Udp, 7777));

        assert!(pair.close(7777, false).unwrap());
        assert!(pair.gateway.mappings().is_empty());
        assert!(!pair.close(7777, false).unwrap(), "closing twice is no error");
        pair.assert_idle();
    }
}

#[test]
fn asks_a_healthy_gateway_for_nothing_twice() {
    let mut pair = Pair::new(Scenario::igd1());
    pair.map(udp(7777)).unwrap();
    let actions = ["GetSpecificPortMappingEntry", "GetExternalIPAddress", "AddPortMapping"];
    assert_eq!(pair.record.actions(), actions);
    assert_eq!(pair.record.connects().len(), 4, "{:?}", pair.record.connects());
    assert_eq!(pair.gateway.counters().connections, 4);
}
