//! Datagrams of NAT-PMP and PCP that wait for their moment.

use core::net::SocketAddr;
use core::time::Duration;
use portcullis_proto::Time;
use std::collections::BTreeMap;

/// A client that asks and never listens does not fill our memory.
const MOST_PENDING: usize = 4_096;

/// A datagram of NAT-PMP or PCP that the gateway sends, or that somebody sends in its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortControlDatagram {
    /// Where it comes from: [`Gateway::port_control_address`](crate::Gateway::port_control_address) or, if it is
    /// forged, anywhere.
    pub source: SocketAddr,
    /// Where it goes: to the client, or to the group that announcements are sent to.
    pub destination: SocketAddr,
    /// The message.
    pub payload: Vec<u8>,
}

#[derive(Debug)]
struct Pending {
    datagram: PortControlDatagram,
    repeat: u32,
    interval: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: BTreeMap<(Time, u64), Pending>,
    sequence: u64,
}

impl Outbox {
    /// Sends a datagram when it is due, and again `repeat` times, `interval` apart.
    pub(super) fn push(
        &mut self,
        due: Time,
        datagram: PortControlDatagram,
        (repeat, interval): (u32, Duration),
    ) {
        if self.queue.len() < MOST_PENDING {
            self.sequence = self.sequence.saturating_add(1);
            self.queue.insert((due, self.sequence), Pending { datagram, repeat, interval });
        }
    }

    pub(super) fn poll(&mut self, now: Time) -> Option<PortControlDatagram> {
        let first = self.queue.first_entry()?;
        let due = first.key().0;
        if due > now {
            return None;
        }
        let Pending { datagram, repeat, interval } = first.remove();
        if let Some(repeat) = repeat.checked_sub(1) {
            self.push(due + interval, datagram.clone(), (repeat, interval));
        }
        Some(datagram)
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.queue.first_key_value().map(|((due, _), _)| *due)
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
    }
}
