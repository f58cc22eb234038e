//! When mappings were asked for. Neither protocol says which request an answer is to, and answers may be late or come
//! twice: a lease is believed since the first request that it may be an answer to.

use super::LONGEST_WAY;
use crate::{Lifetime, Protocol, Time};
use core::net::IpAddr;
use core::num::NonZeroU16;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How long it may have been in any case.
const SHORTEST_WAY: Duration = Duration::from_secs(1);
/// A timer that is later than this was slept through.
const SLEPT: Duration = Duration::from_secs(2);
const MOST_TIMES: usize = 16;
const MOST_MAPPINGS: usize = 1_024;

/// A mapping as a server knows it: by its internal side.
pub(super) type Key = (IpAddr, Protocol, NonZeroU16);

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) at: Time,
    pub(super) by_pcp: bool,
    /// In seconds.
    pub(super) lifetime: u32,
}

#[derive(Debug, Default)]
pub(super) struct Asked {
    times: BTreeMap<Key, VecDeque<Sent>>,
    /// When the machine last slept: from no later than this, until then.
    slept: Option<(Time, Time)>,
}

impl Asked {
    pub(super) fn note(&mut self, key: Key, sent: Sent) {
        let now = sent.at;
        if self.times.len() >= MOST_MAPPINGS && !self.times.contains_key(&key) {
            self.times.retain(|_, times| times.back().is_some_and(|last| now - last.at < LONGEST_WAY));
            let oldest = self.times.iter().min_by_key(|(_, times)| times.back().map(|last| last.at));
            if let Some((&oldest, _)) = oldest.filter(|_| self.times.len() >= MOST_MAPPINGS) {
                self.times.remove(&oldest);
            }
        }
        let times = self.times.entry(key).or_default();
        times.push_back(sent);
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
        let mut times = times.iter().map(|sent| sent.at);
        times.clone().find(|&at| at >= earliest).or(times.next_back()).unwrap_or(earliest)
    }

    /// Whether an answer that does not say what it is about can be about nothing but this: nothing else was asked for of
    /// late at its server.
    pub(super) fn is_alone(&self, now: Time, key: &Key) -> bool {
        let is_other = |other: &Key| (other.0, other.1) == (key.0, key.1) && other.2 != key.2;
        let others = self.times.iter().filter(|(other, _)| is_other(other));
        others.filter_map(|(_, times)| times.back()).all(|last| now - last.at >= LONGEST_WAY)
    }

    /// The shortest lifetime that was asked for of late by PCP (`true`) or NAT-PMP, as far as the server `speaks` it, where
    /// not all asked for the same in the same way: the answer to one says nothing of what the server did last.
    pub(super) fn least(&self, now: Time, key: &Key, speaks: impl Fn(bool) -> bool) -> Option<Lifetime> {
        let is_late = |sent: &&Sent| now - sent.at < LONGEST_WAY && speaks(sent.by_pcp);
        let late = self.times.get(key)?.iter().filter(is_late);
        let ways: BTreeSet<_> = late.map(|sent| (sent.lifetime, sent.by_pcp)).collect();
        let (shortest, _) = ways.first()?;
        (ways.len() > 1).then_some(Lifetime::from_seconds(*shortest))
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

    fn sent(at: Time) -> Sent {
        Sent { at, by_pcp: true, lifetime: 3_600 }
    }

    #[test]
    fn the_shortest_counts_where_requests_differ() {
        let mut asked = Asked::default();
        let least = |asked: &Asked, now| asked.least(at(now), &KEY, |_| true);
        asked.note(KEY, sent(at(10)));
        asked.note(KEY, sent(at(11)));
        assert_eq!(least(&asked, 12), None, "it may grant more than it was asked for");
        asked.note(KEY, Sent { lifetime: 600, ..sent(at(12)) });
        assert_eq!(least(&asked, 25), Some(Lifetime::from_seconds(600)));
        assert_eq!(least(&asked, 26), None, "those before are late");
        asked.note(KEY, Sent { by_pcp: false, lifetime: 600, ..sent(at(26)) });
        assert_eq!(least(&asked, 26), Some(Lifetime::from_seconds(600)), "one of both protocols is last");
        assert_eq!(asked.least(at(26), &KEY, |by_pcp| by_pcp), None, "it does not speak NAT-PMP");
        assert_eq!(least(&asked, 60), None);
    }

    #[test]
    fn what_was_asked_for_alone_is_alone_until_another_port_is_asked_for() {
        let mut asked = Asked::default();
        let other = |protocol| (KEY.0, protocol, NonZeroU16::MAX);
        asked.note(KEY, sent(at(10)));
        asked.note(other(Protocol::Tcp), sent(at(10)));
        assert!(asked.is_alone(at(10), &KEY), "the protocol tells");
        asked.note(other(Protocol::Udp), sent(at(10)));
        assert!(!asked.is_alone(at(24), &KEY) && !asked.is_alone(at(24), &other(Protocol::Udp)));
        assert!(asked.is_alone(at(25), &KEY), "nothing is on its way for so long");
    }

    #[test]
    fn an_answer_may_be_to_any_request_of_the_last_seconds() {
        let mut asked = Asked::default();
        for seconds in [10, 20, 28, 30] {
            asked.note(KEY, sent(at(seconds)));
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
        asked.note(KEY, sent(at(10)));
        asked.woken(at(9_000), at(14));
        asked.note(KEY, sent(at(9_000)));
        assert_eq!(asked.since(at(9_001), &KEY, Lifetime::from_seconds(3_600)), at(10));
        assert_eq!(asked.since(at(9_030), &KEY, Lifetime::from_seconds(3_600)), at(9_000));
    }

    #[test]
    fn two_sleeps_in_a_row_are_one() {
        let mut asked = Asked::default();
        asked.note(KEY, sent(at(10)));
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
                asked.note(key, sent(Time::from_start(milliseconds)));
            }
        }
        assert_eq!(asked.times.len(), MOST_MAPPINGS);
        assert!(asked.times.contains_key(&(KEY.0, Protocol::Udp, NonZeroU16::new(5_000).unwrap())));
        assert!(asked.times.values().all(|times| times.len() <= MOST_TIMES));
    }
}
