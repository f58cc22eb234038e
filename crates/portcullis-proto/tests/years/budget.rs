//! I1: what may be sent to one gateway.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use portcullis_proto::Time;
use portcullis_proto::client::io::Output;
use portcullis_proto::wire::port_control;
use std::collections::BTreeMap;

/// NAT-PMP and PCP: a burst, and one each second; every answer lets one more out.
const REQUESTS: f64 = 16.0;
/// UPnP: a search asks for six targets, four times, of the gateway and of everybody, and opens connections for what it
/// finds.
const UPNP: f64 = 260.0;
/// Then three each second for each of four mappings, should their leases be so short: a request to renew is read back, and
/// where half of what is sent gets lost, a connection is tried for by six. A search each second asks the default gateway
/// once more whether anything listens there.
const CONNECTIONS: f64 = 13.0;

/// What may still be sent, and since when.
#[derive(Debug)]
struct Bucket {
    level: f64,
    since: Time,
}

#[derive(Debug, Default)]
pub(crate) struct Budget {
    requests: BTreeMap<IpAddr, Bucket>,
    upnp: Option<Bucket>,
}

impl Bucket {
    fn take(&mut self, now: Time, most: f64, each_second: f64) -> bool {
        self.level = (self.level + (now - self.since).as_secs_f64() * each_second).min(most);
        self.since = now;
        self.level -= 1.0;
        self.level >= 0.0
    }
}

impl Budget {
    /// Panics where more is sent than may be.
    pub(crate) fn sent(&mut self, now: Time, output: &Output) {
        match output {
            Output::Datagram { destination, .. } if destination.port() == port_control::PORT => {
                let bucket = self.requests.entry(destination.ip());
                let bucket = bucket.or_insert(Bucket { level: REQUESTS, since: now });
                assert!(bucket.take(now, REQUESTS, 1.0), "I1: too much is sent to {destination} at {now:?}");
            }
            Output::Datagram { .. } | Output::Connect { .. } => {
                let bucket = self.upnp.get_or_insert(Bucket { level: UPNP, since: now });
                assert!(bucket.take(now, UPNP, CONNECTIONS), "I1: too much UPnP at {now:?}");
            }
            _ => {}
        }
    }

    /// A server answered, or announced something.
    pub(crate) fn heard(&mut self, from: SocketAddr, count: u32) {
        if let Some(bucket) = self.requests.get_mut(&from.ip()) {
            bucket.level = (bucket.level + f64::from(count)).min(REQUESTS);
        }
    }

    /// Another process, which knows nothing of what the one before sent.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// I5: nobody but the gateways and the groups of SSDP is spoken to.
    pub(crate) fn is_allowed(output: &Output) -> bool {
        let address = match output {
            Output::Datagram { destination, .. } => destination,
            Output::Connect { remote, .. } => remote,
            _ => return true,
        };
        let ip = address.ip();
        ip.is_multicast() && address.port() == 1900
            || [crate::gateways::FIRST, crate::gateways::SECOND].contains(&ip)
    }
}

/// The longest time that a promise about time may be late: what a timer and a round trip cost.
pub(crate) const SLACK: Duration = Duration::from_millis(1);
