use crate::home::{Add, Home, WAN_IP_2, key};
use portcullis_proto::Protocol;
use portcullis_sim::{Mapping, Quirk, Scenario};
use std::time::Duration;

fn home() -> Home {
    Home::new(Scenario::igd1())
}

#[test]
fn reports_status_and_uptime() {
    let mut home = home();
    home.pass(Duration::from_secs(90));
    let status = home.call("GetStatusInfo", &[]).unwrap();
    assert_eq!(status.get("NewConnectionStatus"), Some("Connected"));
    assert_eq!(status.get("NewLastConnectionError"), Some("ERROR_NONE"));
    assert_eq!(status.get("NewUptime"), Some("90"));
}

#[test]
fn reports_the_external_address() {
    let mut home = home();
    let address = |home: &mut Home| {
        let out = home.call("GetExternalIPAddress", &[]).unwrap();
        out.get("NewExternalIPAddress").unwrap().to_owned()
    };
    assert_eq!(address(&mut home), "81.2.69.142");
    home.gateway.set_external_address("81.2.69.1");
    assert_eq!(address(&mut home), "81.2.69.1");
}

#[test]
fn answers_the_small_actions() {
    let mut home = home();
    assert!(home.call("GetConnectionTypeInfo", &[]).is_ok());
    assert!(home.call("GetNATRSIPStatus", &[]).is_ok());
    home.service_type = "urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1";
    home.target = "/ctl/CmnIfCfg";
    assert!(home.call("GetCommonLinkProperties", &[]).is_ok());
    assert_eq!(home.call("GetExternalIPAddress", &[]), Err(401));
}

#[test]
fn adds_a_mapping() {
    let mut home = home();
    home.add(&Add { description: "Tom & <Jerry> \"\u{1f3ae}\"", ..Add::default() }).unwrap();
    let [mapping] = home.gateway.mappings() else { panic!() };
    assert_eq!(
        (mapping.protocol, mapping.external_port, mapping.internal_port),
        (Protocol::Udp, 7_777, 7_777)
    );
    assert_eq!(mapping.internal_client, "192.168.1.7");
    assert_eq!(mapping.description, "Tom & <Jerry> \"\u{1f3ae}\"");
    assert_eq!(mapping.lifetime(home.now).as_seconds(), 3_600);
    assert_eq!(home.gateway.counters().posts("AddPortMapping"), 1);
}

#[test]
fn refuses_malformed_arguments() {
    let ok = Add::default();
    for (add, code) in [
        (Add { external_port: "0", ..ok }, 716),
        (Add { external_port: "70000", ..ok }, 402),
        (Add { external_port: "", ..ok }, 402),
        (Add { internal_port: "0", ..ok }, 402),
        (Add { protocol: "udp", ..ok }, 402),
        (Add { protocol: "SCTP", ..ok }, 402),
        (Add { enabled: "maybe", ..ok }, 402),
        (Add { lease: "-1", ..ok }, 402),
        (Add { remote_host: "nobody", ..ok }, 402),
        (Add { internal_client: "", ..ok }, 402),
        (Add { internal_client: "192.168.1.8", ..ok }, 606),
    ] {
        let mut home = home();
        assert_eq!(home.add(&add), Err(code), "{:?}", add.arguments());
        assert!(home.gateway.mappings().is_empty());
    }
    for missing in 0..8 {
        let mut arguments = ok.arguments().to_vec();
        arguments.remove(missing);
        assert_eq!(home().call("AddPortMapping", &arguments), Err(402));
    }
}

#[test]
fn refreshes_the_mapping_of_the_same_client() {
    let mut home = home();
    home.add(&Add { lease: "100", ..Add::default() }).unwrap();
    home.pass(Duration::from_secs(60));
    home.add(&Add { lease: "100", internal_port: "7778", ..Add::default() }).unwrap();
    let [mapping] = home.gateway.mappings() else { panic!() };
    assert_eq!(mapping.internal_port, 7_778);
    assert_eq!(mapping.lifetime(home.now).as_seconds(), 100);
}

#[test]
fn refuses_the_port_of_another_client() {
    let mut home = home();
    home.gateway.add_mapping(Mapping::new(Protocol::Udp, 7_777, [192, 168, 1, 8].into()));
    assert_eq!(home.add(&Add::default()), Err(718));
    home.add(&Add { protocol: "TCP", ..Add::default() }).unwrap();
    home.add(&Add { remote_host: "81.2.69.99", ..Add::default() }).unwrap();
    assert_eq!(home.gateway.mappings().len(), 3);
}

#[test]
fn deletes_a_mapping() {
    let mut home = home();
    home.add(&Add::default()).unwrap();
    home.call("DeletePortMapping", &key("7777")).unwrap();
    assert!(home.gateway.mappings().is_empty());
    assert_eq!(home.call("DeletePortMapping", &key("7777")), Err(714));
    assert_eq!(home.call("DeletePortMapping", &key("0")), Err(716));
    assert_eq!(home.call("DeletePortMapping", &[]), Err(402));
}

#[test]
fn lists_by_index() {
    let mut home = home();
    home.add(&Add::default()).unwrap();
    home.add(&Add { external_port: "8000", protocol: "TCP", lease: "0", ..Add::default() }).unwrap();
    home.pass(Duration::from_millis(500));
    let entry = home.call("GetGenericPortMappingEntry", &[("NewPortMappingIndex", "0")]).unwrap();
    let expected = [
        ("NewRemoteHost", ""),
        ("NewExternalPort", "7777"),
        ("NewProtocol", "UDP"),
        ("NewInternalPort", "7777"),
        ("NewInternalClient", "192.168.1.7"),
        ("NewEnabled", "1"),
        ("NewPortMappingDescription", "game"),
        ("NewLeaseDuration", "3600"),
    ];
    assert!(entry.iter().eq(expected), "{entry:?}");
    let entry = home.call("GetGenericPortMappingEntry", &[("NewPortMappingIndex", "1")]).unwrap();
    assert_eq!(entry.get("NewLeaseDuration"), Some("0"));
    assert_eq!(home.call("GetGenericPortMappingEntry", &[("NewPortMappingIndex", "2")]), Err(713));
    assert_eq!(home.call("GetGenericPortMappingEntry", &[("NewPortMappingIndex", "x")]), Err(402));
}

#[test]
fn reads_one_mapping() {
    let mut home = home();
    home.add(&Add::default()).unwrap();
    let entry = home.call("GetSpecificPortMappingEntry", &key("7777")).unwrap();
    assert_eq!(entry.get("NewInternalClient"), Some("192.168.1.7"));
    assert_eq!(entry.get("NewProtocol"), None);
    assert_eq!(home.call("GetSpecificPortMappingEntry", &key("7778")), Err(714));
}

#[test]
fn refuses_unknown_actions_and_services() {
    let mut home = home();
    for action in ["AddAnyPortMapping", "DeletePortMappingRange", "GetListOfPortMappings", "Reboot"] {
        assert_eq!(home.call(action, &Add::default().arguments()), Err(401), "{action}");
    }
    home.service_type = WAN_IP_2;
    assert_eq!(home.call("GetExternalIPAddress", &[]), Err(401));
    assert_eq!(home.gateway.counters().all_posts(), 5);
}

#[test]
fn refuses_what_is_no_control_request() {
    let mut home = home();
    let good = String::from_utf8(home.post_request("GetStatusInfo", &[])).unwrap();
    for (from, to, status) in [
        ("POST /ctl/IPConn", "POST /ctl/nobody", "404"),
        ("SOAPAction", "X-SOAPAction", "500"),
        ("#GetStatusInfo\"", "#GetExternalIPAddress\"", "500"),
        ("s:Body", "s:Bodi", "400"),
    ] {
        let request = good.replace(from, to);
        let (reply, _) = home.exchange(&[request.as_bytes()]);
        assert_eq!(std::str::from_utf8(&reply[9..12]), Ok(status), "{request}");
    }
}

#[test]
fn foreign_mappings_are_there_from_the_start() {
    let mut home = Home::new(Scenario::igd1().with(Quirk::ForeignMapping(Protocol::Udp, 7_777)));
    assert_eq!(home.external_ports(), [(Protocol::Udp, 7_777)]);
    assert_eq!(home.add(&Add::default()), Err(718));
    home.gateway.clear_mappings();
    home.add(&Add::default()).unwrap();
    home.gateway.reboot(home.now);
    assert_eq!(home.gateway.mappings()[0].internal_client, "192.168.1.254");
}
