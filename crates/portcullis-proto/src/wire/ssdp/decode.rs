use super::{MAX_DATAGRAM, Message, Notify, NotifyKind, Search, SearchResponse, SsdpError};
use crate::wire::text::printable;

/// Longest SERVER value kept, in bytes.
const MAX_SERVER: usize = 256;
/// UPnP Device Architecture 1.0 section 1.2.2: a device treats a greater MX as this.
const MAX_MX: u32 = 120;

impl Message {
    /// Decodes a datagram.
    ///
    /// Tolerated, because devices do it: bare LF, header names in any case and with blanks around the colon,
    /// blanks at the end of a line, a missing blank line at the end, NUL padding, and anything after the
    /// blank line. A line that is no header, or whose value has bytes that it cannot have, is left out, as in the
    /// head of an HTTP reply: the others say as much as they did. Not tolerated: a NUL or a carriage return within
    /// a line, since readers would disagree on where that ends, and a last line without its end, since the datagram
    /// may have been cut in the middle of the location.
    ///
    /// # Errors
    ///
    /// Any [`SsdpError`]. A caller that waits for an answer ignores the datagram and goes on waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis_proto::wire::ssdp::Message;
    ///
    /// let datagram = b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLocation: http://192.168.1.1/d.xml\r\n\r\n";
    /// let Ok(Message::Response(response)) = Message::decode(datagram) else { panic!() };
    /// assert_eq!(response.location, "http://192.168.1.1/d.xml");
    /// ```
    pub fn decode(datagram: &[u8]) -> Result<Self, SsdpError> {
        if datagram.len() > MAX_DATAGRAM {
            return Err(SsdpError::TooLong);
        }
        let mut text = datagram;
        while let Some(rest) = text.strip_suffix(b"\0") {
            text = rest;
        }
        if text.trim_ascii().is_empty() {
            return Err(SsdpError::Empty);
        }
        let mut lines = text.split_inclusive(|byte| *byte == b'\n');
        let start = StartLine::parse(complete(lines.next().unwrap_or_default())?)?;
        let headers = Headers::parse(lines)?;
        match start {
            StartLine::Response => headers.into_response().map(Self::Response),
            StartLine::Notify => headers.into_notify().map(Self::Notify),
            StartLine::Search => headers.into_search().map(Self::Search),
        }
    }
}

/// The line without its end and the blanks before that.
fn complete(line: &[u8]) -> Result<&[u8], SsdpError> {
    line.strip_suffix(b"\n").map(|line| line.trim_ascii_end()).ok_or(SsdpError::Incomplete)
}

enum StartLine {
    Response,
    Notify,
    Search,
}

impl StartLine {
    fn parse(line: &[u8]) -> Result<Self, SsdpError> {
        let line = core::str::from_utf8(line).map_err(|_| SsdpError::StartLine)?;
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        match (words.next(), words.next(), words.next()) {
            (Some(version), Some(status), _) if is_http_1(version) => match parse_status(status) {
                Some(200) => Ok(Self::Response),
                Some(status) => Err(SsdpError::Status(status)),
                None => Err(SsdpError::StartLine),
            },
            (Some("NOTIFY"), Some("*"), Some(version)) if is_http_1(version) => Ok(Self::Notify),
            (Some("M-SEARCH"), Some("*"), Some(version)) if is_http_1(version) => Ok(Self::Search),
            _ => Err(SsdpError::StartLine),
        }
    }
}

fn is_http_1(version: &str) -> bool {
    version.strip_prefix("HTTP/1.").is_some_and(|minor| matches!(minor.as_bytes(), [b'0'..=b'9']))
}

fn parse_status(digits: &str) -> Option<u16> {
    let is_status = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_status)
}

/// The headers that mean something here, as they stood.
#[derive(Default)]
struct Headers<'a> {
    location: Option<&'a str>,
    al: Option<&'a str>,
    st: Option<&'a str>,
    nt: Option<&'a str>,
    nts: Option<&'a str>,
    usn: Option<&'a str>,
    man: Option<&'a str>,
    mx: Option<&'a str>,
    boot_id: Option<&'a str>,
    config_id: Option<&'a str>,
    server: &'a [u8],
}

impl<'a> Headers<'a> {
    fn parse(lines: impl Iterator<Item = &'a [u8]>) -> Result<Self, SsdpError> {
        let mut headers = Self::default();
        for line in lines {
            let line = complete(line)?;
            if line.is_empty() {
                break;
            }
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                // A folded line: what the header before it says depends on who reads it.
                return Err(SsdpError::Ambiguous);
            }
            if line.iter().any(|byte| matches!(byte, 0 | b'\r')) {
                return Err(SsdpError::Header);
            }
            let mut halves = line.splitn(2, |byte| *byte == b':');
            if let (Some(name), Some(value)) = (halves.next(), halves.next()) {
                headers.set(name.trim_ascii(), value.trim_ascii())?;
            }
        }
        Ok(headers)
    }

    fn set(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), SsdpError> {
        let slot = match name.to_ascii_uppercase().as_slice() {
            b"LOCATION" => &mut self.location,
            b"AL" => &mut self.al,
            b"ST" => &mut self.st,
            b"NT" => &mut self.nt,
            b"NTS" => &mut self.nts,
            b"USN" => &mut self.usn,
            b"MAN" => &mut self.man,
            b"MX" => &mut self.mx,
            b"BOOTID.UPNP.ORG" => &mut self.boot_id,
            b"CONFIGID.UPNP.ORG" => &mut self.config_id,
            b"SERVER" => {
                // For showing only, so a second one or odd bytes do no harm.
                self.server = value;
                return Ok(());
            }
            _ => return Ok(()),
        };
        let is_sound = value.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
        let Some(value) = core::str::from_utf8(value).ok().filter(|_| is_sound) else { return Ok(()) };
        match slot.replace(value) {
            Some(earlier) if earlier != value => Err(SsdpError::Ambiguous),
            _ => Ok(()),
        }
    }

    /// Devices of one vendor write `AL`, an absolute location of an early draft.
    fn location(&self) -> Option<String> {
        [self.location, self.al].into_iter().flatten().find(|text| !text.is_empty()).map(str::to_owned)
    }

    fn target(first: Option<&str>, second: Option<&str>) -> Result<String, SsdpError> {
        let mut given = [first, second].into_iter().flatten().filter(|text| !text.is_empty());
        given.next().map(str::to_owned).ok_or(SsdpError::MissingSearchTarget)
    }

    fn into_response(self) -> Result<SearchResponse, SsdpError> {
        Ok(SearchResponse {
            search_target: Self::target(self.st, self.nt)?,
            location: self.location().ok_or(SsdpError::MissingLocation)?,
            usn: self.usn.unwrap_or_default().to_owned(),
            server: printable(self.server, MAX_SERVER),
            boot_id: number(self.boot_id),
            config_id: number(self.config_id),
        })
    }

    fn into_notify(self) -> Result<Notify, SsdpError> {
        let kind = match self.nts {
            Some("ssdp:alive") => NotifyKind::Alive,
            Some("ssdp:byebye") => NotifyKind::ByeBye,
            Some("ssdp:update") => NotifyKind::Update,
            _ => return Err(SsdpError::NotificationSubType),
        };
        let location = self.location();
        if location.is_none() && kind != NotifyKind::ByeBye {
            return Err(SsdpError::MissingLocation);
        }
        Ok(Notify {
            notification_type: Self::target(self.nt, self.st)?,
            kind,
            usn: self.usn.unwrap_or_default().to_owned(),
            location,
            server: printable(self.server, MAX_SERVER),
            boot_id: number(self.boot_id),
            config_id: number(self.config_id),
        })
    }

    fn into_search(self) -> Result<Search, SsdpError> {
        // The quotes are required (section 1.3.2), but no harm comes from one who forgot them.
        if self.man.map(|man| man.trim_matches('"')) != Some("ssdp:discover") {
            return Err(SsdpError::Man);
        }
        let mx = number(self.mx).and_then(|seconds| u8::try_from(seconds.min(MAX_MX)).ok());
        Ok(Search { search_target: Self::target(self.st, None)?, mx })
    }
}

fn number(text: Option<&str>) -> Option<u32> {
    text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())).and_then(|text| text.parse().ok())
}
