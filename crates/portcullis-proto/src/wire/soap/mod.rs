//! SOAP 1.1 as UPnP control uses it (UPnP Device Architecture 1.1 section 3).

mod decode;
mod encode;

use std::fmt;

use super::xml::XmlError;
pub use decode::{decode_reply, decode_request};
pub use encode::{encode_fault, encode_request, encode_response};

/// Most arguments of one action; the longest list of WANIPConnection has eight.
const MAX_ARGUMENTS: usize = 32;
/// Longest description of a fault that is kept, in bytes.
const MAX_FAULT_DESCRIPTION: usize = 256;

/// The arguments of a request or of its reply, in the order of the document.
///
/// Values are as they stand in the document, not trimmed. No name occurs twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments(Vec<(String, String)>);

impl Arguments {
    /// The value of an argument; its name is matched exactly.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(key, value)| (key == name).then_some(value))
    }

    /// All arguments as name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Collects arguments as they are, the later of two with one name after the earlier.
///
/// ```
/// use portcullis_proto::wire::soap::Arguments;
///
/// let arguments: Arguments = [("NewReservedPort", "40123")].into_iter().collect();
/// assert_eq!(arguments.get("NewReservedPort"), Some("40123"));
/// ```
impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Arguments {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(arguments: I) -> Self {
        Self(arguments.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// What a service answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The action was done; its out-arguments.
    Success(Arguments),
    /// The action was refused.
    Fault(Fault),
}

/// Why a service refused an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The UPnP error code as it is written: gateways have been met that write negative ones. `None` where the fault
    /// has no number, or 0.
    pub code: Option<i64>,
    /// What the service says about it: at most 256 bytes, without control characters, possibly empty.
    pub description: String,
}

/// An action as a gateway reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The namespace of the action; empty where its element does not declare one.
    pub service_type: String,
    /// The name of the action.
    pub action: String,
    /// The in-arguments.
    pub arguments: Arguments,
}

/// Why a message is not the one that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SoapError {
    /// There is no message, or an envelope with nothing in it: whether the action was done is unknown.
    Empty,
    /// The message is not XML, or cut off.
    Xml(XmlError),
    /// The message is XML, but not a SOAP envelope.
    NotSoap,
    /// The message is about another action.
    WrongAction,
    /// An argument is given twice, with different values.
    Ambiguous,
    /// There are more than 32 arguments.
    TooManyArguments,
}

impl fmt::Display for SoapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty soap message"),
            Self::Xml(error) => error.fmt(f),
            Self::NotSoap => f.write_str("not a soap message"),
            Self::WrongAction => f.write_str("soap message about another action"),
            Self::Ambiguous => f.write_str("soap argument given twice with different values"),
            Self::TooManyArguments => f.write_str("too many soap arguments"),
        }
    }
}

impl std::error::Error for SoapError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Xml(error) => Some(error),
            _ => None,
        }
    }
}

impl From<XmlError> for SoapError {
    fn from(error: XmlError) -> Self {
        Self::Xml(error)
    }
}
