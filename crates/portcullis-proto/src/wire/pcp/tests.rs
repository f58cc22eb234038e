use super::*;
use crate::Protocol;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::num::NonZeroU16;

const NONCE: Nonce = Nonce([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
const PORT_7777: NonZeroU16 = NonZeroU16::new(7_777).unwrap();

fn map() -> Map {
    Map {
        nonce: NONCE,
        protocol: Protocol::Udp,
        internal_port: PORT_7777,
        external_port: NonZeroU16::new(40_000),
        external_address: IpAddr::V4(Ipv4Addr::new(81, 2, 69, 142)),
    }
}

fn peer() -> Peer {
    Peer { map: map(), remote_peer_port: PORT_7777, remote_peer_address: "2001:db8::7".parse().unwrap() }
}

fn every_option() -> Vec<PcpOption> {
    vec![
        PcpOption::ThirdParty([192, 168, 1, 9].into()),
        PcpOption::PreferFailure,
        PcpOption::Filter { prefix_length: 120, remote_port: None, remote_address: [198, 51, 100, 0].into() },
        PcpOption::Filter {
            prefix_length: 64,
            remote_port: Some(PORT_7777),
            remote_address: "2001:db8::".parse().unwrap(),
        },
        PcpOption::Filter { prefix_length: 0, remote_port: None, remote_address: [0; 4].into() },
        PcpOption::Unknown { code: 200, data: vec![1, 2, 3, 4, 5] },
    ]
}

fn request(opcode: Opcode, options: Vec<PcpOption>) -> Request {
    Request { client_address: [192, 168, 1, 7].into(), lifetime: 7_200, opcode, options }
}

/// A MAP request, byte for byte (RFC 6887 figures 2 and 9).
#[rustfmt::skip]
const MAP_REQUEST: [u8; 60] = [
    2, 1, 0, 0, 0, 0, 0x1c, 0x20,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 1, 7,
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 17, 0, 0, 0, 0x1e, 0x61, 0x9c, 0x40,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 81, 2, 69, 142,
];

#[test]
fn encodes_a_map_request() {
    assert_eq!(request(Opcode::Map(map()), Vec::new()).encode(), MAP_REQUEST);
}

#[test]
fn requests_survive_the_way_there_and_back() {
    let any_v6 = Map { external_port: None, external_address: Ipv6Addr::UNSPECIFIED.into(), ..map() };
    let any_v4 = Map { external_port: None, external_address: Ipv4Addr::UNSPECIFIED.into(), ..map() };
    for opcode in
        [Opcode::Announce, Opcode::Map(any_v4), Opcode::Map(any_v6), Opcode::Map(map()), Opcode::Peer(peer())]
    {
        for options in [Vec::new(), every_option()] {
            let request = request(opcode, options);
            let datagram = request.encode();
            assert!(datagram.len() % 4 == 0 && datagram.len() <= MAX_MESSAGE);
            assert_eq!(Request::decode(&datagram), Ok(request));
        }
    }
}

#[test]
fn responses_survive_the_way_there_and_back() {
    for opcode in [Opcode::Announce, Opcode::Map(map()), Opcode::Peer(peer())] {
        for result_code in [ResultCode::Success, ResultCode::NoResources, ResultCode::Unknown(200)] {
            let response = Response {
                version: VERSION,
                opcode_number: opcode.number(),
                result_code,
                lifetime: 120,
                epoch_time: 100_000,
                opcode: Some(opcode),
                options: every_option(),
            };
            assert_eq!(Response::decode(&response.encode()), Ok(response));
        }
    }
}

#[test]
fn no_prefix_of_a_message_is_the_message() {
    let request = request(Opcode::Peer(peer()), every_option());
    let response = encode_refusal(&request.encode(), ResultCode::Success, 0, 0);
    let complete = Response::decode(&response).unwrap();
    for end in 0..response.len() {
        if let Ok(shorter) = Request::decode(&request.encode()[..end]) {
            assert!(end > 24 + 56 - 4 && shorter.options.len() < request.options.len(), "{end}");
        }
        if let Ok(shorter) = Response::decode(&response[..end]) {
            assert!(shorter.options.len() < complete.options.len(), "{end}");
        }
    }
    let map = MAP_REQUEST;
    for end in 0..map.len() {
        let malformed = Request::decode(&map[..end]).unwrap_err();
        assert!(matches!(malformed, Malformed::TooShort | Malformed::Unaligned), "{end}");
    }
}

#[test]
fn tells_why_a_request_is_none() {
    let with = |offset: usize, byte: u8| {
        let mut datagram = MAP_REQUEST.to_vec();
        datagram[offset] = byte;
        Request::decode(&datagram).unwrap_err()
    };
    for (malformed, answer) in [
        (with(0, 1), Some(ResultCode::UnsuppVersion)),
        (with(1, 0x81), None),
        (with(1, 3), Some(ResultCode::UnsuppOpcode)),
        (with(36, 132), Some(ResultCode::UnsuppProtocol)),
    ] {
        assert_eq!(malformed.result_code(), answer, "{malformed}");
    }
    assert_eq!(Request::decode(&[2, 1]), Err(Malformed::TooShort));
    let mut odd = MAP_REQUEST.to_vec();
    odd.push(0);
    assert_eq!(Request::decode(&odd), Err(Malformed::Unaligned));
    let mut long = MAP_REQUEST.to_vec();
    long.resize(1_104, 0);
    assert_eq!(Request::decode(&long), Err(Malformed::TooLong));
    let mut no_port = MAP_REQUEST;
    no_port[40..42].fill(0);
    assert_eq!(Request::decode(&no_port), Err(Malformed::Port));
}

fn with_options(options: &[u8]) -> Result<Request, Malformed> {
    Request::decode(&[&MAP_REQUEST, options].concat())
}

#[test]
fn options_stay_within_their_bounds() {
    // A length that runs over the end, by little and by much.
    assert_eq!(with_options(&[1, 0, 0, 16, 0, 0, 0, 0]), Err(Malformed::OptionLength(1)));
    assert_eq!(with_options(&[200, 0, 255, 255]), Err(Malformed::OptionLength(200)));
    assert_eq!(with_options(&[200, 0, 0, 5, 1, 2, 3, 4]), Err(Malformed::OptionLength(200)));
    // Known ones of the wrong length.
    assert_eq!(with_options(&[2, 0, 0, 4, 0, 0, 0, 0]), Err(Malformed::OptionLength(2)));
    assert_eq!(with_options(&[1, 0, 0, 4, 0, 0, 0, 0]), Err(Malformed::OptionLength(1)));
    assert_eq!(with_options(&[3, 0, 0, 0]), Err(Malformed::OptionLength(3)));
    // Twice what may stand once.
    assert_eq!(with_options(&[2, 0, 0, 0, 2, 0, 0, 0]), Err(Malformed::DuplicateOption(2)));
    // Unknown ones, that must be understood or need not.
    assert_eq!(with_options(&[127, 0, 0, 0]), Err(Malformed::UnknownOption(127)));
    assert_eq!(
        with_options(&[128, 0, 0, 0]).unwrap().options,
        [PcpOption::Unknown { code: 128, data: Vec::new() }]
    );
    // The padding is not part of the data.
    let padded = with_options(&[128, 0, 0, 1, 9, 0, 0, 0]).unwrap();
    assert_eq!(padded.options, [PcpOption::Unknown { code: 128, data: vec![9] }]);
    assert_eq!(padded.encode()[60..], [128, 0, 0, 1, 9, 0, 0, 0]);

    assert_eq!(with_options(&[128, 0, 0, 0].repeat(MAX_OPTIONS)).unwrap().options.len(), MAX_OPTIONS);
    assert_eq!(with_options(&[128, 0, 0, 0].repeat(MAX_OPTIONS + 1)), Err(Malformed::TooManyOptions));
}

#[test]
fn a_filter_has_a_prefix_of_its_family() {
    let filter = |prefix_length, remote_address: IpAddr| {
        let option = PcpOption::Filter { prefix_length, remote_port: None, remote_address };
        let mut bytes = Vec::new();
        option.write(&mut bytes);
        with_options(&bytes).map(|_| ())
    };
    let (v4, v6) = ([198, 51, 100, 7].into(), "2001:db8::7".parse().unwrap());
    for prefix_length in 0..=255 {
        let is_v4 = prefix_length == 0 || (96..=128).contains(&prefix_length);
        assert_eq!(filter(prefix_length, v4).is_ok(), is_v4, "{prefix_length}");
        assert_eq!(filter(prefix_length, v6).is_ok(), prefix_length <= 128, "{prefix_length}");
    }
    assert_eq!(filter(32, v4), Err(Malformed::OptionValue(3)));
}

#[test]
fn a_refusal_repeats_the_request() {
    let refusal = encode_refusal(&MAP_REQUEST, ResultCode::NotAuthorized, 1_800, 7);
    let response = Response::decode(&refusal).unwrap();
    assert_eq!(response.opcode, Some(Opcode::Map(map())));
    assert_eq!((response.lifetime, response.epoch_time()), (1_800, Some(7)));
    assert_eq!(response.result_code.to_string(), "2 NOT_AUTHORIZED");

    // Of requests that no server could read, too.
    for length in [0, 1, 2, 23, 25, 59, 1_100, 1_101, 3_000] {
        let mut request = MAP_REQUEST.to_vec();
        request.resize(length, 0);
        let refusal = encode_refusal(&request, ResultCode::MalformedRequest, 1_800, 7);
        assert!(refusal.len() % 4 == 0 && (24..=MAX_MESSAGE).contains(&refusal.len()), "{length}");
    }
}

#[test]
fn a_refusal_need_not_repeat_the_request() {
    let refusal = encode_refusal(&MAP_REQUEST[..24], ResultCode::UnsuppOpcode, 1_800, 7);
    let response = Response::decode(&refusal).unwrap();
    assert_eq!((response.opcode_number, response.opcode), (1, None));
    assert_eq!(Response::decode(&response.encode()), Ok(response));
    // A success that does not say what was made is none.
    let success = encode_refusal(&MAP_REQUEST[..24], ResultCode::Success, 1_800, 7);
    assert_eq!(Response::decode(&success), Err(Malformed::TooShort));
    let unknown = encode_refusal(&[2, 99], ResultCode::Success, 0, 7);
    assert_eq!(Response::decode(&unknown), Err(Malformed::Opcode(99)));
}

#[test]
fn our_own_requests_are_no_responses() {
    assert_eq!(Response::decode(&MAP_REQUEST), Err(Malformed::NotAResponse));
    let announce = request(Opcode::Announce, Vec::new()).encode();
    assert_eq!(Response::decode(&announce), Err(Malformed::NotAResponse));
}

#[test]
fn result_codes_keep_their_numbers() {
    for number in 0..=u8::MAX {
        assert_eq!(ResultCode::from(number).number(), number);
    }
    assert!((0..14).map(ResultCode::from).eq(ResultCode::ALL.iter().copied()));
    for code in ResultCode::ALL.iter().copied().chain([ResultCode::Unknown(14)]) {
        let explanation = code.explanation();
        assert!(explanation.starts_with(char::is_lowercase) && !explanation.ends_with('.'), "{code}");
    }
}
