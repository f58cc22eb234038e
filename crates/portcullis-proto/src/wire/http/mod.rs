//! HTTP/1.x as routers speak it: one request, one reply, one connection (RFC 9112).
//!
//! [`encode_get`] and [`encode_post`] write a request, a [`ResponseReader`] reads the reply piece by piece.
//! Redirects, compression and a second reply on the same connection are not supported on purpose.

mod body;
mod closing_tag;
mod head;
mod request;
mod response;

pub use request::{encode_get, encode_post};
pub use response::{Response, ResponseReader};

use core::fmt;

/// Most header fields in the head of a reply.
pub const MAX_HEADERS: usize = 64;
/// Longest head of a reply, in bytes; also the most blank bytes before it.
pub const MAX_HEAD: usize = 16 * 1024;
/// Longest body of a reply, in bytes.
pub const MAX_BODY: usize = 256 * 1024;
/// Longest chunked body with its framing, in bytes: chunks of one byte would cost six for each.
pub const MAX_CHUNKED: usize = 1024 * 1024;
/// Most interim replies (status 1xx) before the final one.
pub const MAX_INTERIM: u8 = 3;

/// Why a reply is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpError {
    /// Not the status line of HTTP/1.0 or 1.1: HTTP/0.9, ICY, HTTP/2, TLS and the like.
    NotHttp,
    /// A header line with a NUL or a lone carriage return.
    Header,
    /// More than 64 header fields.
    TooManyHeaders,
    /// A head of more than 16 KiB.
    HeadTooLong,
    /// A body of more than 256 KiB, announced or sent.
    BodyTooLong,
    /// More than 1 MiB of chunks and their framing.
    ReplyTooLong,
    /// Content-Length is no plain number, or there are two that differ.
    ContentLength,
    /// Both Content-Length and Transfer-Encoding, of which a peer could follow either.
    LengthAndChunked,
    /// A Transfer-Encoding other than `chunked`.
    TransferEncoding,
    /// A malformed chunk, or an extension of more than 64 bytes.
    Chunk,
    /// A Content-Encoding, though none was asked for.
    ContentEncoding,
    /// More than three interim replies.
    Interim,
    /// A redirect (status 3xx); none is followed.
    Redirect(u16),
    /// A status that comes without a body of its own: 101, 204, 205, 206, 304, or one outside 100 to 599.
    Status(u16),
    /// The peer closed before the head was complete.
    ClosedEarly,
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotHttp => "reply is not http",
            Self::Header => "malformed http header",
            Self::TooManyHeaders => "too many http headers",
            Self::HeadTooLong => "http head too long",
            Self::BodyTooLong => "http body too long",
            Self::ReplyTooLong => "http reply too long",
            Self::ContentLength => "bad content length",
            Self::LengthAndChunked => "both content length and chunks",
            Self::TransferEncoding => "unknown transfer encoding",
            Self::Chunk => "bad chunk",
            Self::ContentEncoding => "content encoding not asked for",
            Self::Interim => "too many interim replies",
            Self::Redirect(status) => return write!(f, "redirect refused (status {status})"),
            Self::Status(status) => return write!(f, "unexpected status {status}"),
            Self::ClosedEarly => "connection closed early",
        })
    }
}

impl std::error::Error for HttpError {}

#[cfg(test)]
mod tests;
