//! The rows of docs/ATTACKS.md that are about real sockets.

use crate::budget::{
    Descriptors, MARGIN, PATIENCE, TIMEOUT, client, description, ends_in_time, location, now, request,
};
use crate::peer::{Peer, read_head, read_on, reset};
use portcullis::ErrorKind;
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// C1: a full backlog drops every further SYN.
#[test]
fn a_black_hole_is_given_up() {
    let _descriptors = Descriptors::watch();
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let fillers: Vec<_> =
        (0..4).map_while(|_| TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok()).collect();
    let error = ends_in_time(location(address));
    assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::NoGateway), "{error}");
    drop(fillers);
}

/// C2
#[test]
fn silence_is_given_up() {
    let _descriptors = Descriptors::watch();
    let peer = Peer::tcp(|mut stream, over| read_on(&mut stream, over));
    let error = ends_in_time(peer.location());
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

/// C2: a good description, then silence.
#[test]
fn silence_behind_a_control_url_is_given_up() {
    let _descriptors = Descriptors::watch();
    let peer = Peer::tcp(|mut stream, over| {
        if read_head(&mut stream).starts_with(b"GET ") {
            let _ = stream.write_all(description().as_bytes());
        }
        read_on(&mut stream, over);
    });
    // Found by a client of its own: whoever is given both gateways may choose this one.
    let client = client(peer.location());
    let began = now();
    let error = client.map(request()).wait().unwrap_err();
    assert!(began.elapsed() <= TIMEOUT + MARGIN, "{:?}", began.elapsed());
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let pending = client.map(request());
    let began = now();
    drop(pending);
    assert!(began.elapsed() < Duration::from_millis(50), "dropping took {:?}", began.elapsed());
    client.shutdown(TIMEOUT);
}

/// C3
#[test]
fn a_byte_now_and_then_is_given_up() {
    let _descriptors = Descriptors::watch();
    let peer = Peer::tcp(|mut stream, over| {
        for byte in description().bytes() {
            if over.load(Ordering::SeqCst) || stream.write_all(&[byte]).is_err() {
                return;
            }
            // Waits as long as the read timeout.
            let _ = stream.read(&mut [0; 256]);
        }
    });
    let error = ends_in_time(peer.location());
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

/// C4
#[test]
fn an_endless_body_is_cut_off() {
    let _descriptors = Descriptors::watch();
    let (told, written): (_, Receiver<usize>) = channel();
    let told = Mutex::new(told);
    let peer = Peer::tcp(move |mut stream, over| {
        let mut total = 0;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n<root>");
        while !over.load(Ordering::SeqCst) && total < 64 << 20 {
            match stream.write(&[b' '; 64 * 1_024]) {
                Ok(length) => total += length,
                Err(_) => break,
            }
        }
        let _ = told.lock().unwrap_or_else(PoisonError::into_inner).send(total);
    });
    let error = ends_in_time(peer.location());
    assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
    // What the kernel took beyond the cap is a few socket buffers.
    assert!(written.recv_timeout(PATIENCE).unwrap() < 16 << 20);
}

/// C15
#[test]
fn broken_connections_are_no_reply() {
    let _descriptors = Descriptors::watch();
    let peer = Peer::tcp(|mut stream, _| {
        read_head(&mut stream);
        reset(stream);
    });
    assert_eq!(ends_in_time(peer.location()).kind(), ErrorKind::NoGateway);
}

/// C16: the whole reply is there before the request is sent, then the connection is reset.
#[test]
fn a_reply_before_the_request_and_a_reset_end_at_once() {
    let _descriptors = Descriptors::watch();
    let peer = Peer::tcp(|mut stream, _| {
        let _ = stream.write_all(description().as_bytes());
        reset(stream);
    });
    ends_in_time(peer.location());
    // Linux hands over what came before the reset.
    if cfg!(target_os = "linux") {
        let client = client(peer.location());
        for _ in 0..8 {
            let devices = client.discover().wait().unwrap();
            assert!(devices[0].is_gateway(), "{devices:?}");
        }
        client.shutdown(TIMEOUT);
    }
}

/// C16: closed in order, it is a reply.
#[test]
fn a_reply_before_the_request_counts() {
    let _descriptors = Descriptors::watch();
    let peer = Peer::tcp(|mut stream, over| {
        let _ = stream.write_all(description().as_bytes());
        read_on(&mut stream, over);
    });
    let client = client(peer.location());
    let devices = client.discover().wait().unwrap();
    assert!(devices[0].is_usable(), "{devices:?}");
    client.shutdown(TIMEOUT);
}

/// C18: nobody reads what the client writes, through the smallest of windows. A request is not long enough
/// to fill the buffers of both sides; what counts is that nothing waits for it to be read.
#[test]
fn a_request_that_is_never_read_is_given_up() {
    let _descriptors = Descriptors::watch();
    let unread = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&unread);
    let peer = Peer::tcp(move |stream, _| {
        let socket = Socket::from(stream);
        let _ = socket.set_recv_buffer_size(1);
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
    });
    let error = ends_in_time(peer.location());
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    drop(peer);
    assert!(!unread.lock().unwrap_or_else(PoisonError::into_inner).is_empty());
}

/// A3, A4, and the flood of A1 and A12: the search ends when it should.
#[test]
fn floods_of_junk_do_not_move_the_deadline() {
    let _descriptors = Descriptors::watch();
    let peer = Peer::udp(|socket, source, over| {
        let giant = vec![b'x'; 65_000];
        let until = now() + Duration::from_secs(2);
        while now() < until && !over.load(Ordering::SeqCst) {
            for junk in [&b""[..], b"\0", &giant, b"HTTP/1.1 200 OK\r\n\r\n"] {
                // A socket that is closed by now refuses some of them.
                let _ = socket.send_to(junk, source);
            }
            let _ = socket.recv_from(&mut [0; 16]);
        }
    });
    let error = ends_in_time(peer.address);
    assert_eq!(error.kind(), ErrorKind::NoGateway, "{error}");
}

/// A10: what comes for a search that is over is nobody's, and the next search has another port.
#[test]
fn a_late_answer_is_dropped() {
    let _descriptors = Descriptors::watch();
    let (told, ports) = channel();
    let peer = Peer::udp(move |_, source, _| {
        let _ = told.send(source);
    });
    let client = client(peer.address);
    let first = client.external_address().wait().unwrap_err();
    assert_eq!(first.kind(), ErrorKind::NoGateway);
    let asked_from = ports.recv_timeout(PATIENCE).unwrap();
    let late = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let answer = b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: http://127.0.0.1:9/\r\n\r\n";
    let _ = late.send_to(answer, asked_from);
    drop(late);
    assert_eq!(client.external_address().wait().unwrap_err().kind(), ErrorKind::NoGateway);
    let others = ports.try_iter().filter(|source| *source != asked_from).count();
    assert!(others > 0, "asked from the same port again");
    client.shutdown(TIMEOUT);
}

/// Rule 1: LOCATION and control URLs lead to the device, whatever they name.
#[test]
fn whatever_is_named_the_device_is_dialled() {
    let _descriptors = Descriptors::watch();
    let elsewhere = TcpListener::bind((IpAddr::from([127, 0, 0, 2]), 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let port = elsewhere.local_addr().unwrap().port();
    let peer = Peer::udp(move |socket, source, _| {
        let target = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
        let answer = format!("HTTP/1.1 200 OK\r\nST: {target}\r\nLOCATION: http://127.0.0.2:{port}/\r\n\r\n");
        let _ = socket.send_to(answer.as_bytes(), source);
    });
    ends_in_time(peer.address);
    assert!(elsewhere.accept().is_err(), "somebody called at the address in LOCATION");
}
