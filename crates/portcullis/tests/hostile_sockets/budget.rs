//! What every hostile peer has to leave standing.

use portcullis::{Client, Config, Error, GatewayAddress, HttpUrl, MappingRequest, Protocol};
use portcullis_sim::{Scenario, Server};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the client may take for each operation.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(300);
/// For a machine that is busy with other tests.
pub(crate) const MARGIN: Duration = Duration::from_millis(500);
/// How long a peer waits for anything before it gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Descriptors are counted for the whole process: one test at a time.
pub(crate) static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Checks, when it goes, that as many descriptors are open as when it came.
pub(crate) struct Descriptors {
    before: Option<usize>,
    _alone: MutexGuard<'static, ()>,
}

impl Descriptors {
    fn count() -> Option<usize> {
        // Reading the directory is one of them, each time.
        Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
    }

    pub(crate) fn watch() -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        Self { before: Self::count(), _alone: alone }
    }
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(Self::count(), self.before, "descriptors left open");
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "these tests are about real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) fn client(gateway: impl Into<GatewayAddress>) -> Client {
    Client::with_config(Config::new().gateway(gateway).timeout(TIMEOUT)).unwrap()
}

/// The URL of a description at this address.
pub(crate) fn location(address: SocketAddr) -> HttpUrl {
    HttpUrl::parse(&format!("http://{address}/d.xml")).unwrap()
}

pub(crate) fn request() -> MappingRequest {
    MappingRequest::new(Protocol::Udp, NonZeroU16::new(7777).unwrap())
}

pub(crate) fn description() -> String {
    let service = "<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>\
                   <controlURL>/ctl</controlURL></service>";
    let root = format!(
        "<root><device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>\
         <serviceList>{service}</serviceList></device></root>"
    );
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{root}", root.len())
}

/// The operation fails within its time, and a mapping with this hostile gateway named beside a good one
/// works. The peer goes on for as long as both take.
#[track_caller]
pub(crate) fn ends_in_time(hostile: impl Into<GatewayAddress>) -> Error {
    let hostile = hostile.into();
    let lonely = client(hostile.clone());
    let began = now();
    let error = lonely.map(request()).wait().unwrap_err();
    let took = began.elapsed();
    assert!(took <= TIMEOUT + MARGIN, "{took:?}: {error}");
    assert!(error.to_string().len() <= 256, "{error}");
    // Cancelled in the middle of it, whatever it is waiting for.
    let pending = lonely.map(request());
    let _ = lonely.events().next_timeout(Duration::from_millis(50));
    let began = now();
    drop(pending);
    assert!(began.elapsed() < Duration::from_millis(50), "dropping took {:?}", began.elapsed());
    lonely.shutdown(TIMEOUT);
    works_with_a_good_gateway(hostile);
    error
}

#[track_caller]
pub(crate) fn works_with_a_good_gateway(hostile: GatewayAddress) {
    let server = Server::start(Scenario::igd1(), Ipv4Addr::LOCALHOST.into()).unwrap();
    let config =
        Config::new().gateway(hostile).gateway(server.ssdp_address()).timeout(Duration::from_secs(3));
    let client = Client::with_config(config).unwrap();
    let began = now();
    let mapping = client.map(request()).wait().expect("the good gateway maps");
    assert!(began.elapsed() <= Duration::from_millis(2_000), "{:?}", began.elapsed());
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 1);
    assert!(mapping.close().wait().unwrap().existed());
    client.shutdown(TIMEOUT);
}
