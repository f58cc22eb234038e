//! Requests, read piece by piece.

/// More than any client needs; also what real gateways bear.
const LONGEST_HEAD: usize = 8 * 1024;
const LONGEST_BODY: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    /// The names as they were written.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// In how many pieces it came.
    pub(crate) reads: u32,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The length of the body, or the status of the refusal.
    fn content_length(&self) -> Result<usize, u16> {
        if self.header("Transfer-Encoding").is_some() {
            // Real gateways read no chunks (33).
            return Err(411);
        }
        match self.header("Content-Length") {
            Some(length) => match length.parse() {
                Ok(length) if length <= LONGEST_BODY => Ok(length),
                Ok(_) => Err(413),
                Err(_) => Err(400),
            },
            None if self.method == "POST" => Err(411),
            None => Ok(0),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct RequestReader {
    buffer: Vec<u8>,
    reads: u32,
}

impl RequestReader {
    /// The request once it is complete, or the status with which it is refused.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Option<Result<Request, u16>> {
        self.reads = self.reads.saturating_add(1);
        let room = LONGEST_HEAD.saturating_add(LONGEST_BODY).saturating_sub(self.buffer.len());
        self.buffer.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        let Some(end) = head_end(&self.buffer) else {
            return (self.buffer.len() > LONGEST_HEAD).then_some(Err(431));
        };
        let (head, body) = self.buffer.split_at_checked(end)?;
        let Some(mut request) = parse_head(&String::from_utf8_lossy(head)) else { return Some(Err(400)) };
        let length = match request.content_length() {
            Ok(length) => length,
            Err(status) => return Some(Err(status)),
        };
        request.body = body.get(..length)?.to_vec();
        request.reads = self.reads;
        Some(Ok(request))
    }
}

/// Where the body begins.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let position = |end: &[u8]| {
        bytes.windows(end.len()).position(|window| window == end).map(|at| at.saturating_add(end.len()))
    };
    position(b"\r\n\r\n").or_else(|| position(b"\n\n"))
}

fn parse_head(head: &str) -> Option<Request> {
    let mut lines = head.lines();
    let mut line = lines.next()?.split(' ');
    let (method, target, version) = (line.next()?, line.next()?, line.next()?);
    if !version.starts_with("HTTP/1.") || line.next().is_some() {
        return None;
    }
    let mut headers = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Some(Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: Vec::new(),
        reads: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POST: &[u8] =
        b"POST /ctl/IPConn HTTP/1.1\r\nHost: 192.168.1.1:5000\r\nContent-Length: 5\r\n\r\nhello";

    #[test]
    fn reads_the_same_request_in_any_pieces() {
        let whole = RequestReader::default().push(POST).unwrap().unwrap();
        assert_eq!((whole.method.as_str(), whole.target.as_str()), ("POST", "/ctl/IPConn"));
        assert_eq!(whole.header("host"), Some("192.168.1.1:5000"));
        assert_eq!((whole.body.as_slice(), whole.reads), (&b"hello"[..], 1));
        for split in 1..POST.len() {
            let mut reader = RequestReader::default();
            assert_eq!(reader.push(&POST[..split]), None);
            let request = reader.push(&POST[split..]).unwrap().unwrap();
            assert_eq!(request, Request { reads: 2, ..whole.clone() });
        }
    }

    #[test]
    fn refuses_by_status() {
        for (bytes, status) in [
            (&b"GET /\r\n\r\n"[..], 400),
            (b"GET / HTTP/2\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\n\r\n", 411),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
            (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
            (&[b'x'; 9_000], 431),
        ] {
            assert_eq!(RequestReader::default().push(bytes), Some(Err(status)));
        }
    }
}
