//! Where a description may be: what LOCATION of an answer may name.
//!
//! Whoever is on the link can answer in another's name, so that we ask *its* web server for what the liar chose (attack
//! B16). Web interfaces do things when they are asked: so what is asked for has to look like a description. What real
//! devices announce does, as far as we know: `/rootDesc.xml`, `/dyndev/uuid:…`, `/IGatewayDeviceDescDoc`, and Windows'
//! `/upnphost/udhisapi.dll?content=uuid:…`. What a person names, and what a description says of control URLs, is not read
//! by these rules.

use crate::wire::url::{HttpUrl, RequestTarget, UrlError};

/// Punctuation in a path that no shell, template or database obeys.
const PUNCTUATION: &[u8] = b"/-._~:@,+=";
/// The only query that is known to name a description.
const QUERY: &str = "content=uuid:";
/// Folders and endings of what web servers run.
const PROGRAM_FOLDERS: [&str; 4] = ["cgi-bin", "cgi", "goform", "luci"];
const PROGRAM_ENDINGS: [&str; 8] = ["cgi", "asp", "aspx", "php", "jsp", "lua", "sh", "pl"];

/// Reads a LOCATION.
pub(super) fn parse(text: &str) -> Result<HttpUrl, UrlError> {
    let location = HttpUrl::parse(text)?;
    if is_of_description(location.target()) { Ok(location) } else { Err(UrlError::NoDescription) }
}

fn is_of_description(target: &RequestTarget) -> bool {
    let target = target.as_str();
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || PUNCTUATION.contains(&b));
    let may_ask = |query: &str| query.starts_with(QUERY) && is_plain(query);
    // A blank may be escaped; what else may not stand there is not let in by its number.
    is_plain(&path.replace("%20", "_")) && query.is_none_or(may_ask) && path.split('/').all(is_harmless)
}

/// Whether a segment neither climbs nor names a program.
fn is_harmless(segment: &str) -> bool {
    let ending = segment.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_program = PROGRAM_ENDINGS.iter().any(|program| ending.eq_ignore_ascii_case(program));
    segment != ".."
        && segment != "."
        && !is_program
        && !PROGRAM_FOLDERS.iter().any(|folder| segment.eq_ignore_ascii_case(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_real_devices_announce_is_read() {
        for location in [
            "http://192.168.1.1:2869/IGatewayDeviceDescDoc",
            "http://192.168.188.1:5000/rootDesc.xml",
            "http://192.168.5.49:2869/upnphost/udhisapi.dll?content=uuid:9319395a-4d03-4750-bb1b-02005e10080a",
            "http://192.168.1.1:5431/dyndev/uuid:000c-29ea-247500c00068",
            "http://192.168.1.1:8000/o8ee3npj36j/IGD/upnp/IGD.xml",
            "http://192.168.86.1:5000/root",
            "http://192.168.0.1:49153/69692b70/gatedesc0b.xml",
            "http://192.168.1.1:1900/igd.xml",
            "http://192.168.1.101:80/description.xml",
            "http://192.168.1.1/My%20Router.xml",
            "http://192.168.1.1",
        ] {
            assert!(parse(location).is_ok(), "{location}");
        }
    }

    #[test]
    fn what_a_web_interface_might_act_on_is_not_asked_for() {
        for target in [
            "/apply.cgi?action=reboot",
            "/apply.cgi",
            "/cgi-bin/reboot",
            "/CGI-BIN/reboot",
            "/goform/Reboot",
            "/setup.php/d.xml",
            "/d.xml?next=/reboot",
            "/d.xml?content=uuid:1;reboot",
            "/d.xml;reboot",
            "/$(reboot)",
            "/`reboot`",
            "/a|b",
            "/a&b",
            "/a'b",
            "/%3breboot",
            "/%2e%2e/x",
            "/%00",
            "/../../etc/passwd",
            "/./x",
        ] {
            let location = format!("http://192.168.1.1:5000{target}");
            assert_eq!(parse(&location), Err(UrlError::NoDescription), "{target}");
        }
    }
}
