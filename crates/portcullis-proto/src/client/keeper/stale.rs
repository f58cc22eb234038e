//! What earlier processes have left: kept, adopted or deleted.

use crate::Time;
use crate::client::Client;
use crate::client::device::ControlPoint;
use crate::client::granted::{Granted, Grantor, Method};
use crate::client::igd::close::Mark;
use crate::client::journal::{Entry, EntryId};
use crate::client::leftovers::{Leftover, Remains};
use crate::client::port_control::talk::Wish;
use crate::igd::ipv6_firewall::UniqueId;
use crate::wire::pcp::Nonce;
use crate::wire::url::HttpUrl;
use crate::{Lifetime, Protocol};
use core::num::NonZeroU16;

impl Client {
    /// Tells what dead processes have left in the journal (`stale`), and what living or dead ones have left open
    /// on purpose (`left_open`). What is asked for again is adopted: a PCP mapping keeps its nonce. The rest of
    /// `stale` is deleted by [`clean_up`](Self::clean_up).
    pub fn restore(&mut self, stale: Vec<Entry>, left_open: Vec<Entry>) {
        for entry in stale.iter().chain(&left_open) {
            self.ledger.adopt(entry.clone());
        }
        self.stale = stale;
        self.left_open = left_open;
    }

    /// Whether there is anything for [`clean_up`](Self::clean_up).
    pub fn has_stale(&self) -> bool {
        !self.stale.is_empty()
    }

    /// Deletes what dead processes have left and nobody has adopted, after proof that it is ours: a PCP mapping by
    /// its nonce, an entry of a table by its internal port and description. Nobody is told;
    /// [`is_idle`](Self::is_idle) says when it is over. Gives how many there are.
    pub fn clean_up(&mut self, now: Time) -> usize {
        let stale = core::mem::take(&mut self.stale);
        let count = stale.len();
        let mut leftovers = Vec::new();
        for entry in stale {
            let (id, expired) = (entry.id, entry.expires.is_some_and(|at| at <= now));
            match leftover(&entry).filter(|_| !expired) {
                Some(leftover) => leftovers.push(leftover),
                // It is gone by itself, or was never known well enough to be found.
                None => self.ledger.erase(id, &mut self.transport.out),
            }
        }
        self.tidy(now, leftovers);
        self.run(now);
        count
    }

    /// What an earlier process has left is this one's from now on.
    pub(in crate::client) fn adopted(&mut self, id: EntryId) {
        self.stale.retain(|entry| entry.id != id);
        self.left_open.retain(|entry| entry.id != id);
    }

    /// The journal's entry of a UPnP mapping that an earlier process has left on this external port, and where.
    /// Whose it is, the gateway's table tells.
    pub(in crate::client) fn left_behind(
        &self,
        protocol: Protocol,
        external_port: NonZeroU16,
    ) -> Option<(EntryId, String, ControlPoint)> {
        let may_ask = |entry: &Entry| {
            let (named, gateway) = (&self.config.gateways, entry.remote.ip());
            let is_here = || self.network.interfaces.is_empty() || self.network.is_on_link(gateway);
            let is_meant = if named.is_empty() {
                is_here()
            } else {
                named.iter().any(|named| named.may_be_controlled_at(entry.remote))
            };
            is_meant && self.config.preference(Method::Igd).is_some()
        };
        let is_it = |entry: &&Entry| {
            entry.method == Method::Igd && entry.protocol == protocol && entry.external_port == external_port
        };
        let mut entries = self.left_open.iter().chain(&self.stale);
        let entry = entries.find(|entry| is_it(entry) && may_ask(entry))?;
        Some((entry.id, entry.gateway.clone(), control_point(entry)?))
    }

    /// What an earlier process has left on this external port, by any other protocol.
    pub(in crate::client) fn left_at(
        &mut self,
        protocol: Protocol,
        external_port: NonZeroU16,
    ) -> Option<Granted> {
        let is_it = |entry: &Entry| {
            entry.protocol == protocol && entry.external_port == external_port && entry.granted
        };
        // UPnP tells by itself whose an entry is.
        let own_proof = |entry: &Entry| entry.method != Method::Igd;
        let may_use = |entry: &Entry| self.config.preference(entry.method).is_some();
        let is_wanted = |entry: &Entry| is_it(entry) && own_proof(entry) && may_use(entry);
        let take = |entries: &mut Vec<Entry>| Some(entries.remove(entries.iter().position(is_wanted)?));
        let entry = take(&mut self.left_open).or_else(|| take(&mut self.stale))?;
        granted(&entry)
    }
}

fn control_point(entry: &Entry) -> Option<ControlPoint> {
    let (service_type, control_url) = entry.control.as_ref()?;
    let url = HttpUrl::parse(control_url).ok()?;
    let mut point = ControlPoint::new(service_type, url, entry.internal_address)?;
    // The host is never a URL's to say.
    point.remote = entry.remote;
    Some(point)
}

fn leftover(entry: &Entry) -> Option<Leftover> {
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
            way: (entry.remote, entry.remote.is_ipv6().then_some(entry.internal_address)),
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
        external_address: entry.external_address,
        lifetime: Lifetime::Permanent,
        nonce: entry.nonce.unwrap_or(Nonce([0; 12])),
        only_this_port: false,
        third_party: None,
        filters: Vec::new(),
        peer: None,
    }
}

fn granted(entry: &Entry) -> Option<Granted> {
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
        third_party: None,
        peer: None,
        entry: Some(entry.id),
        leased: entry.lifetime,
        replaces: false,
        since: Time::ZERO,
    })
}
