//! Sockets as the core describes them.

use mio::net::{TcpStream, UdpSocket};
use portcullis_proto::client::io::Bind;
use portcullis_proto::client::{Interface, Network};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// The one interface that everything leaves by, where a person chose it.
#[derive(Clone, Debug)]
pub(super) struct Device(Interface);

impl Device {
    /// The interface of this name or address.
    pub(super) fn chosen(name: &str, network: &Network) -> Option<Self> {
        network.interfaces.iter().find(|own| own.is_called(name)).cloned().map(Self)
    }

    /// Best effort: the address that a socket is bound to is the interface's in any case. Where two routers have one address,
    /// only this tells them apart; some systems let nobody but root do it.
    #[cfg_attr(not(unix), expect(unused_variables, reason = "there, the address alone decides"))]
    fn hold(&self, socket: &Socket) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = socket.bind_device(Some(self.0.name.as_bytes()));
        #[cfg(any(target_os = "macos", target_os = "ios"))]
        let _ = socket.bind_device_by_index_v4(std::num::NonZeroU32::new(self.0.index));
    }
}

pub(super) fn bind(bind: &Bind, device: Option<&Device>) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(bind.local), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // All of them: two interfaces of one link answer ARP for each other, and the first question tells the gateway where ours
    // is.
    device.inspect(|device| device.hold(&socket));
    if bind.local.port() != 0 {
        // The ports of SSDP and of announcements are shared with every other program of the machine.
        socket.set_reuse_address(true)?;
    }
    match bind.local.ip() {
        IpAddr::V4(local) => {
            if bind.multicast_interface.is_some() {
                socket.set_multicast_if_v4(&local)?;
            }
            socket.set_multicast_ttl_v4(u32::from(bind.multicast_ttl))?;
        }
        IpAddr::V6(_) => {
            socket.set_only_v6(true)?;
            if let Some(interface) = bind.multicast_interface {
                socket.set_multicast_if_v6(interface)?;
            }
            socket.set_multicast_hops_v6(u32::from(bind.multicast_ttl))?;
        }
    }
    socket.bind(&bind.local.into())?;
    for group in &bind.groups {
        // An interface without multicast, or one that has gone, is heard of by other means.
        let _ = match group.address {
            IpAddr::V4(address) => {
                socket.join_multicast_v4_n(&address, &InterfaceIndexOrAddress::Index(group.interface))
            }
            IpAddr::V6(address) => socket.join_multicast_v6(&address, group.interface),
        };
    }
    if let Some(peer) = bind.peer {
        socket.connect(&peer.into())?;
    }
    Ok(UdpSocket::from_std(socket.into()))
}

/// Starts to connect.
pub(super) fn connect(
    remote: SocketAddr,
    local: Option<IpAddr>,
    device: Option<&Device>,
) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    device.inspect(|device| device.hold(&socket));
    if let Some(local) = local {
        socket.bind(&local_address(local, remote).into())?;
    }
    match socket.connect(&remote.into()) {
        Ok(()) => {}
        Err(error) if is_in_progress(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// A link-local address is bound on the link that the peer is on.
fn local_address(local: IpAddr, remote: SocketAddr) -> SocketAddr {
    let mut address = SocketAddr::new(local, 0);
    if let (SocketAddr::V6(address), SocketAddr::V6(remote)) = (&mut address, remote) {
        address.set_scope_id(remote.scope_id());
    }
    address
}

#[cfg(unix)]
fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
}

#[cfg(not(unix))]
fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
