//! What the journal holds, for people and programs that want to know.

use super::{Found, Journal, JournalWarning};
use crate::config::JournalPlace;
use crate::driver::clock::Clock;
use portcullis_proto::client::Method;
use portcullis_proto::client::journal::{Custody, Identity};
use portcullis_proto::{Protocol, Time};
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::time::Duration;

/// A mapping in the journal: a gateway was asked for it, by this process or another one, and it has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalEntry {
    /// The protocol it was asked for by.
    pub method: Method,
    /// The gateway, by name and address.
    pub gateway: String,
    /// The gateway's address.
    pub gateway_address: IpAddr,
    /// The transport protocol.
    pub protocol: Protocol,
    /// Our own address.
    pub internal_address: IpAddr,
    /// Our own port.
    pub internal_port: NonZeroU16,
    /// The gateway's external address, where it told.
    pub external_address: Option<IpAddr>,
    /// The port on the external address.
    pub external_port: NonZeroU16,
    /// How long it still lasts; `None` for a permanent one.
    pub remaining: Option<Duration>,
    /// What goes with it at gateways that show it.
    pub description: String,
    /// Whether the gateway has said yes.
    pub is_granted: bool,
    /// Whether the process that asked for it lives.
    pub is_alive: bool,
    /// Whether it was left open on purpose.
    pub is_left_open: bool,
    /// Whether nobody wants it any more, and it is to be deleted by whoever can.
    pub is_unwanted: bool,
    identity: Identity,
}

impl JournalEntry {
    fn new(Found { entry, alive }: Found, now: Time) -> Self {
        let identity = entry.identity();
        Self {
            method: entry.method,
            gateway: entry.gateway,
            gateway_address: entry.remote.ip(),
            protocol: entry.protocol,
            internal_address: entry.internal_address,
            internal_port: entry.internal_port,
            external_address: entry.external_address,
            external_port: entry.external_port,
            remaining: entry.expires.map(|at| at - now),
            description: entry.description,
            is_granted: entry.granted,
            is_alive: alive,
            is_left_open: entry.custody == Custody::LeftOpen,
            is_unwanted: entry.custody == Custody::Unwanted,
            identity,
        }
    }

    /// Whether both are one mapping of one gateway: it is in the journal twice where two processes or two protocols
    /// asked for it.
    pub fn is_one_with(&self, other: &Self) -> bool {
        self.identity.is_one_with(&other.identity)
    }
}

/// Reads a journal, that of every process: what it holds, and what could not be read. Nothing is changed.
///
/// # Errors
///
/// When the system has no place for the default journal, or does not let its directory be read.
pub fn read_journal(place: &JournalPlace) -> io::Result<(Vec<JournalEntry>, Vec<JournalWarning>)> {
    let Some(directory) = place.directory()? else { return Ok((Vec::new(), Vec::new())) };
    let now = Clock::start().now();
    let (found, warnings) = Journal::read_all(&directory, now)?;
    let entries = found.into_iter().map(|found| JournalEntry::new(found, now));
    Ok((entries.collect(), warnings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::entry;
    use portcullis_proto::client::journal::Entry;

    fn read(entry: Entry) -> JournalEntry {
        JournalEntry::new(Found { entry, alive: true }, Time::ZERO)
    }

    #[test]
    fn a_mapping_that_two_protocols_made_is_one() {
        let by_upnp = Entry {
            method: Method::Igd,
            remote: "192.168.1.1:49152".parse().unwrap(),
            granted: true,
            ..entry(2)
        };
        let pcp = read(entry(1));
        assert!(pcp.is_one_with(&read(by_upnp.clone())));
        for (what, other) in [
            ("gateway", Entry { remote: "192.168.1.2:5351".parse().unwrap(), ..entry(2) }),
            ("protocol", Entry { protocol: Protocol::Tcp, ..entry(2) }),
            ("address", Entry { internal_address: "192.168.1.8".parse().unwrap(), ..entry(2) }),
            ("internal port", Entry { internal_port: NonZeroU16::MIN, ..entry(2) }),
            ("external port", Entry { external_port: NonZeroU16::MIN, ..entry(2) }),
        ] {
            assert!(!pcp.is_one_with(&read(other)), "{what}");
        }
        // The core takes it for one, too.
        assert!(entry(1).is_one_with(&by_upnp));
    }

    #[test]
    fn on_the_loopback_each_port_is_another_gateway() {
        let at = |remote: &str, id| Entry { remote: remote.parse().unwrap(), ..entry(id) };
        for (other, is_one) in [("127.0.0.1:5351", true), ("127.0.0.1:5352", false)] {
            let (own, other) = (at("127.0.0.1:5351", 1), at(other, 2));
            assert_eq!(read(own.clone()).is_one_with(&read(other.clone())), is_one);
            assert_eq!(own.is_one_with(&other), is_one);
        }
    }

    #[test]
    fn over_ipv6_a_gateway_is_one_at_its_address_of_the_link_and_at_a_global_one() {
        let at = |remote: &str, id| Entry {
            remote: remote.parse().unwrap(),
            internal_address: "2001:db8::2".parse().unwrap(),
            ..entry(id)
        };
        for (own, other, is_one) in [
            ("[fe80::1]:5351", "[2001:db8::1]:49152", true),
            ("[2001:db8::1]:5351", "[fe80::1]:49152", true),
            ("[fe80::1]:5351", "[fe80::2]:5351", false),
            ("[2001:db8::1]:5351", "[2001:db8::3]:5351", false),
        ] {
            assert_eq!(at(own, 1).is_one_with(&at(other, 2)), is_one, "{own} {other}");
        }
    }
}
