//! Text from the network, made safe to keep and to show.

/// Decodes `bytes` as UTF-8 (wrong sequences become U+FFFD), leaves out whatever a terminal could take
/// for a command or an instruction to reorder, and cuts at `max` bytes.
///
/// # Examples
///
/// ```
/// use portcullis_proto::wire::text::printable;
///
/// assert_eq!(printable(b"\x1b[31mRouter\n", 64), "[31mRouter");
/// ```
pub fn printable(bytes: &[u8], max: usize) -> String {
    let mut text = String::new();
    for character in String::from_utf8_lossy(bytes).trim().chars().filter(|c| !is_unprintable(*c)) {
        if text.len().saturating_add(character.len_utf8()) > max {
            break;
        }
        text.push(character);
    }
    text
}

/// Control characters, line separators and the marks that change the direction of text.
fn is_unprintable(character: char) -> bool {
    const INVISIBLE: [core::ops::RangeInclusive<char>; 5] = [
        '\u{061c}'..='\u{061c}',
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{feff}'..='\u{feff}',
    ];
    character.is_control() || INVISIBLE.iter().any(|range| range.contains(&character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_only_what_can_be_shown() {
        for (bytes, max, text) in [
            (&b" Linux/2.4 "[..], 64, "Linux/2.4"),
            (b"a\x1b[31mb\0c\r\n", 64, "a[31mbc"),
            (b"Ger\xe4t", 64, "Ger\u{fffd}t"),
            ("a\u{202e}b".as_bytes(), 64, "ab"),
            ("ääää".as_bytes(), 7, "äää"),
        ] {
            assert_eq!(printable(bytes, max), text);
        }
    }
}
