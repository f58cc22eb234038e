//! What the driver does besides packets: the journal, and the network while mappings are kept.

use super::{ALARM, Driver, NETWORK, SETTLING};
use crate::driver::alarm::Alarm;
use crate::event::Event;
use crate::net;
use crate::net::watch::Watch;
use portcullis_proto::client::journal::Record;

impl Driver {
    /// What earlier processes have left.
    pub(super) fn read_journal(&mut self) {
        let now = self.clock.now();
        if let Some(journal) = &mut self.journal {
            let (stale, left_open) = journal.begin(now);
            self.troubles.extend(journal.take_warnings().iter().map(ToString::to_string));
            self.client.restore(stale, left_open);
        }
    }

    /// One record, on the disk before anything else is done.
    pub(super) fn write_journal(&mut self, record: &Record) {
        let Some(journal) = &mut self.journal else { return };
        if let Err(error) = journal.record(record) {
            self.client.journal_failed();
            self.trouble(error.to_string());
        }
    }

    fn trouble(&mut self, text: String) {
        if self.subscribers.is_empty() {
            self.troubles.push(text);
        } else {
            self.publish(|| Event::JournalTrouble(text.clone()));
        }
    }

    /// Whether what nobody has adopted is still to be deleted.
    pub(super) fn may_clean_up(&self) -> bool {
        self.client.has_stale()
    }

    /// Does what has become due outside the core.
    pub(super) fn look_after(&mut self) {
        let now = self.clock.now();
        let is_ending = self.shutdown.is_some();
        if self.may_clean_up() && self.clean_up_at.is_some_and(|at| is_ending || now >= at) {
            self.client.clean_up(now);
        }
        let keeps = self.client.is_keeping() && self.watches_network;
        if keeps && self.watch.is_none() {
            let mut watch = Watch::open();
            watch.register(self.poll.registry(), NETWORK);
            self.snapshot_due = watch.poll_interval().map(|interval| now + interval);
            self.watch = Some(watch);
        } else if !keeps && self.watch.take().is_some() {
            self.snapshot_due = None;
        }
        if self.client.is_keeping() && self.alarm.is_none() {
            self.alarm = Some(Alarm::new(self.poll.registry(), ALARM));
        } else if !self.client.is_keeping() {
            self.alarm = None;
        }
        if self.snapshot_due.is_some_and(|at| now >= at) {
            self.client.set_network(now, net::snapshot());
            self.snapshot_taken = now;
            let interval = self.watch.as_ref().and_then(Watch::poll_interval);
            self.snapshot_due = interval.map(|interval| now + interval);
        }
    }

    /// The system says that the network has changed, or that it will say no more.
    pub(super) fn network_told(&mut self) {
        let now = self.clock.now();
        let Some(watch) = &mut self.watch else { return };
        if watch.drain() {
            self.snapshot_due = Some(self.snapshot_due.map_or(now + SETTLING, |at| at.min(now + SETTLING)));
        }
    }
}
