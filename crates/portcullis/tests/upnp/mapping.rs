//! Adding and deleting: what is sent, what is in the way, and what the gateway says.

use crate::{elapsed, found, impatient, scenario, side_by_side};
use core::time::Duration;
use portcullis::Protocol;
use portcullis::upnp::UpnpResult;
use portcullis_sim::{HttpOddity, Mapping, On, Quirk, Scenario};
use std::net::Ipv4Addr;

fn foreign(port: u16) -> Mapping {
    Mapping::new(Protocol::Udp, port, Ipv4Addr::new(10, 99, 0, 9).into())
}

#[test]
fn what_is_asked_for_is_what_is_mapped() {
    let (server, upnp, device) = found(Scenario::igd1());
    assert_eq!(device.add_port_mapping(7_777, 8_888, "my game", "TCP", 3_600), UpnpResult::Success);
    assert_eq!(upnp.add_port_mapping(9_999, 0, "", "UDP", 0), UpnpResult::Success);
    let mappings = server.with_gateway(|gateway| gateway.mappings().to_vec());
    let [first, second] = mappings.as_slice() else { panic!("{mappings:?}") };
    assert_eq!((first.external_port, first.internal_port, first.protocol), (7_777, 8_888, Protocol::Tcp));
    assert_eq!((first.description.as_str(), first.internal_client.as_str()), ("my game", "127.0.0.1"));
    assert!(first.expires.is_some() && first.enabled && first.remote_host.is_empty());
    assert_eq!((second.external_port, second.internal_port, second.protocol), (9_999, 9_999, Protocol::Udp));
    assert_eq!((second.description.as_str(), second.expires), ("portcullis", None));

    assert_eq!(upnp.delete_port_mapping(7_777, "UDP"), UpnpResult::NoSuchEntryInArray, "it is TCP's");
    assert_eq!(upnp.delete_port_mapping(7_777, "TCP"), UpnpResult::Success);
    assert_eq!(device.delete_port_mapping(9_999, "UDP"), UpnpResult::Success);
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 0);
}

#[test]
fn a_success_under_a_status_of_failure_is_looked_up() {
    let (_server, upnp, device) = found(scenario("success-500"));
    assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::Success);
    assert!(device.last_error().is_none());
    let (_server, upnp, device) = found(scenario("success-500").with(Quirk::AddIgnored));
    assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::HttpError);
    assert!(device.last_error().unwrap().to_string().contains("500"));
}

#[test]
fn a_description_may_have_any_characters() {
    let (server, _upnp, device) = found(Scenario::igd1());
    let long = "x".repeat(300);
    for (desc, stored) in [
        ("Tom & Jerry", "Tom & Jerry"),
        ("<b>\"it's\"</b>", "<b>\"it's\"</b>"),
        ("caf\u{e9} \u{1f3ae}", "caf\u{e9} \u{1f3ae}"),
        (long.as_str(), &long[..256]),
    ] {
        assert_eq!(device.add_port_mapping(7_777, 0, desc, "UDP", 0), UpnpResult::Success, "{desc}");
        let own = server.with_gateway(|gateway| gateway.mappings()[0].description.clone());
        assert_eq!(own, stored);
    }
}

#[test]
fn a_mapping_of_ones_own_is_renewed_without_a_deletion() {
    let (server, upnp, _device) = found(Scenario::igd1());
    for _ in 0..2 {
        assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 60), UpnpResult::Success);
    }
    assert_eq!(server.with_gateway(|gateway| gateway.counters().posts("DeletePortMapping")), 0);
}

#[test]
fn a_foreign_mapping_is_overwritten_by_the_list_only() {
    let (server, upnp, device) = found(Scenario::igd1());
    server.with_gateway(|gateway| gateway.add_mapping(foreign(7_777)));
    let posts = |action| server.with_gateway(|gateway| gateway.counters().posts(action));

    assert_eq!(device.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::ConflictWithOtherMapping);
    assert_eq!((posts("AddPortMapping"), posts("DeletePortMapping")), (1, 0));

    assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::Success);
    assert_eq!((posts("AddPortMapping"), posts("DeletePortMapping")), (3, 1));
    let clients: Vec<_> = server.with_gateway(|gateway| {
        gateway.mappings().iter().map(|mapping| mapping.internal_client.clone()).collect()
    });
    assert_eq!(clients, ["127.0.0.1"]);
}

#[test]
fn what_cannot_be_deleted_stays_a_conflict() {
    // Version 2 protects the mappings of others.
    let (server, upnp, device) = found(Scenario::igd2());
    server.with_gateway(|gateway| gateway.add_mapping(foreign(7_777)));
    assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::ConflictWithOtherMapping);
    assert!(device.last_error().unwrap().to_string().contains("718"));
    assert_eq!(upnp.delete_port_mapping(7_777, "UDP"), UpnpResult::NotAuthorized);
}

#[test]
fn a_gateway_that_sees_a_conflict_everywhere_is_asked_twice() {
    let (server, upnp, _device) = found(scenario("always-conflict"));
    assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::ConflictWithOtherMapping);
    let counters = server.with_gateway(|gateway| gateway.counters().clone());
    assert_eq!((counters.posts("AddPortMapping"), counters.posts("DeletePortMapping")), (2, 1));
}

#[test]
fn only_a_conflict_with_a_mapping_deletes() {
    for code in [501, 606, 725, 729] {
        let (server, upnp, _device) = found(Scenario::igd1().with(Quirk::Fault("AddPortMapping", code)));
        assert_ne!(upnp.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::Success, "{code}");
        let counters = server.with_gateway(|gateway| gateway.counters().clone());
        assert_eq!((counters.posts("AddPortMapping"), counters.posts("DeletePortMapping")), (1, 0), "{code}");
    }
}

#[test]
fn codes_of_the_gateway_become_results() {
    side_by_side([(402, 20), (606, 1), (714, 4), (725, 15), (728, 11), (899, 28)], |(code, expected)| {
        let (_server, _upnp, device) = found(Scenario::igd1().with(Quirk::Fault("AddPortMapping", code)));
        assert_eq!(device.add_port_mapping(7_777, 0, "", "UDP", 0) as i32, expected, "{code}");
        assert!(device.last_error().unwrap().to_string().contains(&code.to_string()), "{code}");
        assert_eq!(device.delete_port_mapping(7_777, "UDP"), UpnpResult::NoSuchEntryInArray);
    });
}

#[test]
fn a_permanent_lease_is_the_callers_to_ask_for() {
    let (server, upnp, _device) = found(scenario("permanent-lease-only"));
    assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 3_600), UpnpResult::OnlyPermanentLeaseSupported);
    assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::Success);
    assert_eq!(server.with_gateway(|gateway| gateway.mappings().len()), 1);
}

#[test]
fn a_refused_description_is_an_invalid_argument() {
    let (_server, upnp, _device) = found(scenario("description-402"));
    assert_eq!(upnp.add_port_mapping(7_777, 0, "Tom & Jerry", "UDP", 0), UpnpResult::InvalidArgs);
    assert_eq!(upnp.add_port_mapping(7_777, 0, "Tom and Jerry", "UDP", 0), UpnpResult::Success);
}

#[test]
fn a_reply_that_is_none_is_no_success() {
    side_by_side(
        [
            (HttpOddity::Raw(b"HTTP/1.0 404 Not Found\r\n\r\n<html>404</html>"), UpnpResult::HttpError),
            (HttpOddity::Raw(b"HTTP/1.0 500 Error\r\n\r\n<html>500</html>"), UpnpResult::HttpError),
            (HttpOddity::Body(b""), UpnpResult::HttpError),
            (HttpOddity::CloseAtOnce, UpnpResult::HttpError),
            (HttpOddity::Body(b"<html>Log in</html>"), UpnpResult::InvalidResponse),
        ],
        |(oddity, expected)| {
            let quirk = Quirk::Http(On::Action("AddPortMapping"), oddity);
            let (_server, _upnp, device) = found(Scenario::igd1().with(quirk));
            assert_eq!(device.add_port_mapping(7_777, 0, "", "UDP", 0), expected, "{oddity:?}");
            assert!(device.last_error().is_some());
        },
    );
}

#[test]
fn no_call_outlives_its_deadline() {
    let (_server, device) =
        impatient(Quirk::Http(On::Action("AddPortMapping"), HttpOddity::Silent), Duration::from_millis(150));
    let (result, took) = elapsed(|| device.add_port_mapping(7_777, 0, "", "UDP", 0));
    assert_eq!(result, UpnpResult::HttpError);
    assert!(took >= Duration::from_millis(150) && took < Duration::from_millis(1_000), "{took:?}");
}

#[test]
fn a_gateway_that_is_gone_is_an_http_error() {
    let (server, upnp, _device) = found(Scenario::igd1());
    drop(server);
    assert_eq!(upnp.add_port_mapping(7_777, 0, "", "UDP", 0), UpnpResult::HttpError);
    assert_eq!(upnp.delete_port_mapping(7_777, "UDP"), UpnpResult::HttpError);
    assert_eq!(upnp.query_external_address(), "");
}
