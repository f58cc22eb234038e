use crate::home::Home;
use portcullis_proto::igd::description::ServiceKind;
use portcullis_sim::{ControlUrl, Quirk, Scenario, Topology};

/// The WAN connection services and their control URLs, in order.
fn connections(home: &mut Home) -> Vec<(ServiceKind, String)> {
    let services = home.description().services;
    let wan = |kind| matches!(kind, ServiceKind::WanIpConnection(_) | ServiceKind::WanPppConnection(_));
    services
        .into_iter()
        .filter(|service| wan(service.kind))
        .map(|service| (service.kind, service.control_url.unwrap().to_string()))
        .collect()
}

#[test]
fn describes_a_gateway_of_its_version() {
    for (scenario, kind) in [
        (Scenario::igd1(), ServiceKind::WanIpConnection(1)),
        (Scenario::igd2(), ServiceKind::WanIpConnection(2)),
    ] {
        let mut home = Home::new(scenario);
        let description = home.description();
        assert!(description.is_gateway());
        assert_eq!(description.friendly_name, "Simulated gateway");
        assert_eq!(connections(&mut home), [(kind, "http://192.168.1.1:5000/ctl/IPConn".to_owned())]);
        assert_eq!(home.gateway.counters().gets, 2);
    }
}

#[test]
fn version_two_advertises_the_firewall() {
    let has = |scenario| {
        let services = Home::new(scenario).description().services;
        services.iter().any(|service| service.kind == ServiceKind::WanIpv6FirewallControl)
    };
    assert!(has(Scenario::igd2()));
    assert!(!has(Scenario::igd1()));
}

#[test]
fn control_urls_are_written_as_asked() {
    for (form, url) in [
        (ControlUrl::Relative, "http://192.168.1.1:5000/ctl/IPConn"),
        (ControlUrl::Absolute, "http://192.168.1.1:5000/ctl/IPConn"),
        (ControlUrl::Query, "http://192.168.1.1:5000/control?IPConn"),
        (ControlUrl::RefusedPort, "http://192.168.1.1:5001/ctl/IPConn"),
        (ControlUrl::Literal("/x/y"), "http://192.168.1.1:5000/x/y"),
    ] {
        let mut home = Home::new(Scenario::igd1().with(Quirk::ControlUrl(form)));
        assert_eq!(connections(&mut home)[0].1, url, "{form:?}");
    }
}

#[test]
fn is_controlled_at_the_url_it_gives() {
    for (form, target) in [
        (ControlUrl::Relative, "/ctl/IPConn"),
        (ControlUrl::Query, "/control?IPConn"),
        (ControlUrl::Literal("/x/y"), "/x/y"),
    ] {
        let mut home = Home::new(Scenario::igd1().with(Quirk::ControlUrl(form)));
        home.target = target;
        assert!(home.call("GetExternalIPAddress", &[]).is_ok(), "{form:?}");
    }
}

#[test]
fn has_the_services_of_its_topology() {
    let of = |topology| connections(&mut Home::new(Scenario::igd1().with(Quirk::Topology(topology))));
    let kinds = |topology| of(topology).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
    assert_eq!(kinds(Topology::WanPppOnly), [ServiceKind::WanPppConnection(1)]);
    assert_eq!(kinds(Topology::FirstWanDeviceDown), [ServiceKind::WanIpConnection(1); 2]);
    assert_eq!(kinds(Topology::FirstConnectionDown), [ServiceKind::WanIpConnection(1); 2]);
    assert_eq!(kinds(Topology::SecondOfThreeUp), [ServiceKind::WanIpConnection(1); 3]);
    assert_eq!(kinds(Topology::NoConnectionService), []);
    assert_eq!(kinds(Topology::NotAGateway), []);
}

#[test]
fn the_first_of_two_connections_is_down() {
    for topology in [Topology::FirstWanDeviceDown, Topology::FirstConnectionDown] {
        let mut home = Home::new(Scenario::igd1().with(Quirk::Topology(topology)));
        for (target, status) in [("/ctl/IPConnDown", "Disconnected"), ("/ctl/IPConn", "Connected")] {
            home.target = target;
            assert_eq!(home.call("GetStatusInfo", &[]).unwrap().get("NewConnectionStatus"), Some(status));
        }
    }
}

#[test]
fn a_media_server_is_no_gateway() {
    let mut home = Home::new(Scenario::igd1().with(Quirk::Topology(Topology::NotAGateway)));
    assert!(!home.description().is_gateway());
}

#[test]
fn leaves_out_or_adds_what_it_is_told() {
    let text = |quirk| {
        let body = Home::new(Scenario::igd1().with(quirk)).get("/rootDesc.xml").unwrap().body;
        String::from_utf8(body).unwrap()
    };
    assert!(text(Quirk::UrlBase("http://127.0.0.1:1/")).contains("<URLBase>http://127.0.0.1:1/</URLBase>"));
    assert!(!text(Quirk::NoWanCommonInterfaceConfig).contains("WANCommonInterfaceConfig"));
    assert!(text(Quirk::Domain("dslforum-org")).contains("urn:dslforum-org:service:WANIPConnection:1"));
    assert!(text(Quirk::LeadingSpace("\r\n ")).starts_with("\r\n <?xml"));
    assert!(text(Quirk::DeclaredEncoding("ISO-8859-1")).contains("encoding=\"ISO-8859-1\""));
    assert!(text(Quirk::FriendlyName("<b>&amp;")).contains("<friendlyName><b>&amp;</friendlyName>"));
}

#[test]
fn serves_service_descriptions_and_nothing_else() {
    let mut home = Home::new(Scenario::igd1());
    assert!(home.get("/IPConn.xml").unwrap().body.ends_with(b"</scpd>\n"));
    assert_eq!(home.get("/nothing.xml").unwrap().status, 404);
    assert_eq!(home.exchange(&[b"PUT / HTTP/1.1\r\n\r\n"]).0.get(..12), Some(&b"HTTP/1.1 405"[..]));
}

#[test]
fn serves_its_description_where_it_announces_it() {
    let mut home = Home::new(Scenario::igd1().with(Quirk::Location("http://10.9.9.9/igd.xml?x")));
    assert_eq!(home.get("/igd.xml?x").unwrap().status, 200);
}
