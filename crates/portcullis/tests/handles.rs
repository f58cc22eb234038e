//! What becomes of handles that are dropped, and of a client that is ended.

use portcullis::{Client, Config, Event, MappingRequest, Protocol};
use portcullis_sim::{Scenario, Server};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::pin::Pin;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

fn start() -> (Server, Client) {
    let server = Server::start(Scenario::igd1(), Ipv4Addr::LOCALHOST.into()).expect("a gateway on loopback");
    let client = Client::with_config(Config::new().gateway(server.ssdp_address())).expect("a client");
    (server, client)
}

fn request() -> MappingRequest {
    MappingRequest::new(Protocol::Udp, NonZeroU16::new(7_777).expect("a port"))
}

#[test]
fn dropping_a_mapping_that_was_not_fetched_deletes_it() {
    let (server, client) = start();
    let pending = client.map(request());
    while !pending.is_done() {
        std::thread::yield_now();
    }
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 1);
    drop(pending);
    client.shutdown(PATIENCE);
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 0);
}

#[test]
fn dropping_a_mapping_that_is_being_made_leaves_nothing() {
    let (server, client) = start();
    for _ in 0..20 {
        drop(client.map(request()));
    }
    client.shutdown(PATIENCE);
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 0);
}

/// Ends the client on the thread that wakes it: the client's own.
struct EndsTheClient(Client, Mutex<Sender<()>>);

impl Wake for EndsTheClient {
    fn wake(self: Arc<Self>) {
        self.0.clone().shutdown(PATIENCE);
        self.1.lock().expect("a sender").send(()).expect("a listener");
    }
}

#[test]
fn a_client_may_be_ended_on_its_own_thread() {
    // Silent, for longer than it takes to look: the port of the discard service.
    let gateway = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    let config = Config::new().gateway(gateway).timeout(Duration::from_millis(300));
    let client = Client::with_config(config).expect("a client");
    let (ended, has_ended) = channel();
    let waker = Waker::from(Arc::new(EndsTheClient(client.clone(), Mutex::new(ended))));
    let mut pending = client.external_address();
    assert!(Pin::new(&mut pending).poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(has_ended.recv_timeout(PATIENCE), Ok(()));
}

#[test]
fn events_end_with_the_client_even_for_who_comes_late() {
    let (_server, client) = start();
    let events = client.events();
    client.clone().shutdown(PATIENCE);
    assert_eq!(events.chain(client.events()).next(), None);
}

#[test]
fn an_event_tells_which_port_was_closed() {
    let (_server, client) = start();
    let events = client.events();
    let mapping = client.map(request()).wait().expect("a mapping");
    assert!(mapping.close().wait().is_ok());
    let port = request().internal_port();
    assert!(client.close(Protocol::Tcp, port).wait().is_ok());
    client.shutdown(PATIENCE);
    let closed = events.filter_map(|event| match event {
        Event::Closed { protocol, external_port } => Some((protocol, external_port)),
        _ => None,
    });
    assert_eq!(closed.collect::<Vec<_>>(), [(Protocol::Udp, port), (Protocol::Tcp, port)]);
}
