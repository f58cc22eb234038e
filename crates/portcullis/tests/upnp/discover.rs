//! `discover`: arguments, filters, deadlines, and what is said of each device.

use crate::{GATEWAY, elapsed, found, scenario, side_by_side, start};
use portcullis::Config;
use portcullis::upnp::{IgdStatus, Upnp, UpnpDevice, UpnpResult};
use portcullis_sim::{DeadLocation, HttpOddity, On, Quirk, Scenario, Server};
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

/// Nobody listens here: the port of the discard service.
fn nobody() -> Upnp {
    Upnp::with_config(Config::new().gateway(std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 9))))
}

#[test]
fn arguments_out_of_range_keep_the_list() {
    let upnp = Upnp::new();
    upnp.add_device(UpnpDevice::new());
    for (timeout, ttl) in [(-1, 2), (i32::MIN, -1), (2_000, -1), (2_000, 256)] {
        assert_eq!(upnp.discover(timeout, ttl, GATEWAY), UpnpResult::InvalidParam, "{timeout} {ttl}");
        assert_eq!(upnp.get_device_count(), 1);
    }
}

#[test]
fn a_gateway_is_described_by_its_own_description() {
    let (server, upnp, device) = found(Scenario::igd1());
    assert_eq!(device.get_description_url(), server.location());
    assert_eq!(device.get_service_type(), "urn:schemas-upnp-org:device:InternetGatewayDevice:1");
    assert_eq!(device.get_igd_control_url(), format!("http://{}/ctl/IPConn", server.http_address()));
    assert_eq!(device.get_igd_service_type(), "urn:schemas-upnp-org:service:WANIPConnection:1");
    assert_eq!(device.get_igd_our_addr(), "127.0.0.1");
    assert_eq!(device.get_igd_status(), IgdStatus::Ok);
    assert_eq!(device.status_note(), "");
    assert!(!device.friendly_name().is_empty());
    assert!(upnp.get_gateway().unwrap().is_same(&device));
}

#[test]
fn a_search_with_a_gateway_ends_long_before_its_timeout() {
    let (_server, upnp) = start(Scenario::igd2());
    let (result, took) = elapsed(|| upnp.discover(2_000, 2, GATEWAY));
    assert_eq!(result, UpnpResult::Success);
    assert!(took < Duration::from_millis(1_000), "{took:?}");
}

#[test]
fn a_full_wait_is_a_full_wait() {
    let (_server, upnp) = start(Scenario::igd1());
    upnp.set_discover_full_wait(true);
    let (result, took) = elapsed(|| upnp.discover(300, 2, GATEWAY));
    assert_eq!(result, UpnpResult::Success);
    assert!(took >= Duration::from_millis(300), "{took:?}");
}

#[test]
fn silence_ends_with_the_timeout() {
    let upnp = nobody();
    upnp.add_device(UpnpDevice::new());
    for timeout in [0, 1, 200] {
        let (result, took) = elapsed(|| upnp.discover(timeout, 2, GATEWAY));
        assert_eq!(result, UpnpResult::NoDevices, "{timeout}");
        assert!(took < Duration::from_millis(1_000), "{timeout}: {took:?}");
        assert_eq!(upnp.get_device_count(), 0);
    }
    assert!(upnp.last_error().is_some());
}

#[test]
fn every_filter_for_gateways_finds_every_gateway() {
    let (_server, upnp) = start(scenario("ppp"));
    for filter in ["", "urn:schemas-upnp-org:device:InternetGatewayDevice:1", "WANIPConnection", "rootdevice"]
    {
        assert_eq!(upnp.discover(2_000, 2, filter), UpnpResult::Success, "{filter}");
        assert!(upnp.get_gateway().is_some(), "{filter}");
    }
}

#[test]
fn another_filter_looks_at_every_search_target() {
    let (_server, upnp) = start(Scenario::igd1());
    assert_eq!(upnp.discover(100, 2, "Layer3Forwarding"), UpnpResult::Success);
    let device = upnp.get_device(0).unwrap();
    assert_eq!(device.get_service_type(), "urn:schemas-upnp-org:service:Layer3Forwarding:1");
    assert!(device.is_valid_gateway(), "it is the same device");
    assert_eq!(upnp.discover(100, 2, "MediaRenderer"), UpnpResult::NoDevices);
    assert_eq!(upnp.get_device_count(), 0);
    assert_eq!(upnp.discover(100, 2, "internetgatewaydevice"), UpnpResult::NoDevices, "as it is spelt");
}

#[test]
fn what_is_no_gateway_matches_no_filter_for_one() {
    let (_server, upnp) = start(scenario("not-a-gateway"));
    assert_eq!(upnp.discover(100, 2, GATEWAY), UpnpResult::NoDevices);
    for filter in ["", "rootdevice", "MediaServer"] {
        assert_eq!(upnp.discover(100, 2, filter), UpnpResult::Success, "{filter}");
        let device = upnp.get_device(0).unwrap();
        assert_eq!(device.get_igd_status(), IgdStatus::NoIgd);
        assert_eq!(device.get_igd_control_url(), "");
        assert_eq!(device.status_note(), "not an internet gateway");
        assert!(upnp.get_gateway().is_none());
        assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::NoGateway);
    }
}

#[test]
fn each_device_has_a_status_of_its_own() {
    let description = |oddity| Scenario::igd1().with(Quirk::Http(On::Description, oddity));
    side_by_side(
        [
            (description(HttpOddity::Body(b"")), IgdStatus::HttpEmpty),
            (
                description(HttpOddity::Raw(b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n")),
                IgdStatus::HttpError,
            ),
            (
                description(HttpOddity::Raw(b"HTTP/1.0 404 Not Found\r\n\r\n<html></html>")),
                IgdStatus::HttpError,
            ),
            (description(HttpOddity::CloseAtOnce), IgdStatus::HttpError),
            (description(HttpOddity::Silent), IgdStatus::HttpError),
            (description(HttpOddity::Body(b"<html><body>Log in</body></html>")), IgdStatus::UnknownDevice),
            (scenario("no-connection-service"), IgdStatus::UnknownDevice),
            (
                Scenario::igd1()
                    .with(Quirk::ControlUrl(portcullis_sim::ControlUrl::Literal("ftp://10.0.0.1/"))),
                IgdStatus::InvalidControl,
            ),
            (scenario("disconnected"), IgdStatus::Disconnected),
            (scenario("private-address"), IgdStatus::Ok),
            (scenario("no-status"), IgdStatus::Ok),
        ],
        |(scenario, expected)| {
            let name = format!("{scenario:?}");
            let (server, upnp) = start(scenario);
            assert_eq!(upnp.discover(80, 2, GATEWAY), UpnpResult::Success, "{name}");
            let device = upnp.get_device(0).unwrap();
            assert_eq!(device.get_igd_status(), expected, "{name}");
            assert_eq!(device.get_description_url(), server.location(), "{name}");
            assert_eq!(device.is_valid_gateway(), upnp.get_gateway().is_some(), "{name}");
            assert!(!device.status_note().is_empty(), "{name}");
        },
    );
}

#[test]
fn a_dead_neighbour_neither_delays_nor_lends_its_name() {
    let scenario = Scenario::igd1().with(Quirk::AlsoAnnounces(DeadLocation::Silent));
    let (server, upnp) = start(scenario);
    let (result, took) = elapsed(|| upnp.discover(2_000, 2, GATEWAY));
    assert_eq!(result, UpnpResult::Success);
    assert!(took < Duration::from_millis(1_000), "{took:?}");
    assert_eq!(upnp.get_device_count(), 2);
    let (gateway, dead) = (upnp.get_device(0).unwrap(), upnp.get_device(1).unwrap());
    assert_eq!(gateway.get_description_url(), server.location());
    assert_eq!(dead.get_igd_status(), IgdStatus::HttpError);
    assert_eq!(dead.get_igd_control_url(), "");
}

#[test]
fn only_dead_devices_end_near_the_timeout() {
    for location in [DeadLocation::BlackHole, DeadLocation::Silent, DeadLocation::Drip] {
        let (_server, upnp) = start(Scenario::igd1().with(Quirk::AnnouncesOnly(location)));
        let (result, took) = elapsed(|| upnp.discover(80, 2, GATEWAY));
        assert_eq!(result, UpnpResult::Success, "{location:?}");
        assert_eq!(upnp.get_device(0).unwrap().get_igd_status(), IgdStatus::HttpError);
        assert!(took < Duration::from_millis(1_000), "{location:?}: {took:?}");
    }
}

#[test]
fn two_gateways_have_a_control_url_each() {
    let start = |name: &str| Server::start(scenario(name), Ipv4Addr::LOCALHOST.into()).unwrap();
    let (down, up) = (start("disconnected"), start("igd1"));
    let upnp = Upnp::with_config(Config::new().gateway(down.ssdp_address()).gateway(up.ssdp_address()));
    upnp.set_discover_full_wait(true);
    assert_eq!(upnp.discover(200, 2, GATEWAY), UpnpResult::Success);
    assert_eq!(upnp.get_device_count(), 2);
    for server in [&down, &up] {
        let devices: Vec<_> = (0..2).filter_map(|index| upnp.get_device(index)).collect();
        let own = devices.iter().find(|device| device.get_description_url() == server.location()).unwrap();
        assert!(own.get_igd_control_url().contains(&server.http_address().to_string()));
    }
    assert_eq!(upnp.get_gateway().unwrap().get_description_url(), up.location());
}

#[test]
fn an_interface_that_does_not_exist_is_an_unknown_error() {
    let upnp = Upnp::new();
    for interface in ["no-such-interface", "192.0.2.77"] {
        upnp.set_discover_multicast_if(interface);
        let (result, took) = elapsed(|| upnp.discover(2_000, 2, GATEWAY));
        assert_eq!(result, UpnpResult::UnknownError, "{interface}");
        assert!(took < Duration::from_millis(1_000), "{took:?}");
    }
}

#[test]
fn a_port_that_is_taken_is_a_socket_error() {
    let taken = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let (_server, upnp) = start(Scenario::igd1());
    upnp.set_discover_local_port(taken.local_addr().unwrap().port().into());
    assert_eq!(upnp.discover(2_000, 2, GATEWAY), UpnpResult::SocketError);
}

#[test]
fn what_is_no_port_is_any_port() {
    let (_server, upnp) = start(Scenario::igd1());
    for port in [-5, 65_536, i32::MAX] {
        upnp.set_discover_local_port(port);
        assert_eq!(upnp.discover(2_000, 2, GATEWAY), UpnpResult::Success, "{port}");
        assert_eq!(upnp.get_discover_local_port(), port);
    }
}

#[test]
fn a_local_port_is_used() {
    let free = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap().local_addr().unwrap().port();
    let (_server, upnp) = start(Scenario::igd1());
    upnp.set_discover_local_port(free.into());
    assert_eq!(upnp.discover(2_000, 2, GATEWAY), UpnpResult::Success);
}
