//! Whether a gateway has lost its mappings, told by its epoch time (RFC 6886 section 3.6, RFC 6887 section 8.5).

use crate::Time;

/// What an epoch time says of the state of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The gateway has counted on: its mappings are there.
    Valid,
    /// The gateway has started anew, or otherwise lost its mappings.
    StateLost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    NatPmp,
    Pcp,
}

/// The epoch time of one gateway, as it was last told.
///
/// ```
/// use portcullis_proto::Time;
/// use portcullis_proto::client::epoch::{Epoch, Verdict};
/// use std::time::Duration;
///
/// let mut epoch = Epoch::pcp();
/// assert_eq!(epoch.update(Time::ZERO, 5_000), Verdict::Valid);
/// let later = Time::ZERO + Duration::from_secs(60);
/// assert_eq!(epoch.update(later, 5_060), Verdict::Valid);
/// assert_eq!(epoch.update(later, 3), Verdict::StateLost);
/// ```
#[derive(Clone, Debug)]
pub struct Epoch {
    rule: Rule,
    last: Option<(Time, u32)>,
}

impl Epoch {
    /// Of a gateway that speaks NAT-PMP, which only must not fall behind (RFC 6886 section 3.6).
    pub const fn nat_pmp() -> Self {
        Self { rule: Rule::NatPmp, last: None }
    }

    /// Of a gateway that speaks PCP, which must not run ahead either (RFC 6887 section 8.5).
    pub const fn pcp() -> Self {
        Self { rule: Rule::Pcp, last: None }
    }

    /// Takes the epoch time in seconds of an answer or announcement that came `now`. The first is always valid;
    /// each is what the next is compared with.
    ///
    /// Only what certainly came from the gateway may be given: everything else would let anybody make this
    /// client renew its mappings.
    pub fn update(&mut self, now: Time, epoch_time: u32) -> Verdict {
        let verdict = self.verdict(now, epoch_time);
        self.last = Some((now, epoch_time));
        verdict
    }

    /// What [`update`](Self::update) would say, which remembers it: of what need not be the gateway's word.
    pub fn verdict(&self, now: Time, epoch_time: u32) -> Verdict {
        let Some((then, last)) = self.last else { return Verdict::Valid };
        let is_valid = match self.rule {
            Rule::NatPmp => nat_pmp_is_valid(last, epoch_time, (now - then).as_millis()),
            Rule::Pcp => {
                let client_delta = now.since_start().as_secs().saturating_sub(then.since_start().as_secs());
                pcp_is_valid(last, epoch_time, client_delta)
            }
        };
        if is_valid { Verdict::Valid } else { Verdict::StateLost }
    }

    /// Whether an answer that tells this epoch time was written before `at`, by the clock that was heard last: the
    /// gateway's, unless it has started anew since. A clock may be as slow as [`update`](Self::update) allows.
    pub fn is_before(&self, at: Time, epoch_time: u32) -> bool {
        let Some((then, last)) = self.last else { return false };
        let since = (at - then).as_millis();
        let slack = match self.rule {
            Rule::NatPmp => since / 8,
            Rule::Pcp => since / 16,
        };
        let clock = u128::from(last).saturating_mul(1_000).saturating_add(since).saturating_sub(slack);
        let clock_at = clock.saturating_sub((then - at).as_millis());
        u128::from(epoch_time).saturating_add(2).saturating_mul(1_000) < clock_at
    }

    /// The epoch time last told, in seconds.
    pub const fn last(&self) -> Option<u32> {
        match self.last {
            Some((_, epoch_time)) => Some(epoch_time),
            None => None,
        }
    }
}

/// RFC 6886 section 3.6: at least what was last told and 7/8 of the time since, less 2 seconds.
fn nat_pmp_is_valid(last: u32, current: u32, elapsed_milliseconds: u128) -> bool {
    let since = (elapsed_milliseconds / 8).saturating_mul(7);
    let expected = u128::from(last).saturating_mul(1_000).saturating_add(since);
    u128::from(current).saturating_add(2).saturating_mul(1_000) >= expected
}

/// RFC 6887 section 8.5, in the whole seconds that it is written in: back by no more than one second, then
/// both clocks within 2 seconds and a sixteenth of each other.
fn pcp_is_valid(last: u32, current: u32, client_delta: u64) -> bool {
    if current.saturating_add(1) < last {
        return false;
    }
    let server_delta = u64::from(current.saturating_sub(last));
    let falls_behind = |slow: u64, fast: u64| slow.saturating_add(2) < fast.saturating_sub(fast / 16);
    !falls_behind(client_delta, server_delta) && !falls_behind(server_delta, client_delta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{StateLost, Valid};
    use core::time::Duration;

    fn check(mut epoch: Epoch, told: &[(u64, u32, Verdict)]) {
        for &(milliseconds, epoch_time, verdict) in told {
            let now = Time::from_start(Duration::from_millis(milliseconds));
            assert_eq!(epoch.update(now, epoch_time), verdict, "{milliseconds} ms: {epoch_time}");
            assert_eq!(epoch.last(), Some(epoch_time));
        }
    }

    #[test]
    fn nat_pmp_may_fall_behind_by_an_eighth_and_two_seconds() {
        check(Epoch::nat_pmp(), &[(0, 1_000, Valid), (80_000, 1_068, Valid)]);
        check(Epoch::nat_pmp(), &[(0, 1_000, Valid), (80_000, 1_067, StateLost), (80_000, 1_067, Valid)]);
        check(Epoch::nat_pmp(), &[(0, 1_000, Valid), (0, 998, Valid), (0, 995, StateLost)]);
        check(Epoch::nat_pmp(), &[(0, 1_000, Valid), (2_000, 0, StateLost), (3_000, 1, Valid)]);
    }

    #[test]
    fn nat_pmp_may_run_ahead() {
        check(Epoch::nat_pmp(), &[(0, 0, Valid), (1_000, 1_000_000, Valid)]);
    }

    #[test]
    fn pcp_may_go_back_by_one_second() {
        check(Epoch::pcp(), &[(0, 1_000, Valid), (0, 999, Valid), (0, 997, StateLost), (0, 997, Valid)]);
        check(Epoch::pcp(), &[(0, 1_000, Valid), (5_000, 997, StateLost)]);
        check(Epoch::pcp(), &[(0, 1_000, Valid), (5_000, 0, StateLost), (6_000, 1, Valid)]);
    }

    #[test]
    fn pcp_stays_within_a_sixteenth_and_two_seconds() {
        // 160 s here: 152 to 172 there, since 160 - 160/16 - 2 = 148 and 172 - 172/16 - 2 = 160.
        check(Epoch::pcp(), &[(0, 0, Valid), (160_000, 148, Valid)]);
        check(Epoch::pcp(), &[(0, 0, Valid), (160_000, 147, StateLost)]);
        check(Epoch::pcp(), &[(0, 0, Valid), (160_000, 172, Valid)]);
        check(Epoch::pcp(), &[(0, 0, Valid), (160_000, 173, StateLost)]);
        check(Epoch::pcp(), &[(0, 0, Valid), (1_000, 1_000_000, StateLost), (2_000, 1_000_001, Valid)]);
    }

    #[test]
    fn what_was_written_before_is_told_by_its_epoch() {
        let at = |seconds| Time::from_start(Duration::from_secs(seconds));
        for (mut epoch, slowest) in [(Epoch::pcp(), 1_148), (Epoch::nat_pmp(), 1_138)] {
            assert!(!epoch.is_before(at(100), 0), "no clock was heard yet");
            epoch.update(at(100), 1_000);
            assert!(!epoch.is_before(at(100), 998));
            assert!(epoch.is_before(at(100), 997));
            assert!(!epoch.is_before(at(90), 988));
            assert!(epoch.is_before(at(90), 987));
            assert!(!epoch.is_before(at(260), slowest));
            assert!(epoch.is_before(at(260), slowest - 1));
            assert!(!epoch.is_before(at(260), u32::MAX));
        }
    }

    #[test]
    fn an_epoch_that_wraps_is_lost_once() {
        let steps = [(0, u32::MAX, Valid), (1_000, 0, StateLost), (2_000, 1, Valid)];
        check(Epoch::pcp(), &steps);
        check(Epoch::nat_pmp(), &steps);
    }

    #[test]
    fn a_long_sleep_is_no_loss() {
        let night = 8 * 3_600;
        check(Epoch::pcp(), &[(0, 100, Valid), (u64::from(night) * 1_000, 100 + night, Valid)]);
        check(Epoch::nat_pmp(), &[(0, 100, Valid), (u64::from(night) * 1_000, 100 + night, Valid)]);
    }
}
