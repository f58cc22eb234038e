//! The table of pinholes in the firewall for IPv6.

use core::net::{Ipv6Addr, SocketAddrV6};
use portcullis_proto::igd::ipv6_firewall::{Flow, UniqueId};
use portcullis_proto::{Protocol, Time};

/// One entry of the table of pinholes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinhole {
    /// The number that it was given.
    pub unique_id: UniqueId,
    /// Which packets pass.
    pub flow: Flow,
    /// When it ends by itself, as all of them do.
    pub expires: Time,
    /// How many packets have passed.
    pub packets: u32,
}

impl Pinhole {
    pub(crate) fn belongs_to(&self, client: Ipv6Addr) -> bool {
        self.flow.internal_client == client
    }

    fn admits(&self, protocol: Protocol, source: SocketAddrV6, destination: SocketAddrV6) -> bool {
        let Flow { remote_host, remote_port, internal_client, internal_port, protocol: own } = self.flow;
        own == protocol
            && SocketAddrV6::new(internal_client, internal_port.get(), 0, 0) == destination
            && remote_host.is_none_or(|host| host == *source.ip())
            && remote_port.is_none_or(|port| port.get() == source.port())
    }
}

/// All pinholes of a gateway, in the order in which they were made.
///
/// Numbers are given in order, and anew from the first after a restart: what was a client's own may be
/// another's then.
#[derive(Debug, Default)]
pub(crate) struct PinholeTable {
    pinholes: Vec<Pinhole>,
    last_id: u16,
}

impl PinholeTable {
    pub(crate) fn as_slice(&self) -> &[Pinhole] {
        &self.pinholes
    }

    pub(crate) fn find(&mut self, unique_id: UniqueId) -> Option<&mut Pinhole> {
        self.pinholes.iter_mut().find(|pinhole| pinhole.unique_id == unique_id)
    }

    pub(crate) fn find_flow(&mut self, flow: &Flow) -> Option<&mut Pinhole> {
        self.pinholes.iter_mut().find(|pinhole| pinhole.flow == *flow)
    }

    /// Makes a pinhole; `None` where every number is taken.
    pub(crate) fn add(&mut self, flow: Flow, expires: Time) -> Option<UniqueId> {
        let ids = (self.last_id.saturating_add(1)..=u16::MAX).chain(0..=self.last_id);
        let taken = |id: &u16| self.pinholes.iter().any(|pinhole| pinhole.unique_id.0 == *id);
        let id = ids.into_iter().find(|id| !taken(id))?;
        self.last_id = id;
        let unique_id = UniqueId(id);
        self.pinholes.push(Pinhole { unique_id, flow, expires, packets: 0 });
        Some(unique_id)
    }

    pub(crate) fn remove(&mut self, unique_id: UniqueId) {
        self.pinholes.retain(|pinhole| pinhole.unique_id != unique_id);
    }

    pub(crate) fn clear(&mut self) {
        self.pinholes.clear();
    }

    /// Whether a packet passes, and counts it.
    pub(crate) fn pass(
        &mut self,
        protocol: Protocol,
        source: SocketAddrV6,
        destination: SocketAddrV6,
    ) -> bool {
        let admits = |pinhole: &&mut Pinhole| pinhole.admits(protocol, source, destination);
        let Some(pinhole) = self.pinholes.iter_mut().find(admits) else { return false };
        pinhole.packets = pinhole.packets.saturating_add(1);
        true
    }

    /// Forgets what has run out.
    pub(crate) fn expire(&mut self, now: Time) {
        self.pinholes.retain(|pinhole| pinhole.expires > now);
    }

    pub(crate) fn next_expiry(&self) -> Option<Time> {
        self.pinholes.iter().map(|pinhole| pinhole.expires).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn flow(port: u16) -> Flow {
        Flow {
            remote_host: None,
            remote_port: None,
            internal_client: "2a02:ff0::7".parse().unwrap(),
            internal_port: port.try_into().unwrap(),
            protocol: Protocol::Udp,
        }
    }

    fn packet(table: &mut PinholeTable, protocol: Protocol, source: &str, destination: &str) -> bool {
        table.pass(protocol, source.parse().unwrap(), destination.parse().unwrap())
    }

    #[test]
    fn gives_numbers_in_order_and_none_twice() {
        let mut table = PinholeTable { last_id: u16::MAX - 1, ..PinholeTable::default() };
        let ids = [1, 2, 3].map(|port| table.add(flow(port), Time::ZERO).unwrap().0);
        assert_eq!(ids, [u16::MAX, 0, 1]);
        table.remove(UniqueId(0));
        table.last_id = u16::MAX - 1;
        assert_eq!(table.add(flow(4), Time::ZERO), Some(UniqueId(0)));
    }

    #[test]
    fn passes_what_the_flow_says() {
        let mut table = PinholeTable::default();
        let id = table.add(flow(7777), Time::ZERO).unwrap();
        let narrow =
            Flow { remote_host: "2a02:ff1::9".parse().ok(), remote_port: 53.try_into().ok(), ..flow(7778) };
        table.add(narrow, Time::ZERO).unwrap();
        for (protocol, source, destination, passes) in [
            (Protocol::Udp, "[2a02:ff1::9]:1", "[2a02:ff0::7]:7777", true),
            (Protocol::Tcp, "[2a02:ff1::9]:1", "[2a02:ff0::7]:7777", false),
            (Protocol::Udp, "[2a02:ff1::9]:1", "[2a02:ff0::8]:7777", false),
            (Protocol::Udp, "[2a02:ff1::9]:53", "[2a02:ff0::7]:7778", true),
            (Protocol::Udp, "[2a02:ff1::9]:54", "[2a02:ff0::7]:7778", false),
            (Protocol::Udp, "[2a02:ff1::8]:53", "[2a02:ff0::7]:7778", false),
        ] {
            assert_eq!(packet(&mut table, protocol, source, destination), passes, "{source} {destination}");
        }
        assert_eq!(table.find(id).unwrap().packets, 1);
    }

    #[test]
    fn forgets_a_pinhole_at_the_end_of_its_lease() {
        let end = Time::ZERO + Duration::from_secs(10);
        let mut table = PinholeTable::default();
        table.add(flow(1), end).unwrap();
        assert_eq!(table.next_expiry(), Some(end));
        table.expire(Time::ZERO + Duration::from_millis(9_999));
        assert_eq!(table.as_slice().len(), 1);
        table.expire(end);
        assert!(table.as_slice().is_empty());
    }
}
