//! Entity and character references (XML 1.0 section 4.1), without any that a document could define.

use super::{XmlError, text::is_xml_char};

/// Appends what `&name;` stands for. An unknown name stays as it is written: some gateways do not escape
/// the `&` of their own names, and a bad name of a product is no reason to lose the gateway.
pub(super) fn resolve_into(name: &str, text: &mut String) -> Result<(), XmlError> {
    let character = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let Some(number) = name.strip_prefix('#') else {
                text.push('&');
                text.push_str(name);
                text.push(';');
                return Ok(());
            };
            numeric(number).ok_or(XmlError::Entity)?
        }
    };
    text.push(character);
    Ok(())
}

fn numeric(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // `from_str_radix` would take a sign.
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok().and_then(char::from_u32).filter(|&c| is_xml_char(c))
}
