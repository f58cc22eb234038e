use crate::home::{Home, read};
use portcullis_proto::Time;
use portcullis_proto::wire::http::HttpError;
use portcullis_sim::{Accept, DeadLocation, HttpOddity, On, Quirk, Scenario, Step, hostile};
use std::time::Duration;

fn with(oddity: HttpOddity) -> Home {
    Home::new(Scenario::igd1().with(Quirk::Http(On::Description, oddity)))
}

#[test]
fn tolerable_oddities_leave_the_description_readable() {
    for oddity in [
        HttpOddity::Delay(Duration::from_secs(4)),
        HttpOddity::LfOnly,
        HttpOddity::NoLength,
        HttpOddity::UntilClose,
        HttpOddity::Chunked(7),
        HttpOddity::KeepOpen,
        HttpOddity::Trailing(b"\0\0"),
        HttpOddity::ContentType(""),
        HttpOddity::Interim(3),
        HttpOddity::Drip(Duration::from_millis(1)),
    ] {
        assert!(with(oddity).description().is_gateway(), "{oddity:?}");
    }
}

#[test]
fn hostile_replies_are_refused_by_name() {
    for (oddity, error) in [
        (HttpOddity::Raw(hostile::TLS_ALERT), HttpError::NotHttp),
        (HttpOddity::Raw(hostile::LENGTH_AND_CHUNKED), HttpError::LengthAndChunked),
        (HttpOddity::Raw(hostile::HUGE_LENGTH), HttpError::ContentLength),
        (HttpOddity::Raw(hostile::HUGE_CHUNK), HttpError::BodyTooLong),
        (HttpOddity::Interim(4), HttpError::Interim),
        (HttpOddity::Redirect(302, "http://10.0.0.1/"), HttpError::Redirect(302)),
        (HttpOddity::Header("Content-Encoding: gzip"), HttpError::ContentEncoding),
        (HttpOddity::Endless, HttpError::BodyTooLong),
        (HttpOddity::CloseAtOnce, HttpError::ClosedEarly),
    ] {
        assert_eq!(with(oddity).get("/rootDesc.xml"), Err(error), "{oddity:?}");
    }
}

#[test]
fn connections_end_as_told() {
    for (oddity, end) in [
        (HttpOddity::UntilClose, Step::Finish),
        (HttpOddity::NoLength, Step::Wait),
        (HttpOddity::KeepOpen, Step::Wait),
        (HttpOddity::Silent, Step::Wait),
        (HttpOddity::CloseAtOnce, Step::Finish),
        (HttpOddity::CloseMidBody, Step::Finish),
        (HttpOddity::ResetMidBody, Step::Reset),
    ] {
        assert_eq!(with(oddity).get_raw("/rootDesc.xml").1, end, "{oddity:?}");
    }
}

#[test]
fn a_cut_body_is_seen_as_cut() {
    let (bytes, _) = with(HttpOddity::CloseMidBody).get_raw("/rootDesc.xml");
    assert!(read(&bytes, "root").unwrap().truncated);
}

#[test]
fn says_nothing_where_it_is_silent() {
    let (bytes, end) = with(HttpOddity::Silent).get_raw("/rootDesc.xml");
    assert!(bytes.is_empty());
    assert_eq!(end, Step::Wait);
}

#[test]
fn a_half_close_costs_the_reply_only_where_told() {
    for (scenario, answered) in
        [(Scenario::igd1(), true), (Scenario::igd1().with(Quirk::AbortsOnHalfClose), false)]
    {
        let mut home = Home::new(scenario);
        let Accept::Accepted(key) = home.gateway.accept(home.now, home.client) else { panic!() };
        home.gateway.handle_bytes(home.now, key, b"GET /rootDesc.xml HTTP/1.1\r\n\r\n");
        home.gateway.handle_half_close(key);
        assert_eq!(matches!(home.gateway.poll_connection(home.now, key), Step::Send(_)), answered);
    }
}

#[test]
fn a_connection_ends_with_a_half_close_before_its_request() {
    let mut home = Home::new(Scenario::igd1());
    let Accept::Accepted(key) = home.gateway.accept(home.now, home.client) else { panic!() };
    home.gateway.handle_bytes(home.now, key, b"GET /rootDesc.xml HTTP/1.1\r\n");
    assert_eq!(home.gateway.poll_connection(home.now, key), Step::Wait);
    home.gateway.handle_half_close(key);
    assert_eq!(home.gateway.poll_connection(home.now, key), Step::Reset);
}

#[test]
fn many_connections_cost_the_oldest() {
    let mut home = Home::new(Scenario::igd1());
    let mut keys = Vec::new();
    for _ in 0..100 {
        let Accept::Accepted(key) = home.gateway.accept(home.now, home.client) else { panic!() };
        keys.push(key);
    }
    assert_eq!(home.gateway.poll_connection(home.now, keys[0]), Step::Reset);
    assert_eq!(home.gateway.poll_connection(home.now, keys[99]), Step::Wait);
    assert_eq!(home.gateway.counters().connections, 100);
}

#[test]
fn other_addresses_refuse() {
    let mut home = Home::new(Scenario::igd1());
    let outcome = home.gateway.connect(Time::ZERO, "192.168.1.1:5001".parse().unwrap(), home.client);
    assert_eq!(outcome, Accept::Refused);
}

#[test]
fn a_dripping_neighbour_needs_no_request() {
    let mut home = Home::new(Scenario::igd1().with(Quirk::AlsoAnnounces(DeadLocation::Drip)));
    let address = home.gateway.decoys()[0].address;
    let Accept::Accepted(key) = home.gateway.connect(home.now, address, home.client) else { panic!() };
    assert_eq!(home.gateway.poll_connection(home.now, key), Step::Send(b"H".to_vec()));
    assert_eq!(home.gateway.poll_connection(home.now, key), Step::Wait);
    let second = Time::ZERO + Duration::from_secs(1);
    assert_eq!(home.gateway.poll_timeout(), Some(second));
    assert_eq!(home.gateway.poll_connection(second, key), Step::Send(b"T".to_vec()));
}
