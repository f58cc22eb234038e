//! What becomes of handles that are dropped, and of a client that is ended.

use portcullis::{Client, Config, MappingRequest, Protocol};
use portcullis_sim::{Scenario, Server};
use std::net::Ipv4Addr;
use std::num::NonZeroU16;
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
