use super::*;
use core::num::NonZeroU16;

const PORT_7777: NonZeroU16 = NonZeroU16::new(7_777).unwrap();
const PORT_40000: NonZeroU16 = NonZeroU16::new(40_000).unwrap();

#[test]
fn encodes_requests() {
    let map = MapRequest {
        protocol: Protocol::Udp,
        internal_port: PORT_7777,
        suggested_external_port: Some(PORT_40000),
        lifetime: RECOMMENDED_LIFETIME,
    };
    assert_eq!(Request::ExternalAddress.encode(), [0, 0]);
    assert_eq!(Request::Map(map).encode(), [0, 1, 0, 0, 0x1e, 0x61, 0x9c, 0x40, 0, 0, 0x1c, 0x20]);
    let delete = Request::Map(MapRequest::delete(Protocol::Tcp, PORT_7777));
    assert_eq!(delete.encode(), [0, 2, 0, 0, 0x1e, 0x61, 0, 0, 0, 0, 0, 0]);
    for request in [Request::ExternalAddress, Request::Map(map), delete] {
        assert_eq!(Request::decode(&request.encode()), Ok(request));
    }
}

#[test]
fn tells_why_a_request_is_none() {
    assert_eq!(Request::decode(&[]), Err(Malformed::TooShort));
    assert_eq!(Request::decode(&[0]), Err(Malformed::TooShort));
    assert_eq!(Request::decode(&[2, 1]), Err(Malformed::Version(2)));
    assert_eq!(Request::decode(&[0, 3]), Err(Malformed::Opcode(3)));
    assert_eq!(Request::decode(&[0, 0x80]), Err(Malformed::NotARequest));
    assert_eq!(Request::decode(&[9, 0x80]), Err(Malformed::NotARequest));
    assert_eq!(Request::decode(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Err(Malformed::Port));
    assert_eq!(Request::decode(&[0; 1_101]), Err(Malformed::TooLong));
    let map = Request::Map(MapRequest::delete(Protocol::Tcp, PORT_7777)).encode();
    for end in 0..map.len() {
        assert_eq!(Request::decode(&map[..end]), Err(Malformed::TooShort), "{end}");
    }
}

fn every_answer() -> Vec<Response> {
    let map = MapResponse {
        protocol: Protocol::Tcp,
        internal_port: Some(PORT_7777),
        assigned_external_port: Some(PORT_40000),
        lifetime: 3_600,
    };
    let deleted = MapResponse { assigned_external_port: None, lifetime: 0, ..map };
    let refused = |opcode, internal_port, code: u16| Body::Refused {
        opcode,
        internal_port,
        result_code: ResultCode::from(code),
    };
    let bodies = [
        Body::ExternalAddress([198, 51, 100, 7].into()),
        Body::Map(map),
        Body::Map(deleted),
        Body::UnsupportedVersion,
        refused(Opcode::ExternalAddress, None, 3),
        refused(Opcode::ExternalAddress, None, 5),
        refused(Opcode::Map(Protocol::Udp), Some(PORT_7777), 2),
        refused(Opcode::Map(Protocol::Udp), Some(PORT_7777), 5),
        refused(Opcode::Map(Protocol::Tcp), None, 65_535),
    ];
    bodies.map(|body| Response { epoch_time: Some(100_000), body }).to_vec()
}

#[test]
fn responses_survive_the_way_there_and_back() {
    for response in every_answer() {
        assert_eq!(Response::decode(&response.encode()), Ok(response));
    }
}

#[test]
fn decodes_responses() {
    assert_eq!(
        Response::decode(&[0, 128, 0, 0, 0, 0, 0, 5, 198, 51, 100, 7]),
        Ok(Response { epoch_time: Some(5), body: Body::ExternalAddress([198, 51, 100, 7].into()) })
    );
    let map = [0, 130, 0, 0, 0, 1, 0, 0, 0x1e, 0x61, 0x9c, 0x40, 0, 0, 0x0e, 0x10];
    let body = Body::Map(MapResponse {
        protocol: Protocol::Tcp,
        internal_port: Some(PORT_7777),
        assigned_external_port: Some(PORT_40000),
        lifetime: 3_600,
    });
    assert_eq!(Response::decode(&map), Ok(Response { epoch_time: Some(65_536), body }));
}

#[test]
fn no_prefix_of_a_success_is_an_answer() {
    for response in every_answer() {
        let datagram = response.encode();
        let shortest = match response.body {
            Body::ExternalAddress(_) | Body::Map(_) => datagram.len(),
            Body::Refused { result_code: ResultCode::UnsupportedOpcode, .. } => 4,
            Body::Refused { .. } | Body::UnsupportedVersion => 8,
        };
        for end in 0..shortest {
            assert_eq!(Response::decode(&datagram[..end]), Err(Malformed::TooShort), "{response:?} {end}");
        }
        for end in shortest..datagram.len() {
            assert!(matches!(
                Response::decode(&datagram[..end]),
                Ok(Response { body: Body::Refused { .. }, .. })
            ));
        }
    }
}

#[test]
fn our_own_requests_are_no_answers() {
    let map = MapRequest {
        protocol: Protocol::Udp,
        internal_port: PORT_7777,
        suggested_external_port: None,
        lifetime: 1,
    };
    assert_eq!(Response::decode(&Request::Map(map).encode()), Err(Malformed::NotAResponse));
    // Too short to be told from the answer to another version, which has opcode 0 as well.
    assert_eq!(Response::decode(&Request::ExternalAddress.encode()), Err(Malformed::TooShort));
    assert_eq!(Response::decode(&[0; 12]), Err(Malformed::NotAResponse));
    // Result code 1 makes an answer of opcode 0 only.
    assert_eq!(Response::decode(&[0, 1, 0, 1, 0, 0, 0, 0]), Err(Malformed::NotAResponse));
}

#[test]
fn an_unsupported_opcode_sends_the_request_back() {
    let mut echo =
        Request::Map(MapRequest { lifetime: 7_200, ..MapRequest::delete(Protocol::Tcp, PORT_7777) }).encode();
    echo[1] |= 0x80;
    echo[3] = 5;
    let refused = |opcode, internal_port| Body::Refused {
        opcode,
        internal_port,
        result_code: ResultCode::UnsupportedOpcode,
    };
    let body = refused(Opcode::Map(Protocol::Tcp), Some(PORT_7777));
    assert_eq!(Response::decode(&echo), Ok(Response { epoch_time: None, body }));
    // A request of 2 bytes is lengthened by the code.
    let body = refused(Opcode::ExternalAddress, None);
    assert_eq!(Response::decode(&[0, 128, 0, 5]), Ok(Response { epoch_time: None, body }));
    for length in [5, 8, 11, 13, 60, 1_100] {
        let mut datagram = vec![0xff; length];
        datagram[..4].copy_from_slice(&[0, 0x80 | 77, 0, 5]);
        let body = refused(Opcode::Unknown(77), None);
        assert_eq!(Response::decode(&datagram), Ok(Response { epoch_time: None, body }), "{length}");
    }
}

#[test]
fn an_internal_port_of_0_is_none() {
    let map = [0, 130, 0, 0, 0, 1, 0, 0, 0, 0, 0x9c, 0x40, 0, 0, 0x0e, 0x10];
    let body = Body::Map(MapResponse {
        protocol: Protocol::Tcp,
        internal_port: None,
        assigned_external_port: Some(PORT_40000),
        lifetime: 3_600,
    });
    let response = Response { epoch_time: Some(65_536), body };
    assert_eq!(Response::decode(&map), Ok(response));
    assert_eq!(response.encode(), map);
}

#[test]
fn tells_why_a_response_is_none() {
    assert_eq!(Response::decode(&[1, 130, 0, 0]), Err(Malformed::Version(1)));
    assert_eq!(Response::decode(&[0, 131, 0, 0, 0, 0, 0, 0]), Err(Malformed::Opcode(3)));
    for (length, code) in [(13, 0), (13, 3), (1_101, 1), (1_101, 5)] {
        let mut long = vec![0; length];
        long[1] = 128;
        long[3] = code;
        assert_eq!(Response::decode(&long), Err(Malformed::TooLong), "{length}");
        long.truncate(length.min(1_100));
        long[3] = 1;
        assert!(Response::decode(&long).is_ok(), "{length}");
    }
}

#[test]
fn result_codes_keep_their_numbers() {
    for number in 0..=u16::MAX {
        let code = ResultCode::from(number);
        assert_eq!(code.number(), number);
        assert_eq!(matches!(code, ResultCode::Unknown(_)), number > 5);
    }
    assert_eq!(ResultCode::from(2).to_string(), "2 NotAuthorized/Refused");
    assert_eq!(ResultCode::from(17).to_string(), "17 unknown result");
}
