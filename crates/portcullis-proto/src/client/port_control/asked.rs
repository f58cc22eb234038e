//! When mappings were asked for. Neither protocol says which request an answer is to, and answers may be late or come
//! twice: a lease is believed since the first request that it may be an answer to.

use super::LONGEST_WAY;
use crate::{Lifetime, Protocol, Time};
use core::net::IpAddr;
use core::num::NonZeroU16;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

/// How long it may have been in any case.
const SHORTEST_WAY: Duration = Duration::from_secs(1);
/// A timer that is later than this was slept through.
const SLEPT: Duration = Duration::from_secs(2);
const MOST_TIMES: usize = 16;
const MOST_MAPPINGS: usize = 1_024;

/// A mapping as a server knows it: by its internal side.
pub(super) type Key = (IpAddr, Protocol, NonZeroU16);

#[derive(Debug, Default)]
pub(super) struct Asked {
    times: BTreeMap<Key, VecDeque<Time>>,
    /// When the machine last slept: from no later than this, until then.
    slept: Option<(Time, Time)>,
}

impl Asked {
    pub(super) fn at(&mut self, now: Time, key: Key) {
        if self.times.len() >= MOST_MAPPINGS && !self.times.contains_key(&key) {
            self.times.retain(|_, times| times.back().is_some_and(|&at| now - at < LONGEST_WAY));
            let oldest = self.times.iter().min_by_key(|(_, times)| times.back().copied());
            if let Some((&oldest, _)) = oldest.filter(|_| self.times.len() >= MOST_MAPPINGS) {
                self.times.remove(&oldest);
            }
        }
        let times = self.times.entry(key).or_default();
        times.push_back(now);
        if times.len() > MOST_TIMES {
            times.pop_front();
        }
    }

    /// Something was due at this moment.
    pub(super) fn woken(&mut self, now: Time, due: Time) {
        if now - due > SLEPT {
            // One sleep soon after another: what waited for the first may still wait.
            let before = self.slept.filter(|&(_, until)| due - until < LONGEST_WAY);
            self.slept = Some((before.map_or(due, |(from, _)| from.min(due)), now));
        }
    }

    /// Since when a lease may have run that is granted now. What is not remembered may have been asked for at any moment.
    pub(super) fn since(&self, now: Time, key: &Key, lifetime: Lifetime) -> Time {
        // Of a short lease too much would be given away.
        let third =
            lifetime.duration().map_or(LONGEST_WAY, |lifetime| lifetime.checked_div(3).unwrap_or_default());
        let way = third.clamp(SHORTEST_WAY, LONGEST_WAY);
        let before = |at: Time| Time::from_start(at.since_start().saturating_sub(way));
        let mut earliest = before(now);
        if let Some((from, until)) = self.slept.filter(|&(_, until)| until >= earliest) {
            // What was on its way waited in the socket.
            earliest = before(from.min(until));
        }
        let Some(times) = self.times.get(key) else { return earliest };
        times.iter().copied().find(|&at| at >= earliest).or(times.back().copied()).unwrap_or(earliest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    const KEY: Key = (IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::Udp, NonZeroU16::MIN);

    fn at(seconds: u64) -> Time {
        Time::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn an_answer_may_be_to_any_request_of_the_last_seconds() {
        let mut asked = Asked::default();
        for seconds in [10, 20, 28, 30] {
            asked.at(at(seconds), KEY);
        }
        let since = |now, lifetime| asked.since(at(now), &KEY, Lifetime::from_seconds(lifetime));
        assert_eq!(since(31, 3_600), at(20));
        assert_eq!(since(31, 12), at(28));
        assert_eq!(since(31, 1), at(30));
        assert_eq!(since(300, 3_600), at(30), "one that is later still is not to a later request");
    }

    #[test]
    fn an_answer_may_have_waited_for_as_long_as_the_machine_slept() {
        let mut asked = Asked::default();
        asked.at(at(10), KEY);
        asked.woken(at(9_000), at(14));
        asked.at(at(9_000), KEY);
        assert_eq!(asked.since(at(9_001), &KEY, Lifetime::from_seconds(3_600)), at(10));
        assert_eq!(asked.since(at(9_030), &KEY, Lifetime::from_seconds(3_600)), at(9_000));
    }

    #[test]
    fn two_sleeps_in_a_row_are_one() {
        let mut asked = Asked::default();
        asked.at(at(10), KEY);
        asked.woken(at(9_000), at(14));
        asked.woken(at(12_000), at(9_003));
        assert_eq!(asked.since(at(12_001), &KEY, Lifetime::from_seconds(3_600)), at(10));
    }

    #[test]
    fn what_is_not_remembered_may_have_been_asked_for_long_ago() {
        assert_eq!(Asked::default().since(at(31), &KEY, Lifetime::from_seconds(3_600)), at(16));
    }

    #[test]
    fn only_so_much_is_remembered() {
        let mut asked = Asked::default();
        for port in 1..=5_000_u16 {
            for _ in 0..20 {
                let milliseconds = Duration::from_millis(u64::from(port));
                let key = (KEY.0, Protocol::Udp, NonZeroU16::new(port).unwrap());
                asked.at(Time::from_start(milliseconds), key);
            }
        }
        assert_eq!(asked.times.len(), MOST_MAPPINGS);
        assert!(asked.times.contains_key(&(KEY.0, Protocol::Udp, NonZeroU16::new(5_000).unwrap())));
        assert!(asked.times.values().all(|times| times.len() <= MOST_TIMES));
    }
}
