//! The engine's API on real sockets, against the simulated gateway on loopback: every method and every
//! error path, and what real gateways do to them.

mod arguments;
mod beyond;
mod discover;
mod gateways;
mod list;
mod mapping;
mod threads;

use portcullis::Config;
use portcullis::upnp::{Upnp, UpnpDevice, UpnpResult};
use portcullis_sim::{Quirk, Scenario, Server};
use std::net::Ipv4Addr;
use std::time::Duration;

/// The filter that everybody uses.
const GATEWAY: &str = "InternetGatewayDevice";

fn start(scenario: Scenario) -> (Server, Upnp) {
    let server = Server::start(scenario, Ipv4Addr::LOCALHOST.into()).expect("a loopback socket");
    let upnp = Upnp::with_config(Config::new().gateway(server.ssdp_address()));
    (server, upnp)
}

/// The only device that a search finds, and what keeps it alive.
fn found(scenario: Scenario) -> (Server, Upnp, UpnpDevice) {
    let (server, upnp) = start(scenario);
    assert_eq!(upnp.discover(2_000, 2, GATEWAY), UpnpResult::Success);
    assert_eq!(upnp.get_device_count(), 1);
    let device = upnp.get_device(0).expect("the only device");
    (server, upnp, device)
}

/// The same, of a gateway with one quirk, whose calls may take `timeout`.
fn impatient(quirk: Quirk, timeout: Duration) -> (Server, UpnpDevice) {
    let server =
        Server::start(Scenario::igd1().with(quirk), Ipv4Addr::LOCALHOST.into()).expect("a loopback socket");
    let upnp = Upnp::with_config(Config::new().gateway(server.ssdp_address()).timeout(timeout));
    assert_eq!(upnp.discover(200, 2, GATEWAY), UpnpResult::Success);
    let device = upnp.get_gateway().expect("a gateway");
    (server, device)
}

/// Checks all cases at once: each has a gateway of its own, and waits for it most of the time.
fn side_by_side<T: Send>(cases: impl IntoIterator<Item = T>, check: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        for case in cases {
            let check = &check;
            scope.spawn(move || check(case));
        }
    });
}

fn scenario(name: &str) -> Scenario {
    name.parse().expect("a named scenario")
}

#[expect(clippy::disallowed_methods, reason = "how long a call takes is what is tested")]
fn elapsed<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let start = std::time::Instant::now();
    let result = call();
    (result, start.elapsed())
}
