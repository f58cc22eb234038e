//! The ports that are to be opened, and how.

use super::shortfall::Asked;
use crate::argument::duration::parse_lifetime;
use crate::argument::port::{BOTH, PortPair, protocol_name};
use crate::failure::Failure;
use crate::session::Purpose;
use clap::{Args, ValueHint};
use portcullis::{Lifetime, MappingRequest, OnConflict, Protocol};
use std::num::NonZeroU16;

#[derive(Args, Debug)]
pub(super) struct PortArgs {
    /// External port, and the port of this host where it is another; without a protocol both are opened
    #[arg(required = true, value_name = "PORT[:INTERNAL][/PROTOCOL]", allow_negative_numbers = true,
        value_hint = ValueHint::Other)]
    ports: Vec<PortPair>,
    /// Open UDP for the ports without a protocol
    #[arg(long)]
    udp: bool,
    /// Open TCP for the ports without a protocol
    #[arg(long)]
    tcp: bool,
    /// How long: seconds, a duration such as 90s or 2h, or permanent (also 0). The gateway may grant another
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_lifetime,
        allow_hyphen_values = true, value_hint = ValueHint::Other)]
    lifetime: Lifetime,
    /// What the gateway shows beside the mapping
    #[arg(long, value_name = "TEXT", default_value = portcullis::DEFAULT_DESCRIPTION, value_hint = ValueHint::Other)]
    description: String,
    /// Use another external port if this one is taken; not with --overwrite
    #[arg(long, conflicts_with = "overwrite")]
    any_port: bool,
    /// Take the port from whoever has it, another host or another program here; not with --any-port
    #[arg(long)]
    overwrite: bool,
    /// Let the internet in to these ports of this host's own global IPv6 addresses (pinholes), by PCP or UPnP; nothing
    /// is translated, so not with --any-port, --overwrite or another internal port
    #[arg(long, conflicts_with_all = ["any_port", "overwrite"])]
    ipv6: bool,
}

impl PortArgs {
    /// A request for each port and protocol, each once.
    pub(super) fn requests(&self) -> Result<Vec<MappingRequest>, Failure> {
        let on_conflict = match (self.any_port, self.overwrite) {
            (true, _) => OnConflict::AnyPort,
            (_, true) => OnConflict::Overwrite,
            _ => OnConflict::Fail,
        };
        let mut requests: Vec<MappingRequest> = Vec::new();
        for pair in &self.ports {
            let PortPair { external, internal, .. } = *pair;
            if self.ipv6 && external != internal {
                return Err(Failure::usage(&format!(
                    "the argument '--ipv6' cannot be used with '{external}:{internal}': ports are not translated"
                )));
            }
            for protocol in self.protocols(pair) {
                let known = requests.iter().find(|known| {
                    known.protocol() == protocol && known.external_port_or_internal() == external
                });
                match known {
                    Some(known) if known.internal_port() == internal => continue,
                    Some(_) => {
                        let name = protocol_name(protocol);
                        return Err(Failure::usage(&format!(
                            "'{name} {external}' is asked for twice in '<PORT[:INTERNAL][/PROTOCOL]>...', with different internal ports"
                        )));
                    }
                    None => {}
                }
                let request = MappingRequest::new(protocol, internal)
                    .external_port(external)
                    .lifetime(self.lifetime)
                    .description(&self.description)
                    .on_conflict(on_conflict);
                requests.push(if self.ipv6 { request.ipv6() } else { request });
            }
        }
        Ok(requests)
    }

    fn protocols(&self, pair: &PortPair) -> impl Iterator<Item = Protocol> {
        let any = self.udp == self.tcp;
        let (only, udp) = (pair.protocol, self.udp);
        BOTH.into_iter().filter(move |&protocol| match only {
            Some(only) => protocol == only,
            None => any || (protocol == Protocol::Udp) == udp,
        })
    }

    /// Whether it is not said what to do where a port is another host's.
    pub(super) fn leaves_conflicts_open(&self) -> bool {
        !(self.any_port || self.overwrite || self.ipv6)
    }

    pub(super) fn purpose(&self) -> Purpose {
        if self.ipv6 { Purpose::MapIpv6 } else { Purpose::Map }
    }

    pub(super) fn asked(&self, request: &MappingRequest) -> Asked {
        let external_port: Option<NonZeroU16> = (!self.any_port).then(|| request.external_port_or_internal());
        Asked { external_port, lifetime: self.lifetime }
    }
}

/// How a mapping is called in messages.
pub(super) fn name(request: &MappingRequest) -> String {
    format!("{} {}", protocol_name(request.protocol()), request.external_port_or_internal())
}
