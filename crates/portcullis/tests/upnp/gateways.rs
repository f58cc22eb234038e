//! Gateways on which the engine's class gives up.

use crate::{GATEWAY, found, impatient, scenario, side_by_side, start};
use core::time::Duration;
use portcullis::upnp::{IgdStatus, UpnpResult};
use portcullis_sim::{HttpOddity, On, Quirk, Scenario};

fn maps(scenario: Scenario) -> (IgdStatus, String) {
    let name = format!("{scenario:?}");
    let (server, upnp, device) = found(scenario);
    assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::Success, "{name}");
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 1, "{name}");
    (device.get_igd_status(), device.status_note())
}

#[test]
fn a_private_or_shared_external_address_is_no_obstacle() {
    for (address, word) in [("private-address", "private"), ("shared-address", "shared")] {
        let (status, note) = maps(scenario(address));
        assert_eq!(status, IgdStatus::Ok);
        assert!(note.contains(word), "{note}");
    }
}

#[test]
fn a_status_that_cannot_be_had_is_no_obstacle() {
    let status = |oddity| Scenario::igd1().with(Quirk::Http(On::Action("GetStatusInfo"), oddity));
    side_by_side(
        [
            Scenario::igd1().with(Quirk::Fault("GetStatusInfo", 401)),
            Scenario::igd1().with(Quirk::Fault("GetStatusInfo", 501)),
            status(HttpOddity::Raw(b"HTTP/1.0 500 Error\r\n\r\n<html></html>")),
            status(HttpOddity::Body(b"<html></html>")),
            Scenario::igd1().with(Quirk::OutArgument("NewConnectionStatus", "")),
        ],
        |scenario| {
            let (status, note) = maps(scenario);
            assert_eq!(status, IgdStatus::Ok);
            assert_ne!(note, "connected");
        },
    );
    let (status, note) = maps(Scenario::igd1().with(Quirk::OutArgument("NewUptime", "many days")));
    assert_eq!((status, note.as_str()), (IgdStatus::Ok, ""));
}

#[test]
fn a_status_that_never_comes_is_no_obstacle() {
    let quirk = Quirk::Http(On::Action("GetStatusInfo"), HttpOddity::Silent);
    let (_server, device) = impatient(quirk, Duration::from_secs(5));
    assert_eq!(device.get_igd_status(), IgdStatus::Ok);
    assert_eq!(device.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::Success);
}

#[test]
fn a_gateway_that_says_disconnected_is_used_where_there_is_no_other() {
    let scenario = scenario("disconnected").with(Quirk::OutArgument("NewExternalIPAddress", "0.0.0.0"));
    let (status, note) = maps(scenario);
    assert_eq!(status, IgdStatus::Disconnected);
    assert!(note.contains("not connected"), "{note}");
}

#[test]
fn a_gateway_needs_no_common_interface_config() {
    assert_eq!(maps(scenario("no-common-config")), (IgdStatus::Ok, String::new()));
}

#[test]
fn the_connection_that_is_up_is_used() {
    for name in ["two-wan-devices", "two-connections", "three-connections"] {
        let (_server, upnp, device) = found(scenario(name));
        assert_eq!(device.get_igd_status(), IgdStatus::Ok, "{name}");
        assert!(device.get_igd_control_url().ends_with("/ctl/IPConn"), "{name}");
        assert_eq!(upnp.query_external_address(), "81.2.69.142", "{name}");
        assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::Success, "{name}");
    }
}

#[test]
fn whatever_target_it_answers_to_a_gateway_is_found() {
    for (name, target) in [
        ("answers-rootdevice-only", "upnp:rootdevice"),
        ("answers-service-only", "urn:schemas-upnp-org:service:WANIPConnection:1"),
        ("answers-igd2-only", "urn:schemas-upnp-org:device:InternetGatewayDevice:2"),
    ] {
        let (_server, _upnp, device) = found(scenario(name));
        assert_eq!(device.get_service_type(), target);
        assert!(device.is_valid_gateway(), "{name}");
    }
}

#[test]
fn an_external_address_is_an_address_or_nothing() {
    side_by_side(
        [
            ("", ""),
            ("(null)", ""),
            ("router.example", ""),
            ("81.2.69.142", "81.2.69.142"),
            ("192.168.178.2", "192.168.178.2"),
            ("2a02:ff0:1234:5678:9abc:def0:1234:5678", "2a02:ff0:1234:5678:9abc:def0:1234:5678"),
        ],
        |(told, given)| {
            let (_server, upnp, device) =
                found(Scenario::igd1().with(Quirk::OutArgument("NewExternalIPAddress", told)));
            assert_eq!(device.get_igd_status(), IgdStatus::Ok, "{told}");
            assert_eq!(upnp.query_external_address(), given, "{told}");
        },
    );
}

#[test]
fn a_refused_question_for_the_address_is_no_address() {
    let (_server, _upnp, device) = found(Scenario::igd1().with(Quirk::Fault("GetExternalIPAddress", 501)));
    assert_eq!(device.query_external_address(), "");
    assert!(device.last_error().unwrap().to_string().contains("501"));
}

#[test]
fn old_and_odd_gateways_map() {
    side_by_side(["ppp", "query-control-url", "relative-control-url", "exact-headers", "chunked"], |name| {
        assert_eq!(maps(scenario(name)).0, IgdStatus::Ok, "{name}");
    });
}

#[test]
fn a_gateway_that_has_come_back_is_found_again() {
    let (server, upnp) = start(Scenario::igd1());
    for _ in 0..2 {
        assert_eq!(upnp.discover(2_000, 2, GATEWAY), UpnpResult::Success);
        assert_eq!(upnp.get_device_count(), 1, "the list is made anew");
        assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::Success);
        server.with_gateway(|gateway| gateway.clear_mappings());
    }
}
