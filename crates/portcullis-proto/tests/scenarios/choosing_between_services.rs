//! The service that works is used, whatever the description puts first (quirks 26, 27, 30, 46, 58;
//! attack E12).

use crate::pair::{Pair, udp};
use core::time::Duration;
use portcullis_proto::client::{ErrorKind, SearchOptions};
use portcullis_proto::igd::wan_connection::ConnectionStatus;
use portcullis_sim::{HttpOddity, On, Quirk, Scenario, Topology};

#[test]
fn the_connected_one_of_two_is_used() {
    for topology in [Topology::FirstWanDeviceDown, Topology::FirstConnectionDown] {
        let mut pair = Pair::new(Scenario::igd1().with(Quirk::Topology(topology)));
        let granted = pair.map(udp(7777)).unwrap();
        assert_eq!(granted.grantor.control_point().unwrap().control_url.target().as_str(), "/ctl/IPConn");
        assert_eq!(pair.gateway.counters().posts("AddPortMapping"), 1, "{topology:?}");
    }
}

#[test]
fn a_gateway_with_everything_in_the_old_domain_maps() {
    let mut pair = Pair::new("dslforum-device".parse::<Scenario>().unwrap());
    let granted = pair.map(udp(7777)).unwrap();
    let service_type = &granted.grantor.control_point().unwrap().service_type;
    assert_eq!(service_type, "urn:dslforum-org:service:WANPPPConnection:1");
}

#[test]
fn without_a_status_the_next_one_is_tried() {
    for quirk in [
        Quirk::Fault("GetStatusInfo", 401),
        Quirk::OutArgument("NewConnectionStatus", "Disconnected"),
        Quirk::OutArgument("NewConnectionStatus", "\u{7f}"),
        Quirk::Http(On::Action("GetStatusInfo"), HttpOddity::Silent),
    ] {
        let topology = Quirk::Topology(Topology::FirstWanDeviceDown);
        let address = Quirk::OutArgument("NewExternalIPAddress", "");
        let mut pair = Pair::new(Scenario::igd1().with(topology).with(quirk).with(address));
        let granted = pair.map(udp(7777)).unwrap_or_else(|error| panic!("{quirk:?}: {error}"));
        assert_eq!(
            granted.grantor.control_point().unwrap().control_url.target().as_str(),
            "/ctl/IPConn",
            "{quirk:?}"
        );
        assert_eq!(pair.gateway.mappings().len(), 1);
    }
}

#[test]
fn a_single_service_is_not_asked_for_its_status() {
    for quirk in [
        Quirk::OutArgument("NewConnectionStatus", "Disconnected"),
        Quirk::OutArgument("NewConnectionStatus", "Up"),
        Quirk::Topology(Topology::WanPppOnly),
        Quirk::Domain("dslforum-org"),
        Quirk::NoWanCommonInterfaceConfig,
    ] {
        let mut pair = Pair::new(Scenario::igd1().with(quirk));
        pair.map(udp(7777)).unwrap_or_else(|error| panic!("{quirk:?}: {error}"));
        assert_eq!(pair.gateway.counters().posts("GetStatusInfo"), 0, "{quirk:?}");
    }
}

fn status(quirk: Quirk) -> Option<ConnectionStatus> {
    let mut pair = Pair::new(Scenario::igd1().with(quirk));
    pair.discover(SearchOptions::default()).unwrap()[0].status.connection
}

#[test]
fn a_search_tells_the_status() {
    let says = |text| Quirk::OutArgument("NewConnectionStatus", text);
    assert_eq!(status(says("Connected")), Some(ConnectionStatus::Connected));
    assert_eq!(status(says("Up")), Some(ConnectionStatus::Connected));
    assert_eq!(status(says("Disconnected")), Some(ConnectionStatus::Disconnected));
    assert_eq!(status(Quirk::Fault("GetStatusInfo", 501)), None);
}

#[test]
fn an_uptime_beyond_all_bounds_does_not_hide_the_status() {
    for uptime in ["0", "-1", "18446744073709551616", "", "12 days"] {
        let uptime = Quirk::OutArgument("NewUptime", uptime);
        assert_eq!(status(uptime), Some(ConnectionStatus::Connected), "{uptime:?}");
    }
}

#[test]
fn a_gateway_without_a_service_is_listed_and_not_used() {
    let scenario = Scenario::igd1().with(Quirk::Topology(Topology::NoConnectionService));
    let devices = Pair::new(scenario.clone()).discover(SearchOptions::default()).unwrap();
    assert!(devices[0].is_gateway() && !devices[0].is_usable());
    assert_eq!(Pair::new(scenario).map(udp(7777)).unwrap_err().kind(), ErrorKind::NoService);
}

#[test]
fn what_is_no_gateway_is_listed_with_its_name() {
    let scenario = Scenario::igd1().with(Quirk::Topology(Topology::NotAGateway));
    let devices = Pair::new(scenario).discover(SearchOptions::default()).unwrap();
    assert!(!devices[0].is_gateway());
    assert_eq!(devices[0].description.as_ref().unwrap().friendly_name, "Simulated gateway");
    assert_eq!(devices[0].note().as_deref(), Some("not an internet gateway"));
}

#[test]
fn a_status_that_never_comes_delays_a_search_by_its_patience_only() {
    let silent = Quirk::Http(On::Action("GetStatusInfo"), HttpOddity::Silent);
    let mut options = SearchOptions::default();
    options.timeout = Duration::from_secs(10);
    options.quiet = Some(Duration::from_millis(100));
    let mut pair = Pair::new(Scenario::igd1().with(silent));
    let devices = pair.discover(options).unwrap();
    assert!(devices[0].is_usable());
    assert_eq!(devices[0].status.external_address, Some("81.2.69.142".parse().unwrap()));
    assert!(pair.now.since_start() < Duration::from_millis(2_300), "{:?}", pair.now);
}
