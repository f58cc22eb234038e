use super::body::BodyReader;
use super::closing_tag::ClosingTag;
use super::head::{Head, HeadReader};
use super::{HttpError, MAX_INTERIM};

/// A complete reply.
///
/// Any status from 200 to 599 that comes with a body is here; what 4xx and 5xx mean is for the caller to say,
/// because a fault, and on some gateways a good description, comes with status 500.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The Server header, printable, at most 256 bytes; empty where there is none.
    pub server: String,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// The peer closed before the promised end, and the text is not complete either.
    pub truncated: bool,
}

/// Reads a reply piece by piece; the same bytes in any split give the same result.
///
/// # Examples
///
/// ```
/// use portcullis_proto::wire::http::ResponseReader;
///
/// let mut reader = ResponseReader::new("root");
/// assert_eq!(reader.push(b"HTTP/1.1 200 OK\r\nContent-Le"), Ok(None));
/// let response = reader.push(b"ngth: 7\r\n\r\n<root/>")?.expect("complete");
/// assert_eq!(response.body, b"<root/>");
/// # Ok::<(), portcullis_proto::wire::http::HttpError>(())
/// ```
#[derive(Debug)]
pub struct ResponseReader {
    terminator: &'static str,
    state: State,
    interim: u8,
    is_empty: bool,
}

#[derive(Debug)]
enum State {
    Head(HeadReader),
    Body {
        reader: BodyReader,
        response: Response,
    },
    /// The response was handed out.
    Done,
    Failed(HttpError),
}

impl ResponseReader {
    /// `terminator` is a local name such as `root` or `Envelope`: a reply without a length also ends with
    /// the first such end tag (in any prefix), because some routers neither say a length nor close.
    pub fn new(terminator: &'static str) -> Self {
        Self { terminator, state: State::Head(HeadReader::default()), interim: 0, is_empty: true }
    }

    /// Takes the next bytes. `Ok(Some)` when the reply is complete; what follows it is ignored, and later
    /// calls return `Ok(None)`.
    ///
    /// # Errors
    ///
    /// Any [`HttpError`], as soon as it is certain, and again on every later call.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<Response>, HttpError> {
        if !bytes.is_empty() {
            self.is_empty = false;
        }
        let result = self.advance(bytes);
        match &result {
            Ok(None) => {}
            Ok(Some(_)) => self.state = State::Done,
            Err(error) => self.state = State::Failed(*error),
        }
        result
    }

    /// The peer closed, or the caller will wait no longer.
    ///
    /// A reply without a length is complete now. One that promised more is complete where its text ends with
    /// the terminator's tag (some routers count wrongly), and [`truncated`](Response::truncated) otherwise.
    ///
    /// # Errors
    ///
    /// [`HttpError::ClosedEarly`] where the head is not complete or the response was handed out already; else
    /// the error that [`push`](Self::push) gave.
    pub fn finish(&mut self) -> Result<Response, HttpError> {
        match core::mem::replace(&mut self.state, State::Done) {
            State::Head(_) | State::Done => Err(HttpError::ClosedEarly),
            State::Failed(error) => {
                self.state = State::Failed(error);
                Err(error)
            }
            State::Body { reader, mut response } => {
                response.truncated = !matches!(reader, BodyReader::Close(_))
                    && !ClosingTag::ends(self.terminator, &response.body);
                Ok(response)
            }
        }
    }

    /// Whether no byte has come yet.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<Option<Response>, HttpError> {
        let mut rest = bytes;
        loop {
            match &mut self.state {
                State::Done => return Ok(None),
                State::Failed(error) => return Err(*error),
                State::Head(head) => {
                    let Some((byte, after)) = rest.split_first() else { return Ok(None) };
                    rest = after;
                    if !head.push(*byte)? {
                        continue;
                    }
                    self.state = match head.parse()? {
                        Head::Interim if self.interim >= MAX_INTERIM => return Err(HttpError::Interim),
                        Head::Interim => {
                            self.interim = self.interim.saturating_add(1);
                            State::Head(HeadReader::default())
                        }
                        Head::Final { status, server, framing } => State::Body {
                            reader: BodyReader::new(framing, self.terminator),
                            response: Response { status, server, body: Vec::new(), truncated: false },
                        },
                    };
                }
                State::Body { reader, response } => {
                    if !reader.push(rest, &mut response.body)? {
                        return Ok(None);
                    }
                    return Ok(match core::mem::replace(&mut self.state, State::Done) {
                        State::Body { response, .. } => Some(response),
                        _ => None,
                    });
                }
            }
        }
    }
}
