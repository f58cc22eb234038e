//! The machine's interfaces and default gateways, read from the operating system.

mod kinds;
mod routes;
pub(crate) mod watch;

use crate::os_error;
use getifs::Flags;
use portcullis_proto::client::{Interface, InterfaceAddress, Network};
use std::io;
use std::net::Ipv6Addr;

/// A snapshot, taken now. What the operating system does not tell is left out, without a word: a search
/// then goes through no interface and finds no gateway, or asks no default gateway directly.
///
/// # Errors
///
/// Where no file can be opened to ask the operating system: that says nothing of the network.
pub(crate) fn snapshot() -> io::Result<Network> {
    let interfaces = told(interfaces())?;
    let way_out = routes::way_out(&interfaces)?;
    let default_gateways = told(routes::default_gateways(way_out))?;
    Ok(Network { interfaces, default_gateways, way_out, untold: None })
}

/// This host's own IPv6 addresses that the internet can reach, of one interface where it is named (`eth0`, or an address
/// of its): those that stay come before temporary ones (RFC 8981), and deprecated ones are among them only where there are
/// no others (RFC 4862 section 5.5.4). Each can be opened by [`MappingRequest::ipv6_address`].
///
/// # Errors
///
/// Where the operating system does not let a file be opened to ask it.
///
/// [`MappingRequest::ipv6_address`]: portcullis_proto::client::MappingRequest::ipv6_address
///
/// # Examples
///
/// ```
/// for address in portcullis::global_ipv6_addresses(None)? {
///     println!("{address}");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn global_ipv6_addresses(interface: Option<&str>) -> io::Result<Vec<Ipv6Addr>> {
    Ok(snapshot()?.global_ipv6_of(interface))
}

/// The same for a client that knows no other yet.
pub(crate) fn first_snapshot() -> Network {
    let untold = |error: io::Error| Network { untold: Some(os_error::kind(&error)), ..Network::default() };
    snapshot().unwrap_or_else(untold)
}

fn told<T>(read: io::Result<Vec<T>>) -> io::Result<Vec<T>> {
    read.or_else(|error| if os_error::is_out_of_files(&error) { Err(error) } else { Ok(Vec::new()) })
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
    let kinds = kinds::addresses();
    for net in getifs::interface_addrs()? {
        let interface = interfaces.iter_mut().find(|interface| interface.index == net.index());
        if let Some(interface) = interface {
            let kind = kinds.get(&(interface.index, net.addr())).copied().unwrap_or_default();
            interface.addresses.push(InterfaceAddress {
                address: net.addr(),
                prefix_length: net.prefix_len(),
                deprecated: kind.deprecated,
                temporary: kind.temporary,
            });
        }
    }
    Ok(interfaces)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_asked_for_is_no_network_without_interfaces() {
        let error = |number| Err::<Vec<Interface>, _>(io::Error::from_raw_os_error(number));
        assert!(told(error(libc::EMFILE)).is_err());
        // A sandbox that tells nothing tells nothing later either.
        assert_eq!(told(error(libc::EACCES)).unwrap(), []);
    }
}
