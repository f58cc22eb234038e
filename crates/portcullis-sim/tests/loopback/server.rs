use crate::client::{IMPATIENCE, PATIENCE, address, exchange, search, start};
use portcullis_proto::wire::http::{encode_get, encode_post};
use portcullis_proto::wire::soap::{Reply, decode_reply, encode_request};
use portcullis_proto::wire::url::HttpUrl;
use portcullis_proto::{Protocol, igd::description::Description};
use portcullis_sim::{DeadLocation, HttpOddity, On, Quirk, Scenario, Server};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv6Addr, TcpStream};
use std::time::Duration;

/// Finds the gateway, reads its description and maps UDP port 7777 to ourselves.
fn map(server: &Server) -> Reply {
    let location = search(server, 1);
    assert_eq!(location.to_string(), server.location());
    let document =
        exchange(address(&location), &encode_get(address(&location), location.target()), "root").body;
    let description = Description::parse(&document, &location).unwrap();
    let service = description.wan_connections().next().unwrap();
    let control = service.control_url.clone().unwrap();

    let client = server.ssdp_address().ip().to_string();
    let arguments = [
        ("NewRemoteHost", ""),
        ("NewExternalPort", "7777"),
        ("NewProtocol", "UDP"),
        ("NewInternalPort", "7777"),
        ("NewInternalClient", client.as_str()),
        ("NewEnabled", "1"),
        ("NewPortMappingDescription", "game"),
        ("NewLeaseDuration", "3600"),
    ];
    let body = encode_request(&service.service_type, "AddPortMapping", &arguments);
    let soap_action = format!("{}#AddPortMapping", service.service_type);
    let request = encode_post(address(&control), control.target(), &soap_action, &body);
    let reply = exchange(address(&control), &request, "Envelope");
    decode_reply(&reply.body, "AddPortMapping").unwrap()
}

fn assert_mapped(server: &Server) {
    assert!(matches!(map(server), Reply::Success(_)));
    server.with_gateway(|gateway| {
        let [mapping] = gateway.mappings() else { panic!("{:?}", gateway.mappings()) };
        assert_eq!((mapping.protocol, mapping.external_port), (Protocol::Udp, 7_777));
        let counters = gateway.counters();
        assert_eq!((counters.m_searches, counters.gets, counters.posts("AddPortMapping")), (1, 1, 1));
    });
}

#[test]
fn maps_a_port_over_ipv4() {
    assert_mapped(&start(Scenario::igd1()));
    assert_mapped(&start(Scenario::igd2()));
}

#[test]
fn maps_a_port_over_ipv6() {
    match Server::start(Scenario::igd1(), Ipv6Addr::LOCALHOST.into()) {
        Ok(server) => assert_mapped(&server),
        Err(error) => assert_eq!(error.kind(), ErrorKind::AddrNotAvailable, "{error}"),
    }
}

#[test]
fn is_bound_to_loopback_only() {
    for address in ["0.0.0.0", "192.0.2.1", "::"] {
        let error = Server::start(Scenario::igd1(), address.parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

/// What a network that was made for tests adds is proved in the lab.
#[test]
fn is_on_no_network_that_may_be_a_real_one() {
    for address in ["0.0.0.0", "127.0.0.1", "192.0.2.1", "81.2.69.142", "239.255.255.250"] {
        let error = Server::start_on_network(Scenario::igd1(), address.parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    // Private, but no address of this machine's; and with a route to the internet it does not matter whose it is.
    let error = Server::start_on_network(Scenario::igd1(), "10.255.255.254".parse().unwrap()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::PermissionDenied), "{error}");
}

#[test]
fn carries_a_reply_of_many_small_pieces() {
    for oddity in [
        HttpOddity::Drip(Duration::from_micros(1)),
        HttpOddity::Chunked(3),
        HttpOddity::NoLength,
        HttpOddity::KeepOpen,
        HttpOddity::Delay(Duration::from_millis(5)),
    ] {
        assert_mapped(&start(Scenario::igd1().with(Quirk::Http(On::Any, oddity))));
    }
}

#[test]
fn an_endless_reply_blocks_nobody_else() {
    let server = start(Scenario::igd1().with(Quirk::Http(On::Action("GetStatusInfo"), HttpOddity::Endless)));
    let service_type = "urn:schemas-upnp-org:service:WANIPConnection:1";
    let body = encode_request(service_type, "GetStatusInfo", &[]);
    let location = HttpUrl::parse(&server.location()).unwrap();
    let target = location.resolve("/ctl/IPConn").unwrap();
    let request =
        encode_post(address(&location), target.target(), &format!("{service_type}#GetStatusInfo"), &body);
    let mut stalled = TcpStream::connect(address(&location)).unwrap();
    stalled.write_all(&request).unwrap();
    assert_mapped(&server);
    drop(server);
    drop(stalled);
}

#[test]
fn a_reset_is_a_reset() {
    let server = start(Scenario::igd1().with(Quirk::Http(On::Description, HttpOddity::ResetMidBody)));
    let location = HttpUrl::parse(&server.location()).unwrap();
    let mut stream = TcpStream::connect(address(&location)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&encode_get(address(&location), location.target())).unwrap();
    let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn dead_neighbours_are_as_dead_as_told() {
    for kind in [DeadLocation::Refused, DeadLocation::BlackHole, DeadLocation::Silent, DeadLocation::Drip] {
        let server = start(Scenario::igd1().with(Quirk::AlsoAnnounces(kind)));
        let dead = address(&search(&server, 1));
        assert_ne!(dead, server.http_address());
        let outcome = TcpStream::connect_timeout(&dead, IMPATIENCE);
        match kind {
            DeadLocation::Refused => assert_eq!(outcome.unwrap_err().kind(), ErrorKind::ConnectionRefused),
            // Elsewhere a full queue may refuse.
            DeadLocation::BlackHole if cfg!(target_os = "linux") => {
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::TimedOut);
            }
            DeadLocation::BlackHole => assert!(outcome.is_err()),
            DeadLocation::Silent => {
                let mut stream = outcome.unwrap();
                stream.set_read_timeout(Some(IMPATIENCE)).unwrap();
                assert!(stream.read(&mut [0; 8]).is_err());
            }
            DeadLocation::Drip => {
                let mut stream = outcome.unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                assert_eq!(stream.read(&mut [0; 8]).unwrap(), 1);
            }
        }
    }
}

#[test]
fn connections_end_with_the_server() {
    let server = start(Scenario::igd1());
    let mut stream = TcpStream::connect(server.http_address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // So that it is accepted, and not only in the queue.
    while server.with_gateway(|gateway| gateway.counters().connections) == 0 {
        std::thread::yield_now();
    }
    drop(server);
    assert!(matches!(stream.read(&mut [0; 8]), Ok(0) | Err(_)));
}

#[test]
fn what_is_changed_from_outside_takes_effect_at_once() {
    let server = start(Scenario::igd1());
    assert_mapped(&server);
    let now = server.now();
    server.with_gateway(|gateway| gateway.reboot(now));
    assert!(server.with_gateway(|gateway| gateway.mappings().is_empty()));
    let location = search(&server, 1);
    assert_eq!(location.to_string(), server.location());
}
