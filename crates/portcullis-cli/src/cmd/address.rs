//! `portcullis address`: by which address the internet knows the gateway.

use crate::argument::method::MappingProtocol;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Report;
use crate::output::progress::Progress;
use crate::output::text::Text;
use crate::session::{Purpose, Session};
use clap::Args;
use portcullis::AddressKind;
use serde::Serialize;
use std::io::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

/// Prints the gateway's external address
///
/// It is asked by UPnP and NAT-PMP; PCP tells it with a mapping only. A warning on standard error says so when hosts on the internet cannot reach that address.
#[derive(Args, Debug)]
pub(crate) struct AddressArgs {}

#[derive(Debug, Serialize)]
struct AddressReport {
    external_address: IpAddr,
    external_address_kind: &'static str,
    gateway: Text,
}

impl Report for AddressReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.external_address)
    }
}

pub(crate) fn run(_: &AddressArgs, context: &Context) -> Result<(), Failure> {
    if !(context.network.allows(MappingProtocol::NatPmp) || context.network.allows(MappingProtocol::Igd)) {
        return Err(Failure::usage(
            "PCP tells no address without a mapping: '--protocol <LIST>' has to have nat-pmp or igd in it",
        ));
    }
    let session = Session::start(Purpose::Ask, context)?;
    let progress = Progress::start(&context.output, "asking the gateway for its external address");
    let result = session.client.external_address().wait();
    drop(progress);
    session.finish(Duration::ZERO);
    let external = result?;
    context.output.report(&AddressReport {
        external_address: external.address,
        external_address_kind: external.kind().as_str(),
        gateway: Text::from(external.gateway.as_str()),
    })?;
    warn_unless_public(external.address, context);
    Ok(())
}

/// A mapping on such an address works only as far as the network in front of the gateway.
pub(super) fn warn_unless_public(address: IpAddr, context: &Context) {
    let why = match AddressKind::of(address) {
        AddressKind::Private => "private: the gateway is behind another NAT, which has to map the port too",
        AddressKind::Shared => {
            "shared among customers of the provider (100.64.0.0/10), and cannot be reached from the internet"
        }
        AddressKind::Reserved => "reserved: the gateway may not be connected",
        _ => return,
    };
    context.output.warn(&format!("external address {address} is {why}"));
}
