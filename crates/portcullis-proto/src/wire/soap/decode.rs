//! One pass over an envelope, blind to namespaces and prefixes (quirk 42), exact in names and case.

use super::{Arguments, Fault, MAX_ARGUMENTS, MAX_FAULT_DESCRIPTION, Reply, Request, SoapError};
use crate::wire::xml::{XmlError, XmlEvent, XmlReader, printable};

/// Reads the reply to `action`, e.g. `"AddPortMapping"`.
///
/// A fault anywhere in the body wins, whatever the HTTP status was and whatever else the body holds
/// (hostile gateways aside, quirks 39-41). A message that is cut off behind the complete response or fault
/// still counts; cut off anywhere else it is an error.
///
/// # Errors
///
/// [`SoapError::Empty`] where there is nothing to read, or nothing in the body: ask the gateway what it
/// did. Else see [`SoapError`].
pub fn decode_reply(body: &[u8], action: &str) -> Result<Reply, SoapError> {
    let Message { fault, element } = Message::read(body)?;
    if let Some(fault) = fault {
        return Ok(Reply::Fault(fault));
    }
    let element = element.ok_or(SoapError::Empty)?;
    if element.name.strip_suffix("Response") != Some(action) {
        return Err(SoapError::WrongAction);
    }
    element.into_arguments().map(Reply::Success)
}

/// Reads a request, as a gateway does.
///
/// # Errors
///
/// See [`SoapError`]; [`SoapError::NotSoap`] for a fault.
pub fn decode_request(body: &[u8]) -> Result<Request, SoapError> {
    let Message { fault, element } = Message::read(body)?;
    if fault.is_some() {
        return Err(SoapError::NotSoap);
    }
    let element = element.ok_or(SoapError::Empty)?;
    Ok(Request {
        service_type: element.namespace.clone(),
        action: element.name.clone(),
        arguments: element.into_arguments()?,
    })
}

/// What the body of an envelope holds.
#[derive(Debug, Default)]
struct Message {
    fault: Option<Fault>,
    element: Option<Element>,
}

/// The element of an action or response.
#[derive(Debug, Default)]
struct Element {
    name: String,
    namespace: String,
    arguments: Vec<(String, String)>,
    defect: Option<SoapError>,
}

impl Element {
    fn push(&mut self, name: &str, value: String) {
        if let Some((_, known)) = self.arguments.iter().find(|(known, _)| known == name) {
            if known.trim() != value.trim() {
                self.defect = Some(SoapError::Ambiguous);
            }
        } else if self.arguments.len() >= MAX_ARGUMENTS {
            self.defect = Some(SoapError::TooManyArguments);
        } else {
            self.arguments.push((name.to_owned(), value));
        }
    }

    fn into_arguments(self) -> Result<Arguments, SoapError> {
        match self.defect {
            Some(defect) => Err(defect),
            None => Ok(Arguments(self.arguments)),
        }
    }
}

/// The texts of a fault, as far as read.
#[derive(Debug, Default)]
struct FaultTexts {
    code: Option<String>,
    contradictory: bool,
    description: String,
    fault_string: String,
}

impl FaultTexts {
    fn text(&mut self, element: &str, text: &str) {
        let text = text.trim();
        match element {
            "errorCode" if !text.is_empty() => match &self.code {
                Some(code) => self.contradictory |= code != text,
                None => self.code = Some(text.to_owned()),
            },
            "errorDescription" if self.description.is_empty() => {
                self.description = printable(text, MAX_FAULT_DESCRIPTION);
            }
            "faultstring" if self.fault_string.is_empty() => {
                self.fault_string = printable(text, MAX_FAULT_DESCRIPTION);
            }
            _ => {}
        }
    }

    fn finish(self) -> Fault {
        let is_number =
            |code: &str| code.strip_prefix('-').unwrap_or(code).bytes().all(|byte| byte.is_ascii_digit());
        let code = self.code.filter(|code| !self.contradictory && is_number(code));
        // "UPnPError" stands in every fault and says nothing.
        let fault_string = if self.fault_string == "UPnPError" { String::new() } else { self.fault_string };
        Fault {
            code: code.and_then(|code| code.parse().ok()).filter(|&code| code != 0),
            description: if self.description.is_empty() { fault_string } else { self.description },
        }
    }
}

impl Message {
    fn read(body: &[u8]) -> Result<Self, SoapError> {
        if body.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
            return Err(SoapError::Empty);
        }
        let mut reader = XmlReader::new(body)?;
        let mut walk = Walk::default();
        loop {
            match reader.next_event() {
                Ok(Some(XmlEvent::Start(name))) => walk.start(name, reader.namespace())?,
                Ok(Some(XmlEvent::Text(text))) => walk.text(&text),
                Ok(Some(XmlEvent::End(_))) => walk.end(),
                Ok(None) => break,
                Err(XmlError::UnexpectedEnd) if walk.has_complete_answer() => break,
                Err(error) => return Err(error.into()),
            }
        }
        if walk.body_seen { Ok(walk.message) } else { Err(SoapError::NotSoap) }
    }
}

#[derive(Debug, Default)]
struct Walk {
    /// Names of the open elements.
    open: Vec<String>,
    body_seen: bool,
    message: Message,
    /// The element of the body that is being read, and the argument in it.
    element: Option<Element>,
    argument: Option<String>,
    /// The fault that is being read, and the number of open elements around it.
    fault: Option<(usize, FaultTexts)>,
}

impl Walk {
    fn start(&mut self, name: String, namespace: Option<&str>) -> Result<(), SoapError> {
        if self.open.is_empty() && name != "Envelope" {
            return Err(SoapError::NotSoap);
        }
        // Only the parent counts: a header that is never closed does no harm.
        let in_body = self.open.last().is_some_and(|parent| parent == "Body");
        let in_element = self.element.as_ref().is_some_and(|element| self.open.last() == Some(&element.name));
        if name == "Body" {
            self.body_seen = true;
        } else if (name == "Fault" || name == "UPnPError") && self.body_seen {
            if self.fault.is_none() {
                self.fault = Some((self.open.len(), FaultTexts::default()));
            }
        } else if in_body && self.fault.is_none() {
            let element = Element {
                name: name.clone(),
                namespace: namespace.unwrap_or_default().to_owned(),
                ..Element::default()
            };
            match &self.message.element {
                // Two answers in one body: neither can be told to be ours.
                Some(other) if other.name != name => return Err(SoapError::WrongAction),
                Some(_) => self.element = self.message.element.take(),
                None => self.element = Some(element),
            }
        } else if in_element {
            self.argument = Some(String::new());
        }
        self.open.push(name);
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if let (Some((_, fault)), Some(element)) = (&mut self.fault, self.open.last()) {
            fault.text(element, text);
        } else if let Some(argument) = &mut self.argument {
            argument.push_str(text);
        }
    }

    fn end(&mut self) {
        let Some(name) = self.open.pop() else { return };
        if self.fault.as_ref().is_some_and(|(around, _)| *around == self.open.len()) {
            // The first fault is the one; a second has nothing to add.
            let fault = self.fault.take().map(|(_, texts)| texts.finish());
            self.message.fault = self.message.fault.take().or(fault);
        } else if let Some(element) = &mut self.element {
            if self.open.last() == Some(&element.name) {
                if let Some(value) = self.argument.take() {
                    element.push(&name, value);
                }
            } else if name == element.name && self.open.last().is_some_and(|parent| parent == "Body") {
                self.message.element = self.element.take();
            }
        }
    }

    fn has_complete_answer(&self) -> bool {
        self.fault.is_none()
            && self.element.is_none()
            && (self.message.fault.is_some() || self.message.element.is_some())
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
