//! The two gateways, and what they have ever granted.

use crate::pair::{Pair, SimPeer};
use crate::schedule::Schedule;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use portcullis_proto::{Protocol, Time};
use portcullis_sim::{Mapping, Quirk, Scenario};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub(crate) const FIRST: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 1));
pub(crate) const SECOND: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 2));
/// The addresses that are ours at one time or another, and as they stand in the tables.
pub(crate) const OURS: [(&str, IpAddr); 2] = [
    (crate::pair::CLIENT, IpAddr::V4(Ipv4Addr::new(192, 168, 1, 7))),
    ("192.168.1.99", IpAddr::V4(Ipv4Addr::new(192, 168, 1, 99))),
];

/// The longest time that one renewal takes.
const REPLACED: Duration = Duration::from_secs(15);

/// What names a mapping: the gateway, the external side, and the host and port inside.
pub(crate) type Name = (IpAddr, Protocol, u16, IpAddr, u16);

/// The observer's own knowledge: nothing of it comes from the client.
pub(crate) struct Gateways {
    pub(crate) second: Rc<RefCell<SimPeer>>,
    /// Until when each mapping was ever granted at most.
    granted: BTreeMap<Name, Time>,
    /// When each gateway lost mappings without the client's doing.
    pub(crate) disturbed: BTreeMap<IpAddr, Time>,
    /// Those that extend nothing, or seem to: a mapping is deleted, and made again.
    pub(crate) extend_nothing: Vec<IpAddr>,
    /// When each mapping was there last.
    seen: BTreeMap<Name, Time>,
    /// The mappings that were there at the last look, where what happens is told.
    told: Option<Vec<(Name, Option<Time>)>>,
}

impl Gateways {
    pub(crate) fn new(second: Rc<RefCell<SimPeer>>, schedule: &Schedule, tells: bool) -> Self {
        let extends_nothing = |scenario: &Scenario| scenario.has(Quirk::RefreshRefused);
        let both = [(FIRST, &schedule.scenario), (SECOND, &schedule.other)];
        let extend_nothing = both.into_iter().filter(|(_, scenario)| extends_nothing(scenario));
        Self {
            second,
            granted: BTreeMap::new(),
            disturbed: BTreeMap::new(),
            extend_nothing: extend_nothing.map(|(gateway, _)| gateway).collect(),
            seen: BTreeMap::new(),
            told: tells.then(Vec::new),
        }
    }

    /// Reads the gateways' tables.
    pub(crate) fn look(&mut self, pair: &Pair) {
        let second = self.second.borrow();
        for (name, mapping) in ours(pair, &second) {
            let expires = mapping.expires.unwrap_or(Time::from_start(Duration::MAX));
            if self.extend_nothing.contains(&name.0) {
                self.seen.insert(name, pair.now);
            }
            let known = self.granted.entry(name).or_insert(expires);
            *known = (*known).max(expires);
        }
    }

    /// Tells what has changed in the tables.
    #[expect(clippy::disallowed_macros, reason = "a schedule that is run alone tells what happens in it")]
    pub(crate) fn tell(&mut self, pair: &Pair) {
        if self.told.is_none() {
            return;
        }
        let second = self.second.borrow();
        let tables: Vec<_> = ours(pair, &second).map(|(name, mapping)| (name, mapping.expires)).collect();
        drop(second);
        if self.told.as_ref() != Some(&tables) {
            eprintln!("{:?}   tables: {tables:?}", pair.now);
            self.told = Some(tables);
        }
    }

    pub(crate) fn granted_until(&self, name: &Name) -> Option<Time> {
        self.granted.get(name).copied()
    }

    /// Whether the mapping is in its gateway's table.
    pub(crate) fn has(&self, pair: &Pair, wanted: &Name) -> bool {
        ours(pair, &self.second.borrow()).any(|(own, _)| own == *wanted)
    }

    /// Whether the mapping may be on its way from being deleted to being made again.
    pub(crate) fn may_be_replaced(&self, pair: &Pair, wanted: &Name) -> bool {
        self.seen.get(wanted).is_some_and(|&at| pair.now - at < REPLACED)
    }

    /// Whether UPnP has mapped this port of ours, behind whatever external one.
    pub(crate) fn has_by_upnp(&self, pair: &Pair, gateway: IpAddr, protocol: Protocol, port: u16) -> bool {
        ours(pair, &self.second.borrow()).any(|(name, mapping)| {
            (name.0, name.1, name.4) == (gateway, protocol, port) && !is_by_port_control(mapping)
        })
    }

    /// Every mapping that leads to us.
    pub(crate) fn ours(&self, pair: &Pair) -> Vec<(Name, Mapping)> {
        ours(pair, &self.second.borrow()).map(|(name, mapping)| (name, mapping.clone())).collect()
    }
}

fn ours<'a>(pair: &'a Pair, second: &'a SimPeer) -> impl Iterator<Item = (Name, &'a Mapping)> {
    let first = pair.gateway.mappings().iter().map(|mapping| (FIRST, mapping));
    let second = second.mappings().iter().map(|mapping| (SECOND, mapping));
    first.chain(second).filter_map(|(gateway, mapping)| Some((name(gateway, mapping)?, mapping)))
}

/// Whether NAT-PMP or PCP made it.
pub(crate) fn is_by_port_control(mapping: &Mapping) -> bool {
    mapping.nonce.is_some() || mapping.description == "NAT-PMP"
}

/// The name of a mapping that leads to us.
fn name(gateway: IpAddr, mapping: &Mapping) -> Option<Name> {
    let (_, client) = OURS.into_iter().find(|(text, _)| *text == mapping.internal_client)?;
    Some((gateway, mapping.protocol, mapping.external_port, client, mapping.internal_port))
}
