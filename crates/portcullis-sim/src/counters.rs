//! What a gateway has been asked.

use std::collections::BTreeMap;

/// No service has as many actions; a client that invents names does not fill our memory.
const MOST_ACTIONS: usize = 64;
/// Nor does one that never stops to ask.
const MOST_LEASES: usize = 64;

/// What a gateway has been asked since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Searches received, answered or not.
    pub m_searches: u64,
    /// Connections accepted, those of dead locations too.
    pub connections: u64,
    /// GET requests.
    pub gets: u64,
    /// Requests of NAT-PMP received, answered or not.
    pub nat_pmp: u64,
    /// Requests of PCP (or of a version that neither has) received, answered or not.
    pub pcp: u64,
    actions: BTreeMap<String, u64>,
    leases: Vec<u32>,
}

impl Counters {
    /// How often this action was asked for, whatever the answer was.
    pub fn posts(&self, action: &str) -> u64 {
        self.actions.get(action).copied().unwrap_or(0)
    }

    /// The actions that were asked for and how often.
    pub fn actions(&self) -> impl Iterator<Item = (&str, u64)> {
        self.actions.iter().map(|(action, count)| (action.as_str(), *count))
    }

    /// How many actions were asked for in all.
    pub fn all_posts(&self) -> u64 {
        self.actions.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The first 64 leases that were asked for by UPnP, in seconds and in their order, whatever the answers were.
    pub fn leases(&self) -> &[u32] {
        &self.leases
    }

    pub(crate) fn note_lease(&mut self, seconds: u32) {
        if self.leases.len() < MOST_LEASES {
            self.leases.push(seconds);
        }
    }

    pub(crate) fn count_post(&mut self, action: &str) {
        if self.actions.len() < MOST_ACTIONS || self.actions.contains_key(action) {
            let count = self.actions.entry(action.to_owned()).or_default();
            *count = count.saturating_add(1);
        }
    }
}
