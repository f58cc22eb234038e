//! What a gateway remembers for NAT-PMP and PCP, beside the table that they share with UPnP.

use crate::mapping::Mapping;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use portcullis_proto::Time;
use portcullis_proto::wire::port_control::PORT;
use std::collections::BTreeMap;

/// The epoch time at [`Time::ZERO`], in seconds: the gateway has been up for a day. One that had just started could
/// not be seen to start again.
const EPOCH_AT_START: u32 = 86_400;
/// How many different requests are counted; a client that invents them does not fill our memory.
const MOST_REQUESTS: usize = 1_024;

#[derive(Debug)]
pub(crate) struct State {
    address_v4: SocketAddr,
    address_v6: SocketAddr,
    /// The epoch time at some moment.
    epoch: (Time, u32),
    /// What MAP opened for hosts of IPv6. Their external address is their own, so none takes a port from another.
    pub(crate) pinholes: Vec<Mapping>,
    /// What PEER opened; the remote host is the peer's address.
    pub(crate) peers: Vec<Peer>,
    /// The last answer and the one before, if it was another.
    pub(super) answers: [Option<Vec<u8>>; 2],
    seen: BTreeMap<(SocketAddr, Vec<u8>), u32>,
    /// When it began to announce, and how many announcements it has sent.
    pub(super) announcing: Option<(Time, u32)>,
    /// How often an unsupported version was answered.
    pub(super) version_answers: usize,
}

/// A mapping for a connection to one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) mapping: Mapping,
    pub(crate) remote: SocketAddr,
}

impl State {
    pub(crate) fn new(address: IpAddr) -> Self {
        let v4 = if address.is_ipv4() { address } else { IpAddr::from([192, 168, 1, 1]) };
        let v6 = if address.is_ipv6() { address } else { Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).into() };
        Self {
            address_v4: SocketAddr::new(v4, PORT),
            address_v6: SocketAddr::new(v6, PORT),
            epoch: (Time::ZERO, EPOCH_AT_START),
            pinholes: Vec::new(),
            peers: Vec::new(),
            answers: [None, None],
            seen: BTreeMap::new(),
            announcing: None,
            version_answers: 0,
        }
    }

    /// Forgets its mappings, and counts from 0.
    pub(crate) fn lose_state(&mut self, now: Time) {
        self.forget_mappings();
        self.answers = [None, None];
        self.seen.clear();
        self.set_epoch_time(now, 0);
    }

    pub(crate) fn forget_mappings(&mut self) {
        self.pinholes.clear();
        self.peers.clear();
    }

    pub(crate) fn epoch_time(&self, now: Time) -> u32 {
        let (then, epoch_time) = self.epoch;
        let since = u32::try_from((now - then).as_secs()).unwrap_or(u32::MAX);
        epoch_time.wrapping_add(since)
    }

    pub(crate) fn set_epoch_time(&mut self, now: Time, epoch_time: u32) {
        self.epoch = (now, epoch_time);
    }

    /// Where a client of this family asks.
    pub(crate) fn address(&self, is_ipv6: bool) -> SocketAddr {
        if is_ipv6 { self.address_v6 } else { self.address_v4 }
    }

    pub(crate) fn set_address(&mut self, address: SocketAddr) {
        if address.is_ipv6() {
            self.address_v6 = address;
        } else {
            self.address_v4 = address;
        }
    }

    /// How often this request has come before, and counts it.
    pub(super) fn count(&mut self, source: SocketAddr, request: &[u8]) -> u32 {
        if self.seen.len() >= MOST_REQUESTS {
            self.seen.clear();
        }
        let count = self.seen.entry((source, request.to_vec())).or_default();
        let before = *count;
        *count = count.saturating_add(1);
        before
    }

    pub(crate) fn expire(&mut self, now: Time) {
        self.pinholes.retain(|mapping| mapping.expires.is_none_or(|expires| expires > now));
        self.peers.retain(|peer| peer.mapping.expires.is_none_or(|expires| expires > now));
    }

    pub(crate) fn next_expiry(&self) -> Option<Time> {
        let peers = self.peers.iter().map(|peer| &peer.mapping);
        self.pinholes.iter().chain(peers).filter_map(|mapping| mapping.expires).min()
    }
}
