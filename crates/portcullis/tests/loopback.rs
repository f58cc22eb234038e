//! The client on real sockets, against the simulated gateway on loopback.

use portcullis::{Client, Config, ErrorKind, MappingRequest, Protocol};
use portcullis_sim::{Scenario, Server};
use std::net::Ipv4Addr;
use std::num::NonZeroU16;

fn port(port: u16) -> NonZeroU16 {
    NonZeroU16::new(port).expect("a port")
}

fn start(scenario: Scenario) -> (Server, Client) {
    let server = Server::start(scenario, Ipv4Addr::LOCALHOST.into()).expect("a gateway on loopback");
    let client = Client::with_config(Config::new().gateway(server.ssdp_address())).expect("a client");
    (server, client)
}

#[test]
fn opens_and_closes_a_port() {
    for scenario in [Scenario::igd1(), Scenario::igd2()] {
        let (server, client) = start(scenario);
        let mapping = client.map(MappingRequest::new(Protocol::Udp, port(7777))).wait().unwrap();
        assert_eq!(mapping.external_port(), port(7777));
        assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 1);
        assert_eq!(client.mappings().wait().unwrap().len(), 1);
        assert!(mapping.close().wait().unwrap().existed());
        assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 0);
    }
}

#[test]
fn a_mapping_that_nobody_takes_is_deleted() {
    let (server, client) = start(Scenario::igd1());
    // Given up at any moment: before, while and after it is made.
    for patience in (0..4_000).step_by(100) {
        let mapping = client.map(MappingRequest::new(Protocol::Udp, port(7777)));
        let mut polls = 0;
        while !mapping.is_done() && polls < patience {
            polls += 1;
            std::thread::yield_now();
        }
        drop(mapping);
        let kept = client.map(MappingRequest::new(Protocol::Udp, port(7778))).wait().unwrap();
        kept.close().wait().unwrap();
    }
    let done = client.map(MappingRequest::new(Protocol::Udp, port(7777)));
    while !done.is_done() {
        std::thread::yield_now();
    }
    drop(done);
    client.shutdown(std::time::Duration::from_secs(5));
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 0);
}

#[test]
fn silence_ends_with_no_gateway() {
    let client = Client::with_config(
        Config::new()
            .gateway(std::net::SocketAddr::from(([127, 0, 0, 1], 9)))
            .timeout(std::time::Duration::from_millis(100)),
    )
    .unwrap();
    let error = client.external_address().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoGateway);
}
