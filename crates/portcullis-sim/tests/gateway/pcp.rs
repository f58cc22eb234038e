use crate::home::Home;
use crate::port_control::{NONCE, PORT_7777, REMOTE, map, pcp};
use portcullis_proto::Protocol;
use portcullis_proto::wire::pcp::{Map, Nonce, Opcode, Peer, Request, ResultCode};
use portcullis_proto::wire::port_control::Answer;
use portcullis_sim::{PortControlOddity, Quirk};
use std::net::IpAddr;
use std::time::Duration;

const OTHER_NONCE: Nonce = Nonce([8; 12]);

#[test]
fn an_announce_tells_the_epoch_time() {
    let mut home = Home::new(pcp());
    home.pass(Duration::from_secs(5));
    let response = home.ask_pcp(Opcode::Announce, 0, Vec::new());
    assert_eq!((response.result_code, response.epoch_time), (ResultCode::Success, 86_405));
}

#[test]
fn a_mapping_is_made_renewed_and_deleted() {
    let mut home = Home::new(pcp());
    let external_address: IpAddr = [81, 2, 69, 142].into();
    let mapped = Map { external_address, ..map() };
    assert_eq!(home.map_pcp(map(), 7_200), Ok((mapped, 7_200)));
    assert_eq!(home.inbound(7_777, REMOTE), Some("192.168.1.7:7777".parse().unwrap()));
    home.pass(Duration::from_secs(3_600));
    let other_port = Map { external_port: 9_999.try_into().ok(), ..map() };
    assert_eq!(home.map_pcp(other_port, 7_200), Ok((mapped, 7_200)));
    home.pass(Duration::from_secs(7_199));
    assert_eq!(home.gateway.mappings().len(), 1);
    assert_eq!(home.map_pcp(map(), 0), Ok((map(), 0)));
    assert!(home.gateway.mappings().is_empty());
    // Again: that it is not there is what was wanted.
    assert_eq!(home.map_pcp(map(), 0), Ok((map(), 0)));
}

#[test]
fn the_lifetime_is_between_two_minutes_and_a_day() {
    let mut home = Home::new(pcp());
    for (asked, granted) in [(1, 120), (120, 120), (86_400, 86_400), (u32::MAX, 86_400)] {
        assert_eq!(home.map_pcp(map(), asked).unwrap().1, granted);
    }
    let mut home = Home::new(pcp().with(Quirk::LeaseAlways(20)));
    assert_eq!(home.map_pcp(map(), 7_200).unwrap().1, 20);
    home.pass(Duration::from_secs(20));
    assert!(home.gateway.mappings().is_empty());
}

#[test]
fn a_mapping_obeys_its_nonce_only() {
    let mut home = Home::new(pcp());
    home.map_pcp(map(), 7_200).unwrap();
    let other = Map { nonce: OTHER_NONCE, ..map() };
    assert_eq!(home.map_pcp(other, 7_200), Err(ResultCode::NotAuthorized));
    assert_eq!(home.map_pcp(other, 0), Err(ResultCode::NotAuthorized));
    assert_eq!(home.gateway.mappings()[0].nonce, Some(NONCE));

    let mut home = Home::new(pcp().with(Quirk::PortControl(PortControlOddity::NonceIgnored)));
    home.map_pcp(map(), 7_200).unwrap();
    assert_eq!(home.map_pcp(other, 0), Ok((other, 0)));
    assert!(home.gateway.mappings().is_empty());
}

#[test]
fn a_client_behind_another_nat_is_told_so() {
    let mut home = Home::new(pcp().with(Quirk::PortControl(PortControlOddity::SeesClientAs("10.0.0.9"))));
    assert_eq!(home.map_pcp(map(), 7_200), Err(ResultCode::AddressMismatch));
    assert_eq!(home.ask_pcp(Opcode::Announce, 0, Vec::new()).result_code, ResultCode::AddressMismatch);
}

#[test]
fn refusals_have_the_codes_of_the_standard_and_repeat_the_request() {
    let odd = Quirk::PortControl;
    for (quirk, code) in [
        (Quirk::TableSize(0), ResultCode::NoResources),
        (odd(PortControlOddity::PcpWithoutOpcode(1)), ResultCode::UnsuppOpcode),
        (odd(PortControlOddity::PcpResult(10)), ResultCode::UserExQuota),
        (odd(PortControlOddity::PcpResult(255)), ResultCode::Unknown(255)),
    ] {
        let mut home = Home::new(pcp().with(quirk));
        let response = home.ask_pcp(Opcode::Map(map()), 7_200, Vec::new());
        assert_eq!((response.result_code, response.opcode), (code, Some(Opcode::Map(map()))));
        assert_eq!(response.lifetime, code.error_lifetime());
        assert!(home.gateway.mappings().is_empty());
    }
    let mut home = Home::new(pcp());
    home.gateway.set_external_address("0.0.0.0");
    assert_eq!(home.map_pcp(map(), 7_200), Err(ResultCode::NetworkFailure));
}

#[test]
fn what_cannot_be_read_is_refused() {
    let mut home = Home::new(pcp());
    let request = Request {
        client_address: home.client.ip(),
        lifetime: 7_200,
        opcode: Opcode::Map(map()),
        options: Vec::new(),
    };
    let request = request.encode();
    let with = |offset: usize, byte: u8| {
        let mut request = request.clone();
        request[offset] = byte;
        request
    };
    for (bytes, code) in [
        (request[..24].to_vec(), ResultCode::MalformedRequest),
        (request[..58].to_vec(), ResultCode::MalformedRequest),
        (with(1, 77), ResultCode::UnsuppOpcode),
        (with(36, 132), ResultCode::UnsuppProtocol),
        ([request.clone(), vec![127, 0, 0, 0]].concat(), ResultCode::UnsuppOption),
        ([request.clone(), vec![2, 0, 0, 4]].concat(), ResultCode::MalformedOption),
        ([request.clone(), vec![0; 1_100]].concat(), ResultCode::MalformedRequest),
    ] {
        let Answer::Pcp(response) = home.ask(&bytes) else { panic!() };
        assert_eq!(response.result_code, code);
    }
    assert!(home.gateway.mappings().is_empty());
}

#[test]
fn a_host_of_ipv6_opens_a_pinhole_for_itself() {
    let mut home = Home::new(pcp());
    home.client = "[2a02:ff0::7]:40000".parse().unwrap();
    let own = home.client.ip();
    let any = Map { external_address: "::".parse().unwrap(), external_port: None, ..map() };
    let opened = Map { external_address: own, external_port: Some(PORT_7777), ..map() };
    assert_eq!(home.map_pcp(any, 7_200), Ok((opened, 7_200)));
    assert!(home.gateway.mappings().is_empty());
    assert_eq!(home.gateway.pcp_pinholes().len(), 1);

    let inbound = |home: &mut Home, destination: &str| {
        let remote = "[2a02:ff0:1::9]:5000".parse().unwrap();
        home.gateway.inbound(home.now, Protocol::Udp, destination.parse().unwrap(), remote)
    };
    assert_eq!(inbound(&mut home, "[2a02:ff0::7]:7777"), "[2a02:ff0::7]:7777".parse().ok());
    assert_eq!(inbound(&mut home, "[2a02:ff0::8]:7777"), None);

    // Another host's of the same port is another one.
    home.client = "[2a02:ff0::8]:40000".parse().unwrap();
    home.map_pcp(Map { nonce: OTHER_NONCE, ..any }, 120).unwrap();
    assert_eq!(home.gateway.pcp_pinholes().len(), 2);
    home.pass(Duration::from_secs(120));
    assert_eq!(inbound(&mut home, "[2a02:ff0::8]:7777"), None);
    home.client = "[2a02:ff0::7]:40000".parse().unwrap();
    assert_eq!(home.map_pcp(any, 0).unwrap().1, 0);
    assert!(home.gateway.pcp_pinholes().is_empty());
}

#[test]
fn a_peer_mapping_lets_one_peer_in() {
    let mut home = Home::new(pcp());
    let remote: std::net::SocketAddr = REMOTE.parse().unwrap();
    let peer = Peer {
        map: map(),
        remote_peer_port: remote.port().try_into().unwrap(),
        remote_peer_address: remote.ip(),
    };
    let response = home.ask_pcp(Opcode::Peer(peer), 600, Vec::new());
    let Some(Opcode::Peer(made)) = response.opcode else { panic!("{response:?}") };
    assert_eq!((response.result_code, response.lifetime), (ResultCode::Success, 600));
    assert_eq!(made.map.external_address, IpAddr::from([81, 2, 69, 142]));
    assert_eq!(home.inbound(7_777, REMOTE), Some("192.168.1.7:7777".parse().unwrap()));
    assert_eq!(home.inbound(7_777, "198.51.100.8:5000"), None);
    assert_eq!(home.gateway.pcp_peers().count(), 1);
    assert!(home.gateway.mappings().is_empty());

    // The port is taken for everybody else, and the mapping obeys its nonce.
    let own = home.client;
    home.client = "192.168.1.8:40000".parse().unwrap();
    assert_eq!(home.map_pcp(map(), 600).unwrap().0.external_port.unwrap().get(), 7_778);
    home.client = own;
    let other = Peer { map: Map { nonce: OTHER_NONCE, ..map() }, ..peer };
    let refused = home.ask_pcp(Opcode::Peer(other), 600, Vec::new());
    assert_eq!(refused.result_code, ResultCode::NotAuthorized);
    home.pass(Duration::from_secs(600));
    assert_eq!(home.gateway.pcp_peers().count(), 0);
}
