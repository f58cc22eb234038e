//! An entry as one line of text, for the file it is kept in.

#[cfg(test)]
mod tests;

use super::{Custody, Entry, EntryId};
use crate::client::granted::Method;
use crate::wire::pcp::Nonce;
use crate::{Lifetime, Protocol, Time};
use core::fmt;
use core::fmt::Write;
use core::str::FromStr;
use core::time::Duration;

/// The first word of every line: what the words after it mean.
const VERSION: &str = "1";
/// A word that is left open.
const NONE: &str = "-";
/// Before a text, so that an empty one, or one that is a dash, is a word of its own.
const TEXT: char = '=';

const MAX_GATEWAY: usize = 512;
const MAX_DESCRIPTION: usize = 1_024;
const MAX_SERVICE_TYPE: usize = 256;
/// What an [`HttpUrl`](crate::wire::url::HttpUrl) may be long.
const MAX_CONTROL_URL: usize = 2_048;

/// Why a line is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineError {
    /// It is longer than [`Entry::MAX_LINE`].
    TooLong,
    /// Another version of this program wrote it.
    Version,
    /// It ends before this field.
    Missing(&'static str),
    /// This field is not one that [`Entry::to_line`] writes.
    Invalid(&'static str),
    /// It goes on after the last field.
    Excess,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "an entry longer than {} bytes", Entry::MAX_LINE),
            Self::Version => f.write_str("an entry of another version"),
            Self::Missing(field) => write!(f, "an entry without {field}"),
            Self::Invalid(field) => write!(f, "an entry with an invalid {field}"),
            Self::Excess => f.write_str("an entry with too many fields"),
        }
    }
}

impl std::error::Error for LineError {}

impl Entry {
    /// A line is at most this many bytes long.
    pub const MAX_LINE: usize =
        3 * (MAX_GATEWAY + MAX_DESCRIPTION + MAX_SERVICE_TYPE + MAX_CONTROL_URL) + 512;

    /// The entry as one line of printable ASCII, without its end.
    ///
    /// Texts lose their control characters, and what is beyond the bounds of a field; a control point that is
    /// beyond them is left out, as it would lead elsewhere.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis_proto::client::journal::Entry;
    ///
    /// let line = "1 00000000000000fa udp nat-pmp 192.168.1.1:5351 192.168.1.7 7777 - 7777 - - 7200 \
    ///             1234.500000000 =192.168.1.1 =lobby - - asked ends";
    /// let entry = Entry::from_line(line)?;
    /// assert_eq!(entry.description, "lobby");
    /// assert_eq!(entry.to_line(), line);
    /// # Ok::<(), portcullis_proto::client::journal::LineError>(())
    /// ```
    pub fn to_line(&self) -> String {
        let control = self.control.as_ref().filter(|(service_type, url)| {
            is_text(service_type, MAX_SERVICE_TYPE) && is_text(url, MAX_CONTROL_URL)
        });
        let fields = [
            VERSION.into(),
            format!("{:016x}", self.id.0),
            self.protocol.as_str().to_ascii_lowercase(),
            self.method.as_str().into(),
            self.remote.to_string(),
            self.internal_address.to_string(),
            self.internal_port.to_string(),
            or_none(self.external_address),
            self.external_port.to_string(),
            or_none(self.nonce.map(|nonce| hexadecimal(&nonce.0))),
            or_none(self.unique_id),
            self.lifetime.as_seconds().to_string(),
            or_none(self.expires.map(moment)),
            escaped(&self.gateway, MAX_GATEWAY),
            escaped(&self.description, MAX_DESCRIPTION),
            control.map_or(NONE.into(), |(service_type, _)| escaped(service_type, MAX_SERVICE_TYPE)),
            control.map_or(NONE.into(), |(_, url)| escaped(url, MAX_CONTROL_URL)),
            if self.granted { "granted" } else { "asked" }.into(),
            self.custody.as_word().into(),
        ];
        fields.join(" ")
    }

    /// Reads what [`to_line`](Self::to_line) wrote, and nothing else.
    ///
    /// # Errors
    ///
    /// Where the line differs in a single byte from what would be written for any entry.
    pub fn from_line(line: &str) -> Result<Self, LineError> {
        if line.len() > Self::MAX_LINE {
            return Err(LineError::TooLong);
        }
        let mut fields = Fields(line.split(' '));
        if fields.word("a version")? != VERSION {
            return Err(LineError::Version);
        }
        let entry = Self {
            id: fields.read("id", |word| u64::from_str_radix(word, 16).ok().map(EntryId))?,
            protocol: fields.parse::<Protocol>("protocol")?,
            method: fields.read("method", method)?,
            remote: fields.parse("server address")?,
            internal_address: fields.parse("internal address")?,
            internal_port: fields.parse("internal port")?,
            external_address: fields.optional("external address", |word| word.parse().ok())?,
            external_port: fields.parse("external port")?,
            nonce: fields.optional("nonce", nonce)?,
            unique_id: fields.optional("unique id", |word| word.parse().ok())?,
            lifetime: Lifetime::from_seconds(fields.parse("lifetime")?),
            expires: fields.optional("expiry", expiry)?,
            gateway: fields.read("gateway", |word| text(word, MAX_GATEWAY))?,
            description: fields.read("description", |word| text(word, MAX_DESCRIPTION))?,
            control: {
                let service_type = fields.optional("service type", |word| text(word, MAX_SERVICE_TYPE))?;
                let url = fields.optional("control URL", |word| text(word, MAX_CONTROL_URL))?;
                match (service_type, url) {
                    (Some(service_type), Some(url)) => Some((service_type, url)),
                    (None, None) => None,
                    _ => return Err(LineError::Invalid("control point")),
                }
            },
            granted: fields.read("state", |word| either(word, "granted", "asked"))?,
            custody: fields.read("end", Custody::from_word)?,
        };
        if fields.0.next().is_some() {
            return Err(LineError::Excess);
        }
        // Numbers, addresses and escapes can be spelled in more than one way, and all but one are a sign that
        // somebody else wrote them.
        if entry.to_line() != line {
            return Err(LineError::Invalid("spelling"));
        }
        Ok(entry)
    }
}

struct Fields<'a>(core::str::Split<'a, char>);

impl<'a> Fields<'a> {
    fn word(&mut self, field: &'static str) -> Result<&'a str, LineError> {
        self.0.next().ok_or(LineError::Missing(field))
    }

    fn read<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, LineError> {
        read(self.word(field)?).ok_or(LineError::Invalid(field))
    }

    fn parse<T: FromStr>(&mut self, field: &'static str) -> Result<T, LineError> {
        self.read(field, |word| word.parse().ok())
    }

    fn optional<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, LineError> {
        self.read(field, |word| if word == NONE { Some(None) } else { read(word).map(Some) })
    }
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or(NONE.into(), |value| value.to_string())
}

fn method(word: &str) -> Option<Method> {
    [Method::Pcp, Method::NatPmp, Method::Igd, Method::IgdPinhole]
        .into_iter()
        .find(|method| method.as_str() == word)
}

fn either(word: &str, yes: &str, no: &str) -> Option<bool> {
    if word == yes { Some(true) } else { (word == no).then_some(false) }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn nonce(word: &str) -> Option<Nonce> {
    let mut bytes = [0; 12];
    let mut rest = word;
    for byte in &mut bytes {
        let (digits, left) = rest.split_at_checked(2)?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
        rest = left;
    }
    rest.is_empty().then_some(Nonce(bytes))
}

fn moment(time: Time) -> String {
    let since_start = time.since_start();
    format!("{}.{:09}", since_start.as_secs(), since_start.subsec_nanos())
}

fn expiry(word: &str) -> Option<Time> {
    let (seconds, nanoseconds) = word.split_once('.')?;
    let nanoseconds = nanoseconds.parse().ok().filter(|nanoseconds| *nanoseconds < 1_000_000_000)?;
    Some(Time::from_start(Duration::new(seconds.parse().ok()?, nanoseconds)))
}

fn is_text(text: &str, max: usize) -> bool {
    text.len() <= max && !text.contains(char::is_control)
}

/// Text as one word: what is not a visible ASCII character is written as `%` and two digits for each byte.
fn escaped(text: &str, max: usize) -> String {
    let mut escaped = String::from(TEXT);
    let mut length = 0_usize;
    for character in text.chars().filter(|character| !character.is_control()) {
        length = length.saturating_add(character.len_utf8());
        if length > max {
            break;
        }
        if character.is_ascii_graphic() && character != '%' {
            escaped.push(character);
        } else {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(escaped, "%{byte:02x}");
            }
        }
    }
    escaped
}

fn text(word: &str, max: usize) -> Option<String> {
    let mut rest = word.strip_prefix(TEXT)?.bytes();
    let mut bytes = Vec::new();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(core::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| is_text(text, max))
}
