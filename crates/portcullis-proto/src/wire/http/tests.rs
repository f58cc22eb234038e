use super::*;

type Outcome = Result<(u16, Vec<u8>), HttpError>;

/// What the reader says about `reply` in pieces of the given sizes (the last one is repeated), and after how
/// many pieces.
fn read(reply: &[u8], sizes: &[usize]) -> Option<(usize, Outcome)> {
    let mut reader = ResponseReader::new("root");
    let mut rest = reply;
    let mut sizes = sizes.iter().chain(sizes.last().into_iter().cycle());
    for pieces in 1.. {
        let (piece, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        rest = after;
        match reader.push(piece) {
            Ok(None) if rest.is_empty() => return None,
            Ok(None) => {}
            Ok(Some(response)) => {
                assert!(!response.truncated);
                assert_eq!(reader.push(b"more"), Ok(None));
                return Some((pieces, Ok((response.status, response.body))));
            }
            Err(error) => {
                assert_eq!(reader.push(piece), Err(error));
                assert_eq!(reader.finish(), Err(error));
                return Some((pieces, Err(error)));
            }
        }
    }
    unreachable!()
}

fn ok(status: u16, body: &str) -> Outcome {
    Ok((status, body.as_bytes().to_vec()))
}

/// Replies that are complete, or refused, without the peer closing.
fn replies() -> Vec<(Vec<u8>, Outcome)> {
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    let refused = |head: &str, error| (format!("{OK}{head}\r\n\r\nbody").into_bytes(), Err(error));
    let chunked = |chunks: &str, outcome| {
        (format!("{OK}Transfer-Encoding: chunked\r\n\r\n{chunks}").into_bytes(), outcome)
    };
    let plain = |text: &str, outcome| (text.as_bytes().to_vec(), outcome);
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    vec![
        plain("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody, and more", ok(200, "body")),
        plain("HTTP/1.0 200\ncontent-length :4\n\nbody", ok(200, "body")),
        plain("\r\n\r\nHTTP/1.1  500   Oops\r\n Content-Length: 4\r\n\r\nbody", ok(500, "body")),
        plain("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", ok(404, "")),
        plain(
            "HTTP/1.1 200 \u{e4}\r\nX: \u{e4}\r\nno colon\r\n: no name\r\nContent-Length: 1\r\n\r\nx",
            ok(200, "x"),
        ),
        plain("HTTP/1.1 200 OK\r\nEXT:\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", ok(200, "x")),
        plain("HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 1\r\n\r\nx", ok(200, "x")),
        plain(&format!("{interim}{interim}\r\n{interim}{OK}Content-Length: 1\r\n\r\nx"), ok(200, "x")),
        plain("HTTP/1.0 200 OK\r\n\r\n<root>\n</root>\r\n\0", ok(200, "<root>\n</root>")),
        plain(
            "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\n\r\n<d:root></d:root >",
            ok(200, "<d:root></d:root >"),
        ),
        chunked("4\r\nbody\r\n0\r\n\r\n", ok(200, "body")),
        chunked("0004;x=\"y\"\r\nbody\n01 \n!\r\n000\r\nTrailer: x\r\n\r\n", ok(200, "body!")),
        chunked("0\r\n", ok(200, "")),
        chunked("FFFFFFFFFFFFFFFF\r\n", Err(HttpError::BodyTooLong)),
        chunked("00000000000000004\r\nbody", Err(HttpError::Chunk)),
        chunked("40001\r\n", Err(HttpError::BodyTooLong)),
        chunked("-1\r\n", Err(HttpError::Chunk)),
        chunked("0x4\r\n", Err(HttpError::Chunk)),
        chunked("\r\n", Err(HttpError::Chunk)),
        chunked("4\rbody", Err(HttpError::Chunk)),
        chunked("4\r\nbodyx", Err(HttpError::Chunk)),
        chunked("4\r\nbody\rx", Err(HttpError::Chunk)),
        chunked(&format!("4;{}\r\n", "x".repeat(64)), Err(HttpError::Chunk)),
        plain(&format!("{interim}{interim}{interim}{interim}"), Err(HttpError::Interim)),
        plain("HTTP/1.1 101 Switching\r\n\r\n", Err(HttpError::Status(101))),
        plain("HTTP/1.1 204 No Content\r\n\r\n", Err(HttpError::Status(204))),
        plain("HTTP/1.1 206 Partial\r\n\r\n", Err(HttpError::Status(206))),
        plain("HTTP/1.1 304 Not Modified\r\n\r\n", Err(HttpError::Status(304))),
        plain("HTTP/1.1 999 ?\r\n\r\n", Err(HttpError::Status(999))),
        plain("HTTP/1.1 302 Found\r\nLocation: http://h/\r\n\r\n", Err(HttpError::Redirect(302))),
        plain("HTTP/1.1 OK\r\n\r\n", Err(HttpError::NotHttp)),
        plain("HTTP/1.9 200 OK\r\n\r\n", Err(HttpError::NotHttp)),
        plain("HTTP/2 200\r\n\r\n", Err(HttpError::NotHttp)),
        plain("ICY 200 OK\r\n\r\n", Err(HttpError::NotHttp)),
        plain("<html></html>", Err(HttpError::NotHttp)),
        plain("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Err(HttpError::NotHttp)),
        plain("\x16\x03\x01\x02", Err(HttpError::NotHttp)),
        plain("\0\0\x12\x04", Err(HttpError::NotHttp)),
        refused("Content-Length: 9223372036854775808", HttpError::BodyTooLong),
        refused("Content-Length: 18446744073709551616", HttpError::ContentLength),
        refused("Content-Length: 262145", HttpError::BodyTooLong),
        refused("Content-Length: -1", HttpError::ContentLength),
        refused("Content-Length: +5", HttpError::ContentLength),
        refused("Content-Length: 5, 6", HttpError::ContentLength),
        refused("Content-Length:", HttpError::ContentLength),
        refused("Content-Length: 4\r\n 5", HttpError::ContentLength),
        refused("Content-Length: 4\r\nContent-Length: 5", HttpError::ContentLength),
        refused("Content-Length: 4\r\nTransfer-Encoding: chunked", HttpError::LengthAndChunked),
        refused("Transfer-Encoding: gzip, chunked", HttpError::TransferEncoding),
        refused("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", HttpError::TransferEncoding),
        refused("Content-Encoding: gzip", HttpError::ContentEncoding),
        refused("X: a\0b", HttpError::Header),
        refused("X: a\rb", HttpError::Header),
        refused("X\0: a", HttpError::Header),
    ]
}

#[test]
fn any_split_gives_the_same_result() {
    for (reply, outcome) in replies() {
        let shown = reply.escape_ascii();
        assert_eq!(read(&reply, &[reply.len()]), Some((1, outcome.clone())), "{shown}");
        let (bytes, by_byte) = read(&reply, &[1]).unwrap();
        assert_eq!(by_byte, outcome, "{shown}");
        for at in 0..=reply.len() {
            assert_eq!(read(&reply, &[at, reply.len()]).unwrap().1, outcome, "{shown} split at {at}");
            // The verdict comes with the byte that decides it, neither before nor after.
            let early = read(&reply[..at], &[reply.len()]).map(|(_, outcome)| outcome);
            assert_eq!(early, (at >= bytes).then(|| outcome.clone()), "{shown} cut at {at}");
        }
    }
}

#[test]
fn closing_early_never_gives_a_whole_response() {
    for (reply, outcome) in replies() {
        let Ok((status, body)) = outcome else { continue };
        for at in 0..reply.len() {
            let mut reader = ResponseReader::new("root");
            if reader.push(&reply[..at]).unwrap().is_some() {
                assert_eq!(reader.finish(), Err(HttpError::ClosedEarly));
                continue;
            }
            match reader.finish() {
                Ok(response) => {
                    assert_eq!(response.status, status);
                    assert!(body.starts_with(&response.body));
                    let no_length = body.starts_with(b"<");
                    assert!(response.truncated || no_length, "{} cut at {at}", reply.escape_ascii());
                }
                Err(error) => assert_eq!(error, HttpError::ClosedEarly),
            }
        }
    }
}

fn finish(reply: &str) -> Result<Response, HttpError> {
    let mut reader = ResponseReader::new("root");
    assert!(reader.is_empty());
    assert_eq!(reader.push(reply.as_bytes()), Ok(None));
    assert_eq!(reader.is_empty(), reply.is_empty());
    reader.finish()
}

#[test]
fn body_without_length_ends_at_close() {
    let response = finish("HTTP/1.1 404 Not Found\r\nServer: a\u{202e}b \r\n\r\n<html></html>").unwrap();
    assert_eq!((response.status, response.server.as_str(), response.truncated), (404, "ab", false));
    assert_eq!(response.body, b"<html></html>");
}

#[test]
fn complete_text_excuses_a_length_too_great() {
    for (reply, truncated) in [
        ("Content-Length: 500\r\n\r\n<root></root>\r\n", false),
        ("Content-Length: 500\r\n\r\n<root></ro", true),
        ("Content-Length: 500\r\n\r\n", true),
        ("Transfer-Encoding: chunked\r\n\r\nd\r\n<root></root>\r\n", false),
        ("Transfer-Encoding: chunked\r\n\r\nd\r\n<root></r", true),
    ] {
        let response = finish(&format!("HTTP/1.1 200 OK\r\n{reply}")).unwrap();
        assert_eq!(response.truncated, truncated, "{reply}");
    }
}

#[test]
fn close_before_the_end_of_the_head_is_an_error() {
    for reply in ["", "\r\n", "HTTP", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n"] {
        assert_eq!(finish(reply), Err(HttpError::ClosedEarly), "{reply}");
    }
}

/// The error and the number of bytes taken before it, fed with `unit` for ever.
fn flood(start: &str, unit: &str) -> (usize, HttpError) {
    let mut reader = ResponseReader::new("root");
    let mut total = start.len();
    let mut result = reader.push(start.as_bytes());
    loop {
        match result {
            Ok(None) => {}
            Ok(Some(response)) => panic!("{response:?}"),
            Err(error) => return (total, error),
        }
        result = reader.push(unit.as_bytes());
        total = total.saturating_add(unit.len());
    }
}

#[test]
fn floods_end_at_the_caps() {
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    let (total, error) = flood(&format!("{OK}X: "), "a");
    assert_eq!((total, error), (MAX_HEAD + 1, HttpError::HeadTooLong));
    let (total, error) = flood(OK, "X: a\r\n");
    assert_eq!(error, HttpError::HeadTooLong);
    assert!(total <= MAX_HEAD + 6);
    assert_eq!(flood("", "\r\n").1, HttpError::NotHttp);
    let (total, error) = flood("HTTP/1.0 200 OK\r\n\r\n", "x");
    assert_eq!((total, error), (19 + MAX_BODY + 1, HttpError::BodyTooLong));
    let (total, error) = flood(&format!("{OK}Transfer-Encoding: chunked\r\n\r\n"), "1;aaaa\r\nx\r\n");
    assert_eq!(error, HttpError::ReplyTooLong);
    assert!(total <= 64 + MAX_CHUNKED);
    let headers = "X: a\r\n".repeat(MAX_HEADERS + 1);
    assert_eq!(flood(&format!("{OK}{headers}\r\n"), "x").1, HttpError::TooManyHeaders);
}

#[test]
fn memory_follows_what_came_not_what_was_announced() {
    let mut reader = ResponseReader::new("root");
    assert_eq!(reader.push(b"HTTP/1.1 200 OK\r\nContent-Length: 262144\r\n\r\nabc"), Ok(None));
    assert!(reader.finish().unwrap().body.capacity() < 1024);
}

#[test]
fn garbage_never_panics() {
    // A linear congruential generator: repeatable, and no dependency.
    let mut seed = 1_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed.to_be_bytes()[0]
    };
    for (reply, _) in replies() {
        for _ in 0..50 {
            let mut damaged = reply.clone();
            for _ in 0..2 {
                let at = usize::from(next()) % damaged.len();
                damaged[at] = next();
            }
            let whole = read(&damaged, &[damaged.len()]).map(|(_, outcome)| outcome);
            let by_byte = read(&damaged, &[1]).map(|(_, outcome)| outcome);
            assert_eq!(whole, by_byte, "{}", damaged.escape_ascii());
        }
    }
}
