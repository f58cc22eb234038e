//! Text that may come from the network, made safe for a terminal.

use portcullis::printable;
use serde::Serialize;
use std::fmt;

/// Text without control characters, escape sequences and marks that change the direction of writing.
///
/// Everything that a gateway or a file said is shown as this type and no other, in JSON too: what reads
/// the JSON may well print it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Text(String);

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(printable(text.as_bytes(), usize::MAX))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        let text = Text::from("a\x1b]0;title\x07b\r\n\u{202e}c\u{9b}d\u{2028}");
        assert_eq!(text.as_str(), "a]0;titlebcd");
    }
}
