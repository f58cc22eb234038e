//! What this client has asked gateways for and has not seen the end of: what the journal is to hold.

use super::granted::{Granted, Grantor, Method};
use super::igd::close::Mark;
use super::io::Output;
use super::journal::{Entry, EntryId, Record};
use super::outbox::Outbox;
use super::request::MappingRequest;
use crate::{Lifetime, Time};
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU16;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Whether somebody wants it written.
    enabled: bool,
    entries: BTreeMap<EntryId, Entry>,
    /// How many requests for what an entry is about nobody knows the end of.
    open: BTreeMap<EntryId, u32>,
    /// What a gateway may have behind an external port that it chose and nobody heard of.
    anywhere: BTreeSet<EntryId>,
}

impl Ledger {
    pub(super) fn new(enabled: bool) -> Self {
        Self { enabled, ..Self::default() }
    }

    /// A gateway is about to be asked by one more request: that is on the disk before it is.
    pub(super) fn asked(&mut self, entry: Entry, out: &mut Outbox) {
        let open = self.open.entry(entry.id).or_default();
        *open = open.saturating_add(1);
        self.put(entry, out);
    }

    /// The end of one request is known; how many there are of which it is not.
    pub(super) fn settled(&mut self, id: EntryId) -> u32 {
        let Some(open) = self.open.get_mut(&id) else { return 0 };
        *open = open.saturating_sub(1);
        *open
    }

    /// What an entry says from now on.
    pub(super) fn put(&mut self, mut entry: Entry, out: &mut Outbox) {
        if let Some(known) = self.entries.get(&entry.id) {
            // What stands, or may stand, is asked for again: it ends with the later of both.
            let expires = known.expires.zip(entry.expires).map(|(one, other)| one.max(other));
            if known.granted && !entry.granted {
                entry = Entry { expires, outlives: false, ..known.clone() };
            } else if !entry.granted {
                entry.expires = expires;
                if entry.internal_address.is_unspecified() {
                    // Asked again before the system has said from where: it is from where it was.
                    entry.internal_address = known.internal_address;
                }
            }
        }
        if self.entries.get(&entry.id) != Some(&entry) {
            if self.enabled {
                out.push(Output::Journal(Record::Put(entry.clone())));
            }
            self.entries.insert(entry.id, entry);
        }
    }

    /// What stands is about to be asked for once more, for so long, until then at the latest.
    pub(super) fn asked_again(&mut self, until: Time, id: EntryId, lifetime: Lifetime, out: &mut Outbox) {
        let Some(known) = self.entries.get(&id) else { return };
        let expires = lifetime.duration().map(|lifetime| until + lifetime);
        self.asked(Entry { granted: false, expires, ..known.clone() }, out);
    }

    /// The gateway has said yes to what the entry is about.
    pub(super) fn granted(&mut self, now: Time, granted: &Granted, out: &mut Outbox) {
        let Some(mut entry) = granted.entry.and_then(|id| self.entries.get(&id).cloned()) else { return };
        self.settled(entry.id);
        entry.granted = true;
        entry.internal_address = granted.internal_address;
        entry.external_address = granted.external_address;
        entry.external_port = granted.external_port;
        entry.lifetime = granted.leased;
        entry.expires = granted.leased.duration().map(|lifetime| now + lifetime);
        if let Grantor::Pinhole(_, unique_id) = granted.grantor {
            entry.unique_id = Some(unique_id.0);
        }
        self.put(entry, out);
    }

    /// What the gateway has granted does not stand any more, but is being asked for.
    pub(super) fn ungranted(&mut self, id: EntryId, out: &mut Outbox) {
        if let Some(mut entry) = self.entries.remove(&id) {
            entry.granted = false;
            self.put(entry, out);
        }
    }

    /// What was asked for leads to this address, if the gateway has it.
    pub(super) fn leads_to(&mut self, id: EntryId, address: IpAddr, out: &mut Outbox) {
        if let Some(entry) = self.entries.get(&id).filter(|entry| !entry.granted) {
            let entry = Entry { internal_address: address, ..entry.clone() };
            self.put(entry, out);
        }
    }

    /// The mapping is to outlive this process.
    pub(super) fn outlives(&mut self, id: EntryId, out: &mut Outbox) {
        if let Some(mut entry) = self.entries.get(&id).cloned() {
            entry.outlives = true;
            self.put(entry, out);
        }
    }

    /// The gateway did not take what it was asked for, or was not asked. That says nothing of what it granted before, or
    /// may have granted to others who asked for the same.
    pub(super) fn refused(&mut self, id: EntryId, out: &mut Outbox) {
        let open = self.settled(id);
        if open == 0 && self.entries.get(&id).is_some_and(|entry| !entry.granted) {
            self.erase(id, out);
        }
    }

    /// The gateway has no such mapping, or not any more.
    pub(super) fn erase(&mut self, id: EntryId, out: &mut Outbox) {
        self.open.remove(&id);
        self.anywhere.remove(&id);
        if self.entries.remove(&id).is_some() && self.enabled {
            out.push(Output::Journal(Record::Erase(id)));
        }
    }

    /// The address that an entry leads to.
    pub(super) fn internal_address(&self, id: EntryId) -> Option<IpAddr> {
        self.entries.get(&id).map(|entry| entry.internal_address)
    }

    /// Whether an entry is about this external port.
    pub(super) fn is_about(&self, id: EntryId, external_port: NonZeroU16) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.external_port == external_port)
    }

    /// Whether its gateway has granted it behind another external port, and may have that still.
    pub(super) fn is_granted_behind_another(&self, id: EntryId, external_port: NonZeroU16) -> bool {
        self.entries.get(&id).is_some_and(|entry| {
            entry.method == Method::Igd && entry.granted && entry.external_port != external_port
        })
    }

    /// Whether it is about a mapping of this gateway's.
    pub(super) fn is_at(&self, id: EntryId, gateway: IpAddr) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.remote.ip() == gateway)
    }

    /// What was granted by a request of this entry's is another one, with this name.
    pub(super) fn split(&mut self, id: EntryId, name: EntryId) -> EntryId {
        self.settled(id);
        if let Some(entry) = self.entries.get(&id) {
            let entry = Entry { id: name, granted: false, outlives: false, ..entry.clone() };
            self.entries.insert(name, entry);
        }
        name
    }

    /// Whether it is still written down.
    pub(super) fn has(&self, id: EntryId) -> bool {
        self.entries.contains_key(&id)
    }

    /// Whether its gateway knows it by its external side, or by a number of its own.
    pub(super) fn is_by_external_port(&self, id: EntryId) -> bool {
        self.entries.get(&id).is_some_and(|entry| matches!(entry.method, Method::Igd | Method::IgdPinhole))
    }

    /// Whether the gateway has granted it for a time.
    pub(super) fn is_leased(&self, id: EntryId) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.granted && entry.expires.is_some())
    }

    /// How to know an entry of UPnP's.
    pub(super) fn mark(&self, id: EntryId) -> Option<Mark> {
        let entry = self.entries.get(&id)?;
        Some(Mark {
            internal_port: entry.internal_port,
            description: entry.description.clone(),
            anywhere: self.anywhere.contains(&id),
        })
    }

    /// What an entry of UPnP's is about may be behind any external port.
    pub(super) fn may_be_anywhere(&mut self, id: EntryId) {
        self.anywhere.insert(id);
    }

    /// What an earlier process has written.
    pub(super) fn adopt(&mut self, entry: Entry) {
        self.open.insert(entry.id, 1);
        self.entries.insert(entry.id, entry);
    }

    /// What is known of a mapping that would be asked for in the same way, and would be the same one to the
    /// gateway. A gateway may have it although nobody heard the answer: so it is asked for by the same nonce again
    /// (RFC 6887 section 11.2), and is one entry however often it is asked for.
    pub(super) fn known(
        &self,
        method: Method,
        remote: SocketAddr,
        is_ours: impl Fn(IpAddr) -> bool,
        request: &MappingRequest,
    ) -> Option<&Entry> {
        if request.third_party.is_some() || request.peer.is_some() {
            return None;
        }
        self.entries.values().find(|entry| {
            entry.method == method
                && entry.remote == remote
                && is_ours(entry.internal_address)
                && entry.protocol == request.protocol
                && entry.internal_port == request.internal_port
                && match method {
                    Method::Igd => entry.external_port == request.external_port_or_internal(),
                    Method::IgdPinhole => entry.unique_id.is_none(),
                    Method::NatPmp | Method::Pcp => true,
                }
        })
    }
}
