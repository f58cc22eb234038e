//! The checks before anything is sent, in the engine's order, and what a script may have set.

use crate::found;
use portcullis::upnp::{IgdStatus, Upnp, UpnpDevice, UpnpResult};
use portcullis_sim::Scenario;

const WANIP: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";

#[test]
fn an_invalid_gateway_comes_before_the_arguments() {
    let device = UpnpDevice::new();
    assert_eq!(device.add_port_mapping(0, -1, "", "", -1), UpnpResult::InvalidGateway);
    assert_eq!(device.query_external_address(), "");
}

#[test]
fn deleting_does_not_ask_whether_it_is_a_gateway() {
    let device = UpnpDevice::new();
    assert_eq!(device.delete_port_mapping(0, ""), UpnpResult::InvalidPort);
    assert_eq!(device.delete_port_mapping(65_536, "UDP"), UpnpResult::InvalidPort);
    assert_eq!(device.delete_port_mapping(7_777, "udp"), UpnpResult::InvalidProtocol);
    assert_eq!(device.delete_port_mapping(7_777, "UDP"), UpnpResult::HttpError);
}

#[test]
fn wrong_arguments_are_not_sent() {
    let (server, upnp, device) = found(Scenario::igd1());
    let posts = server.with_gateway(|gateway| gateway.counters().all_posts());
    for (port, internal, proto, duration, expected) in [
        (0, 0, "UDP", 0, UpnpResult::InvalidPort),
        (65_536, 0, "UDP", 0, UpnpResult::InvalidPort),
        (1, -1, "", -1, UpnpResult::InvalidPort),
        (1, 65_536, "UDP", 0, UpnpResult::InvalidPort),
        (1, 0, "Udp", -1, UpnpResult::InvalidProtocol),
        (1, 0, "UDP", -1, UpnpResult::InvalidDuration),
    ] {
        assert_eq!(device.add_port_mapping(port, internal, "", proto, duration), expected);
        assert_eq!(upnp.add_port_mapping(port, internal, "", proto, duration), expected);
        assert!(expected.is_argument_error());
    }
    assert_eq!(server.with_gateway(|gateway| gateway.counters().all_posts()), posts);
}

#[test]
fn a_url_that_leads_nowhere_is_an_http_error() {
    let device = UpnpDevice::new();
    device.set_igd_status(IgdStatus::Ok);
    device.set_igd_service_type(WANIP);
    device.set_igd_our_addr("127.0.0.1");
    for url in ["", "nonsense", "https://127.0.0.1/ctl", "http://gateway.example/ctl", "http://127.0.0.1:0/"]
    {
        device.set_igd_control_url(url);
        assert!(device.control_point().is_none(), "{url}");
        assert_eq!(device.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::HttpError, "{url}");
        assert_eq!(device.delete_port_mapping(7_777, "UDP"), UpnpResult::HttpError, "{url}");
        assert_eq!(device.query_external_address(), "", "{url}");
    }
}

#[test]
fn a_service_type_cannot_leave_its_header() {
    let (server, _upnp, device) = found(Scenario::igd1());
    let posts = server.with_gateway(|gateway| gateway.counters().all_posts());
    for service_type in ["", "a\r\nX-Header: b", "a\"b", "a b"] {
        device.set_igd_service_type(service_type);
        assert_eq!(device.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::HttpError);
    }
    assert_eq!(server.with_gateway(|gateway| gateway.counters().all_posts()), posts);
    device.set_igd_service_type("urn:schemas-upnp-org:service:Unheard:1");
    assert_eq!(device.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::UnknownError, "401");
}

#[test]
fn an_address_that_is_none_is_an_invalid_argument() {
    let (_server, _upnp, device) = found(Scenario::igd1());
    for address in ["", "localhost", "127.0.0.1:80"] {
        device.set_igd_our_addr(address);
        assert_eq!(device.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::InvalidArgs, "{address}");
    }
    assert_eq!(device.query_external_address(), "81.2.69.142", "which needs no address of ours");
    device.set_igd_our_addr("10.99.0.9");
    assert_eq!(device.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::NotAuthorized, "the gateway's");
}

#[test]
fn a_device_put_together_by_hand_works() {
    let (server, _upnp, found) = found(Scenario::igd1());
    let device = UpnpDevice::new();
    device.set_igd_control_url(&found.get_igd_control_url());
    device.set_igd_service_type(&found.get_igd_service_type());
    device.set_igd_our_addr("127.0.0.1");
    device.set_igd_status(IgdStatus::Ok);
    let upnp = Upnp::new();
    upnp.add_device(device.clone());
    assert_eq!(upnp.query_external_address(), "81.2.69.142");
    assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::Success);
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 1);
    device.set_igd_status(IgdStatus::UnknownError);
    assert_eq!(device.delete_port_mapping(7_777, "UDP"), UpnpResult::Success);
}
