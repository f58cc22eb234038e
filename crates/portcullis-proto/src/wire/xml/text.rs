//! Characters that may go out, and characters that may be shown.

/// The `Char` production of XML 1.0 section 2.2.
pub(super) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Escapes text for the content of an element.
///
/// Only `<`, `>` and `&`: some gateways decode no other entity (quirk 38). Characters that XML 1.0 forbids
/// are dropped.
///
/// ```
/// use portcullis_proto::wire::xml::escape;
///
/// assert_eq!(escape("\"a\" & <b>\u{0}"), "\"a\" &amp; &lt;b&gt;");
/// ```
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            c if is_xml_char(c) => escaped.push(c),
            _ => {}
        }
    }
    escaped
}

/// Text of the network made fit for a terminal and for an error: trimmed, at most `limit` bytes, without
/// control characters and without those that reorder or hide what stands beside them.
pub(crate) fn printable(text: &str, limit: usize) -> String {
    let mut shown = String::new();
    for c in text.trim().chars() {
        let c = match c {
            '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
            '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' => {
                continue;
            }
            c if c.is_control() => continue,
            c => c,
        };
        if shown.len().saturating_add(c.len_utf8()) > limit {
            break;
        }
        shown.push(c);
    }
    shown.truncate(shown.trim_end().len());
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_three_characters_and_drops_forbidden_ones() {
        assert_eq!(escape("a<b>&\"'\u{1}\u{FFFE}\u{1F600}"), "a&lt;b&gt;&amp;\"'\u{1F600}");
    }

    #[test]
    fn printable_text_is_bounded_and_cannot_command_a_terminal() {
        assert_eq!(printable(" \u{1b}[31mred\u{202e}\u{0}\n ok\t", 256), "[31mred  ok");
        assert_eq!(printable("\u{e9}\u{e9}", 3), "\u{e9}");
        assert_eq!(printable("ab  cd", 4), "ab");
    }
}
