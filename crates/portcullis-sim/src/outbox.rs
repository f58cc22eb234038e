//! Datagrams that wait for their moment.

use crate::ssdp;
use core::net::SocketAddr;
use core::time::Duration;
use portcullis_proto::Time;
use std::collections::BTreeMap;

/// A client that searches and never listens does not fill our memory.
const MOST_PENDING: usize = 4_096;

/// A datagram, and how often it is still to be repeated.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) destination: SocketAddr,
    pub(crate) payload: Vec<u8>,
    pub(crate) repeat: u32,
    pub(crate) interval: Duration,
    /// Whether each repetition names another device.
    pub(crate) distinct: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: BTreeMap<(Time, u64), Pending>,
    sequence: u64,
}

impl Outbox {
    pub(crate) fn push(&mut self, due: Time, pending: Pending) {
        if self.queue.len() < MOST_PENDING {
            self.sequence = self.sequence.saturating_add(1);
            self.queue.insert((due, self.sequence), pending);
        }
    }

    pub(crate) fn poll(&mut self, now: Time) -> Option<(SocketAddr, Vec<u8>)> {
        let first = self.queue.first_entry()?;
        let due = first.key().0;
        if due > now {
            return None;
        }
        let pending = first.remove();
        let (destination, payload) = (pending.destination, pending.payload.clone());
        if let Some(repeat) = pending.repeat.checked_sub(1) {
            let payload =
                if pending.distinct { ssdp::of_another_device(&payload, repeat) } else { pending.payload };
            self.push(due + pending.interval, Pending { payload, repeat, ..pending });
        }
        Some((destination, payload))
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        self.queue.first_key_value().map(|((due, _), _)| *due)
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }
}
