//! What a client reports to whoever listens.

use crate::driver::Queue;
use core::num::NonZeroU16;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_core::Stream;
use portcullis_proto::Protocol;
use portcullis_proto::client::{Change, Device, Error, Granted};
use std::net::IpAddr;
use std::sync::Arc;

/// Something that happened in a client, whoever asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A search got to know a device.
    Found(Device),
    /// A mapping was made.
    Mapped(Granted),
    /// A mapping is gone: it was deleted, or was not there any more.
    Closed {
        /// Its transport protocol.
        protocol: Protocol,
        /// Its port on the external address.
        external_port: NonZeroU16,
    },
    /// Something happened to a mapping that is kept.
    Changed(Change),
    /// Another gateway than the default one was used, since that one has not answered, or has refused. What comes in there
    /// may find no way back.
    OtherGateway {
        /// The one that was used, by name and address.
        gateway: String,
        /// The default gateway.
        preferred: IpAddr,
    },
    /// The default gateway was used, and this host's packets to the internet leave by another interface, as they do with a
    /// VPN that takes all: answers to what comes in may go that way, and get lost.
    OtherWayOut {
        /// The gateway that was used, by name and address.
        gateway: String,
        /// The interface that packets to the internet leave by.
        interface: String,
    },
    /// The journal could not be read or written: what, where, why, and what becomes of it, in one line.
    JournalTrouble(String),
    /// An operation failed.
    Failed(Error),
}

/// The events of a client from the moment of [`Client::events`](crate::Client::events): iterated
/// (blocking), polled ([`try_next`](Self::try_next)) or awaited (it is a [`Stream`]).
///
/// A subscriber that falls 1,024 events behind loses the oldest.
#[derive(Debug)]
pub struct Events {
    queue: Arc<Queue>,
}

impl Events {
    pub(crate) fn new(queue: Arc<Queue>) -> Self {
        Self { queue }
    }

    /// The next event if there is one already.
    pub fn try_next(&self) -> Option<Event> {
        self.queue.try_next()
    }

    /// Waits at most `timeout` for the next event.
    pub fn next_timeout(&self, timeout: Duration) -> Option<Event> {
        self.queue.wait(Some(timeout))
    }
}

impl Iterator for Events {
    type Item = Event;

    /// Waits for the next event; `None` once the client has ended.
    fn next(&mut self) -> Option<Event> {
        self.queue.wait(None)
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.queue.poll(context)
    }
}
