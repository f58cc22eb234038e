use crate::home::Home;
use portcullis_proto::Protocol;
use portcullis_proto::igd::description::ServiceKind;
use portcullis_proto::igd::ipv6_firewall::{Action, AddPinhole, UniqueId, UpdatePinhole};
use portcullis_sim::{Quirk, Scenario};
use std::time::Duration;

fn home_with(quirks: &[Quirk]) -> Home {
    Home::ipv6(quirks.iter().fold(Scenario::igd2(), |scenario, quirk| scenario.with(*quirk)))
}

fn home() -> Home {
    home_with(&[])
}

/// The in-arguments of AddPinhole with some of them changed.
fn arguments<'a>(changes: &[(&str, &'a str)]) -> Vec<(&'static str, &'a str)> {
    let arguments = [
        ("RemoteHost", ""),
        ("RemotePort", "0"),
        ("InternalClient", "2a02:ff0::7"),
        ("InternalPort", "7777"),
        ("Protocol", "17"),
        ("LeaseTime", "3600"),
    ];
    let changed = |name| changes.iter().find(|(changed, _)| *changed == name).map(|(_, value)| *value);
    arguments.into_iter().map(|(name, value)| (name, changed(name).unwrap_or(value))).collect()
}

fn add(home: &mut Home, changes: &[(&str, &str)]) -> Result<String, i64> {
    let out = home.call("AddPinhole", &arguments(changes))?;
    Ok(out.get("UniqueID").unwrap().to_owned())
}

/// Any of the actions that ask about a pinhole by its number; what it says.
fn about(home: &mut Home, action: &str, id: &str) -> Result<Option<String>, i64> {
    let mut arguments = vec![("UniqueID", id)];
    if action == "UpdatePinhole" {
        arguments.push(("NewLeaseTime", "60"));
    }
    let out = home.call(action, &arguments)?;
    Ok(out.iter().next().map(|(_, value)| value.to_owned()))
}

const ABOUT: [&str; 4] = ["UpdatePinhole", "GetPinholePackets", "CheckPinholeWorking", "DeletePinhole"];

fn packet(home: &mut Home, port: u16) -> bool {
    let destination = format!("[2a02:ff0::7]:{port}").parse().unwrap();
    home.gateway.admits(home.now, Protocol::Udp, "[2a02:ff1::9]:40000".parse().unwrap(), destination)
}

#[test]
fn a_packet_passes_while_there_is_a_pinhole() {
    let mut home = home();
    assert!(!packet(&mut home, 7777));
    let id = add(&mut home, &[]).unwrap();
    assert_eq!(about(&mut home, "CheckPinholeWorking", &id), Err(709));
    assert!(packet(&mut home, 7777) && !packet(&mut home, 7778));
    assert_eq!(about(&mut home, "CheckPinholeWorking", &id), Ok(Some("1".into())));
    assert_eq!(about(&mut home, "GetPinholePackets", &id), Ok(Some("1".into())));
    assert_eq!(about(&mut home, "DeletePinhole", &id), Ok(None));
    assert!(!packet(&mut home, 7777));
    for action in ABOUT {
        assert_eq!(about(&mut home, action, &id), Err(704), "{action}");
    }
}

#[test]
fn a_pinhole_ends_with_its_lease_unless_it_is_renewed() {
    let mut home = home();
    let id = add(&mut home, &[("LeaseTime", "10")]).unwrap();
    assert_eq!(home.gateway.poll_timeout(), Some(home.now + Duration::from_secs(10)));
    home.pass(Duration::from_secs(9));
    about(&mut home, "UpdatePinhole", &id).unwrap();
    home.pass(Duration::from_secs(59));
    assert!(packet(&mut home, 7777));
    home.pass(Duration::from_secs(1));
    assert!(!packet(&mut home, 7777) && home.gateway.pinholes().is_empty());
    assert_eq!(about(&mut home, "UpdatePinhole", &id), Err(704));
}

#[test]
fn reads_what_the_codec_writes() {
    let mut home = home();
    let written = AddPinhole::from_arguments(&arguments(&[]).into_iter().collect()).unwrap();
    let borrowed = written.arguments();
    let pairs: Vec<_> = borrowed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let reply = home.call("AddPinhole", &pairs).unwrap();
    let unique_id = written.decode(&reply).unwrap();
    let [pinhole] = home.gateway.pinholes() else { panic!() };
    assert_eq!((pinhole.unique_id, pinhole.flow, unique_id), (UniqueId(1), written.flow, UniqueId(1)));
    let renewal = UpdatePinhole { unique_id, lifetime: written.lifetime };
    let borrowed = renewal.arguments();
    let pairs: Vec<_> = borrowed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert!(home.call("UpdatePinhole", &pairs).is_ok());
}

#[test]
fn the_same_flow_is_the_same_pinhole() {
    let mut home = home();
    let id = add(&mut home, &[]).unwrap();
    assert_eq!(add(&mut home, &[("LeaseTime", "60")]).unwrap(), id);
    assert_eq!(home.gateway.pinholes()[0].expires, home.now + Duration::from_secs(60));
    assert_ne!(add(&mut home, &[("Protocol", "6")]).unwrap(), id);

    let mut strange = home_with(&[Quirk::PinholeNotExtended]);
    let id = add(&mut strange, &[]).unwrap();
    assert_ne!(add(&mut strange, &[("LeaseTime", "60")]).unwrap(), id);
}

#[test]
fn refuses_arguments_with_the_codes_of_the_service() {
    for (name, value, code) in [
        ("InternalPort", "0", 706),
        ("Protocol", "65535", 707),
        ("Protocol", "58", 705),
        ("Protocol", "UDP", 402),
        ("InternalClient", "", 708),
        ("InternalClient", "192.168.1.7", 402),
        ("RemoteHost", "somewhere", 402),
        ("RemotePort", "65536", 402),
        ("LeaseTime", "0", 402),
        ("LeaseTime", "86401", 402),
        ("InternalClient", "2a02:ff0::8", 606),
        ("InternalClient", "2a02:ff0::1", 606),
    ] {
        assert_eq!(add(&mut home(), &[(name, value)]), Err(code), "{name} {value}");
    }
    assert_eq!(add(&mut home(), &[("InternalPort", "80")]), Ok("1".into()));
    assert_eq!(add(&mut home_with(&[Quirk::PrivilegedPortsRefused]), &[("InternalPort", "80")]), Err(606));
    assert_eq!(add(&mut home_with(&[Quirk::PinholeSpace(0)]), &[]), Err(701));
}

#[test]
fn whoever_asks_from_another_address_is_a_stranger() {
    let mut home = home();
    let id = add(&mut home, &[]).unwrap();
    for stranger in ["[2a02:ff0::8]:40000", "[fe80::7]:40000", "192.168.1.7:40000"] {
        home.client = stranger.parse().unwrap();
        assert_eq!(add(&mut home, &[]), Err(606));
        for action in ABOUT {
            assert_eq!(about(&mut home, action, &id), Err(606), "{stranger} {action}");
        }
    }
    let mut open = home_with(&[Quirk::InsecureMode]);
    open.client = "[2a02:ff0::8]:40000".parse().unwrap();
    let id = add(&mut open, &[]).unwrap();
    assert!(about(&mut open, "DeletePinhole", &id).is_ok());
}

#[test]
fn a_firewall_that_is_off_or_closed_says_so() {
    for (quirk, code, status, passes) in
        [(Quirk::FirewallOff, 702, ("0", "1"), true), (Quirk::PinholesNotAllowed, 703, ("1", "0"), false)]
    {
        let mut home = home_with(&[quirk]);
        assert_eq!(add(&mut home, &[]), Err(code));
        for action in ABOUT {
            assert_eq!(about(&mut home, action, "1"), Err(code), "{action}");
        }
        let out = home.call("GetFirewallStatus", &[]).unwrap();
        let said = ["FirewallEnabled", "InboundPinholeAllowed"].map(|name| out.get(name).unwrap());
        assert_eq!(said, [status.0, status.1]);
        assert_eq!(packet(&mut home, 7777), passes);
    }
    let out = home().call("GetFirewallStatus", &[]).unwrap();
    assert_eq!((out.get("FirewallEnabled"), out.get("InboundPinholeAllowed")), (Some("1"), Some("1")));
}

#[test]
fn numbers_begin_anew_after_a_restart() {
    let mut home = home();
    let id = add(&mut home, &[]).unwrap();
    home.gateway.reboot(home.now);
    assert_eq!(about(&mut home, "UpdatePinhole", &id), Err(704));
    assert_eq!(add(&mut home, &[("InternalPort", "8888")]), Ok(id));
    home.gateway.clear_mappings();
    assert!(home.gateway.pinholes().is_empty());
}

#[test]
fn may_call_an_unknown_number_invalid_and_count_nothing() {
    let mut home = Home::ipv6("ipv6-pinhole".parse().unwrap());
    let id = add(&mut home, &[]).unwrap();
    assert!(packet(&mut home, 7777));
    assert_eq!(about(&mut home, "CheckPinholeWorking", &id), Err(709));
    assert_eq!(about(&mut home, "GetPinholePackets", &id), Ok(Some("0".into())));
    about(&mut home, "DeletePinhole", &id).unwrap();
    for action in ABOUT {
        assert_eq!(about(&mut home, action, &id), Err(402), "{action}");
    }
}

#[test]
fn tells_how_long_it_remembers_what_goes_out() {
    let mut home = home();
    let out = home.call("GetOutboundPinholeTimeout", &arguments(&[])).unwrap();
    assert_eq!(out.get("OutboundPinholeTimeout"), Some("300"));
}

#[test]
fn faults_have_the_words_of_the_service() {
    let mut home = home();
    let response = home.post("DeletePinhole", &[("UniqueID", "9")]);
    let body = String::from_utf8(response.body).unwrap();
    assert!(body.contains("<errorDescription>NoSuchEntry</errorDescription>"), "{body}");
}

#[test]
fn named_gateways_do_as_they_are_called() {
    let added = |name: &str| add(&mut Home::ipv6(name.parse().unwrap()), &[]);
    for (name, outcome) in [
        ("ipv6-pinhole", Ok("1".into())),
        ("ipv6-second-pinhole", Ok("1".into())),
        ("ipv6-no-check", Ok("1".into())),
        ("ipv6-firewall-off", Err(702)),
        ("ipv6-not-allowed", Err(703)),
        ("ipv6-unexplained", Err(606)),
        ("ipv6-full", Err(701)),
    ] {
        assert_eq!(added(name), outcome, "{name}");
    }
    let mut home = Home::ipv6("ipv6-no-service".parse().unwrap());
    let is_firewall = |kind| kind == ServiceKind::WanIpv6FirewallControl;
    assert!(!home.description().services.iter().any(|service| is_firewall(service.kind)));
    assert_eq!(home.post("GetFirewallStatus", &[]).status, 404);
}
