//! What other processes of this user have at gateways, by the journal: what dead ones left, and what stands by the word
//! of living ones. Nothing that stands is deleted, shortened or replaced by an operation of this process.

use super::device::ControlPoint;
use super::granted::{Granted, Grantor, Method, Stood};
use super::igd::close::{Claim, Mark};
use super::journal::{Custody, Entry, EntryId};
use super::leftovers::{Key, Leftover, Remains, TIDY};
use super::network::Network;
use super::port_control::Way;
use super::port_control::talk::Wish;
use super::request::MappingRequest;
use super::withdrawal::{Known, Told, Withdrawal};
use super::{Client, GatewayAddress};
use crate::igd::ipv6_firewall::UniqueId;
use crate::wire::pcp::Nonce;
use crate::wire::url::HttpUrl;
use crate::{Lifetime, Protocol, Time};
use core::net::IpAddr;
use core::num::NonZeroU16;
use core::time::Duration;
use std::collections::BTreeSet;

/// How long a server is asked to delete what it has never granted: whoever has not answered by then has nothing.
const UNHEARD: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Inherited {
    /// What dead processes left without meaning to, and nobody has adopted yet.
    stale: Vec<Entry>,
    /// What would be deleted together with what another one wants, and so waits for the end of that.
    spared: Vec<Entry>,
    /// What dead processes left open on purpose, and this one.
    left_open: Vec<Entry>,
    /// Which of that this one did.
    here: BTreeSet<EntryId>,
    /// What living processes have.
    living: Vec<Entry>,
}

impl Inherited {
    /// What is this process's from now on is no other's.
    pub(super) fn adopt(&mut self, id: EntryId) {
        self.stale.retain(|entry| entry.id != id);
        self.spared.retain(|entry| entry.id != id);
        self.left_open.retain(|entry| entry.id != id);
    }

    /// It is deleted when nobody wants any more what would be deleted with it.
    pub(super) fn wait_for_others(&mut self, entry: Option<&Entry>) {
        self.spared.extend(entry.cloned());
    }

    /// What this process has left open stands from now on, whatever else it does.
    pub(super) fn left_open_here(&mut self, entry: Option<&Entry>) {
        self.here.extend(entry.map(|entry| entry.id));
        self.left_open.extend(entry.cloned());
    }

    /// What was left without meaning to is asked for again: it is not deleted meanwhile.
    pub(super) fn spare(&mut self, id: EntryId) {
        self.stale.retain(|entry| entry.id != id);
    }

    /// What stands of theirs: left open, or kept by a process that lives.
    fn standing(&self, now: Time) -> impl Iterator<Item = &Entry> {
        self.left_open.iter().chain(&self.living).filter(move |entry| {
            let lasts = entry.expires.is_none_or(|at| now < at);
            entry.granted && lasts && entry.custody != Custody::Unwanted
        })
    }

    /// What stands where this mapping of ours was asked for: by the same internal port, and the same external one where
    /// that is known.
    fn same_port(&self, now: Time, request: &MappingRequest) -> impl Iterator<Item = &Entry> {
        let (protocol, port, ipv6) = (request.protocol, request.internal_port, request.ipv6);
        let is_for_us = request.third_party.is_none() && request.peer.is_none();
        self.standing(now).filter(move |entry| {
            is_for_us
                && (entry.protocol, entry.internal_port) == (protocol, port)
                && entry.internal_address.is_ipv6() == ipv6
        })
    }

    /// For how long a gateway is asked for this: no less than is left of a lease of theirs, which the request would shorten.
    pub(super) fn no_less(&self, now: Time, gateway: IpAddr, request: &MappingRequest) -> Lifetime {
        self.longest(now, gateway, request).map_or(request.lifetime, |left| left.max(request.lifetime))
    }

    /// What is left of the longest lease of theirs.
    pub(super) fn longest(&self, now: Time, gateway: IpAddr, request: &MappingRequest) -> Option<Lifetime> {
        let here = self.same_port(now, request).filter(|entry| entry.remote.ip() == gateway);
        here.map(|entry| entry.expires.map_or(Lifetime::Permanent, |at| Lifetime::covering(at - now))).max()
    }

    /// The nonce of a PCP mapping of theirs, by which alone it can be renewed (RFC 6887 section 11.2).
    pub(super) fn nonce(&self, now: Time, way: Way, request: &MappingRequest) -> Option<Nonce> {
        let is_here = |entry: &&Entry| {
            entry.method == Method::Pcp
                && entry.remote == way.0
                && way.1.is_none_or(|own| own == entry.internal_address)
        };
        self.same_port(now, request).find(is_here).and_then(|entry| entry.nonce)
    }

    /// By which of their words a mapping that was granted to this process stood before.
    pub(super) fn stood(&self, now: Time, granted: &Granted) -> Option<Stood> {
        let is_it = |entry: &&Entry| {
            entry.remote.ip() == granted.grantor.remote().ip()
                && (entry.protocol, entry.internal_address) == (granted.protocol, granted.internal_address)
                && (entry.internal_port, entry.external_port)
                    == (granted.internal_port, granted.external_port)
        };
        let entry = self.standing(now).find(is_it)?;
        Some(if entry.custody == Custody::LeftOpen { Stood::LeftOpen } else { Stood::Living })
    }

    /// What stands of theirs that would be deleted with it: gateways keep one table for all protocols, in which NAT-PMP and
    /// PCP know a mapping by its internal side, and UPnP by its external one.
    pub(super) fn covered_by(&self, now: Time, leftover: &Leftover) -> Option<&Entry> {
        self.standing(now).find(|entry| {
            let is_here = entry.remote.ip() == leftover.key().0 && entry.protocol == leftover.protocol;
            is_here
                && match &leftover.remains {
                    Remains::Entry { mark, .. } => {
                        !mark.anywhere && entry.external_port == leftover.external_port
                    }
                    Remains::Pinhole { unique_id, .. } => entry.unique_id == Some(unique_id.0),
                    Remains::Talk { method, way, wish } | Remains::Farewell { method, way, wish } => {
                        is_deleted_by(entry, *method, *way, wish)
                    }
                }
        })
    }

    /// Whether NAT-PMP or PCP would delete what stands of theirs by this wish; which external ports are theirs.
    pub(super) fn behind(&self, now: Time, method: Method, way: Way, wish: &Wish) -> Vec<NonZeroU16> {
        let theirs = self.standing(now).filter(|entry| is_deleted_by(entry, method, way, wish));
        theirs.map(|entry| entry.external_port).collect()
    }

    /// Whether a process that lives has a mapping behind this external port.
    pub(super) fn has_living(&self, now: Time, key: &Key) -> bool {
        let living = self.standing(now).filter(|entry| entry.custody == Custody::Kept);
        living.map(|entry| (entry.remote.ip(), entry.protocol, entry.external_port)).any(|own| own == *key)
    }

    /// The external ports of theirs at a gateway.
    pub(super) fn external_ports(&self, now: Time, gateway: IpAddr, protocol: Protocol) -> Vec<NonZeroU16> {
        let here = |entry: &&Entry| entry.remote.ip() == gateway && entry.protocol == protocol;
        self.standing(now).filter(here).map(|entry| entry.external_port).collect()
    }

    /// Whether another process keeps the same mapping, or has left it open, as far as is known.
    pub(super) fn is_kept(&self, now: Time, own: &Entry) -> bool {
        self.standing(now).any(|entry| entry.id != own.id && entry.is_one_with(own))
    }
}

/// Whether a server that is asked to delete what is wished for deletes this: it goes by the internal side, and PCP by the
/// nonce too (RFC 6886 section 3.4, RFC 6887 section 15).
fn is_deleted_by(entry: &Entry, method: Method, way: Way, wish: &Wish) -> bool {
    let is_same = entry.remote.ip() == way.0.ip()
        && (entry.protocol, entry.internal_port) == (wish.protocol, wish.internal_port)
        && way.1.is_none_or(|own| own == entry.internal_address)
        && wish.third_party.is_none()
        && wish.peer.is_none();
    let is_another = method == Method::Pcp && entry.nonce.is_some_and(|nonce| nonce != wish.nonce);
    is_same && !is_another
}

impl Client {
    /// Tells what dead processes have left in the journal (`stale`), and what living or dead ones have left open
    /// on purpose (`left_open`). What is asked for again is adopted: a PCP mapping keeps its nonce. The rest of
    /// `stale` is deleted by [`clean_up`](Self::clean_up).
    pub fn restore(&mut self, stale: Vec<Entry>, left_open: Vec<Entry>) {
        for entry in &left_open {
            self.ledger.adopt(entry.clone());
        }
        self.inherited.left_open = left_open;
        self.inherit(stale);
    }

    /// Tells what processes have left that have died since: it is this one's to delete, with what it closes or by
    /// [`clean_up`](Self::clean_up).
    pub fn inherit(&mut self, stale: Vec<Entry>) {
        for entry in &stale {
            self.ledger.adopt(entry.clone());
        }
        self.inherited.stale.extend(stale);
    }

    /// Tells what other processes have by now: what dead ones left open on purpose, and what living ones have. Nothing of
    /// that is deleted, shortened or replaced unless somebody asks for just that.
    pub fn others(&mut self, left_open: Vec<Entry>, living: Vec<Entry>) {
        let Inherited { left_open: known, here, .. } = &mut self.inherited;
        known.retain(|entry| here.contains(&entry.id));
        for entry in left_open {
            if !self.ledger.has(entry.id) {
                self.ledger.adopt(entry.clone());
            }
            // What this process has taken over meanwhile is no other's, and what it closes is nobody's.
            let is_closing = self.withdrawals.has(entry.id);
            if self.ledger.is_left_open(entry.id) && !is_closing && !here.contains(&entry.id) {
                known.push(entry);
            }
        }
        self.inherited.living = living;
    }

    /// Whether there is anything for [`clean_up`](Self::clean_up).
    pub fn has_stale(&self) -> bool {
        !self.inherited.stale.is_empty()
    }

    /// Deletes what dead processes have left and nobody has adopted, after proof that it is ours: a PCP mapping by
    /// its nonce, an entry of a table by its internal port and description. Nobody is told;
    /// [`is_idle`](Self::is_idle) says when it is over. Gives how many there are.
    pub fn clean_up(&mut self, now: Time) -> usize {
        let stale = core::mem::take(&mut self.inherited.stale);
        let count = stale.len();
        for entry in stale {
            let is_over = entry.expires.is_some_and(|at| at <= now);
            match leftover(&entry, &self.network).zip(known(&entry, &self.network)).filter(|_| !is_over) {
                Some((leftover, known)) => {
                    // Another external port of the same internal one may stand beside it: that is seen when it is deleted.
                    let is_one_of_ours = self.held.covers(&leftover) || self.is_asked_for(&leftover);
                    let is_wanted = is_one_of_ours || self.inherited.is_kept(now, &entry);
                    if !is_wanted || self.unless_wanted(now, leftover).is_some() {
                        self.withdraw_silently(now, known);
                    }
                }
                // It is gone by itself, or was never known well enough to be found.
                None => self.ledger.erase(entry.id, &mut self.transport.out),
            }
        }
        self.run(now);
        count
    }

    /// What other processes have of an external port: what can be deleted, and the entries of what only a protocol that is
    /// not to be used can delete.
    pub(super) fn inherited_at(
        &mut self,
        now: Time,
        protocol: Protocol,
        external_port: NonZeroU16,
        claim: &Claim,
        only_pinholes: bool,
    ) -> (Vec<Known>, Vec<EntryId>) {
        let is_it = |entry: &Entry| {
            let lasts = entry.expires.is_none_or(|at| now < at);
            (entry.protocol, entry.external_port) == (protocol, external_port)
                && lasts
                && (entry.remote.is_ipv6() || !only_pinholes)
                && self.is_meant(entry)
        };
        let Inherited { stale, spared, left_open, living, .. } = &self.inherited;
        let of_the_dead = stale
            .iter()
            .chain(spared)
            .chain(left_open)
            .filter(|entry| is_it(entry))
            .map(|entry| (entry, true));
        let of_the_living =
            living.iter().filter(|entry| is_it(entry) && entry.granted).map(|entry| (entry, false));
        let (mut known_ones, mut entries) = (Vec::new(), Vec::new());
        for (entry, is_ours) in of_the_dead.chain(of_the_living) {
            if self.config.preference(entry.method).is_none() {
                entries.extend(is_ours.then_some(entry.id));
                continue;
            }
            let Some(mut known) = known(entry, &self.network) else { continue };
            known.claim = claim.clone();
            if !is_ours {
                // Whoever keeps it strikes it out.
                known.granted.entry = None;
            }
            known_ones.push(known);
        }
        for entry in known_ones.iter().filter_map(|known| known.granted.entry) {
            self.inherited.adopt(entry);
        }
        (known_ones, entries)
    }

    /// A grant has taken the external port of what was left: an external port leads to one place. What another protocol made
    /// is deleted by that, where the gateway keeps a table for each.
    pub(super) fn displace(&mut self, now: Time, granted: &Granted) {
        for entry in self.ledger.displaced_by(granted) {
            self.inherited.adopt(entry.id);
            let known = known(&entry, &self.network)
                .filter(|_| ![granted.method(), Method::Igd].contains(&entry.method));
            match known {
                Some(known) => {
                    // Where it cannot be deleted, nobody takes it for what is left open.
                    self.ledger.unwanted(entry.id, &mut self.transport.out);
                    self.withdraw_silently(now, known);
                }
                None => self.strike_out(entry.id),
            }
        }
    }

    /// What a server gave in place of the wanted port, and has not taken back.
    pub(super) fn withdraw_given(&mut self, now: Time, entry: EntryId, external_port: NonZeroU16) {
        // What this host may have behind the wanted port tells why another was given.
        let is_clear = self.ledger.may_lead_elsewhere(entry);
        let wanted = self.ledger.entry(entry).map(|entry| entry.external_port).filter(|_| !is_clear);
        self.ledger.given_instead(entry, external_port, &mut self.transport.out);
        match self.ledger.entry(entry).and_then(|entry| known(entry, &self.network)).zip(wanted) {
            Some((known, wanted)) => {
                self.ledger.unwanted(entry, &mut self.transport.out);
                self.withdraw_unless_free(now, silently(now, known), wanted);
            }
            None => self.withdraw_unwanted(now, entry),
        }
    }

    /// What nobody wants, and whoever may have made it did not take back.
    pub(super) fn withdraw_unwanted(&mut self, now: Time, entry: EntryId) {
        self.ledger.unwanted(entry, &mut self.transport.out);
        if let Some(known) = self.ledger.entry(entry).and_then(|entry| known(entry, &self.network)) {
            self.withdraw_silently(now, known);
        }
    }

    /// What waited for others that are gone by now, and nobody else is in the way of.
    pub(super) fn withdraw_what_waited(&mut self, now: Time) {
        for entry in core::mem::take(&mut self.inherited.spared) {
            let Some((leftover, known)) = leftover(&entry, &self.network).zip(known(&entry, &self.network))
            else {
                continue;
            };
            let is_wanted = self.held.covers(&leftover)
                || self.is_asked_for(&leftover)
                || self.inherited.covered_by(now, &leftover).is_some();
            if is_wanted {
                self.inherited.wait_for_others(Some(&entry));
            } else {
                self.withdraw_silently(now, known);
            }
        }
    }

    fn withdraw_silently(&mut self, now: Time, known: Known) {
        self.withdraw(now, silently(now, known));
    }

    /// What dead processes have of an external port, to be deleted; what one that lives has by now is struck out, and whether
    /// there is any such.
    pub(super) fn left_open_at(
        &mut self,
        now: Time,
        protocol: Protocol,
        external_port: NonZeroU16,
    ) -> (Vec<Known>, bool) {
        let Inherited { stale, spared, left_open, living, .. } = &self.inherited;
        let is_it = |entry: &&Entry| {
            (entry.protocol, entry.external_port) == (protocol, external_port) && self.is_meant(entry)
        };
        let kept_by = |own: &Entry| {
            let mut kept = living.iter().filter(|entry| entry.granted && entry.custody == Custody::Kept);
            kept.find(|entry| entry.is_one_with(own)).map(|entry| entry.method)
        };
        let of_the_dead = stale.iter().chain(spared).chain(left_open).filter(is_it);
        let of_the_dead: Vec<_> = of_the_dead.map(|entry| (entry.clone(), kept_by(entry))).collect();
        let is_kept = of_the_dead.iter().any(|(_, kept_by)| kept_by.is_some());
        let mut wanted = Vec::new();
        for (entry, kept_by) in of_the_dead {
            match kept_by {
                None => wanted.push(entry),
                Some(method) => {
                    self.inherited.adopt(entry.id);
                    self.leave_to_living(entry.id, method);
                }
            }
        }
        let lasts = |entry: &Entry| entry.expires.is_none_or(|at| now < at);
        let may_ask = |entry: &Entry| self.config.preference(entry.method).is_some();
        let known: Vec<_> = wanted
            .iter()
            .filter(|entry| lasts(entry) && may_ask(entry))
            .filter_map(|entry| known(entry, &self.network))
            .collect();
        for entry in known.iter().filter_map(|known| known.granted.entry) {
            self.inherited.adopt(entry);
        }
        (known, is_kept)
    }

    /// The very mapping that a living process has is that one's; one of another protocol's is deleted by the last one.
    pub(super) fn leave_to_living(&mut self, entry: EntryId, method: Method) {
        if self.ledger.method(entry) == Some(method) {
            self.ledger.erase(entry, &mut self.transport.out);
        } else {
            self.wait_for_others(entry);
        }
    }

    /// Nobody wants it, and it cannot be deleted before what others want is gone.
    pub(super) fn wait_for_others(&mut self, entry: EntryId) {
        self.ledger.unwanted(entry, &mut self.transport.out);
        self.inherited.wait_for_others(self.ledger.entry(entry));
    }

    /// What waited for the end of this mapping, since it would have been deleted with it; whoever is dead waits no more.
    pub(super) fn spared_with(&mut self, granted: &Granted) -> Vec<Known> {
        let is_it = |entry: &&Entry| {
            entry.remote.ip() == granted.grantor.remote().ip()
                && (entry.protocol, entry.external_port) == (granted.protocol, granted.external_port)
        };
        let Inherited { stale, spared, .. } = &self.inherited;
        let known: Vec<_> = stale
            .iter()
            .chain(spared)
            .filter(is_it)
            .filter_map(|entry| known(entry, &self.network))
            .collect();
        for entry in known.iter().filter_map(|known| known.granted.entry) {
            self.inherited.adopt(entry);
        }
        known
    }

    /// Whether an entry is about a gateway that may be meant: one that a person named, or one of this network.
    fn is_meant(&self, entry: &Entry) -> bool {
        let (named, gateway) = (&self.config.gateways, entry.remote.ip());
        if named.is_empty() {
            let is_here = self.network.interfaces.is_empty() || self.network.is_on_link(gateway);
            is_here || matches!(entry.method, Method::Pcp | Method::NatPmp)
        } else {
            let is_named = |named: &GatewayAddress| {
                named.may_be_controlled_at(entry.remote) || named.ip() == Some(gateway)
            };
            named.iter().any(is_named)
        }
    }
}

/// The end of a mapping that nobody is told of.
fn silently(now: Time, known: Known) -> Withdrawal {
    let Granted { protocol, external_port, .. } = known.granted;
    let claim = known.claim.clone();
    // A server of NAT-PMP or PCP that has never granted it may not be there at all.
    let is_there = known.is_certain || known.granted.grantor.control_point().is_some();
    let patience = if is_there { TIDY } else { UNHEARD };
    Withdrawal::new(protocol, external_port, vec![known], claim, now + patience).telling(Told::Nobody)
}

/// What is known of an entry's mapping, to be deleted where it is the very one that was asked for.
fn known(entry: &Entry, network: &Network) -> Option<Known> {
    let claim = match entry.method {
        Method::Igd | Method::IgdPinhole => Claim::Added(Mark {
            internal_port: entry.internal_port,
            description: entry.description.clone(),
            anywhere: false,
        }),
        // A table shows it with a description of the gateway's own.
        Method::Pcp | Method::NatPmp => Claim::Ours(entry.internal_port),
    };
    Some(Known { granted: granted(entry, network)?, claim, is_certain: entry.granted })
}

fn control_point(entry: &Entry) -> Option<ControlPoint> {
    let (service_type, control_url) = entry.control.as_ref()?;
    let url = HttpUrl::parse(control_url).ok()?;
    let mut point = ControlPoint::new(service_type, url, entry.internal_address)?;
    // The host is never a URL's to say.
    point.remote = entry.remote;
    Some(point)
}

fn leftover(entry: &Entry, network: &Network) -> Option<Leftover> {
    let remains = match entry.method {
        Method::Igd => Remains::Entry {
            point: control_point(entry)?,
            mark: Mark {
                internal_port: entry.internal_port,
                description: entry.description.clone(),
                anywhere: false,
            },
        },
        Method::IgdPinhole => {
            Remains::Pinhole { point: control_point(entry)?, unique_id: UniqueId(entry.unique_id?) }
        }
        Method::Pcp | Method::NatPmp => Remains::Talk {
            method: entry.method,
            way: (entry.remote, local(entry, network)),
            wish: wish(entry),
        },
    };
    Some(Leftover {
        gateway: entry.gateway.clone(),
        protocol: entry.protocol,
        external_port: entry.external_port,
        entry: Some(entry.id),
        remains,
    })
}

fn wish(entry: &Entry) -> Wish {
    Wish {
        protocol: entry.protocol,
        internal_port: entry.internal_port,
        external_port: entry.external_port,
        suggests_none: false,
        any_port: false,
        external_address: entry.external_address,
        lifetime: Lifetime::Permanent,
        nonce: entry.nonce.unwrap_or(Nonce([0; 12])),
        only_this_port: false,
        third_party: None,
        filters: Vec::new(),
        peer: None,
    }
}

/// The address of ours that the server is asked from, where the operating system might choose another one than it was
/// asked from before: it knows a mapping by that.
fn local(entry: &Entry, network: &Network) -> Option<IpAddr> {
    let own = entry.internal_address;
    let may_be_another = network.is_own(own) && network.is_ambiguous(entry.remote.ip());
    (entry.remote.is_ipv6() || may_be_another).then_some(own)
}

fn granted(entry: &Entry, network: &Network) -> Option<Granted> {
    let grantor = match entry.method {
        Method::Igd => Grantor::ControlPoint(control_point(entry)?),
        Method::IgdPinhole => Grantor::Pinhole(control_point(entry)?, UniqueId(entry.unique_id?)),
        Method::NatPmp => Grantor::NatPmp(entry.remote),
        Method::Pcp => Grantor::Pcp(entry.remote, entry.nonce?),
    };
    Some(Granted {
        protocol: entry.protocol,
        internal_address: entry.internal_address,
        internal_port: entry.internal_port,
        external_address: entry.external_address,
        external_port: entry.external_port,
        lifetime: entry.lifetime,
        gateway: entry.gateway.clone(),
        grantor,
        default_gateway: None,
        behind_nat: false,
        local: local(entry, network),
        third_party: None,
        peer: None,
        entry: Some(entry.id),
        leased: entry.lifetime,
        told: entry.lifetime,
        replaces: false,
        stood: None,
        unheard: false,
        since: Time::ZERO,
    })
}
