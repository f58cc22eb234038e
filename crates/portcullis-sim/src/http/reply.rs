//! Replies, and what the oddities of a scenario make of them.

use crate::quirk::HttpOddity;
use crate::ssdp::SERVER;
use core::time::Duration;

/// What the gateway has to say, before any oddity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn xml(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into() }
    }

    pub(crate) fn error(status: u16) -> Self {
        let reason = reason(status);
        Self::xml(status, format!("<html><body><h1>{status} {reason}</h1></body></html>\n"))
    }
}

/// Bytes on their way, and how they go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transmission {
    /// Before the first byte.
    pub(crate) delay: Duration,
    pub(crate) bytes: Vec<u8>,
    /// The time from one byte to the next; `None` for all at once.
    pub(crate) drip: Option<Duration>,
    pub(crate) end: End,
}

/// What comes after the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Finish,
    Reset,
    StayOpen,
    /// More bytes, for ever.
    Endless,
    /// More chunks, for ever.
    EndlessChunks,
}

impl Transmission {
    /// Nothing, ever.
    pub(crate) const SILENCE: Self =
        Self { delay: Duration::ZERO, bytes: Vec::new(), drip: None, end: End::StayOpen };
}

/// How the end of a body is known.
enum Framing {
    Length { added: usize, taken: usize },
    None,
    Chunked(usize),
}

/// A reply as the oddities change it.
struct Form {
    reply: Reply,
    line_end: &'static str,
    framing: Framing,
    content_type: &'static str,
    headers: Vec<String>,
    interim: u16,
    trailing: &'static [u8],
    /// Only the first half of the body is sent.
    half: bool,
    /// All that is sent, in place of the reply.
    raw: Option<&'static [u8]>,
    delay: Duration,
    drip: Option<Duration>,
    end: End,
}

/// What goes over the wire for a reply.
pub(crate) fn transmit(reply: Reply, oddities: impl Iterator<Item = HttpOddity>) -> Transmission {
    let mut form = Form {
        reply,
        line_end: "\r\n",
        framing: Framing::Length { added: 0, taken: 0 },
        content_type: "text/xml; charset=\"utf-8\"",
        headers: Vec::new(),
        interim: 0,
        trailing: b"",
        half: false,
        raw: None,
        delay: Duration::ZERO,
        drip: None,
        end: End::Finish,
    };
    for oddity in oddities {
        form.apply(oddity);
    }
    form.into_transmission()
}

impl Form {
    fn apply(&mut self, oddity: HttpOddity) {
        match oddity {
            HttpOddity::Delay(delay) => self.delay = delay,
            HttpOddity::LfOnly => self.line_end = "\n",
            HttpOddity::NoLength => (self.framing, self.end) = (Framing::None, End::StayOpen),
            HttpOddity::UntilClose => self.framing = Framing::None,
            HttpOddity::Chunked(size) => self.framing = Framing::Chunked(size.max(1)),
            HttpOddity::KeepOpen => self.end = End::StayOpen,
            HttpOddity::LengthTooLong(added) => self.framing = Framing::Length { added, taken: 0 },
            HttpOddity::LengthTooShort(taken) => self.framing = Framing::Length { added: 0, taken },
            HttpOddity::Trailing(bytes) => self.trailing = bytes,
            HttpOddity::ContentType(text) => self.content_type = text,
            HttpOddity::Header(line) => self.headers.push(line.to_owned()),
            HttpOddity::Status(status) => self.reply.status = status,
            HttpOddity::Body(body) => self.reply.body = body.to_vec(),
            HttpOddity::Raw(bytes) => self.raw = Some(bytes),
            HttpOddity::Interim(count) => self.interim = count,
            HttpOddity::Redirect(status, location) => {
                self.reply = Reply::error(status);
                self.headers.push(format!("Location: {location}"));
            }
            HttpOddity::Silent => {
                self.raw = Some(b"");
                self.end = End::StayOpen;
            }
            HttpOddity::Drip(interval) => self.drip = Some(interval),
            HttpOddity::Endless => {
                (self.framing, self.half, self.end) = (Framing::None, true, End::Endless);
            }
            HttpOddity::EndlessChunks => {
                (self.framing, self.half, self.end) =
                    (Framing::Chunked(usize::MAX), true, End::EndlessChunks);
            }
            HttpOddity::CloseAtOnce => self.raw = Some(b""),
            HttpOddity::CloseMidBody => self.half = true,
            HttpOddity::ResetMidBody => (self.half, self.end) = (true, End::Reset),
        }
    }

    fn into_transmission(self) -> Transmission {
        let Self { delay, drip, end, .. } = self;
        let bytes = match self.raw {
            Some(raw) => raw.to_vec(),
            None => self.encode(),
        };
        Transmission { delay, bytes, drip, end }
    }

    fn encode(&self) -> Vec<u8> {
        let (status, body) = (self.reply.status, &self.reply.body);
        let mut head: Vec<String> = Vec::new();
        for _ in 0..self.interim {
            head.extend(["HTTP/1.1 100 Continue".to_owned(), String::new()]);
        }
        head.push(format!("HTTP/1.1 {status} {}", reason(status)));
        if !self.content_type.is_empty() {
            head.push(format!("Content-Type: {}", self.content_type));
        }
        head.extend([format!("Server: {SERVER}"), "Connection: close".to_owned()]);
        match self.framing {
            Framing::Length { added, taken } => {
                let length = body.len().saturating_add(added).saturating_sub(taken);
                head.push(format!("Content-Length: {length}"));
            }
            Framing::None => {}
            Framing::Chunked(_) => head.push("Transfer-Encoding: chunked".to_owned()),
        }
        head.extend(self.headers.iter().cloned());
        head.extend([String::new(), String::new()]);
        let mut bytes = head.join(self.line_end).into_bytes();

        let sent = if self.half { body.len() / 2 } else { body.len() };
        let body = body.get(..sent).unwrap_or_default();
        if let Framing::Chunked(size) = self.framing {
            for chunk in body.chunks(size) {
                bytes.extend_from_slice(format!("{:x};extension=value\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            if !self.half {
                bytes.extend_from_slice(b"0\r\n\r\n");
            }
        } else {
            bytes.extend_from_slice(body);
        }
        bytes.extend_from_slice(self.trailing);
        bytes
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(oddities: &[HttpOddity]) -> (String, End) {
        let transmission = transmit(Reply::xml(200, "<root></root>"), oddities.iter().copied());
        (String::from_utf8(transmission.bytes).unwrap(), transmission.end)
    }

    #[test]
    fn replies_by_the_book_without_oddities() {
        let (text, end) = sent(&[]);
        assert!(
            text.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n"),
            "{text}"
        );
        assert!(text.ends_with("\r\nContent-Length: 13\r\n\r\n<root></root>"), "{text}");
        assert_eq!(end, End::Finish);
    }

    #[test]
    fn oddities_change_what_is_sent() {
        for (oddity, part, end) in [
            (HttpOddity::LfOnly, "200 OK\nContent-Type", End::Finish),
            (HttpOddity::NoLength, "close\r\n\r\n<root>", End::StayOpen),
            (HttpOddity::UntilClose, "close\r\n\r\n<root>", End::Finish),
            (HttpOddity::Chunked(10), "\r\n\r\na;extension=value\r\n<root></ro\r\n3;", End::Finish),
            (HttpOddity::KeepOpen, "Content-Length: 13", End::StayOpen),
            (HttpOddity::LengthTooLong(100), "Content-Length: 113", End::Finish),
            (HttpOddity::LengthTooShort(3), "Content-Length: 10", End::Finish),
            (HttpOddity::Trailing(b"more"), "</root>more", End::Finish),
            (HttpOddity::ContentType(""), "200 OK\r\nServer", End::Finish),
            (HttpOddity::Header("Content-Encoding: gzip"), "\r\nContent-Encoding: gzip\r\n", End::Finish),
            (HttpOddity::Status(500), "500 Internal", End::Finish),
            (HttpOddity::Body(b"other"), "\r\n\r\nother", End::Finish),
            (HttpOddity::Raw(b"ICY 200 OK\r\n\r\n"), "ICY", End::Finish),
            (
                HttpOddity::Interim(2),
                "100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200",
                End::Finish,
            ),
            (
                HttpOddity::Redirect(302, "http://10.0.0.1/"),
                "\r\nLocation: http://10.0.0.1/\r\n",
                End::Finish,
            ),
            (HttpOddity::Silent, "", End::StayOpen),
            (HttpOddity::Endless, "\r\n\r\n<root>", End::Endless),
            (HttpOddity::EndlessChunks, "\r\n\r\n6;extension=value\r\n<root>\r\n", End::EndlessChunks),
            (HttpOddity::CloseAtOnce, "", End::Finish),
            (HttpOddity::CloseMidBody, "\r\n\r\n<root>", End::Finish),
            (HttpOddity::ResetMidBody, "\r\n\r\n<root>", End::Reset),
        ] {
            let (text, after) = sent(&[oddity]);
            assert!(text.contains(part), "{oddity:?}: {text}");
            assert_eq!(after, end, "{oddity:?}");
        }
    }

    #[test]
    fn an_endless_body_may_promise_a_length() {
        let (text, end) = sent(&[HttpOddity::Endless, HttpOddity::LengthTooLong(100)]);
        assert!(text.contains("\r\nContent-Length: 113\r\n") && end == End::Endless, "{text}");
    }

    #[test]
    fn half_a_body_is_half_a_body() {
        for oddity in [HttpOddity::CloseMidBody, HttpOddity::ResetMidBody, HttpOddity::Endless] {
            assert!(sent(&[oddity]).0.ends_with("\r\n\r\n<root>"), "{oddity:?}");
        }
    }
}
