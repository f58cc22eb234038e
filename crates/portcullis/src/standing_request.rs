//! A port that is asked for until it is granted.

use crate::driver::{Link, Start};
use crate::mapping::CLOSE_TIMEOUT;
use crate::pending::Pending;
use portcullis_proto::Time;
use portcullis_proto::client::{self as proto, Change, Closed, Granted, MappingId, Outcome};
use std::sync::Arc;
use std::time::Duration;

/// A port that a gateway is asked for as long as this is held: until it is granted, and again whenever it gets lost.
/// [`Event::Changed`](crate::Event::Changed) tells of it, by its [`id`](Self::id).
///
/// [`close`](Self::close) ends that and deletes what is granted; so does dropping it, in the background, as well as it
/// can. [`leave_open`](Self::leave_open) ends it and leaves a mapping to its lifetime.
#[derive(Debug)]
#[must_use = "a mapping is deleted when what asks for it is dropped"]
pub struct StandingRequest {
    id: MappingId,
    link: Arc<Link>,
    close_on_drop: bool,
}

impl StandingRequest {
    pub(crate) fn new(id: MappingId, link: &Arc<Link>) -> Self {
        Self { id, link: Arc::clone(link), close_on_drop: true }
    }

    /// What its changes are told by.
    pub fn id(&self) -> MappingId {
        self.id
    }

    /// What is granted by now, or was granted last; `None` as long as nothing was.
    pub fn granted(&self) -> Option<Granted> {
        self.link.kept().granted(self.id)
    }

    /// Whether the port is open, as far as is known.
    pub fn is_open(&self) -> bool {
        self.is_known_open().unwrap_or(false)
    }

    /// The next thing that happened to it, as [`KeptMapping::next_change`](crate::KeptMapping::next_change).
    pub fn next_change(&self) -> Option<Change> {
        self.link.kept().next_change(self.id)
    }

    /// Ends the asking and deletes the mapping, unless another process of this user keeps the same: see [`Closed`]. That
    /// goes on in the background where nobody waits for it.
    ///
    /// # Errors
    ///
    /// As [`Mapping::close`](crate::Mapping::close).
    pub fn close(mut self) -> Pending<Closed> {
        self.close_on_drop = false;
        self.release()
    }

    /// Ends the asking and undoes what opened the port, as [`Mapping::undo`](crate::Mapping::undo).
    ///
    /// # Errors
    ///
    /// As [`Mapping::close`](crate::Mapping::close).
    pub fn undo(mut self) -> Pending<Closed> {
        self.close_on_drop = false;
        self.end(proto::Client::undo_keeping)
    }

    /// Ends the asking and leaves the mapping to its lifetime, as [`Mapping::leave_open`](crate::Mapping::leave_open).
    pub fn leave_open(mut self) -> Option<Granted> {
        self.close_on_drop = false;
        let id = self.id;
        let granted = self.granted();
        self.link.perform(move |client, now| client.stop_keeping_open(now, id));
        granted
    }

    /// `None` as long as nothing has been told of it.
    pub(crate) fn is_known_open(&self) -> Option<bool> {
        self.link.kept().is_open(self.id)
    }

    fn release(&self) -> Pending<Closed> {
        self.end(proto::Client::stop_keeping)
    }

    fn end(
        &self,
        how: fn(&mut proto::Client, Time, MappingId, Duration) -> proto::OperationId,
    ) -> Pending<Closed> {
        let port = self.granted().map(|granted| (granted.protocol, granted.external_port));
        let id = self.id;
        let start: Start = Box::new(move |client, now| how(client, now, id, CLOSE_TIMEOUT));
        let started = match port {
            Some(port) => self.link.closing(port, start),
            None => self.link.operation(start),
        };
        Pending::of_lasting(&self.link, started, |outcome, _| match outcome {
            Outcome::Closed(closed) => Some(closed),
            _ => None,
        })
    }
}

impl Drop for StandingRequest {
    fn drop(&mut self) {
        if self.close_on_drop {
            drop(self.release());
        }
        self.link.kept().forget(self.id);
    }
}
