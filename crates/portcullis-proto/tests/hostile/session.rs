//! The whole session under arbitrary inputs: no panic, bounded outputs, no timeout in the past, nothing left
//! open, no connection but to where a datagram came from. And the heap of the client alone, at its worst.

use crate::bare::Bare;
use crate::pair::{description, reply, search_answer, udp};
use crate::random::Random;
use core::net::SocketAddr;
use core::num::NonZeroU16;
use core::time::Duration;
use portcullis_proto::Protocol;
use portcullis_proto::client::io::{Input, Output};
use portcullis_proto::client::{OnConflict, OperationId, SearchOptions};
use std::io;

const TARGET: &str = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";

fn success(action: &str, arguments: &str) -> Vec<u8> {
    let body = format!(
        "<s:Envelope xmlns:s=\"x\"><s:Body><u:{action}Response xmlns:u=\"y\">{arguments}</u:{action}Response>\
         </s:Body></s:Envelope>"
    );
    reply(200, &body)
}

fn fault(code: u16) -> Vec<u8> {
    let body = format!(
        "<s:Envelope xmlns:s=\"x\"><s:Body><s:Fault><detail><UPnPError><errorCode>{code}</errorCode></UPnPError>\
         </detail></s:Fault></s:Body></s:Envelope>"
    );
    reply(500, &body)
}

fn replies() -> Vec<Vec<u8>> {
    let version_2 = description("/ctl").replace("WANIPConnection:1", "WANIPConnection:2");
    let entry = "<NewInternalPort>7777</NewInternalPort><NewInternalClient>192.168.1.7</NewInternalClient>\
                 <NewEnabled>1</NewEnabled><NewPortMappingDescription>x</NewPortMappingDescription>\
                 <NewLeaseDuration>0</NewLeaseDuration>";
    let generic = format!("<NewExternalPort>7777</NewExternalPort><NewProtocol>UDP</NewProtocol>{entry}");
    let mut replies = vec![
        reply(200, &description("/ctl")),
        reply(200, &description("http://10.0.0.1:81/ctl")),
        reply(200, &version_2),
        success("AddPortMapping", ""),
        success("AddAnyPortMapping", "<NewReservedPort>50000</NewReservedPort>"),
        success("DeletePortMapping", ""),
        success("GetExternalIPAddress", "<NewExternalIPAddress>81.2.69.142</NewExternalIPAddress>"),
        success("GetStatusInfo", "<NewConnectionStatus>Connected</NewConnectionStatus>"),
        success("GetSpecificPortMappingEntry", entry),
        success("GetGenericPortMappingEntry", &generic),
        b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n<roo\r\n0\r\n\r\n".to_vec(),
    ];
    replies.extend([402, 501, 605, 713, 714, 718, 724, 725].map(fault));
    replies
}

/// A reply that a gateway could give to what was asked.
fn fitting(random: &mut Random, replies: &[Vec<u8>], asked: &str) -> Vec<u8> {
    let part = if asked == "GET" { "<deviceType>".to_owned() } else { format!(":{asked}Response") };
    let fits = |reply: &&Vec<u8>| {
        let text = String::from_utf8_lossy(reply);
        text.contains(&part) || (asked != "GET" && text.contains("Fault"))
    };
    let mut fitting: Vec<_> = replies.iter().filter(fits).collect();
    if random.below(3) > 0 {
        fitting.retain(|reply| !reply.starts_with(b"HTTP/1.1 500"));
    }
    random.pick(&fitting).map_or_else(Vec::new, |reply| reply.to_vec())
}

fn start(bare: &mut Bare, random: &mut Random) -> OperationId {
    let (client, now) = (&mut bare.client, bare.now);
    let timeout = Duration::from_secs(6);
    let port = NonZeroU16::new(7777).unwrap();
    match random.below(6) {
        0 => client.discover(now, SearchOptions::default()),
        1 => client.list(now, timeout),
        2 => client.external_address(now, timeout),
        3 => client.close(now, Protocol::Udp, port, random.below(2) == 0, timeout),
        4 => client.map(now, udp(7777).on_conflict(OnConflict::AnyPort).read_back(), timeout),
        _ => client.map(now, udp(7777).on_conflict(OnConflict::Overwrite), timeout),
    }
}

fn something_happens(bare: &mut Bare, random: &mut Random, answers: &[Vec<u8>], replies: &[Vec<u8>]) {
    let sources =
        ["192.168.1.1:1900", "192.168.1.66:1900", "192.168.1.67:40000", "8.8.8.8:1900", "[fe80::9%2]:1900"];
    let errors = [None, Some(io::ErrorKind::ConnectionReset), Some(io::ErrorKind::ConnectionRefused)];
    let connections: Vec<_> =
        bare.connections.iter().map(|(&connection, &open)| (connection, open)).collect();
    let choice = random.below(12);
    match (choice, random.pick(&connections).copied(), random.pick(&bare.sockets.clone()).copied()) {
        (0..=2, _, Some(socket)) => {
            let source: SocketAddr = random.pick(&sources).unwrap().parse().unwrap();
            let payload = random.damaged(answers);
            bare.input(Input::Datagram { socket, source, payload: &payload });
        }
        (3..=8, Some((connection, false)), _) => {
            bare.connections.insert(connection, true);
            bare.input(Input::Connected { connection, local: "192.168.1.7:40000".parse().unwrap() });
        }
        (3..=8, Some((connection, true)), _) => {
            let asked = bare.asked.get(&connection).map_or("", String::as_str);
            let mut bytes =
                if random.below(4) == 0 { random.damaged(replies) } else { fitting(random, replies, asked) };
            if bytes.is_empty() {
                bytes.push(0);
            }
            bare.input(Input::Received { connection, bytes: &bytes });
        }
        (9, Some((connection, _)), _) => {
            let error = *random.pick(&errors).unwrap();
            bare.input(Input::Closed { connection, error });
        }
        (10, _, Some(socket)) if random.below(8) == 0 => {
            bare.input(Input::SocketFailed { socket, error: io::ErrorKind::NetworkDown });
        }
        (10, _, Some(socket)) => {
            bare.input(Input::SendFailed { socket, error: io::ErrorKind::NetworkUnreachable })
        }
        _ => {
            let pause = Duration::from_millis(random.next() % 300);
            let until = bare.now + pause;
            bare.now = bare.timeout.map_or(until, |at| at.min(until));
            bare.input(Input::Timeout);
        }
    }
}

#[test]
fn survives_arbitrary_sessions() {
    let replies = replies();
    let answers: Vec<_> = [
        "http://192.168.1.66:5000/d.xml",
        "http://192.168.1.66/",
        "http://10.0.0.1:81/x",
        "http://[fe80::9]:80/d",
        "ftp://x/",
    ]
    .map(|location| search_answer(TARGET, location))
    .to_vec();
    let mut mapped = 0;
    for seed in 0..3_000 {
        let mut random = Random(seed);
        let mut bare = Bare::new(seed);
        let mut operations = Vec::new();
        for _ in 0..=random.below(3) {
            operations.push(start(&mut bare, &mut random));
            bare.drain();
        }
        for _ in 0..random.below(120) {
            something_happens(&mut bare, &mut random, &answers, &replies);
        }
        for operation in operations {
            if random.below(3) == 0 {
                bare.client.cancel(bare.now, operation);
                bare.drain();
            }
        }
        bare.finish();
        mapped += bare.mapped;
    }
    // Else the inputs were not worth much.
    assert!(mapped >= 50, "only {mapped} mappings");
}

/// Late, unknown and repeated news of what has ended is nobody's.
#[test]
fn inputs_of_what_has_ended_do_nothing() {
    let mut bare = Bare::new(1);
    let search = bare.client.discover(bare.now, SearchOptions::default());
    bare.drain();
    let socket = bare.sockets[0];
    bare.sources.insert("192.168.1.66".parse().unwrap());
    let source = "192.168.1.66:1900".parse().unwrap();
    let answer = search_answer(TARGET, "http://192.168.1.66:5000/d.xml");
    bare.input(Input::Datagram { socket, source, payload: &answer });
    let connection = *bare.connections.keys().next().unwrap();
    bare.client.cancel(bare.now, search);
    bare.drain();
    for _ in 0..2 {
        bare.client.handle_input(bare.now, Input::Datagram { socket, source, payload: &answer });
        bare.client.handle_input(bare.now, Input::Connected { connection, local: source });
        bare.client.handle_input(bare.now, Input::Received { connection, bytes: b"HTTP/1.1 200 OK\r\n\r\n" });
        bare.client.handle_input(bare.now, Input::Closed { connection, error: None });
        bare.client.handle_input(bare.now, Input::SocketFailed { socket, error: io::ErrorKind::NetworkDown });
        bare.client.handle_input(bare.now, Input::Timeout);
        assert_eq!(bare.client.poll_output(), Output::Timeout(None));
        assert!(bare.client.poll_event().is_none());
    }
}

/// As many devices as are talked to at once, each with the longest reply that is read.
fn heap_of(end: &[u8], reply: impl Fn(u8) -> Vec<u8>) -> u64 {
    let mut bare = Bare::new(1);
    let operation = bare.client.discover(bare.now, SearchOptions::default());
    bare.drain();
    let socket = bare.sockets[0];
    // The default gateway has places of its own, four of them for one address.
    let hosts = [40, 41, 42, 43, 1];
    for (host, path) in hosts.into_iter().flat_map(|host| (0..4).map(move |path| (host, path))) {
        let source: SocketAddr = format!("192.168.1.{host}:1900").parse().unwrap();
        let answer = search_answer(TARGET, &format!("http://192.168.1.{host}:5000/{path}"));
        bare.input(Input::Datagram { socket, source, payload: &answer });
    }
    let connections: Vec<_> = bare.connections.keys().copied().collect();
    assert_eq!(connections.len(), 20);
    for connection in &connections {
        bare.connections.insert(*connection, true);
        let local = "192.168.1.7:40000".parse().unwrap();
        bare.input(Input::Connected { connection: *connection, local });
    }
    let replies: Vec<_> = (0..20).map(reply).collect();
    let heap = allocation_counter::measure(|| {
        for (connection, reply) in connections.iter().zip(&replies) {
            for bytes in reply.chunks(1_460) {
                bare.input(Input::Received { connection: *connection, bytes });
            }
        }
        for connection in connections {
            if bare.connections.contains_key(&connection) && !end.is_empty() {
                bare.input(Input::Received { connection, bytes: end });
            }
        }
    });
    bare.client.cancel(bare.now, operation);
    bare.drain();
    bare.finish();
    heap.bytes_max
}

#[test]
fn long_replies_of_many_devices_fit_into_eight_mebibytes() {
    let endless = |_| [&b"HTTP/1.1 200 OK\r\n\r\n<root>"[..], &[b' '; 262_100]].concat();
    let heap = heap_of(b"", endless);
    assert!(heap <= 8 << 20, "{heap} bytes");
}

#[test]
fn what_is_kept_of_many_devices_fits_into_eight_mebibytes() {
    let service = |n: usize| {
        let long = "x".repeat(900);
        format!(
            "<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>\
             <controlURL>/{long}{n}</controlURL></service>"
        )
    };
    let services: String = (0..200).map(service).collect();
    let document =
        description("/ctl").replacen("<serviceList>", &format!("<serviceList>{services}"), 1).replacen(
            "<device>",
            &format!("<URLBase>http://10.0.0.1:81/{}</URLBase><device>", "y".repeat(900)),
            1,
        );
    let heap = heap_of(b"", |_| reply(200, &document));
    assert!(heap <= 8 << 20, "{heap} bytes");
}

/// A neighbour that is another gateway with each search leaves nothing behind for good.
#[test]
fn gateways_that_come_and_go_are_not_all_remembered() {
    let mut bare = Bare::new(1);
    let one_more = |bare: &mut Bare, port: u16| {
        let mut options = SearchOptions::default();
        options.ask_status = false;
        let operation = bare.client.discover(bare.now, options);
        bare.drain();
        let source: SocketAddr = "192.168.1.66:1900".parse().unwrap();
        let answer = search_answer(TARGET, &format!("http://192.168.1.66:{port}/d.xml"));
        bare.input(Input::Datagram { socket: bare.sockets[0], source, payload: &answer });
        let connection = *bare.connections.keys().next().unwrap();
        bare.connections.insert(connection, true);
        bare.input(Input::Connected { connection, local: "192.168.1.7:40000".parse().unwrap() });
        bare.input(Input::Received { connection, bytes: &reply(200, &description("/ctl")) });
        bare.client.cancel(bare.now, operation);
        bare.drain();
        bare.asked.clear();
    };
    (2_100..2_200).for_each(|port| one_more(&mut bare, port));
    let heap = allocation_counter::measure(|| (3_000..3_200).for_each(|port| one_more(&mut bare, port)));
    assert!(heap.bytes_current < 16 * 1_024, "{} bytes more", heap.bytes_current);
}

/// What one operation left waits while another asks for the same port; that one ends with the search it waited for.
#[test]
fn a_deletion_that_waits_is_decided_when_a_search_ends_the_last_who_asked() {
    let mut bare = Bare::new(1);
    let timeout = Duration::from_secs(6);
    let (now, port_control) = (bare.now, |bare: &Bare| bare.requests.back().unwrap().0);
    let first = bare.client.map(now, udp(7777), timeout);
    bare.drain();
    let server = port_control(&bare);
    bare.client.map(now, udp(7777), timeout);
    bare.drain();
    bare.client.cancel(now, first);
    bare.drain();
    // Nobody speaks NAT-PMP or PCP, and nobody can be asked by UPnP.
    for _ in 0..4 {
        bare.input(Input::SendFailed { socket: server, error: io::ErrorKind::ConnectionRefused });
        bare.now = bare.timeout.unwrap();
        bare.input(Input::Timeout);
    }
    for socket in bare.sockets.clone() {
        if socket != server {
            bare.input(Input::SocketFailed { socket, error: io::ErrorKind::NetworkDown });
        }
    }
    // That the client has something to wait for, or nothing to do, is checked with every input.
    bare.finish();
}
