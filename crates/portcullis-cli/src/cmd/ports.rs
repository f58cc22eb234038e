//! The ports that are to be opened, and how.

use super::free_port::FreePort;
use super::shortfall::Asked;
use crate::argument::duration::parse_lifetime;
use crate::argument::port::{BOTH, PortPair, protocol_name};
use crate::context::Context;
use crate::failure::Failure;
use crate::session::Purpose;
use clap::{Args, ValueHint};
use portcullis::{ErrorKind, Lifetime, MappingRequest, OnConflict, Protocol};
use std::net::SocketAddr;
use std::num::NonZeroU16;

#[derive(Args, Debug)]
pub(super) struct PortArgs {
    /// External port, and the port of this host where it is another; without a protocol both are opened. 0 lets the
    /// gateway choose the external port (0:6881), and alone stands for any port on both sides: a free one of this host
    #[arg(required = true, value_name = "PORT[:INTERNAL][/PROTOCOL]", allow_negative_numbers = true,
        value_hint = ValueHint::Other)]
    ports: Vec<PortPair>,
    /// Open UDP for the ports without a protocol
    #[arg(long)]
    udp: bool,
    /// Open TCP for the ports without a protocol
    #[arg(long)]
    tcp: bool,
    /// How long: seconds, a duration such as 90s or 2h, or permanent (also 0). The gateway may grant another. NAT-PMP and
    /// PCP are asked for a year at most (365d), and for a day in place of permanent
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
    /// With --ipv6: open the ports of all global IPv6 addresses of this host, temporary ones too, or of --interface. Without
    /// it one is opened, that stays where there is such a one
    #[arg(long, requires = "ipv6")]
    all_addresses: bool,
}

impl PortArgs {
    /// A request for each port, protocol and address, each once.
    pub(super) fn requests(&self, context: &Context) -> Result<Vec<MappingRequest>, Failure> {
        let requests = self.requests_for_ports()?;
        if !self.all_addresses {
            return Ok(requests);
        }
        let own = portcullis::global_ipv6_addresses(context.network.interface.as_deref())
            .map_err(|error| Failure::io("cannot read the addresses of this host", &error))?;
        if own.is_empty() {
            let message = "this host has no global IPv6 address (does the provider give this network any?)";
            return Err(Failure::new(ErrorKind::Io, message));
        }
        let each = |request: MappingRequest| own.iter().map(move |&own| request.clone().ipv6_address(own));
        Ok(requests.into_iter().flat_map(each).collect())
    }

    fn requests_for_ports(&self) -> Result<Vec<MappingRequest>, Failure> {
        let on_conflict = match (self.any_port, self.overwrite) {
            (true, _) => OnConflict::AnyPort,
            (_, true) => OnConflict::Overwrite,
            _ => OnConflict::Fail,
        };
        let mut requests: Vec<MappingRequest> = Vec::new();
        let mut free = Vec::new();
        for pair in &self.ports {
            let external = pair.external;
            self.may_be(pair)?;
            let internal = match pair.internal {
                Some(internal) => internal,
                None => {
                    let protocols: Vec<_> = self.protocols(pair).collect();
                    let chosen = FreePort::choose(&protocols)
                        .map_err(|error| Failure::io("cannot find a free port of this host", &error))?;
                    let port = chosen.port;
                    free.push(chosen);
                    port
                }
            };
            for protocol in self.protocols(pair) {
                let known = requests.iter().find(|known| {
                    known.protocol() == protocol
                        && external_port(known) == external
                        && (external.is_some() || known.internal_port() == internal)
                });
                match (known, external) {
                    (Some(known), _) if known.internal_port() == internal => continue,
                    (Some(_), Some(external)) => {
                        let name = protocol_name(protocol);
                        return Err(Failure::usage(&format!(
                            "'{name} {external}' is asked for twice in '<PORT[:INTERNAL][/PROTOCOL]>...', with different internal ports"
                        )));
                    }
                    _ => {}
                }
                let request = MappingRequest::new(protocol, internal)
                    .lifetime(self.lifetime)
                    .description(&self.description)
                    .on_conflict(on_conflict);
                let request = match external {
                    Some(external) => request.external_port(external),
                    None => request.any_external_port(),
                };
                requests.push(if self.ipv6 { request.ipv6() } else { request });
            }
        }
        Ok(requests)
    }

    /// Whether one port is asked for, by whatever protocols.
    pub(super) fn names_one(&self) -> bool {
        self.ports.len() == 1
    }

    /// Refuses what these options cannot mean for a port.
    fn may_be(&self, pair: &PortPair) -> Result<(), Failure> {
        let external = pair.external.map_or(0, NonZeroU16::get);
        let internal = pair.internal.map_or(0, NonZeroU16::get);
        let (option, why) = if self.ipv6 && (pair.external.is_none() || pair.external != pair.internal) {
            ("--ipv6", "ports are not translated")
        } else if self.overwrite && pair.external.is_none() {
            ("--overwrite", "port 0 is any port, which is taken from nobody")
        } else {
            return Ok(());
        };
        let message = format!("the argument '{option}' cannot be used with '{external}:{internal}': {why}");
        Err(Failure::usage(&message))
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
        let names_one = self.ports.iter().any(|pair| pair.external.is_some());
        names_one && !(self.any_port || self.overwrite || self.ipv6)
    }

    pub(super) fn purpose(&self) -> Purpose {
        if self.ipv6 { Purpose::MapIpv6 } else { Purpose::Map }
    }

    pub(super) fn asked(&self, request: &MappingRequest) -> Asked {
        let external_port = external_port(request).filter(|_| !self.any_port);
        Asked { external_port, lifetime: self.lifetime }
    }
}

/// The external port that is asked for; `None` where the gateway is left to choose.
pub(super) fn external_port(request: &MappingRequest) -> Option<NonZeroU16> {
    (!request.leaves_external_port_open()).then(|| request.external_port_or_internal())
}

/// How a mapping is called in messages.
pub(super) fn name(request: &MappingRequest) -> String {
    let protocol = protocol_name(request.protocol());
    match external_port(request) {
        Some(port) => match request.own_ipv6_address() {
            Some(own) => format!("{protocol} {}", SocketAddr::new(own.into(), port.get())),
            None => format!("{protocol} {port}"),
        },
        None => format!("{protocol} 0:{}", request.internal_port()),
    }
}
