use crate::home::Home;
use crate::port_control::{PORT_7777, REMOTE, map, pcp};
use portcullis_proto::Protocol;
use portcullis_proto::wire::pcp::{Map, Opcode, PcpOption, Peer, ResultCode};
use portcullis_sim::{PortControlOddity, Quirk, Scenario};

fn home(quirk: Quirk) -> Home {
    Home::new(pcp().with(quirk))
}

fn result(home: &mut Home, map: Map, options: &[PcpOption]) -> ResultCode {
    home.ask_pcp(Opcode::Map(map), 7_200, options.to_vec()).result_code
}

fn filter(address: &str, prefix_length: u8, port: u16) -> PcpOption {
    PcpOption::Filter {
        prefix_length,
        remote_port: port.try_into().ok(),
        remote_address: address.parse().unwrap(),
    }
}

#[test]
fn what_was_processed_stands_in_the_answer() {
    let mut home = Home::new(pcp());
    let options = vec![
        PcpOption::PreferFailure,
        PcpOption::Unknown { code: 200, data: Vec::new() },
        filter("198.51.100.7", 128, 0),
    ];
    let response = home.ask_pcp(Opcode::Map(map()), 7_200, options.clone());
    assert_eq!(response.options, [options[0].clone(), options[2].clone()]);
}

#[test]
fn prefer_failure_takes_no_other_port_and_no_other_address() {
    let mut home = home(Quirk::ForeignMapping(Protocol::Udp, 7_777));
    let prefer = [PcpOption::PreferFailure];
    assert_eq!(result(&mut home, map(), &prefer), ResultCode::CannotProvideExternal);
    let free = Map { external_port: 7_778.try_into().ok(), ..map() };
    let elsewhere = Map { external_address: [198, 51, 100, 1].into(), ..free };
    assert_eq!(result(&mut home, elsewhere, &prefer), ResultCode::CannotProvideExternal);
    assert_eq!(result(&mut home, free, &prefer), ResultCode::Success);
    // Nor another than the one that it has already.
    let another = Map { external_port: 7_779.try_into().ok(), ..map() };
    assert_eq!(result(&mut home, another, &prefer), ResultCode::CannotProvideExternal);
    // A pinhole has no other port than its own.
    home.client = "[2a02:ff0::7]:40000".parse().unwrap();
    let pinhole = Map { external_address: home.client.ip(), ..map() };
    assert_eq!(result(&mut home, pinhole, &prefer), ResultCode::Success);
    let shifted = Map { external_port: 7_778.try_into().ok(), ..pinhole };
    assert_eq!(result(&mut home, shifted, &prefer), ResultCode::CannotProvideExternal);
}

#[test]
fn a_filter_lets_in_whom_it_names() {
    let mut home = Home::new(pcp());
    let both = [filter("198.51.100.0", 96 + 24, 0), filter("81.2.69.1", 128, 5_000)];
    assert_eq!(result(&mut home, map(), &both), ResultCode::Success);
    let crosses = |home: &mut Home, remote: &str| home.inbound(7_777, remote).is_some();
    for (remote, passes) in [
        ("198.51.100.7:1", true),
        ("198.51.101.7:1", false),
        ("81.2.69.1:5000", true),
        ("81.2.69.1:5001", false),
        ("81.2.69.2:5000", false),
    ] {
        assert_eq!(crosses(&mut home, remote), passes, "{remote}");
    }
    // A renewal without filters keeps them; one with prefix 0 removes them.
    assert_eq!(result(&mut home, map(), &[]), ResultCode::Success);
    assert!(!crosses(&mut home, "81.2.69.2:5000"));
    assert_eq!(result(&mut home, map(), &[filter("0.0.0.0", 0, 0)]), ResultCode::Success);
    assert!(crosses(&mut home, "81.2.69.2:5000"));
}

#[test]
fn too_many_filters_are_refused() {
    let mut home = home(Quirk::PortControl(PortControlOddity::MostFilters(1)));
    let (one, other) = (filter("81.2.69.1", 128, 0), filter("81.2.69.2", 128, 0));
    assert_eq!(result(&mut home, map(), &[one.clone(), other]), ResultCode::ExcessiveRemotePeers);
    assert!(home.gateway.mappings().is_empty());
    assert_eq!(result(&mut home, map(), &[one.clone(), one]), ResultCode::Success);
}

#[test]
fn another_host_is_mapped_only_where_that_is_allowed() {
    let third = [PcpOption::ThirdParty([192, 168, 1, 9].into())];
    assert_eq!(result(&mut Home::new(pcp()), map(), &third), ResultCode::UnsuppOption);

    let mut home = home(Quirk::PortControl(PortControlOddity::ThirdPartyAllowed));
    assert_eq!(result(&mut home, map(), &third), ResultCode::Success);
    assert_eq!(home.inbound(7_777, REMOTE), Some("192.168.1.9:7777".parse().unwrap()));
    // Oneself is no third party (RFC 6887 section 13.1).
    let oneself = [PcpOption::ThirdParty(home.client.ip())];
    assert_eq!(result(&mut home, map(), &oneself), ResultCode::MalformedRequest);
}

#[test]
fn options_stand_with_their_opcodes_only() {
    let mut home = Home::new(pcp());
    let peer = Peer { map: map(), remote_peer_port: PORT_7777, remote_peer_address: [81, 2, 69, 1].into() };
    for (opcode, option) in [
        (Opcode::Announce, PcpOption::PreferFailure),
        (Opcode::Peer(peer), PcpOption::PreferFailure),
        (Opcode::Peer(peer), filter("81.2.69.1", 128, 0)),
    ] {
        let response = home.ask_pcp(opcode, 7_200, vec![option]);
        assert_eq!(response.result_code, ResultCode::MalformedOption);
    }
}

#[test]
fn an_option_may_not_be_supported() {
    let mut home = home(Quirk::PortControl(PortControlOddity::PcpWithoutOption(2)));
    assert_eq!(result(&mut home, map(), &[PcpOption::PreferFailure]), ResultCode::UnsuppOption);
    let mut home = Home::new(Scenario::igd2().with(Quirk::Pcp));
    assert_eq!(result(&mut home, map(), &[PcpOption::PreferFailure]), ResultCode::Success);
}
