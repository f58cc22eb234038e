use super::*;

const IP_1: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";
const IGD: &str = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";

fn location() -> HttpUrl {
    HttpUrl::parse("http://192.168.1.1:5000/desc/root.xml").unwrap()
}

fn parse(document: &str) -> Description {
    Description::parse(document.as_bytes(), &location()).unwrap()
}

fn service(service_type: &str, control_url: &str) -> String {
    format!(
        "<service><serviceType>\n{service_type}\n</serviceType><controlURL> {control_url}\t</controlURL></service>"
    )
}

/// A description with these services in its root device.
fn device(head: &str, device_type: &str, services: &str) -> String {
    format!(
        "<root>{head}<device><deviceType>{device_type}</deviceType><serviceList>{services}</serviceList>\
         </device></root>"
    )
}

/// Control URL and alternate of the only service.
fn control(url_base: &str, control_url: &str) -> (Result<String, UrlError>, Option<String>) {
    let head = if url_base.is_empty() { String::new() } else { format!("<URLBase>{url_base}</URLBase>") };
    let description = parse(&device(&head, IGD, &service(IP_1, control_url)));
    let [service] = description.services.as_slice() else { panic!("{description:?}") };
    let show = |url: &HttpUrl| url.to_string();
    (
        service.control_url.as_ref().map(show).map_err(|&error| error),
        service.alternate_control_url.as_ref().map(show),
    )
}

#[test]
fn reads_names_of_the_root_device() {
    let description = parse(
        "<root><device><deviceType> urn:schemas-upnp-org:device:InternetGatewayDevice:2\n</deviceType>\
         <friendlyName>A\u{1b}[1m &amp; B</friendlyName><manufacturer>M</manufacturer><modelName>N</modelName>\
         <UDN>uuid:1</UDN><deviceList><device><deviceType>x</deviceType><friendlyName>inner</friendlyName>\
         </device></deviceList></device></root>",
    );
    assert_eq!(description.device_type, "urn:schemas-upnp-org:device:InternetGatewayDevice:2");
    assert_eq!(description.friendly_name, "A[1m & B");
    assert_eq!((description.manufacturer.as_str(), description.model_name.as_str()), ("M", "N"));
    assert_eq!(description.udn, "uuid:1");
    assert!(description.is_gateway(), "by its type, though it has no service");
    assert_eq!(description.wan_connections().count(), 0);

    let long = "\u{e9}".repeat(10_000);
    let description = parse(&format!("<root><device><friendlyName>{long}</friendlyName></device></root>"));
    assert_eq!(description.friendly_name.len(), 256);
    assert!(!description.is_gateway());
}

#[test]
fn resolves_control_urls_against_the_location() {
    for (control_url, expected) in [
        ("/ctl", "http://192.168.1.1:5000/ctl"),
        ("ctl", "http://192.168.1.1:5000/desc/ctl"),
        ("/control?WANIPConnection", "http://192.168.1.1:5000/control?WANIPConnection"),
        ("/uuid:0000-1/WANPPPConnection:1", "http://192.168.1.1:5000/uuid:0000-1/WANPPPConnection:1"),
        ("http://192.168.1.1:5440/a?b", "http://192.168.1.1:5440/a?b"),
    ] {
        assert_eq!(control("", control_url), (Ok(expected.into()), None), "{control_url}");
    }
}

#[test]
fn prefers_a_url_base_of_the_same_host() {
    assert_eq!(
        control("http://192.168.1.1:5432", "/ctl"),
        (Ok("http://192.168.1.1:5432/ctl".into()), Some("http://192.168.1.1:5000/ctl".into()))
    );
    assert_eq!(control("http://192.168.1.1:5000/", "/ctl"), (Ok("http://192.168.1.1:5000/ctl".into()), None));
    assert_eq!(
        control("http://192.168.1.1", "http://192.168.1.1:5440/ctl"),
        (Ok("http://192.168.1.1:5440/ctl".into()), None),
        "an absolute control url keeps its port"
    );
}

#[test]
fn tries_the_port_of_a_url_base_of_another_host_second() {
    for url_base in ["http://127.0.0.1:5431/", "http://router.lan:5431/", "http://10.0.0.1:5431"] {
        assert_eq!(
            control(url_base, "/ctl"),
            (Ok("http://192.168.1.1:5000/ctl".into()), Some("http://192.168.1.1:5431/ctl".into())),
            "{url_base}"
        );
    }
    for url_base in ["https://192.168.1.1:443", "http://127.0.0.1:{port}", "http://192.168.1.1:22", "x", " "]
    {
        assert_eq!(control(url_base, "/ctl"), (Ok("http://192.168.1.1:5000/ctl".into()), None), "{url_base}");
    }
}

#[test]
fn honours_a_url_base_behind_the_device() {
    let document = device("", IGD, &service(IP_1, "/ctl"))
        .replace("</root>", "<URLBase>http://192.168.1.1:81</URLBase></root>");
    let description = parse(&document);
    assert_eq!(description.url_base.as_deref(), Some("http://192.168.1.1:81"));
    assert_eq!(description.services[0].control_url.as_ref().unwrap().port(), 81);
}

#[test]
fn a_service_without_one_good_control_url_is_not_usable() {
    for control_url in ["", "javascript://x", "/a b", "/\u{fffd}", "http://u:p@192.168.1.1/", "http://"] {
        let description = parse(&device("", IGD, &service(IP_1, control_url)));
        assert!(description.services[0].control_url.is_err(), "{control_url:?}");
        assert_eq!(description.wan_connections().count(), 0, "{control_url:?}");
    }
    let twice = |second: &str| {
        let doubled = format!("<controlURL>/a</controlURL><controlURL>{second}</controlURL>");
        let service = format!("<service><serviceType>{IP_1}</serviceType>{doubled}</service>");
        parse(&device("", IGD, &service)).wan_connections().count()
    };
    assert_eq!((twice("/a"), twice("/b")), (1, 0));
}

#[test]
fn orders_services_by_preference() {
    let types = [
        "urn:dslforum-org:service:WANIPConnection:1",
        "urn:schemas-upnp-org:service:WANPPPConnection:1",
        IP_1,
        "urn:schemas-upnp-org:service:Layer3Forwarding:1",
        "urn:schemas-upnp-org:service:WANIPConnection:2",
        "urn:schemas-upnp-org:service:WANPPPConnection:1",
    ];
    let services: String =
        types.iter().enumerate().map(|(n, kind)| service(kind, &format!("/{n}"))).collect();
    let description = parse(&device("", IGD, &services));
    let order: Vec<_> = description
        .wan_connections()
        .map(|service| service.control_url.as_ref().unwrap().target().as_str())
        .collect();
    assert_eq!(order, ["/4", "/2", "/1", "/5", "/0"]);
}

#[test]
fn leaves_out_what_needs_a_login() {
    const OLD_IGD: &str = "urn:dslforum-org:device:InternetGatewayDevice:1";
    let old = service("urn:dslforum-org:service:WANIPConnection:1", "/ctl");
    for name in ["DeviceInfo", "DeviceConfig"] {
        let management = service(&format!("urn:dslforum-org:service:{name}:1"), "/manage");
        for services in [format!("{old}{management}"), format!("{management}{old}")] {
            let tr_064 = parse(&device("", OLD_IGD, &services));
            assert!(tr_064.is_gateway());
            assert_eq!(tr_064.wan_connections().count(), 0, "{name}");
            assert_eq!(parse(&device("", IGD, &services)).wan_connections().count(), 1, "{name}");
        }
    }
    assert_eq!(parse(&device("", IGD, &old)).wan_connections().count(), 1, "an old gateway without login");
}

/// The Huawei HG531 has devices and services in the old domain, a service of its maker's with a name of TR-064, and
/// no login.
#[test]
fn a_gateway_of_the_old_domain_is_no_tr_064_device_by_that() {
    let services =
        ["urn:www-huawei-com:service:DeviceConfig:1", "urn:dslforum-org:service:LANConfigSecurity:1"]
            .map(|service_type| service(service_type, "/other"))
            .concat();
    let ppp = service("urn:dslforum-org:service:WANPPPConnection:1", "/ctrlt/WANPPPConnection_1");
    let description =
        parse(&device("", "urn:dslforum-org:device:InternetGatewayDevice:1", &format!("{services}{ppp}")));
    assert!(description.is_gateway());
    let used = description.wan_connections().next().unwrap();
    assert_eq!((used.kind, used.dslforum), (ServiceKind::WanPppConnection(1), true));
    assert_eq!(description.note(), None);
}

#[test]
fn numbers_the_wan_devices() {
    let wan = |control_url: &str| {
        let inner =
            device("", "urn:schemas-upnp-org:device:WANConnectionDevice:1", &service(IP_1, control_url));
        let inner = inner.replace("<root>", "").replace("</root>", "");
        // The type behind the list: element order is not to be relied on.
        format!(
            "<device><deviceList>{inner}</deviceList>\
             <deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType></device>"
        )
    };
    let document =
        format!("<root><device><deviceList>{}{}</deviceList></device></root>", wan("/a"), wan("/b"));
    let numbers: Vec<_> = parse(&document).services.iter().map(|service| service.wan_device).collect();
    assert_eq!(numbers, [0, 1]);
}

#[test]
fn a_crowd_does_not_hide_the_service() {
    let crowd = service("urn:x:service:Other:1", "/x").repeat(1_000);
    let description = parse(&device("", IGD, &format!("{crowd}{}{crowd}", service(IP_1, "/ctl"))));
    assert_eq!(description.services.len(), 64);
    assert_eq!(description.wan_connections().count(), 1);

    let flood = format!("<root>{}</root>", "<device><deviceType>x</deviceType></device>".repeat(6_000));
    assert!(parse(&flood).services.is_empty());
}

#[test]
fn refuses_what_is_no_description() {
    for (document, error) in [
        ("", DescriptionError::Empty),
        (" \0\n", DescriptionError::Empty),
        ("<!DOCTYPE html><html><form>", DescriptionError::NotADescription),
        ("<root/>", DescriptionError::NotADescription),
        ("<scpd><actionList/></scpd>", DescriptionError::NotADescription),
        ("404", DescriptionError::Xml(XmlError::NotXml)),
        ("<!DOCTYPE root SYSTEM 'x'><root/>", DescriptionError::Xml(XmlError::Dtd)),
    ] {
        assert_eq!(Description::parse(document.as_bytes(), &location()), Err(error), "{document:?}");
    }
}

#[test]
fn every_prefix_is_an_error_or_the_same_value() {
    let document = device("<URLBase>http://192.168.1.1:81/</URLBase>", IGD, &service(IP_1, "/ctl").repeat(2));
    let whole = parse(&document);
    let complete = (0..document.len())
        .filter_map(|end| Description::parse(&document.as_bytes()[..end], &location()).ok())
        .inspect(|part| assert_eq!(*part, whole))
        .count();
    assert_eq!(complete, "</root>".len());
}
