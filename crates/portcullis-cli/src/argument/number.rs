//! Plain numbers within bounds.

use std::ops::RangeInclusive;

/// Reads a number, and says in words what it may be.
pub(crate) fn parse_number(text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    // `+1` is a number to the standard library.
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if is_number && range.contains(&number) => Ok(number),
        _ => Err(format!("give a whole number from {} to {}", range.start(), range.end())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_bounds_is_told_the_bounds() {
        assert_eq!(parse_number("1", 1..=255), Ok(1));
        assert_eq!(parse_number("4294967295", 1..=u32::MAX), Ok(u32::MAX));
        for text in ["", "0", "256", "-1", "+1", "1.5", "soon", "4294967296"] {
            assert_eq!(
                parse_number(text, 1..=255),
                Err("give a whole number from 1 to 255".into()),
                "{text}"
            );
        }
    }
}
