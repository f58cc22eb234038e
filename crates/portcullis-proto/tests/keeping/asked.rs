//! What was asked for by NAT-PMP and PCP, read from what was sent.

use crate::pair::Pair;
use core::time::Duration;
use portcullis_proto::client::Method;
use portcullis_proto::client::io::Output;
use portcullis_proto::wire::pcp::{self, Nonce};
use portcullis_proto::wire::{natpmp, port_control};
use portcullis_proto::{Lifetime, Time};
use portcullis_sim::{Quirk, Scenario};

/// A request for a mapping, or for the end of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) at: Time,
    pub(crate) method: Method,
    pub(crate) internal_port: u16,
    /// Of PCP.
    pub(crate) nonce: Option<Nonce>,
    pub(crate) external_port: u16,
    pub(crate) lifetime: u32,
}

/// Every request for a mapping that went to a NAT-PMP or PCP server, in order.
pub(crate) fn asked(pair: &Pair) -> Vec<Asked> {
    let sent = pair.record.outputs.iter().filter_map(|(at, output)| match output {
        Output::Datagram { destination, payload, .. } if destination.port() == port_control::PORT => {
            read(*at, payload)
        }
        _ => None,
    });
    sent.collect()
}

fn read(at: Time, payload: &[u8]) -> Option<Asked> {
    if let Ok(request) = pcp::Request::decode(payload) {
        let pcp::Opcode::Map(map) = request.opcode else { return None };
        return Some(Asked {
            at,
            method: Method::Pcp,
            internal_port: map.internal_port.get(),
            nonce: Some(map.nonce),
            external_port: map.external_port.map_or(0, |port| port.get()),
            lifetime: request.lifetime,
        });
    }
    match natpmp::Request::decode(payload) {
        Ok(natpmp::Request::Map(map)) => Some(Asked {
            at,
            method: Method::NatPmp,
            internal_port: map.internal_port.get(),
            nonce: None,
            external_port: map.suggested_external_port.map_or(0, |port| port.get()),
            lifetime: map.lifetime,
        }),
        _ => None,
    }
}

/// The moments of requests, in milliseconds since a moment.
pub(crate) fn offsets(asked: &[Asked], since: Time) -> Vec<u128> {
    asked.iter().filter(|asked| asked.at >= since).map(|asked| (asked.at - since).as_millis()).collect()
}

/// The gateways that speak one protocol alone, with what they are kept by.
pub(crate) fn of_one_protocol() -> [(Method, Scenario); 3] {
    [
        (Method::Pcp, Scenario::igd2().with(Quirk::NoUpnp).with(Quirk::Pcp)),
        (Method::NatPmp, Scenario::igd1().with(Quirk::NoUpnp).with(Quirk::NatPmp)),
        (Method::Igd, Scenario::igd1()),
    ]
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn lifetime(seconds: u32) -> Lifetime {
    Lifetime::from_seconds(seconds)
}
