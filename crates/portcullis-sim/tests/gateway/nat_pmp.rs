use crate::home::Home;
use crate::port_control::{PORT_7777, REMOTE, map_request, nat_pmp};
use portcullis_proto::Protocol;
use portcullis_proto::wire::natpmp::{Body, MapRequest, MapResponse, Opcode, Request, Response, ResultCode};
use portcullis_sim::{Mapping, PortControlOddity, Quirk};
use std::time::Duration;

fn refused(result_code: ResultCode) -> Body {
    Body::Refused { opcode: Opcode::Map(Protocol::Udp), internal_port: Some(PORT_7777), result_code }
}

#[test]
fn tells_the_external_address() {
    let mut home = Home::new(nat_pmp());
    assert_eq!(home.ask_nat_pmp(Request::ExternalAddress), Body::ExternalAddress([81, 2, 69, 142].into()));
    home.gateway.set_external_address("");
    let body = home.ask_nat_pmp(Request::ExternalAddress);
    assert!(matches!(body, Body::Refused { result_code: ResultCode::NetworkFailure, .. }), "{body:?}");
    assert_eq!(home.ask_nat_pmp(map_request(60)), refused(ResultCode::NetworkFailure));
}

#[test]
fn a_mapping_is_made_renewed_and_deleted() {
    let mut home = Home::new(nat_pmp());
    let mapped = MapResponse {
        protocol: Protocol::Udp,
        internal_port: Some(PORT_7777),
        assigned_external_port: Some(PORT_7777),
        lifetime: 3_600,
    };
    assert_eq!(home.ask_nat_pmp(map_request(3_600)), Body::Map(mapped));
    assert_eq!(home.inbound(7_777, REMOTE), Some("192.168.1.7:7777".parse().unwrap()));

    // Half-way: the same again, and it lasts from then on, whatever port is suggested.
    home.pass(Duration::from_secs(1_800));
    let other_port = MapRequest {
        protocol: Protocol::Udp,
        internal_port: PORT_7777,
        suggested_external_port: 9_999.try_into().ok(),
        lifetime: 3_600,
    };
    assert_eq!(home.ask_nat_pmp(Request::Map(other_port)), Body::Map(mapped));
    home.pass(Duration::from_secs(3_599));
    assert_eq!(home.gateway.mappings().len(), 1);

    let deleted = MapResponse { assigned_external_port: None, lifetime: 0, ..mapped };
    let delete = Request::Map(MapRequest::delete(Protocol::Udp, PORT_7777));
    assert_eq!(home.ask_nat_pmp(delete), Body::Map(deleted));
    assert!(home.gateway.mappings().is_empty());
    assert_eq!(home.inbound(7_777, REMOTE), None);
    // What is not there is deleted with success (RFC 6886 section 3.4).
    assert_eq!(home.ask_nat_pmp(delete), Body::Map(deleted));
}

#[test]
fn a_mapping_ends_with_its_lifetime() {
    let mut home = Home::new(nat_pmp());
    home.ask_nat_pmp(map_request(3_600));
    assert_eq!(home.gateway.poll_timeout(), Some(home.now + Duration::from_secs(3_600)));
    home.pass(Duration::from_secs(3_600));
    assert!(home.gateway.mappings().is_empty());
}

#[test]
fn another_port_is_assigned_where_the_suggested_one_is_taken() {
    let mut home = Home::new(nat_pmp().with(Quirk::ForeignMapping(Protocol::Udp, 7_777)));
    let Body::Map(map) = home.ask_nat_pmp(map_request(3_600)) else { panic!() };
    assert_eq!(map.assigned_external_port.unwrap().get(), 7_778);
    assert_eq!(map.internal_port, Some(PORT_7777));
}

#[test]
fn a_vpns_server_chooses_one_port_for_both_protocols_and_names_no_internal_one() {
    let mut home = Home::new("vpn".parse().unwrap());
    let map = |protocol, suggested: u16, lifetime| {
        let suggested_external_port = suggested.try_into().ok();
        Request::Map(MapRequest { protocol, internal_port: PORT_7777, suggested_external_port, lifetime })
    };
    let granted = |protocol| MapResponse {
        protocol,
        internal_port: None,
        assigned_external_port: 7_778.try_into().ok(),
        lifetime: 60,
    };
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        assert_eq!(home.ask_nat_pmp(map(protocol, 0, 3_600)), Body::Map(granted(protocol)));
        assert_eq!(home.ask_nat_pmp(map(protocol, 7_778, 60)), Body::Map(granted(protocol)));
    }
    assert_eq!(home.inbound(7_778, REMOTE), Some("192.168.1.7:7777".parse().unwrap()));
    let deleted = MapResponse { assigned_external_port: None, lifetime: 0, ..granted(Protocol::Udp) };
    assert_eq!(home.ask_nat_pmp(map(Protocol::Udp, 0, 0)), Body::Map(deleted));
    home.pass(Duration::from_secs(60));
    assert!(home.gateway.mappings().is_empty());
}

#[test]
fn all_mappings_of_a_protocol_are_deleted_at_once() {
    let mut home = Home::new(nat_pmp());
    home.ask_nat_pmp(map_request(3_600));
    home.gateway.add_mapping(Mapping::new(Protocol::Tcp, 1, [192, 168, 1, 7].into()));
    home.gateway.add_mapping(Mapping::new(Protocol::Udp, 2, [192, 168, 1, 8].into()));
    let client = home.client;
    let answers = home.ask_raw(client, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(answers[0].payload, [0, 129, 0, 0, 0, 1, 0x51, 0x80, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(home.external_ports(), [(Protocol::Tcp, 1), (Protocol::Udp, 2)]);
}

#[test]
fn refusals_have_the_codes_of_the_standard() {
    for (quirk, code) in [
        (Quirk::TableSize(0), ResultCode::OutOfResources),
        (Quirk::PortControl(PortControlOddity::NatPmpResult(2)), ResultCode::NotAuthorized),
        (Quirk::PortControl(PortControlOddity::NatPmpResult(65_535)), ResultCode::Unknown(65_535)),
    ] {
        let mut home = Home::new(nat_pmp().with(quirk));
        assert_eq!(home.ask_nat_pmp(map_request(3_600)), refused(code), "{quirk:?}");
        assert!(home.gateway.mappings().is_empty(), "{quirk:?}");
    }
}

#[test]
fn what_is_not_supported_comes_back_whole() {
    let without = Quirk::PortControl(PortControlOddity::NatPmpWithoutOpcode(1));
    let mut home = Home::new(nat_pmp().with(without));
    let client = home.client;
    let request = map_request(3_600).encode();
    let answer = home.ask_raw(client, &request).remove(0).payload;
    assert_eq!(answer[..4], [0, 129, 0, 5]);
    assert_eq!(answer[4..], request[4..]);
    let response = Response::decode(&answer).unwrap();
    assert_eq!(response, Response { epoch_time: None, body: refused(ResultCode::UnsupportedOpcode) });
    // An opcode that nobody has defined.
    assert_eq!(home.ask_raw(client, &[0, 99]).remove(0).payload, [0, 227, 0, 5]);
}

#[test]
fn lifetimes_are_changed_as_leases_are() {
    for (quirk, granted) in
        [(Quirk::LeaseAtMost(120), 120), (Quirk::LeaseAlways(u32::MAX), u32::MAX), (Quirk::LeaseAlways(1), 1)]
    {
        let mut home = Home::new(nat_pmp().with(quirk));
        let Body::Map(map) = home.ask_nat_pmp(map_request(3_600)) else { panic!() };
        assert_eq!(map.lifetime, granted);
    }
}
