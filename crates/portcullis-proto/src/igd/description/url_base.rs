//! What a control URL is relative to; the rule is told at `Description::parse`.

use crate::wire::url::{HttpUrl, UrlError};

/// The bases of a description.
#[derive(Debug)]
pub(super) struct Bases<'a> {
    location: &'a HttpUrl,
    url_base: Option<HttpUrl>,
    url_base_is_first: bool,
}

impl<'a> Bases<'a> {
    pub(super) fn new(location: &'a HttpUrl, url_base: Option<&str>) -> Self {
        let url_base = url_base.and_then(|text| HttpUrl::parse(text).ok());
        let url_base_is_first = url_base.as_ref().is_some_and(|base| is_same_host(base, location));
        Self { location, url_base, url_base_is_first }
    }

    /// The control URL, and its other reading if that differs in port or path.
    pub(super) fn resolve(&self, control_url: &str) -> (Result<HttpUrl, UrlError>, Option<HttpUrl>) {
        if control_url.contains(char::REPLACEMENT_CHARACTER) {
            return (Err(UrlError::Character), None);
        }
        // RFC 3986 would read an empty reference as the base itself, which is a description.
        if control_url.is_empty() {
            return (Err(UrlError::Empty), None);
        }
        let by_location = self.location.resolve(control_url);
        let Some(url_base) = &self.url_base else { return (by_location, None) };
        let mut by_url_base = url_base.resolve(control_url);
        if !self.url_base_is_first {
            // Its host is wrong; its port and path may be right.
            if let (Ok(url), Some(address)) = (&by_url_base, self.location.ip()) {
                by_url_base = Ok(url.with_host(address));
            }
        }
        let (first, second) =
            if self.url_base_is_first { (by_url_base, by_location) } else { (by_location, by_url_base) };
        let alternate = match (&first, second) {
            (Ok(first), Ok(second)) if !is_same_place(first, &second) => Some(second),
            _ => None,
        };
        (first, alternate)
    }
}

fn is_same_host(a: &HttpUrl, b: &HttpUrl) -> bool {
    a.host().eq_ignore_ascii_case(b.host()) || a.ip().is_some_and(|address| b.ip() == Some(address))
}

/// Hosts are not compared: the connection goes to the device in any case.
fn is_same_place(a: &HttpUrl, b: &HttpUrl) -> bool {
    a.port() == b.port() && a.target() == b.target()
}
