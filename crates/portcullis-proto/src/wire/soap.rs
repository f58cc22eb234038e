//! SOAP 1.1 as UPnP control uses it (UPnP Device Architecture 1.1 section 3).

use super::xml::XmlError;
/// the one-line envelope of a request
pub fn encode_request(_service_type: &str, _action: &str, _arguments: &[(&str, &str)]) -> String { todo!() }

/// the out-arguments of a reply
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments(Vec<(String, String)>);
impl Arguments { pub fn get(&self, _name: &str) -> Option<&str> { todo!() } pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> { self.0.iter().map(|(a, b)| (a.as_str(), b.as_str())) } }

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply { Success(Arguments), Fault(Fault) }
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault { /** `None` where the fault has no readable number */ pub code: Option<u16>, /** at most 256 bytes, printable */ pub description: String }
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SoapError { Empty, Xml(XmlError), NotSoap, WrongAction, Ambiguous /* dup conflicting arguments */ }
/// `action` is the action that was asked, e.g. "AddPortMapping"
pub fn decode_reply(_body: &[u8], _action: &str) -> Result<Reply, SoapError> { todo!() }

/// a request as a gateway (or a test) reads it
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request { pub service_type: String, pub action: String, pub arguments: Arguments }
pub fn decode_request(_body: &[u8]) -> Result<Request, SoapError> { todo!() }
pub fn encode_response(_service_type: &str, _action: &str, _arguments: &[(&str, &str)]) -> String { todo!() }
pub fn encode_fault(_code: u16, _description: &str) -> String { todo!() }
