//! An open port that stays open.

use crate::pending::Pending;
use crate::standing_request::StandingRequest;
use portcullis_proto::client::{Change, Closed, Granted, MappingId};

/// A port that a gateway sends to this program, for as long as this is held: renewed, and made again where it gets
/// lost. [`Event::Changed`](crate::Event::Changed) tells of it, by its [`id`](Self::id).
///
/// [`close`](Self::close) ends that and deletes the mapping; so does dropping it, in the background, as well as it can.
/// [`leave_open`](Self::leave_open) ends it and leaves the mapping to its lifetime.
#[derive(Debug)]
#[must_use = "a mapping is deleted when it is dropped"]
pub struct KeptMapping {
    request: StandingRequest,
    first: Granted,
}

impl KeptMapping {
    pub(crate) fn new(request: StandingRequest, first: Granted) -> Self {
        Self { request, first }
    }

    /// What its changes are told by.
    pub fn id(&self) -> MappingId {
        self.request.id()
    }

    /// What is granted by now, or was granted last: the address and the port may have changed since it was opened.
    pub fn granted(&self) -> Granted {
        self.request.granted().unwrap_or_else(|| self.first.clone())
    }

    /// Whether the port is open, as far as is known: false from the moment its lifetime has run out, or the gateway
    /// may have lost it, until it stands again.
    pub fn is_open(&self) -> bool {
        self.request.is_known_open().unwrap_or(true)
    }

    /// The next thing that happened to it, if there is one: for whoever looks now and then, such as once a frame.
    /// The first is [`ChangeKind::Mapped`](crate::ChangeKind::Mapped). Whoever falls 64 behind loses the oldest;
    /// [`Client::events`](crate::Client::events) waits, and tells of all mappings.
    pub fn next_change(&self) -> Option<Change> {
        self.request.next_change()
    }

    /// Ends the keeping and deletes the mapping, unless another process of this user keeps the same: see [`Closed`]. That
    /// goes on in the background where nobody waits for it.
    ///
    /// # Errors
    ///
    /// As [`Mapping::close`](crate::Mapping::close).
    pub fn close(self) -> Pending<Closed> {
        self.request.close()
    }

    /// Ends the keeping and undoes what opened the port, as [`Mapping::undo`](crate::Mapping::undo).
    ///
    /// # Errors
    ///
    /// As [`Mapping::close`](crate::Mapping::close).
    pub fn undo(self) -> Pending<Closed> {
        self.request.undo()
    }

    /// Ends the keeping and leaves the mapping to its lifetime, as [`Mapping::leave_open`](crate::Mapping::leave_open).
    pub fn leave_open(self) -> Granted {
        self.request.leave_open().unwrap_or(self.first)
    }
}
