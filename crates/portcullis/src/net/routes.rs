//! What leads to the internet, by the operating system's routes.

use crate::os_error;
use getifs::ipnet::IpNet;
use portcullis_proto::client::{DefaultGateway, Interface};
use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// An address of nobody's (RFC 5737), for asking the way to the internet. Nothing is ever sent to it.
const SOMEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The discard port (RFC 863).
const DISCARD: u16 = 9;

/// The next hops of the routes to the whole internet: those that the way out leads to first, and otherwise in the order
/// of preference that the system has them in.
pub(super) fn default_gateways(way_out: Option<u32>) -> io::Result<Vec<DefaultGateway>> {
    let routes = getifs::route_table_by_filter(|route| is_wide(&route.destination()))?;
    let next_hop = |route: &getifs::IpRoute| {
        let gateway = DefaultGateway { address: route.gateway()?, interface: route.index() };
        Some((route.destination(), gateway))
    };
    let mut gateways = next_hops(&routes.iter().filter_map(next_hop).collect::<Vec<_>>());
    gateways.sort_by_key(|gateway| way_out.is_some_and(|way_out| gateway.interface != way_out));
    Ok(gateways)
}

/// The interface that packets to the internet leave by, which rules of the system's own may choose: a VPN's, by a mark.
/// Connecting a datagram socket sends nothing, and chooses the address to send from.
pub(super) fn way_out(interfaces: &[Interface]) -> io::Result<Option<u32>> {
    let own = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((SOMEWHERE, DISCARD))?;
        socket.local_addr()
    });
    match own {
        Ok(own) => Ok(interface_of(interfaces, own.ip())),
        Err(error) if os_error::is_out_of_files(&error) => Err(error),
        Err(_) => Ok(None),
    }
}

fn interface_of(interfaces: &[Interface], address: IpAddr) -> Option<u32> {
    let has_it = |interface: &&Interface| interface.addresses.iter().any(|own| own.address == address);
    interfaces.iter().find(has_it).map(|interface| interface.index)
}

/// Whether a route can be one to the whole internet, or to half of it.
fn is_wide(destination: &IpNet) -> bool {
    let is_global_unicast = |net: &IpNet| {
        // RFC 4291 section 2.5.4; some systems have their default route there.
        matches!(net, IpNet::V6(net) if net.prefix_len() == 3 && net.network().segments()[0] == 0x2000)
    };
    destination.prefix_len() <= 1 || is_global_unicast(destination)
}

/// The next hops that all of the internet is behind, of wide routes: by one route, or by one for each half, which a VPN adds
/// to leave the route of before as it is. The halves are preferred to the whole, as they are by the system.
fn next_hops(routes: &[(IpNet, DefaultGateway)]) -> Vec<DefaultGateway> {
    let has_other_half = |(half, gateway): &(IpNet, DefaultGateway)| {
        routes.iter().any(|(other, own)| {
            own == gateway && other.prefix_len() == 1 && other.network() != half.network()
        })
    };
    let halves = routes.iter().filter(|route| route.0.prefix_len() == 1 && has_other_half(route));
    let whole = routes.iter().filter(|route| route.0.prefix_len() != 1);
    let mut gateways: Vec<DefaultGateway> = Vec::new();
    for (_, gateway) in halves.chain(whole) {
        if !gateways.contains(gateway) {
            gateways.push(*gateway);
        }
    }
    gateways
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `DESTINATION GATEWAY INTERFACE`.
    fn hops(routes: &[&str]) -> Vec<String> {
        let routes = routes.iter().filter_map(|route| {
            let mut words = route.split_whitespace();
            let mut word = || words.next().unwrap();
            let destination: IpNet = word().parse().unwrap();
            let gateway =
                DefaultGateway { address: word().parse().unwrap(), interface: word().parse().unwrap() };
            is_wide(&destination).then_some((destination, gateway))
        });
        let hops = next_hops(&routes.collect::<Vec<_>>());
        hops.iter().map(|gateway| format!("{} {}", gateway.address, gateway.interface)).collect()
    }

    #[test]
    fn the_next_hop_of_a_route_to_somewhere_is_no_default_gateway() {
        let split_vpn = ["0.0.0.0/0 192.168.77.1 2", "10.20.0.0/16 10.8.0.1 3", "10.0.0.0/8 10.8.0.2 3"];
        assert_eq!(hops(&split_vpn), ["192.168.77.1 2"]);
        assert_eq!(hops(&["fd00::/8 fe80::2 3", "::/0 fe80::1 2"]), ["fe80::1 2"]);
        assert_eq!(hops(&["64:ff9b::/96 fe80::2 3", "2000::/3 fe80::1 2"]), ["fe80::1 2"]);
        assert_eq!(hops(&["fc00::/7 fe80::2 3", "e000::/3 fe80::3 3"]), [""; 0]);
    }

    #[test]
    fn two_halves_are_the_whole_and_come_first() {
        let vpn = ["0.0.0.0/0 192.168.77.1 2", "0.0.0.0/1 10.8.0.1 3", "128.0.0.0/1 10.8.0.1 3"];
        assert_eq!(hops(&vpn), ["10.8.0.1 3", "192.168.77.1 2"]);
        let half = ["0.0.0.0/0 192.168.77.1 2", "0.0.0.0/1 10.8.0.1 3"];
        assert_eq!(hops(&half), ["192.168.77.1 2"]);
        let halves_of_two = ["0.0.0.0/1 10.8.0.1 3", "128.0.0.0/1 10.8.0.2 3"];
        assert_eq!(hops(&halves_of_two), [""; 0]);
    }

    #[test]
    fn of_several_default_routes_the_first_is_preferred_and_each_gateway_is_named_once() {
        let routes = ["0.0.0.0/0 10.99.0.1 2", "0.0.0.0/0 10.99.0.7 2", "0.0.0.0/0 10.99.0.1 2"];
        assert_eq!(hops(&routes), ["10.99.0.1 2", "10.99.0.7 2"]);
    }

    #[test]
    fn the_way_out_is_the_interface_with_the_address_that_is_sent_from() {
        let own = |address: &str| portcullis_proto::client::InterfaceAddress {
            address: address.parse().unwrap(),
            prefix_length: 24,
            deprecated: false,
            temporary: false,
        };
        let interface = |index, address| Interface {
            name: format!("eth{index}"),
            index,
            multicast: true,
            loopback: false,
            addresses: vec![own(address)],
        };
        let interfaces = [interface(2, "192.168.77.5"), interface(3, "10.8.0.5")];
        assert_eq!(interface_of(&interfaces, "10.8.0.5".parse().unwrap()), Some(3));
        assert_eq!(interface_of(&interfaces, "10.8.0.6".parse().unwrap()), None);
    }
}
