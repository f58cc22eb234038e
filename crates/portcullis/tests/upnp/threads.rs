//! Many threads at once, as the engine's documentation teaches.

use crate::{GATEWAY, found, start};
use portcullis::upnp::{Upnp, UpnpDevice, UpnpResult};
use portcullis::{Client, Config};
use portcullis_sim::{Scenario, Server};
use std::net::Ipv4Addr;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

#[test]
fn eight_threads_with_an_object_each() {
    let server = Server::start(Scenario::igd1(), Ipv4Addr::LOCALHOST.into()).unwrap();
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for port in 7_000..7_008 {
            let (server, barrier) = (&server, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let upnp = Upnp::with_config(Config::new().gateway(server.ssdp_address()));
                assert_eq!(upnp.discover(2_000, 2, GATEWAY), UpnpResult::Success);
                assert_eq!(upnp.add_port_mapping(port, 0, "", "UDP", 0), UpnpResult::Success);
                assert_eq!(upnp.delete_port_mapping(port, "UDP"), UpnpResult::Success);
            });
        }
    });
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 0);
}

#[test]
fn eight_threads_with_one_object() {
    let (server, upnp, _device) = found(Scenario::igd1());
    thread::scope(|scope| {
        for port in 7_000..7_008 {
            let upnp = &upnp;
            scope.spawn(move || {
                assert_eq!(upnp.add_port_mapping(port, 0, "", "UDP", 0), UpnpResult::Success);
            });
        }
    });
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 8);
}

#[test]
fn a_search_holds_up_nobody() {
    let upnp = Upnp::with_config(Config::new().gateway(std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 9))));
    upnp.add_device(UpnpDevice::new());
    thread::scope(|scope| {
        let search = scope.spawn(|| upnp.discover(300, 2, GATEWAY));
        // The list is emptied first; while nobody answers, everything else goes on.
        while upnp.get_device_count() > 0 {
            thread::yield_now();
        }
        upnp.set_discover_ipv6(true);
        assert!(upnp.get_gateway().is_none());
        assert!(!search.is_finished());
        assert_eq!(search.join().unwrap(), UpnpResult::NoDevices);
    });
}

#[test]
fn objects_may_share_a_client_that_somebody_ends() {
    let (server, _upnp) = start(Scenario::igd1());
    let client = Client::with_config(Config::new().gateway(server.ssdp_address())).unwrap();
    let upnp = Upnp::with_client(client.clone());
    assert_eq!(upnp.discover(2_000, 2, GATEWAY), UpnpResult::Success);
    client.shutdown(Duration::from_millis(500));
    assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::UnknownError);
    assert_eq!(upnp.discover(2_000, 2, GATEWAY), UpnpResult::UnknownError);
    assert_eq!(upnp.get_device_count(), 0);
}
