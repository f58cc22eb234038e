//! HTTP as routers speak it is understood, and what is sent is what they understand (quirks 29 to 44).

use crate::pair::{Pair, udp};
use core::time::Duration;
use portcullis_sim::{ControlUrl, HttpOddity, On, Quirk, Scenario};

#[test]
fn odd_replies_are_read() {
    for oddity in [
        HttpOddity::LfOnly,
        HttpOddity::NoLength,
        HttpOddity::UntilClose,
        HttpOddity::Chunked(1),
        HttpOddity::Chunked(100),
        HttpOddity::KeepOpen,
        HttpOddity::LengthTooLong(100),
        HttpOddity::Trailing(b"\r\n\r\ngarbage"),
        HttpOddity::ContentType(""),
        HttpOddity::ContentType("application/octet-stream"),
        HttpOddity::Header("X-Router: yes"),
        HttpOddity::Interim(1),
        HttpOddity::Delay(Duration::from_millis(300)),
    ] {
        let mut pair = Pair::new(Scenario::igd1().with(Quirk::Http(On::Any, oddity)));
        pair.map(udp(7777).read_back()).unwrap_or_else(|error| panic!("{oddity:?}: {error}"));
        assert_eq!(pair.list().unwrap().len(), 1, "{oddity:?}");
        assert!(pair.close(7777, false).unwrap(), "{oddity:?}");
        // No reply is waited for longer than it takes to be complete.
        assert!(pair.now.since_start() < Duration::from_secs(3), "{oddity:?}: {:?}", pair.now);
    }
}

#[test]
fn picky_gateways_understand_our_requests() {
    let quirks = [
        Quirk::ExactSoapActionCase,
        Quirk::QuotedSoapAction,
        Quirk::OneReadOnly,
        Quirk::CompactEnvelopeOnly,
        Quirk::AbortsOnHalfClose,
    ];
    let scenario = quirks.iter().fold(Scenario::igd2(), |scenario, &quirk| scenario.with(quirk));
    let mut pair = Pair::new(scenario);
    pair.map(udp(7777).description("a < b & \"c\"").read_back()).unwrap();
    assert_eq!(pair.gateway.mappings()[0].description, "a < b & \"c\"");
    assert_eq!(pair.list().unwrap()[0].description, "a < b & \"c\"");
}

#[test]
fn control_urls_of_every_form_lead_to_the_gateway() {
    for form in [
        ControlUrl::Relative,
        ControlUrl::Absolute,
        ControlUrl::Query,
        ControlUrl::Literal("http://10.0.0.1:5000/ctl/IPConn"),
        ControlUrl::Literal("http://gateway.example:5000/x?y=z"),
        ControlUrl::Literal("//10.0.0.1:5000/x"),
    ] {
        let mut pair = Pair::new(Scenario::igd1().with(Quirk::ControlUrl(form)));
        pair.map(udp(7777)).unwrap_or_else(|error| panic!("{form:?}: {error}"));
        let elsewhere = pair.record.connects().into_iter().find(|to| to.ip().to_string() != "192.168.1.1");
        assert_eq!(elsewhere, None, "{form:?}");
    }
}

#[test]
fn a_url_base_that_leads_nowhere_is_passed_over() {
    for base in [
        "http://192.168.1.1:5000",
        "http://192.168.1.1:5000/",
        "http://127.0.0.1:1/",
        "http://10.255.255.1:1/",
        "http://10.255.255.1:5000/",
        "nonsense",
        "",
    ] {
        let mut pair = Pair::new(Scenario::igd1().with(Quirk::UrlBase(base)));
        pair.map(udp(7777)).unwrap_or_else(|error| panic!("{base:?}: {error}"));
        assert!(pair.record.connects().iter().all(|to| to.ip().to_string() == "192.168.1.1"), "{base:?}");
    }
}

#[test]
fn odd_search_answers_are_read() {
    for quirk in [
        Quirk::LocationHeader("AL"),
        Quirk::LocationHeader("location"),
        Quirk::SearchLfOnly,
        Quirk::SearchUnfinished,
        Quirk::SearchLine("EXT"),
        Quirk::SearchLine("SERV\u{7f}ER: x"),
        Quirk::SearchLine("BOOTID.UPNP.ORG: \u{e4}"),
        Quirk::SearchJunk(b""),
        Quirk::SearchJunk(b"\0\0\0"),
        Quirk::Location("http://127.0.0.1:5000/rootDesc.xml"),
        Quirk::Location("http://[::1]:5000/rootDesc.xml"),
        Quirk::LeadingSpace("\r\n\t "),
        Quirk::DeclaredEncoding("ISO-8859-1"),
    ] {
        let mut pair = Pair::new(Scenario::igd1().with(quirk));
        pair.map(udp(7777)).unwrap_or_else(|error| panic!("{quirk:?}: {error}"));
        assert!(pair.record.connects().iter().all(|to| to.to_string() == "192.168.1.1:5000"), "{quirk:?}");
    }
}
