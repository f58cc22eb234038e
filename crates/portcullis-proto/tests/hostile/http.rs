//! Hostile web servers, row by row of docs/ATTACKS.md: in front of a description, and behind a control URL.

use crate::budget::{Verdict, announcing, once, serving, survives};
use crate::pair::{Accept, Tcp, description, reply};
use core::time::Duration;
use portcullis_proto::client::{Device, ExchangeError, Failure};
use portcullis_proto::wire::http::HttpError;
use std::io;

/// The time that connecting may take, and that one reply may take, with the margin of the budgets.
const CONNECT: Duration = Duration::from_millis(2_400);
const EXCHANGE: Duration = Duration::from_millis(6_000);

type Actions = Vec<(Duration, Tcp)>;

/// The device does this with every request for its description.
fn on_description(actions: &Actions) -> Verdict {
    survives(|| {
        let actions = actions.clone();
        vec![serving(move |_| actions.clone())]
    })
}

/// The device has a good description, and does this with every action.
fn on_control(actions: &Actions) -> Verdict {
    survives(|| {
        let actions = actions.clone();
        vec![serving(move |request| {
            if request.starts_with("GET ") { once(reply(200, &description("/ctl"))) } else { actions.clone() }
        })]
    })
}

/// Refused with this error wherever it comes, and an add is not sent twice on the strength of it.
#[track_caller]
fn is_refused(actions: &Actions, error: HttpError) {
    let failure = Failure::Exchange(ExchangeError::Http(error));
    let verdict = on_description(actions);
    assert_eq!(*verdict.search.failure(), failure);
    assert_eq!(verdict.search.record.connects().len(), 1, "fetched again");
    let verdict = on_control(actions);
    assert_eq!(*verdict.map.first_failure(), failure);
    adds_once(&verdict);
}

#[track_caller]
fn all_are_refused(replies: &[(&[u8], HttpError)]) {
    for (reply, error) in replies {
        is_refused(&once(*reply), *error);
    }
}

#[track_caller]
fn adds_once(verdict: &Verdict) {
    let actions = verdict.map.record.actions();
    let adds = actions.iter().filter(|action| *action == "AddPortMapping");
    assert_eq!(adds.count(), 1, "{actions:?}");
}

/// Bytes that come one by one.
fn dripping(bytes: &[u8], every: Duration) -> Actions {
    (1..).zip(bytes).map(|(n, &byte)| (every * n, Tcp::Send(vec![byte]))).collect()
}

fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes(), body].concat()
}

/// C1
#[test]
fn a_black_hole_is_given_up_in_two_seconds() {
    let verdict = survives(|| vec![announcing("http://192.168.1.66:5000/d.xml")]);
    assert_eq!(*verdict.search.failure(), Failure::Exchange(ExchangeError::ConnectTimeout));
    assert!(verdict.search.found_after() <= CONNECT, "{:?}", verdict.search.found_after());
}

/// C2
#[test]
fn silence_is_given_up_in_five_seconds() {
    let verdict = on_description(&vec![]);
    assert_eq!(*verdict.search.failure(), Failure::Exchange(ExchangeError::NoReply));
    assert!(verdict.search.found_after() <= EXCHANGE, "{:?}", verdict.search.found_after());
    let verdict = on_control(&vec![]);
    assert_eq!(*verdict.map.first_failure(), Failure::Exchange(ExchangeError::NoReply));
    adds_once(&verdict);
}

/// C3
#[test]
fn a_byte_now_and_then_does_not_move_the_deadline() {
    let head = format!("HTTP/1.1 200 OK\r\nServer: {}\r\n\r\n", "x".repeat(64));
    for bytes in [head.into_bytes(), ok("Content-Length: 100\r\n", &[b' '; 100])] {
        let verdict = on_description(&dripping(&bytes, Duration::from_secs(1)));
        assert_eq!(*verdict.search.failure(), Failure::Exchange(ExchangeError::NoReply));
        assert!(verdict.search.found_after() <= EXCHANGE, "{:?}", verdict.search.found_after());
        adds_once(&on_control(&dripping(&bytes, Duration::from_millis(900))));
    }
}

/// C4
#[test]
fn an_endless_body_is_cut_off() {
    let mut actions = vec![(Duration::ZERO, Tcp::Send(ok("", b"<?xml version=\"1.0\"?><root>")))];
    actions.extend((1..=16).map(|n| (Duration::from_millis(n), Tcp::Send(vec![b' '; 64 * 1024]))));
    is_refused(&actions, HttpError::BodyTooLong);
    // Whatever the reply was to be, the connection ends where the bound is.
    let verdict = on_description(&actions);
    assert!(verdict.search.found_after() < Duration::from_millis(20), "{:?}", verdict.search.found_after());
}

/// C5
#[test]
fn impossible_lengths_are_refused() {
    for length in ["18446744073709551616", "99999999999999999999999", "-1", "+5", "5, 6", "0x5", "5 5", ""] {
        is_refused(&once(ok(&format!("Content-Length: {length}\r\n"), b"<r/>")), HttpError::ContentLength);
    }
    is_refused(&once(ok("Content-Length: 9223372036854775808\r\n", b"<r/>")), HttpError::BodyTooLong);
    is_refused(&once(ok("Content-Length: 5\r\nContent-Length: 6\r\n", b"<r/>")), HttpError::ContentLength);
}

/// C6
#[test]
fn wrong_lengths_are_lived_with_where_the_text_is_complete() {
    let body = description("/ctl");
    let with_length = |length: usize| once(ok(&format!("Content-Length: {length}\r\n"), body.as_bytes()));
    // Ten bytes are no description.
    assert!(matches!(on_description(&with_length(10)).search.failure(), Failure::Description(_)));
    // Promised too much, and closed: the root element is complete.
    assert!(on_description(&with_length(body.len() + 500)).search.devices()[0].is_usable());
    let cut = once(ok("Content-Length: 500\r\n", &body.as_bytes()[..100]));
    assert!(matches!(on_description(&cut).search.failure(), Failure::Description(_)));
    // An add that was cut off may have been done, and is not taken for done.
    let verdict = on_control(&cut);
    assert!(verdict.map.result.is_err());
}

/// C7
#[test]
fn a_length_beside_chunks_is_refused() {
    let chunks = b"5\r\nhello\r\n0\r\n\r\n";
    for headers in [
        "Content-Length: 15\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ] {
        is_refused(&once(ok(headers, chunks)), HttpError::LengthAndChunked);
    }
    is_refused(&once(ok("Transfer-Encoding: gzip, chunked\r\n", chunks)), HttpError::TransferEncoding);
}

/// C8
#[test]
fn impossible_chunks_are_refused() {
    let extension = format!("5;{}\r\nhello\r\n", "x".repeat(1 << 20));
    let chunked = |body: &[u8]| once(ok("Transfer-Encoding: chunked\r\n", body));
    is_refused(&chunked(b"FFFFFFFFFFFFFFFF\r\n<root/>"), HttpError::BodyTooLong);
    for body in ["-1\r\n", "00000000000000005\r\nhello\r\n", "0x5\r\nhello\r\n", "\r\n", extension.as_str()] {
        is_refused(&chunked(body.as_bytes()), HttpError::Chunk);
    }
}

/// C9
#[test]
fn tiny_chunks_are_counted_with_their_framing() {
    let chunks = b"1\r\n \r\n".repeat(175_000);
    let mut actions = vec![(Duration::ZERO, Tcp::Send(ok("Transfer-Encoding: chunked\r\n", b"")))];
    actions.extend(chunks.chunks(60_000).map(|part| (Duration::from_millis(1), Tcp::Send(part.to_vec()))));
    let failure = Failure::Exchange(ExchangeError::Http(HttpError::ReplyTooLong));
    assert_eq!(*on_description(&actions).search.failure(), failure);
    // Trailers after the last chunk are nobody's.
    let mut body = format!("{:x}\r\n{}\r\n0\r\n", description("/ctl").len(), description("/ctl"));
    body.push_str(&"X-Trailer: x\r\n".repeat(20_000));
    let verdict = on_description(&once(ok("Transfer-Encoding: chunked\r\n", body.as_bytes())));
    assert!(verdict.search.devices()[0].is_usable());
}

/// C10
#[test]
fn compression_is_refused_unread() {
    for encoding in ["gzip", "br", "deflate", "identity, gzip"] {
        let headers = format!("Content-Encoding: {encoding}\r\nContent-Length: 4\r\n");
        is_refused(&once(ok(&headers, b"\x1f\x8b\x08\0")), HttpError::ContentEncoding);
    }
}

/// C11
#[test]
fn floods_of_headers_are_refused() {
    is_refused(&once(ok(&"A: b\r\n".repeat(65), b"")), HttpError::TooManyHeaders);
    is_refused(&once(ok(&"A: b\r\n".repeat(100_000), b"")), HttpError::HeadTooLong);
    is_refused(&once(ok(&format!("A: {}\r\n", "b".repeat(1 << 20)), b"")), HttpError::HeadTooLong);
    is_refused(
        &vec![(Duration::ZERO, Tcp::Send(ok(&"A: b\r\n".repeat(4_000), b"")))],
        HttpError::HeadTooLong,
    );
}

/// C12
#[test]
fn other_protocols_are_refused() {
    all_are_refused(&[
        (b"<root/>", HttpError::NotHttp),
        (b"ICY 200 OK\r\n\r\n<root/>", HttpError::NotHttp),
        (b"HTTP/2 200\r\n\r\n", HttpError::NotHttp),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HttpError::NotHttp),
        (b"\x15\x03\x01\x00\x02\x02\x46", HttpError::NotHttp),
        (b"SSH-2.0-OpenSSH_9.2\r\n", HttpError::NotHttp),
        (b"\0\0\x12\x04\0\0\0\0\0", HttpError::NotHttp),
    ]);
    let old = format!("HTTP/1.0 200 OK\r\n\r\n{}", description("/ctl"));
    assert!(on_description(&once(old)).search.devices()[0].is_usable());
}

/// C13
#[test]
fn storms_of_interim_replies_are_refused() {
    let storm = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000);
    is_refused(&once(storm), HttpError::Interim);
    for status in [101, 204, 206, 304] {
        is_refused(&once(format!("HTTP/1.1 {status} X\r\n\r\n<root/>")), HttpError::Status(status));
    }
}

/// C14
#[test]
fn refusals_keep_their_status() {
    for status in [401, 403, 404, 405, 503] {
        let refusal = once(reply(status, "<html><body>no</body></html>"));
        assert_eq!(*on_description(&refusal).search.failure(), Failure::HttpStatus(status));
        let verdict = on_control(&refusal);
        assert_eq!(*verdict.map.first_failure(), Failure::HttpStatus(status));
        assert!(verdict.map.result.as_ref().unwrap_err().to_string().contains(&status.to_string()));
        assert_eq!(
            verdict.map.record.actions().iter().filter(|action| *action == "AddPortMapping").count(),
            1
        );
        // No second way of asking.
        assert!(!verdict.map.record.requests().iter().any(|(_, request)| request.starts_with("M-POST")));
    }
}

/// C15
#[test]
fn what_breaks_early_is_asked_once_more_only_where_that_does_no_harm() {
    let body = description("/ctl");
    let started = ok("Content-Length: 2000\r\n", &body.as_bytes()[..80]);
    for (actions, gets) in [
        (vec![(Duration::ZERO, Tcp::Finish)], 2),
        (vec![(Duration::ZERO, Tcp::Reset)], 2),
        (once("HTTP/1.1 200 OK\r\n"), 1),
        (vec![(Duration::ZERO, Tcp::Send(started)), (Duration::ZERO, Tcp::Reset)], 1),
    ] {
        let verdict = on_description(&actions);
        let device = &verdict.search.devices()[0];
        assert!(device.description.is_err());
        // One round of answers: what broke is fetched once more when the device answers again.
        let at_once =
            verdict.search.record.requests().iter().filter(|(at, _)| at.since_start() < CONNECT / 10).count();
        assert_eq!(at_once, gets, "{actions:?}");
        adds_once(&on_control(&actions));
    }
}

/// C16
#[test]
fn a_reply_before_the_request_counts() {
    let early = || {
        announcing("http://192.168.1.66:5000/d.xml").on_connect(|_| {
            let mut actions = once(reply(200, &description("/ctl")));
            actions[1].1 = Tcp::Reset;
            (Accept::Accepted, actions)
        })
    };
    let verdict = survives(|| vec![early()]);
    assert!(verdict.search.devices()[0].is_gateway());
    // It cannot be an answer to what was not asked yet, and it says nothing about a mapping.
    assert!(verdict.map.result.is_err());
}

/// C17
#[test]
fn a_complete_reply_ends_the_wait_and_the_connection() {
    let mut actions = once(reply(200, &description("/ctl")));
    actions.truncate(1);
    let verdict = on_description(&actions);
    assert!(verdict.search.devices()[0].is_usable());
    assert!(verdict.search.record.events[0].0.since_start() < Duration::from_millis(50));
}

/// C18: the core sends in one piece; that the driver's deadline covers writes is tested there.
#[test]
fn a_request_that_is_never_read_is_given_up() {
    let verdict = survives(|| {
        vec![announcing("http://192.168.1.66:5000/d.xml").on_connect(|_| (Accept::Accepted, vec![]))]
    });
    assert_eq!(*verdict.search.failure(), Failure::Exchange(ExchangeError::NoReply));
    assert!(verdict.search.found_after() <= EXCHANGE);
}

/// C19
#[test]
fn odd_bytes_in_headers_do_no_harm() {
    let body = description("/ctl");
    let with = |line: &[u8]| {
        let length = format!("Content-Length: {}\r\n\r\n", body.len());
        once([b"HTTP/1.1 200 OK\r\n", line, b"\r\n", length.as_bytes(), body.as_bytes()].concat())
    };
    for line in [&b"Server: a\0b"[..], b"Server: a\rb", b"Se\0rver: x"] {
        is_refused(&with(line), HttpError::Header);
    }
    // For showing only, or a line that is passed over.
    for line in [&b"Server: Ger\xe4t"[..], b"S\xe9rver: x", b"no colon"] {
        let verdict = on_description(&with(line));
        assert!(verdict.search.devices().iter().all(Device::is_usable), "{line:?}");
    }
}

/// A refused connection is no worse than any other end.
#[test]
fn refused_connections_end_at_once() {
    let verdict = survives(|| {
        vec![announcing("http://192.168.1.66:5000/d.xml").on_connect(|_| (Accept::Refused, vec![]))]
    });
    let refused = ExchangeError::Connect(io::ErrorKind::ConnectionRefused);
    assert_eq!(*verdict.search.failure(), Failure::Exchange(refused));
    assert!(verdict.search.found_after() < Duration::from_millis(50));
}
