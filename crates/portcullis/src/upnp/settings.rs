//! How searches are made: the properties of `UPNP`.

use super::discovery::{self, Filter};
use super::upnp::{State, Upnp};
use crate::SearchOptions;
use core::time::Duration;

impl State {
    pub(super) fn options(&self, timeout: Duration, ttl: u8, filter: Filter<'_>) -> SearchOptions {
        let mut options = SearchOptions::default();
        options.timeout = timeout;
        options.grace = discovery::grace(timeout);
        options.quiet = (filter.is_for_gateways() && !self.discover_full_wait).then_some(discovery::QUIET);
        options.targets = filter.targets();
        options.ttl = ttl;
        options.ipv6 = self.discover_ipv6;
        // As in the engine, a port that does not exist is any.
        options.local_port = u16::try_from(self.discover_local_port).unwrap_or(0);
        options.interface =
            (!self.discover_multicast_if.is_empty()).then(|| self.discover_multicast_if.clone());
        options
    }
}

/// How searches are made. A search that is under way keeps what it began with.
impl Upnp {
    /// The interface that is searched, by name or address; empty (or `0.0.0.0`): all of them.
    pub fn get_discover_multicast_if(&self) -> String {
        self.lock().discover_multicast_if.clone()
    }

    /// Sets the interface that is searched. [`discover`](Self::discover) ends with
    /// [`UnknownError`](super::UpnpResult::UnknownError) where there is none of that name or address.
    pub fn set_discover_multicast_if(&self, m_if: &str) {
        self.lock().discover_multicast_if = m_if.into();
    }

    /// The local UDP port of searches, as it was set: 0.
    pub fn get_discover_local_port(&self) -> i32 {
        self.lock().discover_local_port
    }

    /// Sets the local UDP port of searches: 0 for any, 1 for the port of SSDP itself (1900), else that
    /// port; what is no port is stored, and means any.
    pub fn set_discover_local_port(&self, port: i32) {
        self.lock().discover_local_port = port;
    }

    /// Whether searches use IPv6, and IPv6 only.
    pub fn is_discover_ipv6(&self) -> bool {
        self.lock().discover_ipv6
    }

    /// Sets whether searches use IPv6, and IPv6 only.
    pub fn set_discover_ipv6(&self, ipv6: bool) {
        self.lock().discover_ipv6 = ipv6;
    }

    /// Whether a search for gateways goes on for its whole timeout. The engine's always do.
    pub fn is_discover_full_wait(&self) -> bool {
        self.lock().discover_full_wait
    }

    /// Sets whether a search for gateways goes on for its whole timeout, to find every gateway there is.
    pub fn set_discover_full_wait(&self, full_wait: bool) {
        self.lock().discover_full_wait = full_wait;
    }
}
