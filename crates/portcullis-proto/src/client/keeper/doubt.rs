//! A mapping that a gateway may have taken, replaced or shortened for another of ours: it is asked for once more.

use super::MappingId;
use super::renewal::LEAST;
use crate::client::Client;
use crate::client::granted::Granted;
use crate::client::leftovers::Key;
use crate::client::port_control::LONGEST_WAY;
use crate::{Protocol, Time};
use core::net::IpAddr;
use core::num::NonZeroU16;
use core::time::Duration;

/// A mapping that contends with another of ours is asked for once more at most this often.
const CONTESTED: Duration = Duration::from_secs(60);
/// What is under way at a gateway is over.
const SETTLED: Duration = Duration::from_secs(1);

impl Client {
    /// Two ports of ours stand behind one external one: a gateway has taken it from the first, has forgotten that, or was
    /// asked in another order than it answered. Both are asked for once more, and not for ever.
    pub(in crate::client) fn doubt_contested(&mut self, now: Time, granted: &Granted) {
        let mut contested = Vec::new();
        for (&id, kept) in self.keeper.mappings.iter().filter(|(_, kept)| kept.stands && !kept.degraded) {
            if kept.granted.as_ref().is_some_and(|other| other.contends_with(granted)) {
                contested.push(id);
            }
        }
        if contested.is_empty() {
            return;
        }
        contested.extend(self.ids(|kept| kept.granted.as_ref().is_some_and(|own| own.is_one_with(granted))));
        for &id in &contested {
            let Some(kept) = self.keeper.mappings.get_mut(&id) else { continue };
            if kept.contested_at.is_none_or(|at| now - at >= CONTESTED) {
                kept.contested_at = Some(now);
                kept.reassure_at = Some((kept.confirmed_at + LEAST).max(now + SETTLED));
                self.schedule(now, id);
            }
        }
    }

    /// What stands behind an external port may not be there any more, but for one mapping.
    pub(in crate::client) fn doubt_behind(&mut self, now: Time, key: &Key, except: Option<MappingId>) {
        self.doubt_all(now, |id, granted| Some(id) != except && granted.key() == *key);
    }

    /// Another protocol was asked for the same at the same time: where the gateway has one table, the mapping has the
    /// lease that came last. It is renewed, to be sure.
    pub(in crate::client) fn doubt(&mut self, now: Time, of: (IpAddr, Protocol, NonZeroU16)) {
        self.doubt_all(now, |_, granted| granted.internal_key() == of);
    }

    fn doubt_all(&mut self, now: Time, is_doubtful: impl Fn(MappingId, &Granted) -> bool) {
        let mut doubtful = Vec::new();
        for (&id, kept) in self.keeper.mappings.iter_mut().filter(|(_, kept)| kept.stands) {
            if kept.granted.as_ref().is_some_and(|granted| is_doubtful(id, granted)) {
                kept.reassure_at = Some((kept.confirmed_at + LEAST).max(now + SETTLED));
                doubtful.push(id);
            }
        }
        for id in doubtful {
            self.schedule(now, id);
        }
    }

    /// A mapping that stands is renewed as soon as that may be, to be sure of what the gateway has.
    pub(super) fn reassure(&mut self, now: Time, id: MappingId) {
        let Some(kept) = self.keeper.mappings.get_mut(&id).filter(|kept| kept.stands) else { return };
        kept.reassure_at = Some((kept.confirmed_at + LEAST).max(now));
        self.schedule(now, id);
    }

    /// What was granted within the same moments for the same entry may be what the gateway did last, whatever came last
    /// here: the shorter of them is what can be believed.
    pub(in crate::client) fn as_others_at_once(&self, granted: &mut Granted, keeper: Option<MappingId>) {
        let others = self.keeper.mappings.iter().filter(|&(&id, kept)| kept.stands && Some(id) != keeper);
        for (_, kept) in others {
            let Some(own) = kept.granted.as_ref().filter(|own| own.shares_entry(granted).is_some()) else {
                continue;
            };
            let apart = granted.since.max(kept.granted_at) - granted.since.min(kept.granted_at);
            if apart < LONGEST_WAY {
                granted.lifetime = granted.lifetime.min(own.lifetime);
            }
        }
    }
}
