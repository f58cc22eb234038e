//! A client of blocking sockets.

use portcullis_proto::wire::http::{Response, ResponseReader};
use portcullis_proto::wire::ssdp::{Message, SearchTarget, encode_search};
use portcullis_proto::wire::url::HttpUrl;
use portcullis_sim::{Scenario, Server};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

/// Long enough for a loaded machine: nothing here waits for it to pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Short: something here waits for it to pass.
pub(crate) const IMPATIENCE: Duration = Duration::from_millis(50);

pub(crate) const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub(crate) fn start(scenario: Scenario) -> Server {
    Server::start(scenario, V4).unwrap()
}

/// The location in the last of `answers` answers.
pub(crate) fn search(server: &Server, answers: usize) -> HttpUrl {
    let socket = UdpSocket::bind((server.ssdp_address().ip(), 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let search = encode_search(server.ssdp_address(), &SearchTarget::InternetGatewayDevice1, 1);
    socket.send_to(&search, server.ssdp_address()).unwrap();
    let mut buffer = [0; 2_048];
    let mut location = String::new();
    for _ in 0..answers {
        let (length, source) = socket.recv_from(&mut buffer).unwrap();
        assert_eq!(source, server.ssdp_address());
        let Ok(Message::Response(response)) = Message::decode(&buffer[..length]) else { panic!() };
        location = response.location;
    }
    HttpUrl::parse(&location).unwrap()
}

pub(crate) fn address(url: &HttpUrl) -> SocketAddr {
    SocketAddr::new(url.ip().unwrap(), url.port())
}

pub(crate) fn exchange(address: SocketAddr, request: &[u8], terminator: &'static str) -> Response {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let mut reader = ResponseReader::new(terminator);
    let mut buffer = [0; 1_024];
    loop {
        let length = stream.read(&mut buffer).unwrap();
        if length == 0 {
            return reader.finish().unwrap();
        }
        if let Some(response) = reader.push(&buffer[..length]).unwrap() {
            return response;
        }
    }
}
