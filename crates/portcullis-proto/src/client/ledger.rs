//! What this client has asked gateways for and has not seen the end of: what the journal is to hold.

use super::granted::{Granted, Grantor};
use super::io::Output;
use super::journal::{Entry, EntryId, Record};
use super::outbox::Outbox;
use crate::Time;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Ledger {
    enabled: bool,
    entries: BTreeMap<EntryId, Entry>,
}

impl Ledger {
    pub(super) fn new(enabled: bool) -> Self {
        Self { enabled, entries: BTreeMap::new() }
    }

    /// A gateway is about to be asked: that is on the disk before it is.
    pub(super) fn put(&mut self, entry: Entry, out: &mut Outbox) {
        if self.enabled && self.entries.get(&entry.id) != Some(&entry) {
            out.push(Output::Journal(Record::Put(entry.clone())));
            self.entries.insert(entry.id, entry);
        }
    }

    /// The gateway has said yes to what the entry is about.
    pub(super) fn granted(&mut self, now: Time, granted: &Granted, out: &mut Outbox) {
        let Some(mut entry) = granted.entry.and_then(|id| self.entries.get(&id).cloned()) else { return };
        entry.granted = true;
        entry.internal_address = granted.internal_address;
        entry.external_address = granted.external_address;
        entry.external_port = granted.external_port;
        entry.lifetime = granted.lifetime;
        entry.expires = granted.lifetime.duration().map(|lifetime| now + lifetime);
        if let Grantor::Pinhole(_, unique_id) = granted.grantor {
            entry.unique_id = Some(unique_id.0);
        }
        self.put(entry, out);
    }

    /// The mapping is to outlive this process.
    pub(super) fn outlives(&mut self, id: EntryId, out: &mut Outbox) {
        if let Some(mut entry) = self.entries.get(&id).cloned() {
            entry.outlives = true;
            self.put(entry, out);
        }
    }

    /// The gateway has no such mapping, or not any more.
    pub(super) fn erase(&mut self, id: EntryId, out: &mut Outbox) {
        if self.entries.remove(&id).is_some() {
            out.push(Output::Journal(Record::Erase(id)));
        }
    }

    /// What an earlier process has written.
    pub(super) fn adopt(&mut self, entry: Entry) {
        self.entries.insert(entry.id, entry);
    }
}
