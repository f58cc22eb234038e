//! Hostile peers on real loopback sockets: every wait ends, every socket is closed, and the client goes on
//! to work with a good gateway.

use portcullis::{Client, Config, Error, ErrorKind, GatewayAddress, HttpUrl, MappingRequest, Protocol};
use portcullis_sim::{Scenario, Server};
use socket2::{Domain, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the client may take for each operation.
const TIMEOUT: Duration = Duration::from_millis(300);
/// For a machine that is busy with other tests.
const MARGIN: Duration = Duration::from_millis(500);
/// How long a peer waits for anything before it gives up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Descriptors are counted for the whole process: one test at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Checks, when it goes, that as many descriptors are open as when it came.
struct Descriptors {
    before: Option<usize>,
    _alone: MutexGuard<'static, ()>,
}

impl Descriptors {
    fn count() -> Option<usize> {
        // Reading the directory is one of them, each time.
        Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
    }

    fn watch() -> Self {
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
fn now() -> Instant {
    Instant::now()
}

fn client(gateway: impl Into<GatewayAddress>) -> Client {
    Client::with_config(Config::new().gateway(gateway).timeout(TIMEOUT)).unwrap()
}

/// The URL of a description at this address.
fn location(address: SocketAddr) -> HttpUrl {
    HttpUrl::parse(&format!("http://{address}/d.xml")).unwrap()
}

fn request() -> MappingRequest {
    MappingRequest::new(Protocol::Udp, NonZeroU16::new(7777).unwrap())
}

fn description() -> String {
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
fn ends_in_time(hostile: impl Into<GatewayAddress>) -> Error {
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
fn works_with_a_good_gateway(hostile: GatewayAddress) {
    let server = Server::start(Scenario::igd1(), Ipv4Addr::LOCALHOST.into()).unwrap();
    let config =
        Config::new().gateway(hostile).gateway(server.ssdp_address()).timeout(Duration::from_secs(3));
    let client = Client::with_config(config).unwrap();
    let began = now();
    let mapping = client.map(request()).wait().expect("the good gateway maps");
    assert!(began.elapsed() <= Duration::from_millis(2_000), "{:?}", began.elapsed());
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 1);
    assert!(mapping.close().wait().unwrap());
    client.shutdown(TIMEOUT);
}

/// Something that runs in a thread until the test is over.
struct Peer {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    /// Does this with each connection, one after the other, each in a thread of its own.
    fn tcp(talk: impl Fn(TcpStream, &AtomicBool) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let (talk, ended) = (Arc::new(talk), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let mut talks = Vec::new();
            // The test connects once more when it is over.
            while let Ok((stream, _)) = listener.accept() {
                if ended.load(Ordering::SeqCst) || talks.len() >= 64 {
                    break;
                }
                stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
                stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
                let (talk, ended) = (Arc::clone(&talk), Arc::clone(&ended));
                talks.push(std::thread::spawn(move || talk(stream, &ended)));
            }
            talks.into_iter().for_each(|talk| talk.join().unwrap());
        });
        Self { address, over, thread: Some(thread) }
    }

    /// Does this with each datagram.
    fn udp(mut answer: impl FnMut(&UdpSocket, SocketAddr, &AtomicBool) + Send + 'static) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 2_048];
            while !ended.load(Ordering::SeqCst) {
                if let Ok((_, source)) = socket.recv_from(&mut buffer) {
                    answer(&socket, source, &ended);
                }
            }
        });
        Self { address, over, thread: Some(thread) }
    }

    fn location(&self) -> HttpUrl {
        location(self.address)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_millis(100));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "a peer panicked");
        }
    }
}

/// Reads until the client goes or the test is over.
fn read_on(stream: &mut TcpStream, over: &AtomicBool) {
    let mut buffer = [0; 4_096];
    while !over.load(Ordering::SeqCst) {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if is_timeout(&error) => {}
            Err(_) => return,
        }
    }
}

/// Reads one whole request without a body, or the head of one that has a body.
fn read_head(stream: &mut TcpStream) -> Vec<u8> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    let began = now();
    while !head.ends_with(b"\r\n\r\n") && began.elapsed() < PATIENCE {
        match stream.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => head.push(byte[0]),
            Err(error) if is_timeout(&error) => {}
            Err(_) => break,
        }
    }
    head
}

/// What a read timeout is called depends on the system.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Resets the connection instead of ending it in order.
fn reset(stream: TcpStream) {
    Socket::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

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
    assert_eq!(ends_in_time(peer.location()).kind(), ErrorKind::Io);
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

/// C18: nobody reads what the client writes.
#[test]
fn a_request_that_is_never_read_is_given_up() {
    let _descriptors = Descriptors::watch();
    let peer = Peer::tcp(|stream, over| {
        let socket = Socket::from(stream);
        let _ = socket.set_recv_buffer_size(1);
        let stream = TcpStream::from(socket);
        let mut byte = [0];
        while !over.load(Ordering::SeqCst) {
            // Looks, and leaves everything where it is.
            match stream.peek(&mut byte) {
                Ok(0) => return,
                Ok(_) => std::thread::park_timeout(Duration::from_millis(5)),
                Err(_) => {}
            }
        }
    });
    let error = ends_in_time(peer.location());
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
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
