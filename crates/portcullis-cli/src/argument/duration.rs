//! `2h`, `90s`, `3600`: how long a mapping lasts.

use portcullis::Lifetime;
use std::time::Duration;

/// Reads a lifetime: seconds, a duration with units, or `permanent` (also 0).
pub(crate) fn parse_lifetime(text: &str) -> Result<Lifetime, String> {
    if text.eq_ignore_ascii_case("permanent") {
        return Ok(Lifetime::Permanent);
    }
    let duration = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map(Duration::from_secs).map_err(|_| too_long())?
    } else {
        humantime::parse_duration(text)
            .map_err(|_| "give seconds, a duration such as 90s or 2h, or permanent")?
    };
    if duration.subsec_nanos() != 0 {
        return Err("leases are whole seconds".into());
    }
    u32::try_from(duration.as_secs()).map(Lifetime::from_seconds).map_err(|_| too_long())
}

fn too_long() -> String {
    format!("longer than the {} seconds that a lease can have", u32::MAX)
}

/// `7d`, `1h 30m`, or `permanent`: in words that [`parse_lifetime`] reads.
pub(crate) fn lifetime_in_words(lifetime: Lifetime) -> String {
    lifetime.duration().map_or_else(|| "permanent".to_owned(), duration_in_words)
}

/// `1h 30m`, `0s`: in whole seconds.
pub(crate) fn duration_in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts =
        [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let words: Vec<_> = parts
        .into_iter()
        .filter(|&(count, _)| count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if words.is_empty() { "0s".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_seconds_units_and_permanent() {
        for (text, seconds) in [
            ("3600", Some(3_600)),
            ("90s", Some(90)),
            ("2h", Some(7_200)),
            ("1h 30m", Some(5_400)),
            ("0", Some(0)),
            ("permanent", Some(0)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("99999999999999999999999", None),
            ("500ms", None),
            ("2 parsecs", None),
            ("-1", None),
            ("1e3", None),
            ("", None),
        ] {
            assert_eq!(parse_lifetime(text).ok().map(Lifetime::as_seconds), seconds, "{text}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        for (seconds, words) in [
            (0, "permanent"),
            (1, "1s"),
            (600, "10m"),
            (3_600, "1h"),
            (5_400, "1h 30m"),
            (86_401, "1d 1s"),
            (604_800, "7d"),
            (u32::MAX, "49710d 6h 28m 15s"),
        ] {
            let lifetime = Lifetime::from_seconds(seconds);
            assert_eq!(lifetime_in_words(lifetime), words);
            assert_eq!(parse_lifetime(words), Ok(lifetime));
        }
    }
}
