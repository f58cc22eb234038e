//! Descriptions of real devices give the service and control URL that a client should find.

#[path = "common/corpus.rs"]
mod corpus;

use corpus::Row;
use portcullis_proto::igd::description::Description;
use portcullis_proto::wire::url::HttpUrl;

const DEFAULT_LOCATION: &str = "http://192.168.1.1:49000/dir/desc.xml";

fn url(text: &str) -> HttpUrl {
    HttpUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

/// The URLBase of the row, if it can be one.
fn url_base(row: &Row) -> Option<HttpUrl> {
    HttpUrl::parse(row.column("URLBase")).ok()
}

/// Where the description came from. Unknown locations are on the host of the URLBase, on another port, so
/// that it shows which of the two was the base.
fn location(row: &Row) -> HttpUrl {
    if !row.column("location_if_known").is_empty() {
        return url(row.column("location_if_known"));
    }
    match url_base(row) {
        Some(base) if base.host() != "127.0.0.1" => {
            url(&format!("http://{}:49000/dir/desc.xml", base.host()))
        }
        _ => url(DEFAULT_LOCATION),
    }
}

/// Port and request target of a control URL, read without the code under test.
fn expected_place(row: &Row, control_url: &str) -> (u16, String) {
    if let Some(rest) = control_url.strip_prefix("http://") {
        let (authority, path) = rest.split_once('/').expect("a path");
        let port = authority.split_once(':').map_or(80, |(_, port)| port.parse().expect("a port"));
        return (port, format!("/{path}"));
    }
    assert!(control_url.starts_with('/'), "{control_url}");
    let location = location(row);
    let base = url_base(row).filter(|base| base.host() == location.host()).unwrap_or(location);
    (base.port(), control_url.to_owned())
}

fn parse(row: &Row) -> Option<Description> {
    Description::parse(&row.body, &location(row)).ok()
}

#[test]
fn descriptions_of_real_devices_give_the_expected_service() {
    let Some(rows) = corpus::rows("desc") else { return };
    let (mut found, mut none) = (0, 0);
    for row in &rows {
        let file = &row.file;
        let expected = row.column("expected_service");
        let description = parse(row);
        let service = description.as_ref().and_then(|description| description.wan_connections().next());
        if expected.starts_with("none") {
            assert_eq!(service, None, "{file}");
            none += 1;
            continue;
        }
        let service =
            service.unwrap_or_else(|| panic!("{file}: {:?}", Description::parse(&row.body, &location(row))));
        assert!(service.service_type.ends_with(expected), "{file}: {}", service.service_type);
        let control_url = service.control_url.as_ref().unwrap();
        assert_eq!(
            (control_url.port(), control_url.target().as_str().to_owned()),
            expected_place(row, row.column("expected_controlURL")),
            "{file}"
        );
        let description = description.unwrap();
        assert!(description.is_gateway(), "{file}");
        assert!(description.services.len() < 64, "{file}: some may be missing");
        found += 1;
    }
    assert!(found >= 40 && none >= 14, "{found} gateways and {none} others checked");
}

#[test]
fn all_wan_connection_services_are_listed() {
    let Some(rows) = corpus::rows("desc") else { return };
    let mut checked = 0;
    for row in &rows {
        let Some(description) = parse(row) else { continue };
        let listed: Vec<_> = description
            .services
            .iter()
            .filter(|service| service.kind.is_wan_connection())
            .map(|service| (service.service_type.as_str(), service.control_url.as_ref().unwrap()))
            .map(|(service_type, url)| (service_type, (url.port(), url.target().as_str().to_owned())))
            .collect();
        let expected = row.column("all_wan_connection_services");
        let expected: Vec<_> = expected
            .split(" ; ")
            .filter_map(|service| service.split_once(" -> "))
            .map(|(service_type, control_url)| (service_type, expected_place(row, control_url)))
            .collect();
        assert_eq!(listed, expected, "{}", row.file);
        checked += listed.len();
    }
    assert!(checked >= 45, "{checked} services checked");
}

#[test]
fn firewalls_for_ipv6_are_found() {
    let Some(rows) = corpus::rows("desc") else { return };
    let mut found: Vec<_> = rows
        .iter()
        .filter_map(|row| {
            let description = parse(row)?;
            let firewall = description.ipv6_firewalls().next()?;
            let target = firewall.control_url.as_ref().ok()?.target().as_str().to_owned();
            Some((row.file.rsplit('/').next()?.to_owned(), target))
        })
        .collect();
    found.sort();
    let expected = [
        ("avm-fritzbox-7430.xml", "/igd2upnp/control/WANIPv6Firewall1"),
        ("avm-fritzbox-7590-igddesc.xml", "/igd2upnp/control/WANIPv6Firewall1"),
        ("linux-igd2-gatedesc.xml", "/upnp/control/WANIPv6FwCtrl1"),
        ("qualcomm-9x45-mobileap.xml", "/ctl/IP6FCtl"),
        ("ubiquiti-amplifi.http", "/ctl/IP6FCtl"),
    ]
    .map(|(file, target)| (file.to_owned(), target.to_owned()));
    assert_eq!(found, expected);
}

#[test]
fn a_loopback_url_base_is_only_the_second_reading() {
    let Some(rows) = corpus::rows("desc") else { return };
    let row = rows.iter().find(|row| row.file.contains("broadcom-bcm963xx-ppp")).unwrap();
    let description = parse(row).unwrap();
    let service = description.wan_connections().next().unwrap();
    assert_eq!(service.control_url.as_ref().unwrap().port(), 49_000);
    let alternate = service.alternate_control_url.as_ref().unwrap();
    assert_eq!((alternate.port(), alternate.host()), (5431, "192.168.1.1"));
}

#[test]
fn a_description_that_is_cut_off_is_an_error_or_has_the_same_services() {
    let Some(rows) = corpus::rows("desc") else { return };
    for row in &rows {
        let Some(whole) = parse(row) else { continue };
        let length = row.body.len();
        // All of the end, where it becomes complete; samples of the rest.
        for end in (0..length).step_by(211).chain(length.saturating_sub(64)..length) {
            if let Ok(part) = Description::parse(&row.body[..end], &location(row)) {
                assert!(part.wan_connections().eq(whole.wan_connections()), "{} cut at {end}", row.file);
            }
        }
    }
}
