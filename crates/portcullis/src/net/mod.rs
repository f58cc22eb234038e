//! The machine's interfaces and default gateways, read from the operating system.

pub(crate) mod watch;

use getifs::Flags;
use portcullis_proto::client::{DefaultGateway, Interface, InterfaceAddress, Network};
use std::io;

/// A snapshot, taken now. What the operating system does not tell is left out, without a word: a search
/// then goes through no interface and finds no gateway, or asks no default gateway directly.
pub(crate) fn snapshot() -> Network {
    Network {
        interfaces: interfaces().unwrap_or_default(),
        default_gateways: default_gateways().unwrap_or_default(),
    }
}

fn interfaces() -> io::Result<Vec<Interface>> {
    let mut interfaces: Vec<Interface> = getifs::interfaces()?
        .iter()
        .filter(|interface| interface.flags().contains(Flags::UP))
        .map(|interface| Interface {
            name: interface.name().to_string(),
            index: interface.index(),
            multicast: interface.flags().contains(Flags::MULTICAST),
            loopback: interface.flags().contains(Flags::LOOPBACK),
            addresses: Vec::new(),
        })
        .collect();
    for net in getifs::interface_addrs()? {
        let interface = interfaces.iter_mut().find(|interface| interface.index == net.index());
        if let Some(interface) = interface {
            interface
                .addresses
                .push(InterfaceAddress { address: net.addr(), prefix_length: net.prefix_len() });
        }
    }
    Ok(interfaces)
}

fn default_gateways() -> io::Result<Vec<DefaultGateway>> {
    let gateways = getifs::gateway_addrs()?;
    Ok(gateways
        .iter()
        .map(|gateway| DefaultGateway { address: gateway.addr(), interface: gateway.index() })
        .collect())
}
