//! What the engine's classes do not have.

use crate::{GATEWAY, elapsed, found, scenario, start};
use portcullis::upnp::{Upnp, UpnpResult};
use portcullis::{AddressKind, Config, Protocol};
use portcullis_sim::{Scenario, Server};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Polls now and then, as a game does once a frame.
fn poll_until_ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::yield_now(),
        }
    }
}

#[test]
fn calls_can_be_polled() {
    let (_server, upnp) = start(Scenario::igd1());
    assert_eq!(poll_until_ready(upnp.discover_async(2_000, 2, GATEWAY)), UpnpResult::Success);
    assert_eq!(poll_until_ready(upnp.query_external_address_async()), Ok("81.2.69.142".into()));
    let add = upnp.add_port_mapping_async(7_777, 0, "", "UDP", 0);
    assert_eq!(poll_until_ready(add), UpnpResult::Success);
    assert_eq!(poll_until_ready(upnp.delete_port_mapping_async(7_777, "UDP")), UpnpResult::Success);
    assert_eq!(
        poll_until_ready(upnp.delete_port_mapping_async(7_777, "UDP")),
        UpnpResult::NoSuchEntryInArray
    );
}

#[test]
fn arguments_are_checked_as_in_calls_that_block() {
    let upnp = Upnp::new();
    assert_eq!(poll_until_ready(upnp.discover_async(-1, 2, "")), UpnpResult::InvalidParam);
    let add = upnp.add_port_mapping_async(0, 0, "", "UDP", 0);
    assert_eq!(poll_until_ready(add), UpnpResult::NoGateway);
    assert_eq!(poll_until_ready(upnp.query_external_address_async()), Err(UpnpResult::NoGateway));
}

#[test]
fn a_call_that_is_dropped_holds_up_nothing() {
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    let upnp = Upnp::with_config(Config::new().gateway(nobody));
    let client = upnp.client().unwrap();
    let mut search = Box::pin(upnp.discover_async(5_000, 2, GATEWAY));
    assert!(search.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(search);
    let ((), time) = elapsed(|| client.shutdown(Duration::from_secs(5)));
    assert!(time < Duration::from_millis(500), "{time:?}");
}

#[test]
fn a_device_is_added_by_its_url() {
    let server = Server::start(Scenario::igd1(), Ipv4Addr::LOCALHOST.into()).unwrap();
    let upnp = Upnp::new();
    assert_eq!(upnp.add_device_from_url(server.location().as_str()), UpnpResult::Success);
    assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::Success);
    assert_eq!(upnp.get_device_count(), 1);
}

#[test]
fn a_url_that_leads_nowhere_adds_nothing() {
    let upnp = Upnp::with_config(Config::new().timeout(Duration::from_millis(500)));
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let closed = format!("http://{closed}/desc.xml");
    for (url, expected) in [
        ("", UpnpResult::InvalidParam),
        ("ftp://127.0.0.1/", UpnpResult::InvalidParam),
        ("http://gateway.example/desc.xml", UpnpResult::InvalidParam),
        (closed.as_str(), UpnpResult::HttpError),
    ] {
        assert_eq!(upnp.add_device_from_url(url), expected, "{url}");
    }
    assert_eq!(upnp.get_device_count(), 0);
}

#[test]
fn mappings_are_listed_and_looked_up() {
    let (_server, upnp, device) = found(Scenario::igd1());
    assert_eq!(upnp.add_port_mapping(7_777, 7_778, "lobby", "TCP", 0), UpnpResult::Success);
    let all = device.port_mappings().unwrap();
    assert_eq!(all.len(), 1);
    let one = device.specific_port_mapping(7_777, "TCP").unwrap();
    assert_eq!((one.external_port, one.internal_port, one.protocol), (7_777, 7_778, Protocol::Tcp));
    assert_eq!(one.description, all[0].description);
    assert_eq!(device.specific_port_mapping(1, "TCP"), Err(UpnpResult::NoSuchEntryInArray));
    assert_eq!(device.last_upnp_error(), 714);
    assert_eq!(device.specific_port_mapping(0, "TCP"), Err(UpnpResult::InvalidPort));
    assert_eq!(device.specific_port_mapping(1, "tcp"), Err(UpnpResult::InvalidProtocol));
}

#[test]
fn another_port_is_found_where_one_is_taken() {
    let (_server, _upnp, device) = found(scenario("conflict"));
    let port = device.add_any_port_mapping(7_777, 0, "", "UDP", 3_600).unwrap();
    assert_eq!(device.specific_port_mapping(i32::from(port.get()), "UDP").unwrap().internal_port, 7_777);
    device.set_igd_status(9);
    assert_eq!(device.add_any_port_mapping(7_777, 0, "", "UDP", 0), Err(UpnpResult::InvalidGateway));
}

#[test]
fn the_external_address_has_a_kind() {
    for (name, expected) in [("private-address", AddressKind::Private), ("igd1", AddressKind::Public)] {
        let (_server, _upnp, device) = found(scenario(name));
        assert!(device.is_usable());
        assert_eq!(device.external_address_kind(), Some(expected), "{name}");
    }
}
