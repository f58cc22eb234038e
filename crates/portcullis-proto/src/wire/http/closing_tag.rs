/// Finds the end tag with a given local name, a byte at a time.
///
/// It looks at each byte once, so a reply that comes in pieces of one byte costs no more than one that comes
/// whole. Comments and CDATA are not told apart: no device writes its own end tag in them.
#[derive(Debug)]
pub(super) struct ClosingTag {
    local_name: &'static str,
    state: State,
}

#[derive(Debug)]
enum State {
    Text,
    /// After `<`.
    Open,
    /// In the name: how many bytes of the local name matched, if all did so far.
    Name(Option<usize>),
    /// After the whole name and white space.
    Named,
}

impl ClosingTag {
    pub(super) fn new(local_name: &'static str) -> Self {
        Self { local_name, state: State::Text }
    }

    /// Whether `byte` ended the tag.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        let wanted = self.local_name.as_bytes();
        let is_whole = match self.state {
            State::Name(matched) => matched == Some(wanted.len()),
            State::Named => true,
            State::Text | State::Open => false,
        };
        self.state = match (&self.state, byte) {
            (_, b'<') => State::Open,
            (State::Open, b'/') => State::Name(Some(0)),
            (State::Name(_), b':') => State::Name(Some(0)),
            (State::Name(_) | State::Named, b' ' | b'\t' | b'\r' | b'\n') if is_whole => State::Named,
            (State::Name(_) | State::Named, b'>') if is_whole => {
                self.state = State::Text;
                return true;
            }
            (State::Name(_), b' ' | b'\t' | b'\r' | b'\n' | b'>') => State::Text,
            (State::Name(Some(matched)), byte) if wanted.get(*matched) == Some(&byte) => {
                State::Name(Some(matched.saturating_add(1)))
            }
            (State::Name(_), _) => State::Name(None),
            (State::Text | State::Open | State::Named, _) => State::Text,
        };
        false
    }

    /// Whether `text` ends with the tag; white space and NULs after it do not count.
    pub(super) fn ends(local_name: &'static str, text: &[u8]) -> bool {
        let mut text = text;
        while let Some((b' ' | b'\t' | b'\r' | b'\n' | 0, rest)) = text.split_last() {
            text = rest;
        }
        let tag = text.iter().rposition(|byte| *byte == b'<').and_then(|start| text.get(start..));
        let mut scanner = Self::new(local_name);
        match tag.and_then(<[u8]>::split_last) {
            Some((last, before)) => !before.iter().any(|byte| scanner.push(*byte)) && scanner.push(*last),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &str) -> Option<usize> {
        let mut scanner = ClosingTag::new("root");
        text.bytes().position(|byte| scanner.push(byte))
    }

    #[test]
    fn finds_the_tag_with_any_prefix() {
        for text in ["<root></root>", "</d:root>", "</root \r\n>", "<</root>", "</a></root>", "</ro</root>"] {
            assert_eq!(position(&format!("{text} ")), Some(text.len() - 1), "{text}");
            assert!(ClosingTag::ends("root", format!("{text}\r\n\0").as_bytes()), "{text}");
        }
    }

    #[test]
    fn passes_over_other_tags() {
        for text in [
            "<root>",
            "</roo>",
            "</roots>",
            "</ROOT>",
            "</xroot>",
            "</root x>",
            "</ root>",
            "< /root>",
            "</root",
        ] {
            assert_eq!(position(text), None, "{text}");
            assert!(!ClosingTag::ends("root", text.as_bytes()), "{text}");
        }
        assert!(!ClosingTag::ends("root", b""));
        assert!(!ClosingTag::ends("root", b"</root> x"));
    }
}
