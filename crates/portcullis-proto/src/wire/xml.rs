//! XML as routers write it, read as a bounded stream of events.

/// Local names only: prefixes are dropped, namespaces ignored. Entities decoded, CDATA as text, comments and PIs skipped, DTD refused.
#[derive(Debug)]
pub struct XmlReader<'a> { _input: &'a [u8] }
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XmlEvent { Start(String), End(String), Text(String) }
impl<'a> XmlReader<'a> {
    pub fn new(_input: &'a [u8]) -> Result<Self, XmlError> { todo!() }
    /// None at the end
    pub fn next_event(&mut self) -> Result<Option<XmlEvent>, XmlError> { todo!() }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum XmlError { NotXml, Html, TooLarge, TooDeep, TooManyAttributes, Dtd, Encoding, Entity, Syntax /* ... */ }
/// Escapes < > & only (some routers decode no other entity); drops characters XML 1.0 forbids.
pub fn escape(_text: &str) -> String { todo!() }
