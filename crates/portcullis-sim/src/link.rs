//! A link that loses, delays, repeats and reorders datagrams, the same way each time for the same seed.

use core::time::Duration;
use portcullis_proto::Time;
use std::collections::BTreeMap;

/// What a link does to the datagrams on it. By default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkConfig {
    /// How many of 100 datagrams are lost.
    pub loss: u8,
    /// How many of 100 datagrams that arrive do so twice.
    pub duplicate: u8,
    /// How long each datagram takes.
    pub delay: Duration,
    /// The longest time added to the delay, drawn for each datagram: those sent within it of each other
    /// may change places.
    pub jitter: Duration,
    /// Whether they do not, whatever the jitter: none arrives before one that was sent earlier.
    pub keeps_order: bool,
}

/// One direction of a lossy datagram link.
///
/// # Examples
///
/// ```
/// use portcullis_proto::Time;
/// use portcullis_sim::{Link, LinkConfig};
/// use std::time::Duration;
///
/// let mut link = Link::new(7, LinkConfig { delay: Duration::from_millis(20), ..LinkConfig::default() });
/// link.send(Time::ZERO, "datagram");
/// assert_eq!(link.poll(Time::ZERO), None);
///
/// let arrival = link.poll_timeout().unwrap();
/// assert_eq!(arrival, Time::ZERO + Duration::from_millis(20));
/// assert_eq!(link.poll(arrival), Some("datagram"));
/// ```
#[derive(Debug)]
pub struct Link<T = Vec<u8>> {
    config: LinkConfig,
    random: SplitMix64,
    /// By arrival, and in the order of sending where that is the same.
    under_way: BTreeMap<(Time, u64), T>,
    sequence: u64,
}

impl<T: Clone> Link<T> {
    /// A link with nothing on it. The same seed and the same calls give the same losses.
    pub fn new(seed: u64, config: LinkConfig) -> Self {
        Self { config, random: SplitMix64(seed), under_way: BTreeMap::new(), sequence: 0 }
    }

    /// Puts a datagram on the link.
    pub fn send(&mut self, now: Time, datagram: T) {
        // The same draws for each datagram, lost or not: a change of one figure moves no other event.
        let lost = self.percent(self.config.loss);
        let twice = self.percent(self.config.duplicate);
        let (first, second) = (self.arrival(now), self.arrival(now));
        if lost {
            return;
        }
        if twice {
            self.insert(second, datagram.clone());
        }
        self.insert(first, datagram);
    }

    /// Takes a datagram that has arrived.
    pub fn poll(&mut self, now: Time) -> Option<T> {
        let first = self.under_way.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// When the next datagram arrives.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.under_way.first_key_value().map(|((arrival, _), _)| *arrival)
    }

    /// Changes what the link does from now on.
    pub fn set_config(&mut self, config: LinkConfig) {
        self.config = config;
    }

    fn percent(&mut self, percent: u8) -> bool {
        self.random.below(100) < u64::from(percent)
    }

    fn arrival(&mut self, now: Time) -> Time {
        let jitter = u64::try_from(self.config.jitter.as_micros()).unwrap_or(u64::MAX);
        let jitter = Duration::from_micros(self.random.below(jitter.saturating_add(1)));
        now + self.config.delay.saturating_add(jitter)
    }

    fn insert(&mut self, arrival: Time, datagram: T) {
        let last = self.under_way.last_key_value().map(|((at, _), _)| *at);
        let arrival = last.filter(|_| self.config.keeps_order).map_or(arrival, |last| arrival.max(last));
        self.sequence = self.sequence.saturating_add(1);
        self.under_way.insert((arrival, self.sequence), datagram);
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, any seed is a good one.
#[derive(Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; its bias is below one in 2^40 for the bounds in use.
    fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64, config: LinkConfig) -> Vec<(Duration, u32)> {
        let mut link = Link::new(seed, config);
        for number in 0..1_000 {
            link.send(Time::ZERO + Duration::from_millis(u64::from(number)), number);
        }
        let mut arrived = Vec::new();
        while let Some(now) = link.poll_timeout() {
            arrived.push((now.since_start(), link.poll(now).unwrap()));
        }
        arrived
    }

    #[test]
    fn where_order_is_kept_nothing_is_overtaken() {
        let jitter = Duration::from_millis(100);
        let config = LinkConfig { jitter, keeps_order: true, duplicate: 20, ..LinkConfig::default() };
        let arrived = run(1, config);
        assert!(arrived.is_sorted(), "{arrived:?}");
    }

    #[test]
    fn same_seed_gives_same_arrivals() {
        let config = LinkConfig {
            loss: 30,
            duplicate: 10,
            delay: Duration::from_millis(5),
            jitter: Duration::from_millis(20),
            keeps_order: false,
        };
        assert_eq!(run(1, config), run(1, config));
        assert_ne!(run(1, config), run(2, config));
    }

    #[test]
    fn keeps_everything_in_order_by_default() {
        let arrived = run(1, LinkConfig::default());
        assert!(arrived.iter().map(|(_, number)| *number).eq(0..1_000));
    }

    #[test]
    fn loses_the_share_that_was_asked_for() {
        let arrived = run(1, LinkConfig { loss: 30, ..LinkConfig::default() });
        assert!((650..750).contains(&arrived.len()), "{}", arrived.len());
        assert!(run(1, LinkConfig { loss: 100, ..LinkConfig::default() }).is_empty());
    }

    #[test]
    fn repeats_the_share_that_was_asked_for() {
        let arrived = run(1, LinkConfig { duplicate: 20, ..LinkConfig::default() });
        assert!((1_150..1_250).contains(&arrived.len()), "{}", arrived.len());
    }

    #[test]
    fn jitter_reorders_within_its_bounds() {
        let jitter = Duration::from_millis(10);
        let arrived = run(1, LinkConfig { jitter, ..LinkConfig::default() });
        assert!(!arrived.is_sorted_by_key(|(_, number)| *number));
        for (at, number) in arrived {
            let sent = Duration::from_millis(u64::from(number));
            assert!(at >= sent && at <= sent + jitter);
        }
    }
}
