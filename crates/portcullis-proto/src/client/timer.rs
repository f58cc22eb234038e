//! Every deadline of the session, in one table.

use super::exchange::ExchangeId;
use super::keeper::KeeperTimer;
use super::operation::OperationId;
use super::port_control::TransactionId;
use super::search::SearchId;
use crate::Time;
use std::collections::{BTreeMap, BTreeSet};

/// What is waited for. One deadline each: setting a timer again moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The next thing a search does by itself: repeat the question, or end.
    Search(SearchId),
    /// The next thing an exchange does by itself: hedge, or give up.
    Exchange(ExchangeId),
    /// The total deadline of an operation.
    Operation(OperationId),
    /// The end of an operation's wait for a better gateway or protocol than the one it knows.
    Choice(OperationId),
    /// The next thing a request of NAT-PMP or PCP does by itself: go out again, or be given up.
    Transaction(TransactionId),
    /// The next thing that is done to keep mappings.
    Keeper(KeeperTimer),
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BTreeSet<(Time, Timer)>,
    deadlines: BTreeMap<Timer, Time>,
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Time) {
        self.clear(timer);
        self.deadlines.insert(timer, at);
        self.queue.insert((at, timer));
    }

    /// Sets a timer, unless it comes sooner already.
    pub(super) fn set_by(&mut self, timer: Timer, at: Time) {
        if self.deadlines.get(&timer).is_none_or(|&set| at < set) {
            self.set(timer, at);
        }
    }

    pub(super) fn clear(&mut self, timer: Timer) {
        if let Some(at) = self.deadlines.remove(&timer) {
            self.queue.remove(&(at, timer));
        }
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.queue.first().map(|&(at, _)| at)
    }

    pub(super) fn pop_due(&mut self, now: Time) -> Option<Timer> {
        let &(at, timer) = self.queue.first()?;
        if at > now {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn pops_in_order_of_time_and_only_what_is_due() {
        let at = |millis| Time::ZERO + Duration::from_millis(millis);
        let (first, second) = (Timer::Search(SearchId(1)), Timer::Operation(OperationId(1)));
        let mut timers = Timers::default();
        timers.set(second, at(20));
        timers.set(first, at(30));
        timers.set(first, at(10));
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.pop_due(at(15)), Some(first));
        assert_eq!(timers.pop_due(at(15)), None);
        timers.clear(second);
        assert_eq!(timers.next(), None);
    }
}
