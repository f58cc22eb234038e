//! What this client has asked gateways for and has not seen the end of: what the journal is to hold.

use super::granted::{Granted, Grantor, Method};
use super::igd::close::Mark;
use super::io::Output;
use super::journal::{Custody, Entry, EntryId, Record};
use super::outbox::Outbox;
use super::port_control::talk::Wish;
use super::request::MappingRequest;
use crate::wire::pcp::Nonce;
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
    /// When what was granted ends, where more of it was asked for since.
    ends: BTreeMap<EntryId, Option<Time>>,
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
                self.ends.entry(entry.id).or_insert(known.expires);
                entry = Entry { expires, ..known.clone() };
            } else if !entry.granted {
                // Whoever dies now leaves it to whom it was left before.
                entry.custody = known.custody;
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
        let expires = known.method.asked_for(lifetime).duration().map(|lifetime| until + lifetime);
        self.asked(Entry { granted: false, expires, ..known.clone() }, out);
    }

    /// The gateway has said yes to what the entry is about.
    pub(super) fn granted(&mut self, now: Time, granted: &Granted, out: &mut Outbox) {
        let Some(mut entry) = granted.entry.and_then(|id| self.entries.get(&id).cloned()) else { return };
        self.settled(entry.id);
        self.ends.remove(&entry.id);
        entry.granted = true;
        entry.custody = Custody::Kept;
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
    pub(super) fn leave_open(&mut self, id: EntryId, out: &mut Outbox) {
        if let Some(entry) = self.entries.get(&id) {
            self.put(Entry { custody: Custody::LeftOpen, ..entry.clone() }, out);
        }
    }

    /// The gateway has given another external port, and nobody wants that: it stays until its lease is over.
    pub(super) fn given_instead(&mut self, id: EntryId, external_port: NonZeroU16, out: &mut Outbox) {
        self.settled(id);
        if let Some(entry) = self.entries.get(&id).filter(|entry| !entry.granted) {
            let custody = Custody::LeftOpen;
            self.put(Entry { external_port, custody, granted: true, ..entry.clone() }, out);
        }
    }

    /// Nobody wants it, and it cannot be deleted yet: whoever can is to.
    pub(super) fn unwanted(&mut self, id: EntryId, out: &mut Outbox) {
        if let Some(entry) = self.entries.get(&id) {
            self.put(Entry { custody: Custody::Unwanted, ..entry.clone() }, out);
        }
    }

    /// What stands behind this external port, by whichever protocol, was given once more for so long; whether that is written
    /// here.
    pub(super) fn extended(
        &mut self,
        now: Time,
        (server, wish): (SocketAddr, &Wish),
        (port, lifetime): (NonZeroU16, Lifetime),
        out: &mut Outbox,
    ) -> bool {
        let is_it = |entry: &&Entry| {
            entry.granted
                && entry.remote.ip() == server.ip()
                && (entry.protocol, entry.internal_port, entry.external_port)
                    == (wish.protocol, wish.internal_port, port)
        };
        let Some(entry) = self.entries.values().find(is_it).cloned() else { return false };
        let until = lifetime.duration().map(|lifetime| now + lifetime);
        let expires = entry.expires.zip(until).map(|(one, other)| one.max(other));
        self.put(Entry { expires, lifetime, ..entry }, out);
        true
    }

    /// Whether it was left open, and nobody keeps it.
    pub(super) fn is_left_open(&self, id: EntryId) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.custody == Custody::LeftOpen)
    }

    /// Whether its gateway has granted it, and somebody keeps it.
    pub(super) fn is_kept(&self, id: EntryId) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.granted && entry.custody == Custody::Kept)
    }

    /// What nobody keeps, and is not there any more by this grant: its external port leads elsewhere, or the server has our port
    /// behind another one, of which it has one at a time (RFC 6886 section 3.3, RFC 6887 section 11.3).
    pub(super) fn displaced_by(&self, granted: &Granted) -> Vec<Entry> {
        let is_displaced = |entry: &&Entry| {
            let is_same_inside = (entry.internal_address, entry.internal_port)
                == (granted.internal_address, granted.internal_port);
            let is_same_outside = entry.external_port == granted.external_port;
            let is_by_same_server = entry.method == granted.method()
                && matches!(entry.method, Method::NatPmp | Method::Pcp)
                && entry.remote == granted.grantor.remote();
            entry.custody != Custody::Kept
                && entry.granted
                && entry.remote.ip() == granted.grantor.remote().ip()
                && entry.protocol == granted.protocol
                && if is_same_inside { is_by_same_server && !is_same_outside } else { is_same_outside }
        };
        self.entries.values().filter(is_displaced).cloned().collect()
    }

    /// The entry under which the very mapping that was granted stands already.
    pub(super) fn same_as(&self, granted: &Granted) -> Option<EntryId> {
        // What stands under a name of its own keeps it, beside that of another process.
        let own = granted.entry.filter(|own| !self.entries.get(own).is_some_and(|entry| entry.granted))?;
        self.same_beside(granted, own)
    }

    fn same_beside(&self, granted: &Granted, own: EntryId) -> Option<EntryId> {
        let is_same = |entry: &&Entry| {
            let is_named_alike = match granted.grantor {
                Grantor::Pcp(_, nonce) => entry.nonce == Some(nonce),
                Grantor::Pinhole(_, unique_id) => entry.unique_id == Some(unique_id.0),
                Grantor::ControlPoint(_) | Grantor::NatPmp(_) => true,
            };
            is_named_alike
                && entry.granted
                && (entry.method, entry.remote.ip()) == (granted.method(), granted.grantor.remote().ip())
                && (entry.protocol, entry.internal_address) == (granted.protocol, granted.internal_address)
                && (entry.internal_port, entry.external_port)
                    == (granted.internal_port, granted.external_port)
        };
        let known = self.entries.values().filter(|entry| entry.id != own).find(is_same)?;
        Some(known.id)
    }

    /// The gateway did not take what it was asked for, or was not asked. That says nothing of what it granted before, or
    /// may have granted to others who asked for the same.
    pub(super) fn refused(&mut self, id: EntryId, out: &mut Outbox) {
        self.not_extended(id, out);
        let is_open = self.open.get(&id).is_some_and(|&open| open > 0);
        if self.entries.get(&id).is_some_and(|entry| !entry.granted && !is_open) {
            self.erase(id, out);
        }
    }

    /// What stands ends when it did before it was asked for once more.
    pub(super) fn not_extended(&mut self, id: EntryId, out: &mut Outbox) {
        let open = self.settled(id);
        let Some(entry) = self.entries.get(&id).filter(|entry| entry.granted && open == 0).cloned() else {
            return;
        };
        if let Some(expires) = self.ends.remove(&id) {
            self.put(Entry { expires, ..entry }, out);
        }
    }

    /// The gateway has refused what the entry is about because its external port is another's: so what an earlier process
    /// left there is not there any more.
    pub(super) fn displaced(&mut self, id: EntryId, out: &mut Outbox) {
        let is_left = self.entries.get(&id).is_some_and(|entry| entry.custody != Custody::Kept);
        if is_left && self.open.get(&id).is_none_or(|&open| open <= 1) {
            self.erase(id, out);
        } else {
            self.refused(id, out);
        }
    }

    /// The gateway has no such mapping, or not any more.
    pub(super) fn erase(&mut self, id: EntryId, out: &mut Outbox) {
        self.ends.remove(&id);
        self.open.remove(&id);
        self.anywhere.remove(&id);
        if self.entries.remove(&id).is_some() && self.enabled {
            out.push(Output::Journal(Record::Erase(id)));
        }
    }

    /// Until when what an entry is about may be there at most.
    pub(super) fn expires(&self, id: EntryId) -> Option<Time> {
        self.entries.get(&id).and_then(|entry| entry.expires)
    }

    /// The address that an entry leads to.
    pub(super) fn internal_address(&self, id: EntryId) -> Option<IpAddr> {
        self.entries.get(&id).map(|entry| entry.internal_address)
    }

    /// Whether the external port that an entry is about leads, or may lead, to another port of ours at its gateway.
    pub(super) fn may_lead_elsewhere(&self, id: EntryId) -> bool {
        let Some(own) = self.entries.get(&id) else { return false };
        self.entries.values().any(|entry| {
            entry.remote.ip() == own.remote.ip()
                && (entry.protocol, entry.external_port) == (own.protocol, own.external_port)
                && entry.internal_port != own.internal_port
        })
    }

    /// Whether an entry is about this external port.
    pub(super) fn is_about(&self, id: EntryId, external_port: NonZeroU16) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.external_port == external_port)
    }

    /// Whether a table has it behind another external port.
    pub(super) fn is_in_table_behind_another(&self, id: EntryId, external_port: NonZeroU16) -> bool {
        let is_in_table = self.entries.get(&id).is_some_and(|entry| entry.method == Method::Igd);
        is_in_table && self.is_granted_behind_another(id, external_port)
    }

    /// Whether its gateway has granted it behind another external port, and may have that still.
    pub(super) fn is_granted_behind_another(&self, id: EntryId, external_port: NonZeroU16) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.granted && entry.external_port != external_port)
    }

    /// Whether it is about a mapping of this gateway's.
    pub(super) fn is_at(&self, id: EntryId, gateway: IpAddr) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.remote.ip() == gateway)
    }

    /// What was granted by a request of this entry's is another one: one that stands, or else with this name.
    pub(super) fn split(&mut self, id: EntryId, granted: &Granted, name: EntryId) -> EntryId {
        self.settled(id);
        if let Some(known) = self.same_beside(granted, id) {
            return known;
        }
        if let Some(entry) = self.entries.get(&id) {
            let entry = Entry { id: name, granted: false, custody: Custody::Kept, ..entry.clone() };
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

    /// What is written of it.
    pub(super) fn entry(&self, id: EntryId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// It is another process's from now on, as the journal has it already.
    pub(super) fn forget(&mut self, id: EntryId) {
        self.open.remove(&id);
        self.anywhere.remove(&id);
        self.entries.remove(&id);
    }

    /// By which protocol it was asked for.
    pub(super) fn method(&self, id: EntryId) -> Option<Method> {
        self.entries.get(&id).map(|entry| entry.method)
    }

    /// What an earlier process has written.
    pub(super) fn adopt(&mut self, entry: Entry) {
        // What came of a request that was not granted, nobody knows.
        self.open.insert(entry.id, u32::from(!entry.granted));
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
        let is_it = |entry: &&Entry| {
            entry.method == method
                && entry.remote == remote
                && is_ours(entry.internal_address)
                && entry.protocol == request.protocol
                && entry.internal_port == request.internal_port
                && match method {
                    Method::IgdPinhole => entry.unique_id.is_none(),
                    Method::Igd => entry.external_port == request.external_port_or_internal(),
                    // Many gateways have one port of ours behind several of theirs. What may be there is deleted by our
                    // port alone, whichever was asked for.
                    Method::NatPmp | Method::Pcp => {
                        !entry.granted || entry.external_port == request.external_port_or_internal()
                    }
                }
        };
        // What this process keeps stays its own, whoever has left the same open since.
        let is_anothers = |entry: &&Entry| !entry.granted || entry.custody != Custody::Kept;
        self.entries.values().filter(is_it).min_by_key(is_anothers)
    }

    /// What PCP knows a mapping of this port of ours by, behind whichever external port (RFC 6887 section 11.2).
    pub(super) fn nonce(&self, server: SocketAddr, request: &MappingRequest) -> Option<Nonce> {
        if request.third_party.is_some() || request.peer.is_some() {
            return None;
        }
        let is_it = |entry: &&Entry| {
            (entry.method, entry.remote) == (Method::Pcp, server)
                && (entry.protocol, entry.internal_port) == (request.protocol, request.internal_port)
        };
        self.entries.values().find(is_it).and_then(|entry| entry.nonce)
    }
}
