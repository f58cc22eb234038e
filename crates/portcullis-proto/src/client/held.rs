//! What this client has been granted and has not let go: nothing of that is ever deleted by tidying up.

use super::granted::{Granted, Grantor};
use super::journal::EntryId;
use super::leftovers::{Key, Leftover, Remains};
use super::port_control::Way;
use super::port_control::talk::Wish;
use crate::wire::pcp::Nonce;
use crate::{Protocol, Time};
use core::net::IpAddr;
use core::num::NonZeroU16;
use std::collections::BTreeMap;

#[derive(Debug)]
struct Holding {
    granted: Granted,
    /// How many grants of this client stand behind the entry of the gateway's table.
    holders: u32,
}

#[derive(Debug, Default)]
pub(super) struct Held {
    holdings: BTreeMap<Key, Holding>,
    /// What other protocols may have left where a mapping that is held now stands: deleted with it.
    shadows: Vec<Leftover>,
}

impl Held {
    pub(super) fn hold(&mut self, granted: &Granted) {
        let holding = self.holdings.entry(granted.key());
        let holding = holding.or_insert_with(|| Holding { granted: granted.clone(), holders: 0 });
        holding.granted = granted.clone();
        holding.holders = holding.holders.saturating_add(1);
    }

    /// What is held already of the mapping that was granted.
    pub(super) fn same_as(&self, granted: &Granted) -> Option<&Granted> {
        self.holdings.get(&granted.key()).map(|holding| &holding.granted)
    }

    /// One holder less; whether there are others.
    pub(super) fn let_go(&mut self, granted: &Granted) -> bool {
        let key = granted.key();
        match self.holdings.get_mut(&key) {
            Some(Holding { holders: holders @ 2.., .. }) => {
                *holders = holders.saturating_sub(1);
                true
            }
            _ => {
                self.holdings.remove(&key);
                false
            }
        }
    }

    /// Our port behind an external one, where there is one by now.
    pub(super) fn internal_port(&self, now: Time, key: &Key) -> Option<NonZeroU16> {
        let granted = self.holdings.get(key).map(|holding| &holding.granted)?;
        let lasts = granted.leased.duration().is_none_or(|lease| now < granted.since + lease);
        lasts.then_some(granted.internal_port)
    }

    /// Whether deleting it would delete what is held: gateways keep one table for all protocols, in which NAT-PMP and
    /// PCP know a mapping by its internal side, and UPnP by its external one.
    pub(super) fn covers(&self, leftover: &Leftover) -> bool {
        match &leftover.remains {
            // One whose port nobody heard is another than those that are known.
            Remains::Entry { mark, .. } => !mark.anywhere && self.holdings.contains_key(&leftover.key()),
            Remains::Pinhole { point, unique_id } => self.holdings.values().any(|holding| {
                matches!(&holding.granted.grantor, Grantor::Pinhole(other, id)
                    if other.remote == point.remote && id == unique_id)
            }),
            Remains::Talk { way, wish, .. } | Remains::Farewell { way, wish, .. } => {
                self.covers_wish(*way, wish)
            }
        }
    }

    /// Whether this is the journal's entry of what is held.
    pub(super) fn is_written_as(&self, entry: Option<EntryId>) -> bool {
        entry.is_some() && self.holdings.values().any(|holding| holding.granted.entry == entry)
    }

    /// Whether what is held is what NAT-PMP and PCP would delete by this wish.
    pub(super) fn covers_wish(&self, way: Way, wish: &Wish) -> bool {
        self.holdings.values().any(|holding| is_same(&holding.granted, way, wish))
    }

    /// The external ports of what is held and NAT-PMP or PCP would delete by this wish.
    pub(super) fn behind(&self, way: Way, wish: &Wish) -> Vec<NonZeroU16> {
        let same = self.holdings.values().filter(|holding| is_same(&holding.granted, way, wish));
        same.map(|holding| holding.granted.external_port).collect()
    }

    /// What PCP knows a mapping by that is held already (RFC 6887 section 11.2: it is renewed by the same nonce).
    pub(super) fn nonce(&self, way: Way, wish: &Wish) -> Option<Nonce> {
        self.holdings.values().find_map(|holding| match holding.granted.grantor {
            Grantor::Pcp(server, nonce) if server == way.0 && is_same(&holding.granted, way, wish) => {
                Some(nonce)
            }
            _ => None,
        })
    }

    /// What is held of this port.
    pub(super) fn by_port(&self, protocol: Protocol, external_port: NonZeroU16) -> Vec<Granted> {
        let granted = self.holdings.values().map(|holding| &holding.granted);
        let same =
            |granted: &&Granted| (granted.protocol, granted.external_port) == (protocol, external_port);
        granted.filter(same).cloned().collect()
    }

    /// The external ports that are held at a gateway.
    pub(super) fn external_ports(&self, gateway: IpAddr, protocol: Protocol) -> Vec<NonZeroU16> {
        let here = self.holdings.keys().filter(|key| (key.0, key.1) == (gateway, protocol));
        here.map(|key| key.2).collect()
    }

    /// To be deleted together with what covers it.
    pub(super) fn shade(&mut self, leftover: Leftover) {
        leftover.put_into(&mut self.shadows);
    }

    /// What nothing covers any more.
    pub(super) fn uncovered(&mut self) -> Vec<Leftover> {
        let shadows = core::mem::take(&mut self.shadows);
        let (shadows, uncovered) = shadows.into_iter().partition(|shadow| self.covers(shadow));
        self.shadows = shadows;
        uncovered
    }
}

fn is_same(granted: &Granted, way: Way, wish: &Wish) -> bool {
    granted.grantor.remote().ip() == way.0.ip()
        && granted.protocol == wish.protocol
        && granted.internal_port == wish.internal_port
        && granted.third_party == wish.third_party
        && granted.peer == wish.peer
        && way.1.is_none_or(|own| own == granted.internal_address)
}
