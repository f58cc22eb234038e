//! How a client is set up.

use core::time::Duration;
use portcullis_proto::client::{self as proto, GatewayAddress};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// How a client is set up: which gateways, which interface, how much time.
///
/// The default searches every interface and gives each operation five seconds.
///
/// # Examples
///
/// ```
/// use portcullis::Config;
/// use std::time::Duration;
///
/// let config = Config::new().interface("eth0").timeout(Duration::from_secs(2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    gateways: Vec<GatewayAddress>,
    interface: Option<String>,
    timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { gateways: Vec::new(), interface: None, timeout: Duration::from_secs(5) }
    }
}

impl Config {
    /// The default configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses this gateway, and any other that is named, and searches the network for none. It may be on
    /// loopback.
    #[must_use]
    pub fn gateway(mut self, gateway: impl Into<GatewayAddress>) -> Self {
        self.gateways.push(gateway.into());
        self
    }

    /// Searches through this interface alone, by name (`eth0`) or address.
    #[must_use]
    pub fn interface(mut self, interface: &str) -> Self {
        self.interface = Some(interface.into());
        self
    }

    /// How long an operation may take altogether, everything included. Five seconds unless set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) fn total_timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn search_interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }

    pub(crate) fn into_proto(self) -> proto::Config {
        // Only which spare port is tried first depends on it.
        let seed = RandomState::new().hash_one(0_u8);
        proto::Config { gateways: self.gateways, interface: self.interface, seed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn keeps_every_gateway_that_is_named() {
        let address: SocketAddr = "127.0.0.1:1900".parse().unwrap();
        let config = Config::new().gateway(address).gateway(address).into_proto();
        assert_eq!(config.gateways.len(), 2);
    }
}
