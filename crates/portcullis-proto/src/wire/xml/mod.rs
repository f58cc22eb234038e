//! XML as routers write it, read as a bounded stream of events.
//!
//! Strict where leniency would be dangerous (no DTD, no entities of the document's own, caps on size,
//! depth and attributes) and lenient where real gateways are sloppy: junk white space around the document,
//! a bare `&`, tags that do not match, a second declaration, a misdeclared character set.

mod encoding;
mod error;
mod reference;
mod text;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;

use quick_xml::errors::{Error, SyntaxError};
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use encoding::Charset;
pub use error::XmlError;
pub use text::escape;
pub(crate) use text::printable;

/// Largest document read, in bytes. The largest descriptions of real gateways have some 60 KiB.
pub const MAX_DOCUMENT: usize = 256 * 1024;
/// Deepest nesting of elements. A description needs 11 levels.
pub const MAX_DEPTH: usize = 32;
/// Most attributes of one element, namespace declarations included.
const MAX_ATTRIBUTES: usize = 64;
/// Most attributes of a document.
const MAX_ATTRIBUTES_TOTAL: usize = 4_096;
/// Most bytes of attributes of a document.
const MAX_ATTRIBUTE_BYTES_TOTAL: usize = 64 * 1024;
/// Longest name of an element, in bytes.
const MAX_NAME: usize = 128;

/// One step through a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XmlEvent {
    /// An element opens; its local name (the prefix is dropped).
    Start(String),
    /// An element closes, whether its end tag said so, or it is empty, or an enclosing element ended.
    End(String),
    /// All text between two tags, in one piece and not trimmed: references resolved, CDATA included.
    Text(String),
}

/// A document read step by step, see [`next_event`](Self::next_event).
///
/// # Examples
///
/// ```
/// use portcullis_proto::wire::xml::{XmlEvent, XmlReader};
///
/// let mut reader = XmlReader::new(b"<?xml version='1.0'?><u:name>Smith &amp; sons</u:name>")?;
/// assert_eq!(reader.next_event()?, Some(XmlEvent::Start("name".into())));
/// assert_eq!(reader.next_event()?, Some(XmlEvent::Text("Smith & sons".into())));
/// assert_eq!(reader.next_event()?, Some(XmlEvent::End("name".into())));
/// assert_eq!(reader.next_event()?, None);
/// # Ok::<(), portcullis_proto::wire::xml::XmlError>(())
/// ```
pub struct XmlReader<'a> {
    reader: Reader<&'a [u8]>,
    charset: Charset,
    /// Local names of the open elements, outermost first.
    open: Vec<String>,
    /// Events that one tag of the document gave beyond the first.
    pending: VecDeque<XmlEvent>,
    stage: Stage,
    attributes: usize,
    attribute_bytes: usize,
    /// Namespace of the element that opened last, where its own tag declares it.
    namespace: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Before the root element.
    Prolog {
        declared: bool,
    },
    /// Inside the root element.
    Content,
    /// The root element is closed.
    Done,
    Failed(XmlError),
}

impl<'a> XmlReader<'a> {
    /// Starts reading a document.
    ///
    /// White space and NUL bytes in front of it are skipped (DD-WRT, quirk 28).
    ///
    /// # Errors
    ///
    /// [`XmlError::TooLarge`] above [`MAX_DOCUMENT`] bytes, [`XmlError::Encoding`] for UTF-16 and UTF-32,
    /// [`XmlError::NotXml`] where the first character is not `<`.
    pub fn new(input: &'a [u8]) -> Result<Self, XmlError> {
        if input.len() > MAX_DOCUMENT {
            return Err(XmlError::TooLarge);
        }
        let mut reader = Reader::from_reader(encoding::skip_preamble(input)?);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        Ok(Self {
            reader,
            charset: Charset::Utf8,
            open: Vec::new(),
            pending: VecDeque::new(),
            stage: Stage::Prolog { declared: false },
            attributes: 0,
            attribute_bytes: 0,
            namespace: None,
        })
    }

    /// The next event; `None` once the root element is closed, whatever follows it.
    ///
    /// An end tag closes the nearest open element of its name and all that are open inside that; an end
    /// tag without such an element is skipped. Comments, processing instructions and declarations are too.
    ///
    /// # Errors
    ///
    /// Any [`XmlError`]; from then on the same error again. [`XmlError::UnexpectedEnd`] means that all
    /// events so far were good and the document stops before its root element is closed.
    pub fn next_event(&mut self) -> Result<Option<XmlEvent>, XmlError> {
        if let Some(event) = self.pending.pop_front() {
            return Ok(Some(event));
        }
        match self.stage {
            Stage::Done => return Ok(None),
            Stage::Failed(error) => return Err(error),
            Stage::Prolog { .. } | Stage::Content => {}
        }
        self.advance().inspect_err(|&error| self.stage = Stage::Failed(error))?;
        Ok(self.pending.pop_front())
    }

    /// The namespace of the element that opened last, if the tag itself declares it (`xmlns:u="..."` on
    /// `<u:AddPortMapping>`). A SOAP request names its service by it.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Reads until there is at least one pending event, or the document is done.
    fn advance(&mut self) -> Result<(), XmlError> {
        let mut text = String::new();
        loop {
            match self.reader.read_event().map_err(syntax)? {
                Event::Text(bytes) => self.charset.decode_into(&bytes, &mut text),
                Event::CData(bytes) => self.charset.decode_into(&bytes, &mut text),
                Event::GeneralRef(name) => {
                    reference::resolve_into(&self.charset.decode(&name), &mut text)?;
                }
                Event::Start(tag) => {
                    self.flush(text)?;
                    return self.start(&tag);
                }
                Event::Empty(tag) => {
                    self.flush(text)?;
                    self.start(&tag)?;
                    self.close_from(self.open.len().saturating_sub(1));
                    return Ok(());
                }
                Event::End(tag) => {
                    let name = self.charset.decode(tag.name().local_name().as_ref());
                    if let Some(index) = self.matching(&name) {
                        self.flush(text)?;
                        self.close_from(index);
                        return Ok(());
                    }
                }
                Event::Decl(declaration) => {
                    if self.stage == (Stage::Prolog { declared: false }) {
                        self.stage = Stage::Prolog { declared: true };
                        if let Some(Ok(label)) = declaration.encoding() {
                            self.charset = Charset::from_label(&label)?;
                        }
                    }
                }
                Event::DocType(content) if encoding::is_html_doctype(&content) => return Err(XmlError::Html),
                Event::DocType(_) => return Err(XmlError::Dtd),
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => {
                    self.flush(text)?;
                    return Err(XmlError::UnexpectedEnd);
                }
            }
        }
    }

    fn flush(&mut self, text: String) -> Result<(), XmlError> {
        if self.stage != Stage::Content {
            let blank = text.chars().all(|c| c.is_whitespace() || c == '\0');
            return if blank { Ok(()) } else { Err(XmlError::NotXml) };
        }
        if !text.is_empty() {
            self.pending.push_back(XmlEvent::Text(text));
        }
        Ok(())
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), XmlError> {
        let local_name = tag.local_name();
        let local_name = local_name.as_ref();
        if local_name.is_empty() || local_name.len() > MAX_NAME {
            return Err(XmlError::Syntax);
        }
        let name = self.charset.decode(local_name);
        if self.stage != Stage::Content {
            if encoding::is_html_element(&name) {
                return Err(XmlError::Html);
            }
            self.stage = Stage::Content;
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(XmlError::TooDeep);
        }
        self.count_attributes(tag)?;
        self.namespace = self.declared_namespace(tag);
        self.open.push(name.clone());
        self.pending.push_back(XmlEvent::Start(name));
        Ok(())
    }

    fn count_attributes(&mut self, tag: &BytesStart<'_>) -> Result<(), XmlError> {
        let raw = tag.attributes_raw();
        // One `=` outside quotation marks per attribute: a plain scan, so linear for any input.
        let mut quote = None;
        let mut count = 0_usize;
        for &byte in raw {
            match quote {
                Some(mark) if mark == byte => quote = None,
                Some(_) => {}
                None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
                None if byte == b'=' => count = count.saturating_add(1),
                None => {}
            }
        }
        self.attributes = self.attributes.saturating_add(count);
        self.attribute_bytes = self.attribute_bytes.saturating_add(raw.len());
        if count > MAX_ATTRIBUTES
            || self.attributes > MAX_ATTRIBUTES_TOTAL
            || self.attribute_bytes > MAX_ATTRIBUTE_BYTES_TOTAL
        {
            return Err(XmlError::TooManyAttributes);
        }
        Ok(())
    }

    /// Called once the number of attributes is known to be small.
    fn declared_namespace(&self, tag: &BytesStart<'_>) -> Option<String> {
        let name = tag.name();
        let prefix = name.prefix();
        let value = tag.attributes().with_checks(false).flatten().find_map(|attribute| {
            let declares = match (&prefix, attribute.key.as_ref()) {
                (None, key) => key == b"xmlns",
                (Some(prefix), key) => key.strip_prefix(b"xmlns:") == Some(prefix.as_ref()),
            };
            declares.then_some(attribute.value)
        })?;
        let value = self.charset.decode(&value);
        Some(quick_xml::escape::unescape(&value).map(Cow::into_owned).unwrap_or(value))
    }

    /// Index of the open element which an end tag of this name closes.
    fn matching(&self, name: &str) -> Option<usize> {
        self.open.iter().rposition(|open| open == name).or_else(|| {
            let innermost = self.open.last()?;
            // `<controlURL>/x</controlUrl>`: wrong case is the one misspelling worth repairing.
            innermost.eq_ignore_ascii_case(name).then(|| self.open.len().saturating_sub(1))
        })
    }

    fn close_from(&mut self, index: usize) {
        while self.open.len() > index {
            let Some(name) = self.open.pop() else { break };
            self.pending.push_back(XmlEvent::End(name));
        }
        if self.open.is_empty() {
            self.stage = Stage::Done;
        }
    }
}

impl fmt::Debug for XmlReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XmlReader")
            .field("position", &self.reader.buffer_position())
            .field("open", &self.open)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

fn syntax(error: Error) -> XmlError {
    match error {
        // Whatever else begins with `<!` is a declaration of a DTD, complete or not.
        Error::Syntax(SyntaxError::InvalidBangMarkup | SyntaxError::UnclosedDoctype) => XmlError::Dtd,
        Error::Syntax(_) => XmlError::UnexpectedEnd,
        Error::IllFormed(quick_xml::errors::IllFormedError::MissingDoctypeName) => XmlError::Dtd,
        _ => XmlError::Syntax,
    }
}

#[cfg(test)]
mod tests;
