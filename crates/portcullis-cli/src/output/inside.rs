//! The inner end of a mapping, in words.

use std::net::{IpAddr, SocketAddr};

/// `None` stands for another NAT, which is in front of this host.
pub(crate) fn inside(address: Option<IpAddr>, port: u16) -> String {
    match address {
        Some(address) => SocketAddr::new(address, port).to_string(),
        None => format!("port {port} of the NAT in front of this host"),
    }
}
