//! Which bytes of a document are which characters.

use super::XmlError;

/// How the bytes of a document are read. Both are supersets of ASCII, so markup is found before decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    /// UTF-8; what is none becomes U+FFFD, which URLs and numbers refuse.
    Utf8,
    /// ISO-8859-1.
    Latin1,
}

impl Charset {
    /// The character set of an XML declaration's `encoding`.
    ///
    /// Other supersets of ASCII are read as UTF-8: what matters in a description is ASCII, and a name in
    /// replacement characters is no reason to lose a gateway. Encodings in which `<` may be another byte,
    /// or a byte of another character, are refused.
    pub(super) fn from_label(label: &[u8]) -> Result<Self, XmlError> {
        let label = label.trim_ascii().to_ascii_lowercase();
        match label.as_slice() {
            b"" | b"utf-8" | b"utf8" | b"us-ascii" | b"ascii" => Ok(Self::Utf8),
            b"iso-8859-1" | b"iso8859-1" | b"iso_8859-1" | b"latin1" | b"latin-1" | b"windows-1252"
            | b"cp1252" => Ok(Self::Latin1),
            b"gb2312" | b"gbk" | b"gb18030" | b"big5" | b"shift_jis" | b"shift-jis" | b"euc-jp"
            | b"euc-kr" => Ok(Self::Utf8),
            other if other.starts_with(b"iso-8859-") || other.starts_with(b"windows-125") => Ok(Self::Utf8),
            _ => Err(XmlError::Encoding),
        }
    }

    pub(super) fn decode(self, bytes: &[u8]) -> String {
        let mut text = String::new();
        self.decode_into(bytes, &mut text);
        text
    }

    pub(super) fn decode_into(self, bytes: &[u8], text: &mut String) {
        match self {
            Self::Utf8 => text.push_str(&String::from_utf8_lossy(bytes)),
            Self::Latin1 => text.extend(bytes.iter().copied().map(char::from)),
        }
    }
}

/// The document without byte order mark, white space and NUL bytes in front of it.
pub(super) fn skip_preamble(input: &[u8]) -> Result<&[u8], XmlError> {
    if input.starts_with(&[0xFF, 0xFE]) || input.starts_with(&[0xFE, 0xFF]) {
        return Err(XmlError::Encoding);
    }
    let mut rest = input;
    loop {
        match rest {
            [b' ' | b'\t' | b'\r' | b'\n' | 0, tail @ ..] | [0xEF, 0xBB, 0xBF, tail @ ..] => rest = tail,
            // UTF-16 and UTF-32 of either byte order, without a mark.
            [b'<', 0, ..] => return Err(XmlError::Encoding),
            [b'<', ..] => return Ok(rest),
            _ => return Err(XmlError::NotXml),
        }
    }
}

/// Whether a `<!DOCTYPE` is that of a web page.
pub(super) fn is_html_doctype(content: &[u8]) -> bool {
    content.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"html"))
}

/// Whether a root element of this name makes the document a web page.
pub(super) fn is_html_element(name: &str) -> bool {
    ["html", "head", "body", "script", "meta", "title"].iter().any(|html| name.eq_ignore_ascii_case(html))
}
