//! Hostile answers to a search, row by row of docs/ATTACKS.md.

use crate::budget::{NEIGHBOUR, SEARCH, TARGET, Verdict, announcing, once, serving, survives};
use crate::pair::{Pair, Scripted, description, network, reply, search_answer, udp};
use core::time::Duration;
use portcullis_proto::client::{
    Attempt, Config, DefaultGateway, ErrorKind, Failure, GATEWAY_TARGETS, Ignored, Outcome, SearchOptions,
};
use portcullis_proto::wire::ssdp::SearchTarget;
use portcullis_sim::Scenario;

const LOCATION: &str = "http://192.168.1.66:5000/d.xml";

/// A neighbour that answers every search with these datagrams; nobody accepts connections to it.
fn answering(datagrams: Vec<Vec<u8>>) -> Scripted {
    Scripted::new(NEIGHBOUR)
        .on_search(move |_| datagrams.iter().map(|datagram| (Duration::ZERO, datagram.clone())).collect())
}

/// Nobody is talked to, and the search says that nobody answered.
#[track_caller]
fn is_ignored(verdict: &Verdict) {
    for run in [&verdict.search, &verdict.map] {
        assert_eq!(run.record.connects(), []);
        assert_eq!(run.result.as_ref().unwrap_err().kind(), ErrorKind::NoGateway);
    }
    assert_eq!(verdict.search.took, SEARCH, "the deadline was moved");
}

/// Floods at ten datagrams per millisecond for as long as a search lasts.
fn flooding(address: &str, datagram: impl Fn(u32) -> Vec<u8> + 'static) -> Scripted {
    let (mut sent, pause) = (0, Duration::from_millis(1));
    Scripted::new(address).floods(move |now| {
        sent += 10;
        (sent <= 300_000).then(|| (now + pause, (sent - 10..sent).map(&datagram).collect()))
    })
}

/// A1
#[test]
fn a_flood_of_one_answer_is_one_candidate() {
    let verdict = survives(|| vec![flooding(NEIGHBOUR, |_| search_answer(TARGET, LOCATION))]);
    assert_eq!(verdict.search.took, SEARCH);
    assert_eq!(verdict.search.devices().len(), 1);
}

/// A2
#[test]
fn a_flood_of_different_answers_is_a_few_candidates() {
    let answer = |n: u32| search_answer(TARGET, &format!("http://192.168.1.66:5000/{n}.xml"));
    let verdict = survives(|| vec![flooding(NEIGHBOUR, answer)]);
    assert_eq!(verdict.search.took, SEARCH);
    assert!(verdict.search.devices().len() <= 4, "{}", verdict.search.devices().len());
}

/// A2: from sixty addresses at once, more answers than a search reads, and the gateway comes last.
#[test]
fn a_flood_from_everywhere_leaves_the_gateway_its_place() {
    let verdict = survives(|| {
        let flooding = |host: u32| {
            let address = format!("192.168.1.{host}");
            let mut waves = 0;
            let location = address.clone();
            Scripted::new(&address).floods(move |now| {
                waves += 1;
                let answer = |n: u32| search_answer(TARGET, &format!("http://{location}:5000/{n}.xml"));
                (waves <= 7).then(|| (now + Duration::from_millis(10), (0..10).map(answer).collect()))
            })
        };
        (70..130).map(flooding).collect()
    });
    assert!(verdict.search.devices().len() <= 16, "{}", verdict.search.devices().len());
}

/// A3
#[test]
fn a_giant_answer_is_ignored() {
    let mut giant = search_answer(TARGET, LOCATION);
    giant.resize(65_507, b'x');
    // What a driver makes of it: one byte more than is read.
    let cut = giant[..2_049].to_vec();
    is_ignored(&survives(|| vec![answering(vec![giant.clone(), cut.clone()])]));
}

/// A4
#[test]
fn empty_and_binary_datagrams_are_ignored() {
    let junk = vec![vec![], vec![0], vec![b'H'], vec![0; 2_048], (0..=255).collect(), vec![0xff; 512]];
    is_ignored(&survives(|| vec![answering(junk.clone())]));
}

/// A5
#[test]
fn malformed_answers_are_ignored() {
    let malformed: Vec<Vec<u8>> = [
        format!("HTTP/1.1 200 OK\r\nST: {TARGET}\r\nLOCATION: {LOCATION}"),
        format!("HTTP/1.1 200 OK\r\nST: {TARGET}\r\nLOCATION {LOCATION}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n: {TARGET}\r\nLOCATION: {LOCATION}\r\n\r\n"),
        format!("ST: {TARGET}\r\nLOCATION: {LOCATION}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\rST: {TARGET}\rLOCATION: {LOCATION}\r\r"),
        format!("\r\nHTTP/1.1 200 OK\r\nST: {TARGET}\r\nLOCATION: {LOCATION}\r\n\r\n"),
    ]
    .map(String::into_bytes)
    .to_vec();
    is_ignored(&survives(|| vec![answering(malformed.clone())]));
}

/// A5: some gateways do write bare line feeds.
#[test]
fn line_feeds_alone_are_tolerated() {
    let text = String::from_utf8(search_answer(TARGET, LOCATION)).unwrap().replace('\r', "");
    let verdict = survives(|| vec![answering(vec![text.clone().into_bytes()])]);
    assert_eq!(verdict.search.devices().len(), 1);
}

/// A6
#[test]
fn announcements_and_searches_are_no_answers() {
    let notify = format!(
        "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: {TARGET}\r\nNTS: ssdp:alive\r\nUSN: uuid:1::{TARGET}\r\n\
         LOCATION: {LOCATION}\r\nCACHE-CONTROL: max-age=60\r\n\r\n"
    );
    let looping = move || {
        let notify = notify.clone().into_bytes();
        Scripted::new(NEIGHBOUR).on_search(move |search| {
            vec![(Duration::ZERO, search.as_bytes().to_vec()), (Duration::ZERO, notify.clone())]
        })
    };
    is_ignored(&survives(|| vec![looping()]));
}

/// A7
#[test]
fn answers_to_other_targets_are_no_gateways() {
    let others = [
        search_answer("urn:schemas-upnp-org:device:Printer:1", LOCATION),
        search_answer("urn:schemas-upnp-org:device:MediaServer:1", LOCATION),
        search_answer("ssdp:all", LOCATION),
        search_answer("", LOCATION),
        format!("HTTP/1.1 200 OK\r\nLOCATION: {LOCATION}\r\n\r\n").into_bytes(),
    ];
    is_ignored(&survives(|| vec![answering(others.to_vec())]));
}

/// A7: a root device may hide a gateway, and a search for everything keeps everything.
#[test]
fn a_search_for_all_devices_keeps_the_printer() {
    let printer = reply(
        200,
        "<root><device><deviceType>urn:schemas-upnp-org:device:Printer:1</deviceType>\
         <friendlyName>Printer</friendlyName></device></root>",
    );
    for (targets, target) in [
        (GATEWAY_TARGETS.to_vec(), "upnp:rootdevice"),
        (vec![SearchTarget::All], "urn:schemas-upnp-org:device:Printer:1"),
    ] {
        let mut pair = Pair::new("silent".parse().unwrap());
        let printer = printer.clone();
        pair.add(answering(vec![search_answer(target, LOCATION)]).on_request(move |_| once(printer.clone())));
        let mut options = SearchOptions::default();
        options.targets = targets;
        let devices = pair.discover(options).unwrap();
        assert_eq!(devices.len(), 1);
        assert!(!devices[0].is_gateway());
    }
}

/// A8
#[test]
fn answers_from_other_networks_are_ignored() {
    for source in ["8.8.8.8:1900", "192.168.2.66:1900", "10.0.0.1:5000", "203.0.113.9:1900"] {
        let stranger = || vec![answering(vec![search_answer(TARGET, LOCATION)]).source(source)];
        is_ignored(&survives(stranger));
    }
}

/// A3 to A9: that nobody answered is said only where nobody did.
#[test]
fn what_was_ignored_is_told_and_why() {
    let junk = b"HTTP/1.1 200 OK\r\nST: \x1b[31m\r\n\r\n".to_vec();
    let twice =
        format!("HTTP/1.1 200 OK\r\nST: {TARGET}\r\nST: upnp:rootdevice\r\nLOCATION: {LOCATION}\r\n\r\n");
    let refused = search_answer(TARGET, "http://192.168.1.66/cgi-bin/reboot");
    for (datagram, source, told) in [
        (vec![0; 4_000], None, "192.168.1.66: search: an answer came and was ignored: datagram too long"),
        (junk, None, "192.168.1.66: search: an answer came and was ignored: no search target"),
        (twice.into_bytes(), None, "ignored: ambiguous headers"),
        (refused, None, "192.168.1.66: search: "),
        (
            search_answer(TARGET, LOCATION),
            Some("192.168.2.66:1900"),
            "192.168.2.66: search: an answer came and was ignored: from none of the networks of this host (if that is \
             the gateway, name it by this address)",
        ),
    ] {
        let verdict = survives(|| {
            let stranger = answering(vec![datagram.clone()]);
            vec![match source {
                Some(source) => stranger.source(source),
                None => stranger,
            }]
        });
        let error = verdict.search.result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoGateway);
        assert!(error.to_string().contains(told), "{error}");
        assert!(!error.to_string().contains("nobody answered"), "{error}");
    }
}

/// Many strangers are worth a few words, and each of them one.
#[test]
fn of_many_that_were_ignored_a_few_are_told() {
    let strangers = || {
        (10..40).map(|host| {
            let source = format!("192.168.2.{host}:1900");
            answering(vec![search_answer(TARGET, LOCATION); 3]).source(&source)
        })
    };
    let error = survives(|| strangers().collect()).search.result.unwrap_err();
    let ignored =
        |attempt: &&Attempt| matches!(attempt.failure, Failure::AnswerIgnored(Ignored::OtherNetwork));
    assert_eq!(error.attempts().iter().filter(ignored).count(), 4, "{error:?}");
}

/// A8: a default gateway may be anywhere.
#[test]
fn a_default_gateway_may_answer_from_another_network() {
    let mut network = network();
    network.default_gateways = vec![DefaultGateway { address: "10.9.9.9".parse().unwrap(), interface: 2 }];
    let mut pair = Pair::at("10.9.9.9:5000".parse().unwrap(), Scenario::igd1(), Config::default(), network);
    pair.map(udp(7777)).unwrap();
}

/// A9
#[test]
fn ambiguous_answers_are_ignored() {
    let ambiguous: Vec<Vec<u8>> = [
        format!("HTTP/1.1 200 OK\r\nST: {TARGET}\r\nLOCATION: {LOCATION}\r\nLOCATION: http://192.168.1.66/x\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nST: {TARGET}\r\nST: upnp:rootdevice\r\nLOCATION: {LOCATION}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nST: {TARGET}\r\nLOCATION: {LOCATION}\r\n\t/more\r\n\r\n"),
    ]
    .map(String::into_bytes)
    .to_vec();
    is_ignored(&survives(|| vec![answering(ambiguous.clone())]));
}

/// A10
#[test]
fn answers_after_the_deadline_are_dropped() {
    let mut pair = Pair::new("silent".parse().unwrap());
    pair.add(
        Scripted::new(NEIGHBOUR)
            .on_search(|_| vec![(Duration::from_millis(2_001), search_answer(TARGET, LOCATION))]),
    );
    let mut options = SearchOptions::default();
    options.timeout = Duration::from_secs(2);
    let error = pair.discover(options.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoGateway);
    pair.drive_for(Duration::from_secs(5));
    assert_eq!(pair.record.connects(), []);
    // The next search hears nothing of them: another socket, and any port.
    let late = pair.start(|client, now| client.discover(now, options));
    pair.drive_for(Duration::from_millis(1));
    pair.start(|client, now| client.cancel(now, late));
    pair.drive_for(Duration::from_secs(5));
    assert_eq!(pair.record.connects(), []);
    let binds = pair.record.binds();
    assert_eq!(binds.len(), 2);
    assert_ne!(binds[0].socket, binds[1].socket);
    assert!(binds.iter().all(|bind| bind.local.port() == 0));
    pair.assert_idle();
}

/// A11
#[test]
fn answers_with_a_status_of_failure_are_ignored() {
    let failures: Vec<Vec<u8>> =
        ["HTTP/1.1 500 Error", "HTTP/9.9 200 OK", "HTTP/1.1 404 No", "ICY 200 OK", "HTTP/1.1 2OO OK"]
            .into_iter()
            .map(|line| format!("{line}\r\nST: {TARGET}\r\nLOCATION: {LOCATION}\r\n\r\n").into_bytes())
            .collect();
    is_ignored(&survives(|| vec![answering(failures.clone())]));
}

/// A12
#[test]
fn a_trickle_of_junk_does_not_move_the_deadline() {
    let trickling = || {
        Scripted::new(NEIGHBOUR)
            .floods(|now| Some((now + Duration::from_millis(100), vec![b"junk".to_vec()])))
    };
    is_ignored(&survives(|| vec![trickling()]));
}

/// A12: the same trickle of good answers does not keep a search going either.
#[test]
fn a_trickle_of_good_answers_does_not_move_the_deadline() {
    let answering = || {
        serving(|_| once(reply(200, &description("/ctl"))))
            .floods(|now| Some((now + Duration::from_millis(50), vec![search_answer(TARGET, LOCATION)])))
    };
    let verdict = survives(|| vec![answering()]);
    assert_eq!(verdict.search.took, SEARCH);
    assert!(matches!(verdict.search.result, Ok(Outcome::Devices(ref devices)) if devices.len() == 1));
    // The address in LOCATION counts for nothing.
    let verdict = survives(|| vec![announcing("http://8.8.8.8:5000/d.xml")]);
    assert_eq!(verdict.search.devices()[0].location.host(), NEIGHBOUR);
}
