//! What the driver does besides packets: the journal, and the network while mappings are kept.

use super::{ALARM, Driver, NETWORK, SETTLING, SNAPSHOT_AGE};
use crate::driver::alarm::Alarm;
use crate::event::Event;
use crate::net::watch::Watch;
use portcullis_proto::client::io::Input;
use portcullis_proto::client::journal::{EntryId, Record};

impl Driver {
    /// What earlier processes have left.
    pub(super) fn read_journal(&mut self) {
        let now = self.clock.now();
        if let Some(journal) = &mut self.journal {
            let (stale, others) = journal.begin(now, |method| self.client.may_ask_by(method));
            journal.take_warnings().iter().for_each(|warning| self.troubles.keep(warning.to_string()));
            self.client.restore(stale, others.left_open.clone());
            self.client.others(others.left_open, others.living);
            self.journal_read = now;
        }
    }

    /// What other processes have by now; what was looked at a moment ago will do, unless something is to be closed: then
    /// those that ended meanwhile may have left theirs to this one.
    pub(super) fn refresh_journal(&mut self, closes: bool) {
        let now = self.clock.now();
        let is_old = closes || now - self.journal_read >= SNAPSHOT_AGE;
        let Some(journal) = self.journal.as_mut().filter(|_| is_old) else { return };
        let others = if closes {
            let (stale, others) = journal.begin(now, |method| self.client.may_ask_by(method));
            journal.take_warnings().iter().for_each(|warning| self.troubles.keep(warning.to_string()));
            self.client.inherit(stale);
            others
        } else {
            journal.others(now)
        };
        self.client.others(others.left_open, others.living);
        self.journal_read = now;
    }

    /// One record, on the disk before anything else is done.
    pub(super) fn write_journal(&mut self, record: &Record) {
        let Some(journal) = &mut self.journal else { return };
        match journal.record(record) {
            Ok(()) if matches!(record, Record::Put(_)) => self.troubles.end(),
            Ok(()) => {}
            Err(error) => {
                self.client.journal_failed();
                self.trouble(error.to_string());
            }
        }
    }

    /// Nobody here wants an entry's mapping any more: another process may.
    pub(super) fn hand_over(&mut self, entry: EntryId) {
        let now = self.clock.now();
        let to_another = self.journal.as_mut().is_some_and(|journal| journal.hand_over(entry, now));
        self.input(Input::HandedOver { entry, to_another });
    }

    fn trouble(&mut self, text: String) {
        if !self.troubles.is_new(&text) {
            return;
        }
        // Those who do not listen any more are found out by telling them.
        self.publish(|| Event::JournalTrouble(text.clone()));
        if self.subscribers.is_empty() {
            self.troubles.keep(text);
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
        if self.client.is_keeping() && self.may_hear_strangers && !self.watches_network {
            self.watches_network = true;
            self.take_snapshot(now);
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
            let is_taken = self.take_snapshot(now);
            let interval = self.watch.as_ref().and_then(Watch::poll_interval);
            let interval = interval.or((!is_taken).then_some(SNAPSHOT_AGE));
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
