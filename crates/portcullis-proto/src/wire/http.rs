//! HTTP/1.x as routers speak it: one request, one reply, one connection.

use super::url::RequestTarget;
use core::net::SocketAddr;

/// head and body in one buffer, sent in one write
pub fn encode_get(_host: SocketAddr, _target: &RequestTarget) -> Vec<u8> { todo!() }
/// Exact header case SOAPAction, quoted; Content-Type text/xml; charset="utf-8"; Connection: close
pub fn encode_post(_host: SocketAddr, _target: &RequestTarget, _soap_action: &str, _body: &str) -> Vec<u8> { todo!() }

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response { pub status: u16, pub server: String, pub body: Vec<u8>, /** closed before the promised length */ pub truncated: bool }

/// Reads a reply piece by piece; the same bytes in any split give the same result.
#[derive(Debug)]
pub struct ResponseReader { /* ... */ }
impl ResponseReader {
    /// `terminator`: a local name such as "root" or "Envelope": without a length, the reply also ends when its text ends with that closing tag
    /// (any prefix), because some routers neither say a length nor close.
    pub fn new(_terminator: &'static str) -> Self { todo!() }
    /// `Ok(Some)` when the reply is complete; later bytes are ignored
    pub fn push(&mut self, _bytes: &[u8]) -> Result<Option<Response>, HttpError> { todo!() }
    /// the peer closed
    pub fn finish(&mut self) -> Result<Response, HttpError> { todo!() }
    /// whether any byte has come
    pub fn is_empty(&self) -> bool { todo!() }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpError { NotHttp, TooManyHeaders, HeadTooLong, BodyTooLong, ContentLength, LengthAndChunked, Chunk, ContentEncoding, Interim /*more than 3*/, Redirect(u16), ClosedEarly, Header, /* ... */ }
