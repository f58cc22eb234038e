use crate::home::{Add, Home, WAN_IP_1, WAN_IP_2, key};
use portcullis_proto::Protocol;
use portcullis_sim::{Mapping, Quirk, Scenario};

fn home_with(quirks: &[Quirk]) -> Home {
    let scenario = quirks.iter().fold(Scenario::igd2(), |scenario, quirk| scenario.with(*quirk));
    Home { service_type: WAN_IP_2, ..Home::new(scenario) }
}

fn home() -> Home {
    home_with(&[])
}

fn foreign(port: u16) -> Mapping {
    Mapping::new(Protocol::Udp, port, [192, 168, 1, 8].into())
}

fn any(home: &mut Home, add: &Add<'_>) -> Result<u16, i64> {
    let out = home.call("AddAnyPortMapping", &add.arguments())?;
    Ok(out.get("NewReservedPort").unwrap().parse().unwrap())
}

fn range(start: &'static str, end: &'static str, manage: &'static str) -> [(&'static str, &'static str); 4] {
    [("NewStartPort", start), ("NewEndPort", end), ("NewProtocol", "UDP"), ("NewManage", manage)]
}

fn list(home: &mut Home, manage: &'static str, most: &'static str) -> Result<String, i64> {
    let mut arguments = range("1", "65535", manage).to_vec();
    arguments.push(("NewNumberOfPorts", most));
    let out = home.call("GetListOfPortMappings", &arguments)?;
    Ok(out.get("NewPortListing").unwrap().to_owned())
}

#[test]
fn leases_last_a_week_at_most() {
    for (asked, granted) in [("0", 604_800), ("604801", 604_800), ("604800", 604_800), ("60", 60)] {
        let mut home = home();
        home.add(&Add { lease: asked, ..Add::default() }).unwrap();
        assert_eq!(home.gateway.mappings()[0].lifetime(home.now).as_seconds(), granted, "{asked}");
    }
}

#[test]
fn is_also_controlled_as_version_one() {
    let mut home = home();
    home.service_type = WAN_IP_1;
    home.add(&Add::default()).unwrap();
    assert_eq!(home.call("AddAnyPortMapping", &Add::default().arguments()), Err(401));
}

#[test]
fn grants_the_port_asked_for_or_the_next_free_one() {
    let mut home = home();
    assert_eq!(any(&mut home, &Add::default()), Ok(7_777));
    assert_eq!(any(&mut home, &Add::default()), Ok(7_777));
    home.gateway.add_mapping(foreign(8_000));
    home.gateway.add_mapping(foreign(8_001));
    assert_eq!(any(&mut home, &Add { external_port: "8000", ..Add::default() }), Ok(8_002));
    home.gateway.add_mapping(foreign(65_535));
    assert_eq!(any(&mut home, &Add { external_port: "65535", ..Add::default() }), Ok(1_024));
    assert_eq!(any(&mut home, &Add { external_port: "0", protocol: "TCP", ..Add::default() }), Ok(1_024));
}

#[test]
fn has_its_own_codes_for_ports() {
    assert_eq!(home().add(&Add { internal_port: "0", ..Add::default() }), Err(732));
    assert_eq!(home_with(&[Quirk::OtherMechanism(7_777)]).add(&Add::default()), Err(729));
    let mut full = home_with(&[Quirk::TableSize(1)]);
    full.add(&Add::default()).unwrap();
    full.add(&Add::default()).unwrap();
    assert_eq!(full.add(&Add { external_port: "1", ..Add::default() }), Err(728));
    assert_eq!(any(&mut full, &Add { external_port: "1", ..Add::default() }), Err(728));
}

#[test]
fn a_client_deletes_its_own_only() {
    let mut home = home();
    home.gateway.add_mapping(foreign(7_777));
    assert_eq!(home.call("DeletePortMapping", &key("7777")), Err(606));
    let mut open = home_with(&[Quirk::InsecureMode]);
    open.gateway.add_mapping(foreign(7_777));
    assert!(open.call("DeletePortMapping", &key("7777")).is_ok());
}

#[test]
fn deletes_a_range() {
    let mut home = home();
    for port in ["7777", "7778", "9000"] {
        home.add(&Add { external_port: port, ..Add::default() }).unwrap();
    }
    home.gateway.add_mapping(foreign(7_779));
    home.call("DeletePortMappingRange", &range("7000", "7999", "0")).unwrap();
    assert_eq!(home.external_ports(), [(Protocol::Udp, 9_000), (Protocol::Udp, 7_779)]);
    assert_eq!(home.call("DeletePortMappingRange", &range("7000", "7999", "0")), Err(730));
    home.call("DeletePortMappingRange", &range("7000", "7999", "1")).unwrap();
    assert_eq!(home.external_ports(), [(Protocol::Udp, 9_000)]);
    assert_eq!(home.call("DeletePortMappingRange", &range("2", "1", "0")), Err(733));
}

#[test]
fn lists_in_one_document() {
    let mut home = home();
    assert_eq!(list(&mut home, "1", "0"), Err(730));
    home.add(&Add { description: "a < b & c", ..Add::default() }).unwrap();
    home.gateway.add_mapping(foreign(7_778));
    let document = list(&mut home, "1", "0").unwrap();
    assert_eq!(document.matches("<p:PortMappingEntry>").count(), 2);
    assert!(document.contains("<p:NewDescription>a &lt; b &amp; c</p:NewDescription>"), "{document}");
    assert!(document.contains("<p:NewLeaseTime>3600</p:NewLeaseTime>"), "{document}");
    assert_eq!(list(&mut home, "1", "1").unwrap().matches("<p:PortMappingEntry>").count(), 1);
    assert!(!list(&mut home, "0", "0").unwrap().contains("7778"));
    let backwards = [range("2", "1", "0").to_vec(), vec![("NewNumberOfPorts", "0")]].concat();
    assert_eq!(home.call("GetListOfPortMappings", &backwards), Err(733));
}

#[test]
fn may_never_grant_the_port_asked_for() {
    let mut home = home_with(&[Quirk::AnyPortNeverTheAsked]);
    assert_eq!(any(&mut home, &Add::default()), Ok(7_778));
}

#[test]
fn may_say_another_port_than_it_mapped() {
    let mut home = home_with(&[Quirk::OutArgument("NewReservedPort", "9999")]);
    assert_eq!(any(&mut home, &Add::default()), Ok(9_999));
    assert_eq!(home.external_ports(), [(Protocol::Udp, 7_777)]);
}
