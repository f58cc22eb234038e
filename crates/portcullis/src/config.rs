//! How a client is set up.

use crate::journal::Journal;
use core::time::Duration;
use portcullis_proto::client::{self as proto, GatewayAddress, Method};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::path::PathBuf;

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
    methods: Vec<Method>,
    journal: JournalPlace,
}

/// Where a client keeps its journal: what it has asked gateways for, so that a process that dies leaves nothing
/// behind for good. The next client with the same journal adopts what is wanted again, and deletes the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalPlace {
    /// Nowhere: what a process leaves behind when it dies ends with its lifetime.
    #[default]
    Off,
    /// In the platform's directory for the state of programs: `$XDG_STATE_HOME/portcullis`, or
    /// `~/.local/state/portcullis`; `Library/Application Support` on macOS; `%LOCALAPPDATA%` on Windows.
    Default,
    /// In this directory, which is made where it is not there.
    Directory(PathBuf),
}

impl JournalPlace {
    pub(crate) fn directory(&self) -> io::Result<Option<PathBuf>> {
        match self {
            Self::Off => Ok(None),
            Self::Directory(directory) => Ok(Some(directory.clone())),
            Self::Default => match Journal::default_directory() {
                Some(directory) => Ok(Some(directory)),
                None => Err(io::Error::new(
                    io::ErrorKind::NotFound,
                    "this system has no directory for the state of programs: name one for the journal",
                )),
            },
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            gateways: Vec::new(),
            interface: None,
            timeout: Duration::from_secs(5),
            methods: Vec::new(),
            journal: JournalPlace::Off,
        }
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

    /// Asks through this interface alone, by name (`eth0`) or address, and from its address: what is mapped leads there. Where
    /// two routers have one address, the operating system has to let this program choose the interface (on Linux 5.7 and
    /// later it does).
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

    /// Uses these protocols alone, the preferred one first. Unless set: PCP, NAT-PMP and UPnP, by what answers first.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }

    /// Keeps a journal. Off unless set.
    #[must_use]
    pub fn journal(mut self, place: JournalPlace) -> Self {
        self.journal = place;
        self
    }

    /// The journal that was asked for.
    pub(crate) fn open_journal(&self) -> io::Result<Option<Journal>> {
        let directory = self.journal.directory()?;
        Ok(directory.map(|directory| Journal::open(&directory)).transpose()?)
    }

    pub(crate) fn total_timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn search_interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }

    pub(crate) fn into_proto(self) -> proto::Config {
        // Keyed by the operating system's randomness: nonces follow from it.
        let seed = [RandomState::new().hash_one(0_u8), RandomState::new().hash_one(1_u8)];
        proto::Config {
            gateways: self.gateways,
            interface: self.interface,
            methods: self.methods,
            journal: false,
            seed,
        }
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
