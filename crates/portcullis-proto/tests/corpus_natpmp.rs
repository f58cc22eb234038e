//! Every NAT-PMP datagram of the device corpus decodes to what the corpus says of it, or to a named error.

#[path = "common/corpus.rs"]
mod corpus;

use portcullis_proto::Protocol;
use portcullis_proto::wire::natpmp::{Body, Malformed, Opcode, Request, Response, ResultCode};
use portcullis_proto::wire::port_control::Answer;

fn refused(opcode: Opcode, port: u16, result_code: ResultCode) -> Body {
    Body::Refused { opcode, internal_port: port.try_into().ok(), result_code }
}

#[test]
fn decodes_every_datagram_of_the_corpus() {
    let Some(rows) = corpus::rows("natpmp") else { return };
    assert!(!rows.is_empty());
    for row in rows {
        let tags: Vec<&str> = row.column("tags").split(',').collect();
        if tags.contains(&"request") {
            check_request(&row.file, &row.body);
        } else {
            check_response(&row.file, &row.body);
        }
    }
}

fn check_request(file: &str, datagram: &[u8]) {
    let request = Request::decode(datagram).unwrap_or_else(|malformed| panic!("{file}: {malformed}"));
    assert_eq!(request.encode(), datagram, "{file}");
    let Request::Map(map) = request else { panic!("{file}: {request:?}") };
    assert_eq!(map.protocol == Protocol::Udp, file.contains("udp"), "{file}");
    let is_delete = map.lifetime == 0 && map.suggested_external_port.is_none();
    assert_eq!(is_delete, file.contains("delete"), "{file}");
    assert_eq!(Response::decode(datagram), Err(Malformed::NotAResponse), "{file}");
}

fn check_response(file: &str, datagram: &[u8]) {
    let decoded = Response::decode(datagram);
    if file.contains("short") {
        assert_eq!(decoded, Err(Malformed::TooShort), "{file}");
        return;
    }
    if let Some(version @ 1..) = datagram.first().copied() {
        assert_eq!(decoded, Err(Malformed::Version(version)), "{file}");
        assert_eq!(Answer::decode(datagram), Err(Malformed::Version(version)), "{file}");
        return;
    }
    let response = decoded.unwrap_or_else(|malformed| panic!("{file}: {malformed}"));
    assert_eq!(Answer::decode(datagram), Ok(Answer::NatPmp(response)), "{file}");
    assert!(response.epoch_time.is_some(), "{file}");
    let expected = match file {
        "natpmp/jackpal-resp-map-tcp-result17.bin" => {
            Some(refused(Opcode::Map(Protocol::Tcp), 123, ResultCode::Unknown(17)))
        }
        "natpmp/rfc6886-resp-external-address-result3.bin" => {
            Some(refused(Opcode::ExternalAddress, 0, ResultCode::NetworkFailure))
        }
        "natpmp/rfc6886-resp-map-udp-result5-unsupported-opcode.bin" => {
            Some(refused(Opcode::Map(Protocol::Udp), 6_881, ResultCode::UnsupportedOpcode))
        }
        "natpmp/rfc6886-resp-map-udp-result1-unsupported-version.bin" => Some(Body::UnsupportedVersion),
        "natpmp/rfc6886-multicast-announce.bin" => Some(Body::ExternalAddress([198, 51, 100, 7].into())),
        "natpmp/ndpi-resp-external-address.bin" => Some(Body::ExternalAddress([10, 201, 213, 174].into())),
        _ => None,
    };
    if let Some(expected) = expected {
        assert_eq!(response.body, expected, "{file}");
        return;
    }
    let Body::Map(map) = response.body else { panic!("{file}: {response:?}") };
    assert_eq!(response.encode(), datagram, "{file}");
    assert_eq!(map.protocol == Protocol::Udp, file.contains("udp"), "{file}");
    assert_eq!(map.lifetime == 0 && map.assigned_external_port.is_none(), file.contains("delete"), "{file}");
}
