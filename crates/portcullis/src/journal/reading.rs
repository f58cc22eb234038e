//! What the journal holds, for people and programs that want to know.

use super::{Found, Journal, JournalWarning};
use crate::config::JournalPlace;
use crate::driver::clock::Clock;
use portcullis_proto::Protocol;
use portcullis_proto::client::Method;
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
}

/// Reads a journal, that of every process: what it holds, and what could not be read. Nothing is changed.
///
/// # Errors
///
/// When the system has no place for the default journal.
pub fn read_journal(place: &JournalPlace) -> io::Result<(Vec<JournalEntry>, Vec<JournalWarning>)> {
    let Some(directory) = place.directory()? else { return Ok((Vec::new(), Vec::new())) };
    let now = Clock::start().now();
    let (found, warnings) = Journal::read_all(&directory, now);
    let entry = |Found { entry, alive }: Found| JournalEntry {
        method: entry.method,
        gateway: entry.gateway,
        protocol: entry.protocol,
        internal_address: entry.internal_address,
        internal_port: entry.internal_port,
        external_address: entry.external_address,
        external_port: entry.external_port,
        remaining: entry.expires.map(|at| at - now),
        description: entry.description,
        is_granted: entry.granted,
        is_alive: alive,
        is_left_open: entry.outlives,
    };
    Ok((found.into_iter().map(entry).collect(), warnings))
}
