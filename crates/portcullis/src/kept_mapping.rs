//! An open port that stays open.

use crate::driver::{Link, Start};
use crate::mapping::CLOSE_TIMEOUT;
use crate::pending::Pending;
use portcullis_proto::client::{Change, Granted, MappingId, Outcome};
use std::sync::Arc;

/// A port that a gateway sends to this program, for as long as this is held: renewed, and made again where it gets
/// lost. [`Event::Changed`](crate::Event::Changed) tells of it, by its [`id`](Self::id).
///
/// [`close`](Self::close) ends that and deletes the mapping; so does dropping it, in the background, as well as it can.
/// [`leave_open`](Self::leave_open) ends it and leaves the mapping to its lifetime.
#[derive(Debug)]
#[must_use = "a mapping is deleted when it is dropped"]
pub struct KeptMapping {
    id: MappingId,
    first: Granted,
    link: Arc<Link>,
    close_on_drop: bool,
}

impl KeptMapping {
    pub(crate) fn new(id: MappingId, first: Granted, link: &Arc<Link>) -> Self {
        Self { id, first, link: Arc::clone(link), close_on_drop: true }
    }

    /// What its changes are told by.
    pub fn id(&self) -> MappingId {
        self.id
    }

    /// What is granted by now, or was granted last: the address and the port may have changed since it was opened.
    pub fn granted(&self) -> Granted {
        self.link.kept().granted(self.id).unwrap_or_else(|| self.first.clone())
    }

    /// Whether the port is open, as far as is known: false from the moment its lifetime has run out, or the gateway
    /// may have lost it, until it stands again.
    pub fn is_open(&self) -> bool {
        self.link.kept().is_open(self.id).unwrap_or(true)
    }

    /// The next thing that happened to it, if there is one: for whoever looks now and then, such as once a frame.
    /// The first is [`ChangeKind::Mapped`](crate::ChangeKind::Mapped). Whoever falls 64 behind loses the oldest;
    /// [`Client::events`](crate::Client::events) waits, and tells of all mappings.
    pub fn next_change(&self) -> Option<Change> {
        self.link.kept().next_change(self.id)
    }

    /// Ends the keeping and deletes the mapping. Gives whether it was still there.
    ///
    /// # Errors
    ///
    /// As [`Mapping::close`](crate::Mapping::close).
    pub fn close(mut self) -> Pending<bool> {
        self.close_on_drop = false;
        self.release()
    }

    /// Ends the keeping and leaves the mapping to its lifetime, as [`Mapping::leave_open`](crate::Mapping::leave_open).
    pub fn leave_open(mut self) -> Granted {
        self.close_on_drop = false;
        let id = self.id;
        let granted = self.granted();
        self.link.perform(move |client, now| client.stop_keeping_open(now, id));
        granted
    }

    fn release(&self) -> Pending<bool> {
        let granted = self.granted();
        let (id, port) = (self.id, (granted.protocol, granted.external_port));
        let start: Start = Box::new(move |client, now| client.stop_keeping(now, id, CLOSE_TIMEOUT));
        let started = self.link.closing(port, start);
        Pending::new(&self.link, started, |outcome, _| match outcome {
            Outcome::Closed(existed) => Some(existed),
            _ => None,
        })
    }
}

impl Drop for KeptMapping {
    fn drop(&mut self) {
        if self.close_on_drop {
            self.release().detach();
        }
        self.link.kept().forget(self.id);
    }
}
