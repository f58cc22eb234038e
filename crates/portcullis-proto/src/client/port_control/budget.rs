//! How much may be sent to a server that does not answer.

use crate::Time;
use core::time::Duration;

/// Requests that may go out at once to a server that does not answer; then one a second.
const MOST_UNANSWERED: u32 = 12;
const REFILL: Duration = Duration::from_secs(1);

/// What may still be sent to one server, whatever it is about and from whichever socket.
#[derive(Debug)]
pub(super) struct Budget {
    credit: u32,
    /// Since when it grows.
    refilled: Time,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { credit: MOST_UNANSWERED, refilled: Time::ZERO }
    }

    /// Whether nothing need be remembered of it.
    pub(super) fn is_whole(&mut self, now: Time) -> bool {
        self.refill(now);
        self.credit == MOST_UNANSWERED
    }

    fn refill(&mut self, now: Time) {
        let whole = u32::try_from((now - self.refilled).as_secs()).unwrap_or(u32::MAX);
        if whole > 0 {
            self.credit = self.credit.saturating_add(whole).min(MOST_UNANSWERED);
            self.refilled = now;
        }
    }

    /// Takes a request out; or says until when nothing may be sent.
    pub(super) fn spend(&mut self, now: Time) -> Result<(), Time> {
        self.refill(now);
        if self.credit == 0 {
            return Err(self.refilled + REFILL);
        }
        if self.credit == MOST_UNANSWERED {
            self.refilled = now;
        }
        self.credit = self.credit.saturating_sub(1);
        Ok(())
    }

    /// The server has answered: it is there, and may be asked on.
    pub(super) fn answered(&mut self) {
        self.credit = self.credit.saturating_add(1).min(MOST_UNANSWERED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_start(Duration::from_millis(millis))
    }

    fn spent(budget: &mut Budget, now: Time) -> usize {
        core::iter::from_fn(|| budget.spend(now).ok()).take(100).count()
    }

    #[test]
    fn twelve_at_once_and_then_one_a_second() {
        let mut budget = Budget::new();
        assert_eq!(spent(&mut budget, at(5_300)), 12);
        assert_eq!(budget.spend(at(5_300)), Err(at(6_300)));
        assert_eq!(spent(&mut budget, at(6_299)), 0);
        assert_eq!(spent(&mut budget, at(6_300)), 1);
        assert_eq!(spent(&mut budget, at(9_400)), 3);
        assert!(!budget.is_whole(at(12_000)) && budget.is_whole(at(60_000)));
        assert_eq!(spent(&mut budget, at(60_000)), 12);
    }

    #[test]
    fn every_answer_lets_one_more_out() {
        let mut budget = Budget::new();
        assert_eq!(spent(&mut budget, at(0)), 12);
        budget.answered();
        budget.answered();
        assert_eq!(spent(&mut budget, at(0)), 2);
    }
}
