use crate::home::Home;
use crate::port_control::{NONCE, map, map_request, nat_pmp, pcp};
use portcullis_proto::Time;
use portcullis_proto::wire::natpmp::{Body, Response};
use portcullis_proto::wire::pcp::{self as wire, Malformed, Map, Opcode, ResultCode};
use portcullis_proto::wire::port_control::Answer;
use portcullis_sim::{Forgery, PortControlDatagram, PortControlOddity as Oddity, Quirk, VersionAnswer};
use std::time::Duration;

fn odd_pcp(oddity: Oddity) -> Home {
    Home::new(pcp().with(Quirk::PortControl(oddity)))
}

fn odd_nat_pmp(oddity: Oddity) -> Home {
    Home::new(nat_pmp().with(Quirk::PortControl(oddity)))
}

fn request(home: &Home) -> Vec<u8> {
    let client_address = home.client.ip();
    wire::Request { client_address, lifetime: 7_200, opcode: Opcode::Map(map()), options: Vec::new() }
        .encode()
}

/// What a PCP client is sent for one request to map.
fn answers(home: &mut Home) -> Vec<PortControlDatagram> {
    let (client, request) = (home.client, request(home));
    home.ask_raw(client, &request)
}

fn mapped(payload: &[u8]) -> Map {
    let response = wire::Response::decode(payload).unwrap();
    let Some(Opcode::Map(map)) = response.opcode else { panic!() };
    map
}

#[test]
fn a_silent_one_hears_and_says_nothing() {
    let mut home = odd_pcp(Oddity::Silent);
    assert!(home.gateway.is_port_control_open());
    assert!(answers(&mut home).is_empty());
    assert_eq!(home.gateway.counters().pcp, 1);
    assert!(home.gateway.mappings().is_empty());
}

#[test]
fn the_first_copies_of_a_request_may_be_lost() {
    let mut home = odd_pcp(Oddity::IgnoresFirst(3));
    let counts: Vec<_> = (0..5).map(|_| answers(&mut home).len()).collect();
    assert_eq!(counts, [0, 0, 0, 1, 1]);
}

#[test]
fn answers_may_be_late_and_come_again() {
    let mut home = odd_pcp(Oddity::Delay(Duration::from_secs(130)));
    assert!(answers(&mut home).is_empty());
    assert_eq!(home.gateway.poll_timeout(), Some(Time::ZERO + Duration::from_secs(130)));

    let interval = Duration::from_millis(1);
    let mut home = odd_pcp(Oddity::Repeats { count: 1_000, interval });
    assert_eq!(answers(&mut home).len(), 1);
    home.pass(Duration::from_secs(1));
    let again = std::iter::from_fn(|| home.gateway.poll_port_control(home.now)).count();
    assert_eq!(again, 1_000);
}

#[test]
fn somebody_else_may_answer_first() {
    let own = "192.168.1.1:5351".parse().unwrap();
    for (forgery, source) in [
        (Forgery::WrongAddress, "192.168.1.253:5351"),
        (Forgery::WrongPort, "192.168.1.1:5352"),
        (Forgery::WrongNonce, "192.168.1.1:5351"),
        (Forgery::WrongInternalPort, "192.168.1.1:5351"),
        (Forgery::WrongProtocol, "192.168.1.1:5351"),
    ] {
        let mut home = odd_pcp(Oddity::Preceded(forgery));
        let [forged, genuine] = <[_; 2]>::try_from(answers(&mut home)).unwrap();
        assert_eq!((forged.source, genuine.source), (source.parse().unwrap(), own));
        let (forged, genuine) = (mapped(&forged.payload), mapped(&genuine.payload));
        assert_ne!(forged.external_port, genuine.external_port, "{forgery:?}");
        assert_eq!(forged.nonce != genuine.nonce, forgery == Forgery::WrongNonce);
        assert_eq!(forged.protocol != genuine.protocol, forgery == Forgery::WrongProtocol);
        assert_eq!(forged.internal_port != genuine.internal_port, forgery == Forgery::WrongInternalPort);
        assert_eq!((genuine.nonce, genuine.external_port), (NONCE, map().external_port));
    }
}

#[test]
fn nat_pmp_is_forged_as_well() {
    let mut home = odd_nat_pmp(Oddity::Preceded(Forgery::WrongInternalPort));
    let client = home.client;
    let [forged, genuine] = <[_; 2]>::try_from(home.ask_raw(client, &map_request(60).encode())).unwrap();
    let ports = |datagram: &PortControlDatagram| {
        let Body::Map(map) = Response::decode(&datagram.payload).unwrap().body else { panic!() };
        (map.internal_port.unwrap().get(), map.assigned_external_port.unwrap().get())
    };
    assert_eq!((ports(&forged), ports(&genuine)), ((7_776, 7_776), (7_777, 7_777)));

    let mut home = odd_nat_pmp(Oddity::Preceded(Forgery::WrongProtocol));
    let [forged, _] = <[_; 2]>::try_from(home.ask_raw(client, &map_request(60).encode())).unwrap();
    let Body::Map(map) = Response::decode(&forged.payload).unwrap().body else { panic!() };
    assert_eq!(map.protocol, portcullis_proto::Protocol::Tcp);
}

#[test]
fn what_comes_in_place_of_an_answer_is_none() {
    for (forgery, malformed) in [
        (Forgery::Cut(0), Malformed::TooShort),
        (Forgery::Cut(56), Malformed::TooShort),
        (Forgery::Cut(59), Malformed::Unaligned),
        (Forgery::Padded(1_044), Malformed::TooLong),
        (Forgery::Request, Malformed::NotAResponse),
        (Forgery::WrongOpcode, Malformed::TooShort),
        (Forgery::WrongVersion, Malformed::TooLong),
        (Forgery::Bytes(b"HTTP/1.1 200 OK\r\n"), Malformed::Version(b'H')),
    ] {
        let mut home = odd_pcp(Oddity::Replaced(forgery));
        let [datagram] = <[_; 1]>::try_from(answers(&mut home)).unwrap();
        assert_eq!(Answer::decode(&datagram.payload), Err(malformed), "{forgery:?}");
    }
}

#[test]
fn the_answer_before_comes_first() {
    let mut home = odd_pcp(Oddity::Preceded(Forgery::Previous));
    answers(&mut home);
    home.pass(Duration::from_secs(10));
    let again = answers(&mut home);
    let epochs: Vec<_> =
        again.iter().map(|datagram| Answer::decode(&datagram.payload).unwrap().epoch_time()).collect();
    assert_eq!(epochs, [Some(86_400), Some(86_410)]);
}

#[test]
fn unknown_versions_are_answered_in_many_forms() {
    let mut forms = Vec::new();
    for form in [VersionAnswer::ResponseBit, VersionAnswer::Length(60), VersionAnswer::None] {
        let mut home = odd_nat_pmp(Oddity::VersionAnswer(form));
        let answers = answers(&mut home);
        for datagram in &answers {
            let body = Response::decode(&datagram.payload).unwrap().body;
            assert_eq!(body, Body::UnsupportedVersion);
        }
        forms.push(answers.first().map(|datagram| (datagram.payload[1], datagram.payload.len())));
    }
    assert_eq!(forms, [Some((129, 8)), Some((0, 60)), None]);

    let mut home = odd_pcp(Oddity::VersionAnswer(VersionAnswer::NatPmpLayout));
    let Answer::NatPmp(response) = home.ask(&map_request(60).encode()) else { panic!() };
    assert_eq!(response.body, Body::UnsupportedVersion);
}

#[test]
fn versions_may_go_round_in_circles() {
    let mut home = odd_pcp(Oddity::OtherVersions(&[1, 255]));
    let versions: Vec<_> = (0..4).map(|_| answers(&mut home).remove(0).payload[0]).collect();
    assert_eq!(versions, [1, 255, 1, 255]);
    let Answer::Pcp(response) = home.ask(&request(&Home::new(pcp()))) else { panic!() };
    assert_eq!(response.result_code, ResultCode::UnsuppVersion);
}

#[test]
fn refusals_may_last_for_ever_or_not_at_all() {
    for lifetime in [0, u32::MAX] {
        let scenario = pcp().with(Quirk::PortControl(Oddity::PcpResult(2)));
        let mut home = Home::new(scenario.with(Quirk::PortControl(Oddity::ErrorLifetime(lifetime))));
        let response = home.ask_pcp(Opcode::Map(map()), 7_200, Vec::new());
        assert_eq!((response.result_code, response.lifetime), (ResultCode::NotAuthorized, lifetime));
    }
}

#[test]
fn assignments_may_be_impossible() {
    assert_eq!(odd_pcp(Oddity::AssignsPortZero).map_pcp(map(), 7_200).unwrap().0.external_port, None);
    for address in ["0.0.0.0", "127.0.0.1", "192.168.100.2", "2001:db8::1"] {
        let (assigned, _) = odd_pcp(Oddity::AssignsAddress(address)).map_pcp(map(), 7_200).unwrap();
        assert_eq!(assigned.external_address.to_string(), address);
    }
    let Body::Map(map) = odd_nat_pmp(Oddity::AssignsPortZero).ask_nat_pmp(map_request(60)) else { panic!() };
    assert_eq!(map.assigned_external_port, None);
}

#[test]
fn answers_may_have_strange_options() {
    for (bytes, malformed) in [
        (&[1, 0, 255, 255][..], Malformed::OptionLength(1)),
        (&[127, 0, 0, 0], Malformed::UnknownOption(127)),
        (&[2, 0, 0, 0, 2, 0, 0, 0], Malformed::DuplicateOption(2)),
        (&[200; 200], Malformed::OptionLength(200)),
    ] {
        let mut home = odd_pcp(Oddity::Appends(bytes));
        let payload = answers(&mut home).remove(0).payload;
        assert_eq!(Answer::decode(&payload), Err(malformed));
    }
}

#[test]
fn what_another_protocol_made_may_be_deleted_by_that_alone() {
    let only = Quirk::PortControl(Oddity::DeletesItsOwnAlone);
    let mut home = Home::new(pcp().with(Quirk::NatPmp).with(only));
    home.map_pcp(map(), 7_200).unwrap();
    // It says yes, and has deleted nothing.
    assert!(matches!(home.ask_nat_pmp(map_request(0)), Body::Map(_)));
    assert_eq!(home.gateway.mappings().len(), 1);
    home.map_pcp(map(), 0).unwrap();
    assert!(home.gateway.mappings().is_empty());
}

#[test]
fn there_may_have_to_be_something_to_delete() {
    let mut home = odd_pcp(Oddity::NothingToDelete(8));
    assert_eq!(home.map_pcp(map(), 0), Err(ResultCode::NoResources));
    home.map_pcp(map(), 7_200).unwrap();
    assert!(home.map_pcp(map(), 0).is_ok());
}

#[test]
fn deletions_may_be_refused() {
    let mut home = Home::new(pcp().with(Quirk::NatPmp).with(Quirk::PortControl(Oddity::DeletionRefused)));
    home.map_pcp(map(), 7_200).unwrap();
    assert_eq!(home.map_pcp(map(), 0), Err(ResultCode::NotAuthorized));
    assert!(matches!(home.ask_nat_pmp(map_request(0)), Body::Refused { .. }));
    assert_eq!(home.gateway.mappings().len(), 1);
}
