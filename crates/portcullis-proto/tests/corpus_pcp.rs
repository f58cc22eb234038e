//! Every PCP datagram of the device corpus decodes to what the corpus says of it, or to a named error.

#[path = "common/corpus.rs"]
mod corpus;

use portcullis_proto::wire::natpmp::Body;
use portcullis_proto::wire::pcp::{Malformed, Opcode, PcpOption, Response, ResultCode};
use portcullis_proto::wire::port_control::Answer;

#[test]
fn decodes_every_datagram_of_the_corpus() {
    let Some(rows) = corpus::rows("pcp") else { return };
    assert!(!rows.is_empty());
    for row in rows {
        check(&row.file, row.column("tags"), &row.body);
    }
}

fn check(file: &str, tags: &str, datagram: &[u8]) {
    let decoded = Answer::decode(datagram);
    let malformed = match file {
        "pcp/derived-resp-bit-not-set.bin" => Some(Malformed::NotAResponse),
        "pcp/derived-resp-header-only-24.bin" => Some(Malformed::TooShort),
        "pcp/derived-resp-map-short-59.bin" | "pcp/derived-resp-trailing-byte-61.bin" => {
            Some(Malformed::Unaligned)
        }
        _ => None,
    };
    if let Some(malformed) = malformed {
        assert_eq!(decoded, Err(malformed), "{file}");
        return;
    }
    if file.contains("unsupp-version") {
        let Ok(Answer::NatPmp(response)) = decoded else { panic!("{file}: {decoded:?}") };
        assert_eq!(response.body, Body::UnsupportedVersion, "{file}");
        return;
    }
    let Ok(Answer::Pcp(response)) = decoded else { panic!("{file}: {decoded:?}") };
    assert_eq!(response.encode(), datagram, "{file}");
    check_response(file, tags, &response);
}

fn check_response(file: &str, tags: &str, response: &Response) {
    let result = file.split_once("result").and_then(|(_, rest)| rest.get(..2)?.parse().ok()).unwrap_or(0);
    assert_eq!(response.result_code, ResultCode::from(result), "{file}");
    if tags.split(',').any(|tag| tag == "announce") {
        assert_eq!((response.opcode, response.epoch_time), (Some(Opcode::Announce), 33), "{file}");
        return;
    }
    let Some(Opcode::Map(map)) = response.opcode else { panic!("{file}: {response:?}") };
    if response.result_code == ResultCode::Success {
        assert!(map.external_port.is_some() && response.lifetime >= 120, "{file}");
        assert_eq!(map.external_address.is_ipv6(), file.contains("ipv6"), "{file}");
    } else {
        assert_eq!(response.lifetime, response.result_code.error_lifetime(), "{file}");
    }
    let optional = [PcpOption::Unknown { code: 0xaa, data: vec![1, 2, 3, 4] }];
    let expected: &[PcpOption] = if file.contains("unknown-option") { &optional } else { &[] };
    assert_eq!(response.options, expected, "{file}");
}
