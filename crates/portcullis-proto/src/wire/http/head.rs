use super::{HttpError, MAX_BODY, MAX_HEAD, MAX_HEADERS};
use crate::wire::text::printable;

/// Longest Server value kept, in bytes.
const MAX_SERVER: usize = 256;

/// Gathers the bytes up to the blank line, without looking at any of them twice.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    bytes: Vec<u8>,
    /// Blank bytes before the status line.
    skipped: usize,
    /// Whether the current line has anything but its end.
    in_line: bool,
}

impl HeadReader {
    /// Takes a byte; `true` when the head is complete.
    pub(super) fn push(&mut self, byte: u8) -> Result<bool, HttpError> {
        if self.bytes.is_empty() && matches!(byte, b'\r' | b'\n') {
            // Some servers leave an empty line behind an interim reply (RFC 9112 section 2.2 on requests).
            self.skipped = self.skipped.saturating_add(1);
            return if self.skipped > MAX_HEAD { Err(HttpError::NotHttp) } else { Ok(false) };
        }
        // Seen at once, so that nothing waits for the end of a TLS alert or an endless page.
        if b"HTTP/1.".get(self.bytes.len()).is_some_and(|wanted| *wanted != byte) {
            return Err(HttpError::NotHttp);
        }
        if self.bytes.len() >= MAX_HEAD {
            return Err(HttpError::HeadTooLong);
        }
        self.bytes.push(byte);
        match byte {
            b'\n' if !self.in_line => return Ok(true),
            b'\n' => self.in_line = false,
            b'\r' => {}
            _ => self.in_line = true,
        }
        Ok(false)
    }

    pub(super) fn parse(&self) -> Result<Head, HttpError> {
        Head::parse(&self.bytes)
    }
}

/// What the head of a reply says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    Interim,
    Final { status: u16, server: String, framing: Framing },
}

/// Where the body ends (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
    Close,
}

impl Head {
    fn parse(text: &[u8]) -> Result<Self, HttpError> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut fields);
        let mut config = httparse::ParserConfig::default();
        // A line that is no header is passed over, as browsers do; a NUL or a lone CR is refused all the
        // same. Folded lines are read as part of their field, so that no second length can hide in one.
        config
            .allow_spaces_after_header_name_in_responses(true)
            .allow_multiple_spaces_in_response_status_delimiters(true)
            .allow_space_before_first_header_name(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .ignore_invalid_headers_in_responses(true);
        match config.parse_response(&mut response, text) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(HttpError::Header),
            Err(httparse::Error::TooManyHeaders) => return Err(HttpError::TooManyHeaders),
            Err(httparse::Error::Version | httparse::Error::Status) => return Err(HttpError::NotHttp),
            Err(_) => return Err(HttpError::Header),
        }
        match response.code {
            Some(status @ (101 | 204 | 205 | 206 | 304)) => Err(HttpError::Status(status)),
            Some(100..=199) => Ok(Self::Interim),
            Some(status @ 300..=399) => Err(HttpError::Redirect(status)),
            Some(status @ 200..=599) => Ok(Self::Final {
                status,
                server: server(response.headers),
                framing: Framing::of(response.headers)?,
            }),
            Some(status) => Err(HttpError::Status(status)),
            None => Err(HttpError::NotHttp),
        }
    }
}

impl Framing {
    fn of(headers: &[httparse::Header<'_>]) -> Result<Self, HttpError> {
        let mut length = None;
        let mut chunked = false;
        for header in headers {
            let value = header.value.trim_ascii();
            if header.name.eq_ignore_ascii_case("content-length") {
                let this = parse_length(value)?;
                if length.replace(this).is_some_and(|earlier| earlier != this) {
                    return Err(HttpError::ContentLength);
                }
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                match () {
                    () if value.eq_ignore_ascii_case(b"identity") => {}
                    () if value.eq_ignore_ascii_case(b"chunked") && !chunked => chunked = true,
                    () => return Err(HttpError::TransferEncoding),
                }
            } else if header.name.eq_ignore_ascii_case("content-encoding")
                && !value.is_empty()
                && !value.eq_ignore_ascii_case(b"identity")
            {
                return Err(HttpError::ContentEncoding);
            }
        }
        match (length, chunked) {
            (Some(_), true) => Err(HttpError::LengthAndChunked),
            (Some(length), false) if length > MAX_BODY => Err(HttpError::BodyTooLong),
            (Some(length), false) => Ok(Self::Length(length)),
            (None, true) => Ok(Self::Chunked),
            (None, false) => Ok(Self::Close),
        }
    }
}

/// Digits only: `+5`, `-1`, `5, 6` and what exceeds the machine's word are refused, not read as something.
fn parse_length(value: &[u8]) -> Result<usize, HttpError> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(HttpError::ContentLength);
    }
    core::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()).ok_or(HttpError::ContentLength)
}

fn server(headers: &[httparse::Header<'_>]) -> String {
    let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case("server"));
    header.map_or_else(String::new, |header| printable(header.value, MAX_SERVER))
}
