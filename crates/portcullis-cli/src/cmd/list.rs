//! `portcullis list`: what the gateway has mapped.

use super::journal_report::{EntryReport, each_mapping_once};
use crate::argument::duration::lifetime_in_words;
use crate::argument::method::MappingProtocol;
use crate::argument::port::protocol_name;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::progress::Progress;
use crate::output::text::Text;
use crate::output::{Report, table};
use crate::session::{Purpose, Session};
use clap::Args;
use portcullis::igd::wan_connection::PortMappingEntry;
use portcullis::{Error, ErrorKind, JournalEntry, Lifetime, Method, read_journal};
use serde::Serialize;
use std::io::{self, Write};
use std::time::Duration;

/// How many mappings the library reads at most.
const MOST: usize = 512;

/// Lists the gateway's port mappings, whoever made them, by UPnP
///
/// Reads at most 512. Only UPnP gateways can list their mappings. Mappings made from this machine by PCP or NAT-PMP, and
/// IPv6 pinholes, are added from the journal if no gateway lists them. The column BY tells them apart: igd is what the
/// gateway lists. Each mapping is shown once. A lifetime of 0 in JSON means a permanent mapping.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {}

#[derive(Debug, Serialize)]
struct ListReport {
    mappings: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    /// `igd` for what the gateway tells; of the others, what they were made by.
    method: &'static str,
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
            method: Method::Igd.as_str(),
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

impl From<EntryReport> for Entry {
    fn from(entry: EntryReport) -> Self {
        let address = entry.internal_address.map(|address| address.to_string()).unwrap_or_default();
        Self {
            method: entry.method,
            protocol: entry.protocol,
            external_port: entry.external_port,
            internal_address: Text::from(address.as_str()),
            internal_port: entry.internal_port,
            description: entry.description,
            enabled: true,
            lifetime_s: u32::try_from(entry.remaining_s.unwrap_or(0)).unwrap_or(u32::MAX),
            remote_host: Text::default(),
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
        let port = self.external_port.to_string();
        [self.protocol, &port, &internal, enabled, &lifetime, remote, self.method]
            .into_iter()
            .map(Text::from)
            .chain([self.description.clone()])
            .collect()
    }

    /// Whether it is another telling of the same.
    fn is_same(&self, other: &Self) -> bool {
        (self.protocol, self.external_port, &self.internal_address)
            == (other.protocol, other.external_port, &other.internal_address)
    }
}

impl Report for ListReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.mappings.is_empty() {
            return writeln!(out, "no port mappings");
        }
        let header = [
            "PROTOCOL",
            "EXTERNAL PORT",
            "INTERNAL",
            "ENABLED",
            "LIFETIME",
            "REMOTE HOST",
            "BY",
            "DESCRIPTION",
        ];
        table::write(out, &header, self.mappings.iter().map(Entry::columns))
    }
}

pub(crate) fn run(_: &ListArgs, context: &Context) -> Result<(), Failure> {
    let untold = untold_by_gateways(context);
    let told =
        if context.network.allows(MappingProtocol::Igd) { Some(told_by_gateway(context)?) } else { None };
    let (told, unanswered) = match told {
        None => (Vec::new(), None),
        Some(Ok(entries)) => (entries, None),
        // There are gateways that tell nothing.
        Some(Err(error)) if !untold.is_empty() && has_no_table(&error) => (Vec::new(), Some(error)),
        Some(Err(error)) => return Err(error.into()),
    };
    let is_cut = told.len() >= MOST;
    let mut mappings: Vec<_> = told.into_iter().map(Entry::from).collect();
    let untold = each_mapping_once(&untold).map(Entry::from);
    let untold: Vec<_> = untold.filter(|entry| !mappings.iter().any(|told| told.is_same(entry))).collect();
    mappings.extend(untold);
    context.output.report(&ListReport { mappings })?;
    if is_cut {
        context.output.warn(&format!("no more than {MOST} mappings are read: there may be others"));
    }
    if let Some(error) = unanswered {
        context
            .output
            .warn(&format!("no gateway lists its mappings, so these are from the journal: {error}"));
    }
    Ok(())
}

fn told_by_gateway(context: &Context) -> Result<Result<Vec<PortMappingEntry>, Error>, Failure> {
    let session = Session::start(Purpose::Ask, context)?;
    let progress = Progress::start(&context.output, "reading the gateway's port mappings");
    let result = session.client.mappings().wait();
    drop(progress);
    session.finish(Duration::ZERO);
    Ok(result)
}

/// What the journal has that no gateway tells by UPnP.
fn untold_by_gateways(context: &Context) -> Vec<JournalEntry> {
    let is_untold = |entry: &JournalEntry| {
        let protocol = match entry.method {
            Method::Pcp => MappingProtocol::Pcp,
            Method::NatPmp => MappingProtocol::NatPmp,
            Method::IgdPinhole => MappingProtocol::Igd,
            _ => return false,
        };
        entry.is_granted && context.network.allows(protocol)
    };
    // What is asked for is the gateway's table: without a journal there is nothing to add to it.
    let (entries, _) = read_journal(&context.journal).unwrap_or_default();
    entries.into_iter().filter(is_untold).collect()
}

/// Whether nobody is there to tell.
fn has_no_table(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NoGateway | ErrorKind::NoService)
}
