//! The part of [`Gateway`] that NAT-PMP and PCP are.

use super::PortControlOddity as Oddity;
use super::outbox::PortControlDatagram;
use crate::gateway::Gateway;
use crate::mapping::Mapping;
use crate::quirk::Quirk;
use core::net::{IpAddr, SocketAddr};
use portcullis_proto::{Protocol, Time};

impl Gateway {
    /// A datagram came in on the port of NAT-PMP and PCP, from a client that asked at
    /// [`port_control_address`](Self::port_control_address) of its family.
    pub fn handle_port_control(&mut self, now: Time, source: SocketAddr, payload: &[u8]) {
        self.handle_timeout(now);
        super::handle(&mut self.device, &mut self.counters, &mut self.port_control, now, source, payload);
    }

    /// Takes a datagram of NAT-PMP or PCP that is due: an answer, an announcement or, where the scenario wants it,
    /// what somebody else sends.
    pub fn poll_port_control(&mut self, now: Time) -> Option<PortControlDatagram> {
        self.handle_timeout(now);
        super::poll(&mut self.device, &mut self.port_control, now)
    }

    /// Whether anybody hears what comes to the port of NAT-PMP and PCP. Where not, ICMP says so.
    pub fn is_port_control_open(&self) -> bool {
        super::is_open(&self.device)
    }

    /// Where NAT-PMP and PCP are spoken with clients of the family of `client`. By default port 5351 of its own
    /// address for HTTP, and of `192.168.1.1` or `fe80::1` in the other family.
    pub fn port_control_address(&self, client: IpAddr) -> SocketAddr {
        self.device.port_control.address(client.is_ipv6())
    }

    /// Moves NAT-PMP and PCP to another address, for clients of its family.
    pub fn set_port_control_address(&mut self, address: SocketAddr) {
        self.device.port_control.set_address(address);
    }

    /// What NAT-PMP and PCP tell as epoch time, in seconds.
    pub fn epoch_time(&self, now: Time) -> u32 {
        super::epoch_time(&self.device, now)
    }

    /// Sets the epoch time, in seconds, without any other change: a gateway or an attacker that counts wrong (attack
    /// F16). It counts on from there.
    pub fn set_epoch_time(&mut self, now: Time, epoch_time: u32) {
        self.device.port_control.set_epoch_time(now, epoch_time);
    }

    /// Gives it another external address, as a provider does: its mappings now lead there from the new one, the
    /// epoch time begins anew (RFC 6887 section 8.5), and those who listen are told (RFC 6886 section 3.2.1).
    pub fn change_external_address(&mut self, now: Time, address: impl ToString) {
        self.set_external_address(address);
        if !self.device.has(Quirk::PortControl(Oddity::EpochOutlivesAddress)) {
            self.device.port_control.set_epoch_time(now, 0);
        }
        super::begin_to_announce(&mut self.device, now);
    }

    /// What PCP has opened in the firewall for hosts of IPv6, as it was at the last call that was given the time.
    pub fn pcp_pinholes(&self) -> &[Mapping] {
        &self.device.port_control.pinholes
    }

    /// What PCP has opened for connections to single peers, and the peer of each, as it was at the last call that was
    /// given the time.
    pub fn pcp_peers(&self) -> impl Iterator<Item = (&Mapping, SocketAddr)> {
        self.device.port_control.peers.iter().map(|peer| (&peer.mapping, peer.remote))
    }

    /// Which host and port a packet from `remote` to `destination` reaches, by whatever protocol it was let in.
    pub fn inbound(
        &mut self,
        now: Time,
        protocol: Protocol,
        destination: SocketAddr,
        remote: SocketAddr,
    ) -> Option<SocketAddr> {
        self.handle_timeout(now);
        match (remote, destination) {
            (SocketAddr::V6(source), SocketAddr::V6(host)) => {
                self.admits(now, protocol, source, host).then_some(destination)
            }
            _ => super::inbound(&self.device, protocol, destination, remote),
        }
    }
}
