//! What was lately deleted by UPnP. Where a gateway keeps one table for all protocols, a deletion that arrives late takes
//! away what NAT-PMP or PCP were granted behind the same external port meanwhile.

use super::leftovers::Key;
use crate::Time;
use core::time::Duration;
use std::collections::BTreeMap;

/// Longer than an answer of NAT-PMP or PCP is on its way, but for one that waited while the machine slept.
const REMEMBERED: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Deletions(BTreeMap<Key, Time>);

impl Deletions {
    /// A gateway is about to be asked to delete an entry.
    pub(super) fn note(&mut self, now: Time, key: Key) {
        self.0.retain(|_, at| now - *at < REMEMBERED);
        self.0.insert(key, now);
    }

    /// Whether it was asked to since then.
    pub(super) fn has_any_since(&self, since: Time, key: &Key) -> bool {
        self.0.get(key).is_some_and(|&at| at >= since)
    }
}
