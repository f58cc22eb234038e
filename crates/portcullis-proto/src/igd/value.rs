//! Values of arguments, from and to text.

use std::net::IpAddr;
use std::num::NonZeroU16;

use super::action::DecodeError;
use crate::wire::soap::Arguments;
use crate::wire::xml::printable;
use crate::{Lifetime, Protocol};

/// Longest text that is kept, in bytes.
const MAX_TEXT: usize = 256;

pub(super) fn required<'a>(arguments: &'a Arguments, name: &'static str) -> Result<&'a str, DecodeError> {
    arguments.get(name).map(str::trim).ok_or(DecodeError::Missing(name))
}

/// A bounded text without control characters; empty where missing.
pub(super) fn text(arguments: &Arguments, name: &'static str) -> String {
    arguments.get(name).map(sanitise).unwrap_or_default()
}

pub(super) fn sanitise(text: &str) -> String {
    printable(text, MAX_TEXT)
}

/// A number as UPnP writes it: decimal digits, no sign.
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

pub(super) fn port(arguments: &Arguments, name: &'static str) -> Result<NonZeroU16, DecodeError> {
    number(required(arguments, name)?).ok_or(DecodeError::Invalid(name))
}

pub(super) fn protocol(arguments: &Arguments, name: &'static str) -> Result<Protocol, DecodeError> {
    required(arguments, name)?.parse().map_err(|_| DecodeError::Invalid(name))
}

pub(super) fn address(arguments: &Arguments, name: &'static str) -> Result<IpAddr, DecodeError> {
    let address: IpAddr = required(arguments, name)?.parse().map_err(|_| DecodeError::Invalid(name))?;
    Ok(address.to_canonical())
}

/// A remote host: empty stands for any.
pub(super) fn remote_host(arguments: &Arguments, name: &'static str) -> Result<Option<IpAddr>, DecodeError> {
    if text(arguments, name).is_empty() { Ok(None) } else { address(arguments, name).map(Some) }
}

/// A boolean (UPnP Device Architecture 1.1 section 2.5): anything but a known "no" is a yes, so that an
/// entry without `NewEnabled` counts as one that works.
pub(super) fn boolean(arguments: &Arguments, name: &'static str) -> bool {
    is_yes(arguments.get(name).unwrap_or_default())
}

pub(super) fn is_yes(text: &str) -> bool {
    !["0", "false", "no"].iter().any(|no| text.trim().eq_ignore_ascii_case(no))
}

/// A boolean whose "no" matters as much as its "yes".
pub(super) fn flag(arguments: &Arguments, name: &'static str) -> Result<bool, DecodeError> {
    let text = required(arguments, name)?;
    let is_any = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match (is_any(["1", "true", "yes"]), is_any(["0", "false", "no"])) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(DecodeError::Invalid(name)),
    }
}

pub(super) fn write_boolean(value: bool) -> String {
    if value { "1" } else { "0" }.to_owned()
}

pub(super) fn write_remote_host(address: Option<IpAddr>) -> String {
    address.map(|address| address.to_string()).unwrap_or_default()
}

/// A lease duration in seconds.
///
/// What cannot be read (missing, `-1`, 2^32 and above, words) is taken as permanent: with that reading
/// nobody relies on the mapping going away by itself. Not clamped, as a listing shows what the gateway says;
/// whoever renews by it clamps.
pub(super) fn lifetime(text: &str) -> Lifetime {
    number(text).map_or(Lifetime::Permanent, Lifetime::from_seconds)
}
