//! `portcullis list`: what the gateway has mapped.

use crate::argument::duration::lifetime_in_words;
use crate::argument::port::protocol_name;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::progress::Progress;
use crate::output::text::Text;
use crate::output::{Report, table};
use crate::session::{Purpose, Session};
use clap::Args;
use portcullis::Lifetime;
use portcullis::igd::wan_connection::PortMappingEntry;
use serde::Serialize;
use std::io::{self, Write};
use std::time::Duration;

/// How many mappings the library reads at most.
const MOST: usize = 512;

/// Lists the gateway's port mappings, whoever made them
///
/// At most 512 are read. A lifetime of 0 in JSON means a permanent mapping.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {}

#[derive(Debug, Serialize)]
struct ListReport {
    mappings: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    protocol: &'static str,
    external_port: u16,
    /// As the gateway says it: mostly an address, sometimes a host name or nothing.
    internal_address: Text,
    internal_port: u16,
    description: Text,
    enabled: bool,
    lifetime_s: u32,
    remote_host: Text,
}

impl From<PortMappingEntry> for Entry {
    fn from(entry: PortMappingEntry) -> Self {
        Self {
            protocol: protocol_name(entry.protocol),
            external_port: entry.external_port,
            internal_address: Text::from(entry.internal_client.as_str()),
            internal_port: entry.internal_port,
            description: Text::from(entry.description.as_str()),
            enabled: entry.enabled,
            lifetime_s: entry.lifetime.as_seconds(),
            remote_host: Text::from(entry.remote_host.as_str()),
        }
    }
}

impl Entry {
    fn columns(&self) -> Vec<Text> {
        let internal = match self.internal_address.as_str() {
            address if address.contains(':') => format!("[{address}]:{}", self.internal_port),
            address => format!("{address}:{}", self.internal_port),
        };
        let lifetime = lifetime_in_words(Lifetime::from_seconds(self.lifetime_s));
        let remote = if self.remote_host.as_str().is_empty() { "any" } else { self.remote_host.as_str() };
        let enabled = if self.enabled { "yes" } else { "no" };
        [self.protocol, &self.external_port.to_string(), &internal, enabled, &lifetime, remote]
            .into_iter()
            .map(Text::from)
            .chain([self.description.clone()])
            .collect()
    }
}

impl Report for ListReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.mappings.is_empty() {
            return writeln!(out, "no port mappings");
        }
        let header =
            ["PROTOCOL", "EXTERNAL PORT", "INTERNAL", "ENABLED", "LIFETIME", "REMOTE HOST", "DESCRIPTION"];
        table::write(out, &header, self.mappings.iter().map(Entry::columns))
    }
}

pub(crate) fn run(_: &ListArgs, context: &Context) -> Result<(), Failure> {
    let session = Session::start(Purpose::Ask, context)?;
    let progress = Progress::start(&context.output, "reading the gateway's port mappings");
    let result = session.client.mappings().wait();
    drop(progress);
    session.finish(Duration::ZERO);
    let mappings: Vec<_> = result?.into_iter().map(Entry::from).collect();
    let is_cut = mappings.len() >= MOST;
    context.output.report(&ListReport { mappings })?;
    if is_cut {
        context.output.warn(&format!("no more than {MOST} mappings are read: there may be others"));
    }
    Ok(())
}
