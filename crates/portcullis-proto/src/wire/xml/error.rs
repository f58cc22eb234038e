use std::fmt;

/// Why a document is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum XmlError {
    /// It does not begin with markup.
    NotXml,
    /// It is a web page: of a login, or of a captive portal that answers for everybody.
    Html,
    /// It is larger than [`MAX_DOCUMENT`](super::MAX_DOCUMENT) bytes.
    TooLarge,
    /// Its elements are nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    TooDeep,
    /// An element, or the whole document, has more attributes than any description needs.
    TooManyAttributes,
    /// It has a document type declaration, which can read files and expand without bound.
    Dtd,
    /// It is in a character set that is not a superset of ASCII, or in an unknown one.
    Encoding,
    /// It has a numeric character reference to something that is no XML character.
    Entity,
    /// It stops before its root element is closed.
    UnexpectedEnd,
    /// It is not well-formed in a way that cannot be repaired.
    Syntax,
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotXml => "not an xml document",
            Self::Html => "a web page where xml was expected",
            Self::TooLarge => "xml document larger than 256 KiB",
            Self::TooDeep => "xml elements nested deeper than 32",
            Self::TooManyAttributes => "too many xml attributes",
            Self::Dtd => "xml document type declaration refused",
            Self::Encoding => "xml character encoding not supported",
            Self::Entity => "invalid xml character reference",
            Self::UnexpectedEnd => "xml document ends too early",
            Self::Syntax => "malformed xml",
        })
    }
}

impl std::error::Error for XmlError {}
