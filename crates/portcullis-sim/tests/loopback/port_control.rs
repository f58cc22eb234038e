use crate::client::{PATIENCE, start};
use portcullis_proto::Protocol;
use portcullis_proto::wire::natpmp::{Body, MapRequest, Request, Response};
use portcullis_proto::wire::pcp;
use portcullis_proto::wire::port_control::Answer;
use portcullis_sim::{Forgery, PortControlOddity, Quirk, Scenario, Server};
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> (Answer, SocketAddr) {
    let mut buffer = [0; 2_048];
    let (length, source) = socket.recv_from(&mut buffer).unwrap();
    (Answer::decode(&buffer[..length]).unwrap(), source)
}

fn ask(server: &Server, request: &[u8]) -> Answer {
    let socket = socket();
    socket.send_to(request, server.port_control_address()).unwrap();
    let (answer, source) = receive(&socket);
    assert_eq!(source, server.port_control_address());
    answer
}

#[test]
fn maps_by_nat_pmp_and_by_pcp() {
    let server = start("all-protocols".parse().unwrap());
    let internal_port = 7_777.try_into().unwrap();
    let request = Request::Map(MapRequest {
        protocol: Protocol::Udp,
        internal_port,
        suggested_external_port: None,
        lifetime: 60,
    });
    let Answer::NatPmp(Response { body: Body::Map(map), .. }) = ask(&server, &request.encode()) else {
        panic!()
    };
    assert_eq!((map.assigned_external_port, map.lifetime), (Some(internal_port), 60));

    let map = pcp::Map {
        nonce: pcp::Nonce([1; 12]),
        protocol: Protocol::Tcp,
        internal_port,
        external_port: None,
        external_address: [0; 4].into(),
    };
    let request = pcp::Request {
        client_address: [127, 0, 0, 1].into(),
        lifetime: 120,
        opcode: pcp::Opcode::Map(map),
        options: Vec::new(),
    };
    let Answer::Pcp(response) = ask(&server, &request.encode()) else { panic!() };
    assert_eq!((response.result_code, response.lifetime), (pcp::ResultCode::Success, 120));
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 2);
}

#[test]
fn one_that_speaks_neither_refuses() {
    let server = start(Scenario::igd2());
    let socket = socket();
    socket.connect(server.port_control_address()).unwrap();
    socket.send(&Request::ExternalAddress.encode()).unwrap();
    // Elsewhere ICMP may not come through.
    if cfg!(target_os = "linux") {
        assert_eq!(socket.recv(&mut [0; 16]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}

#[test]
fn strangers_send_from_another_port() {
    let forged = Quirk::PortControl(PortControlOddity::Preceded(Forgery::WrongPort));
    let server = start(Scenario::igd2().with(Quirk::NatPmp).with(forged));
    let socket = socket();
    socket.send_to(&Request::ExternalAddress.encode(), server.port_control_address()).unwrap();
    let mut sources = [receive(&socket).1, receive(&socket).1];
    sources.sort_by_key(|source| *source == server.port_control_address());
    assert_ne!(sources[0], server.port_control_address());
    assert_eq!(sources[1], server.port_control_address());
}

#[test]
fn a_listener_hears_of_a_reboot() {
    let server = start(Scenario::igd2().with(Quirk::Pcp));
    let listener = socket();
    server.announce_to(listener.local_addr().unwrap());
    let now = server.now();
    server.with_gateway(|gateway| gateway.reboot(now));
    let (answer, source) = receive(&listener);
    assert_eq!(source, server.port_control_address());
    assert!(answer.epoch_time().unwrap() < 60);
}
