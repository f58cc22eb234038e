//! The table of port mappings, and the leases in it.

use core::net::IpAddr;
use portcullis_proto::wire::pcp::{Nonce, PcpOption};
use portcullis_proto::{Lifetime, Protocol, Time};

/// One entry of the table of mappings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Who may use it, empty for everybody.
    pub remote_host: String,
    /// The port on the internet side.
    pub external_port: u16,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The port of the internal client.
    pub internal_port: u16,
    /// The host that receives what comes in, as it was sent: an address, usually.
    pub internal_client: String,
    /// Whether it forwards anything.
    pub enabled: bool,
    /// Text for people.
    pub description: String,
    /// When it ends by itself; `None` for a permanent one.
    pub expires: Option<Time>,
    /// The nonce with which PCP made it; `None` for one that was made otherwise.
    pub nonce: Option<Nonce>,
    /// The FILTER options with which PCP made it; empty to let everybody in.
    pub filters: Vec<PcpOption>,
}

impl Mapping {
    /// A permanent, enabled mapping from anywhere to the same port of `internal_client`.
    pub fn new(protocol: Protocol, port: u16, internal_client: IpAddr) -> Self {
        Self {
            remote_host: String::new(),
            external_port: port,
            protocol,
            internal_port: port,
            internal_client: internal_client.to_string(),
            enabled: true,
            description: String::new(),
            expires: None,
            nonce: None,
            filters: Vec::new(),
        }
    }

    /// What is left of the lease, a second that has begun counting as a whole one: 0 would mean permanent.
    pub fn lifetime(&self, now: Time) -> Lifetime {
        let Some(expires) = self.expires else { return Lifetime::Permanent };
        let left = expires - now;
        let seconds = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0)).max(1);
        Lifetime::from_seconds(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// Whether `address` is the internal client.
    pub(crate) fn belongs_to(&self, address: IpAddr) -> bool {
        self.internal_client.parse().is_ok_and(|client: IpAddr| client.to_canonical() == address)
    }

    /// Whether it is the mapping of this port of this client, for everybody: what NAT-PMP and PCP know it by.
    pub(crate) fn is_of(&self, client: IpAddr, protocol: Protocol, internal_port: u16) -> bool {
        self.protocol == protocol
            && self.internal_port == internal_port
            && self.remote_host.is_empty()
            && self.belongs_to(client)
    }

    fn has_key(&self, remote_host: &str, external_port: u16, protocol: Protocol) -> bool {
        self.external_port == external_port && self.protocol == protocol && self.remote_host == remote_host
    }
}

/// All mappings of a gateway, in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct MappingTable(Vec<Mapping>);

impl MappingTable {
    pub(crate) fn as_slice(&self) -> &[Mapping] {
        &self.0
    }

    pub(crate) fn find(&self, remote_host: &str, port: u16, protocol: Protocol) -> Option<&Mapping> {
        self.0.iter().find(|mapping| mapping.has_key(remote_host, port, protocol))
    }

    /// The mappings of `protocol` from `ports`, in the order of the table.
    pub(crate) fn range(
        &self,
        ports: core::ops::RangeInclusive<u16>,
        protocol: Protocol,
    ) -> impl Iterator<Item = &Mapping> {
        self.0
            .iter()
            .filter(move |mapping| mapping.protocol == protocol && ports.contains(&mapping.external_port))
    }

    /// Puts a mapping in the place of the one with the same key, or at the end.
    pub(crate) fn put(&mut self, mapping: Mapping) {
        let same =
            |old: &&mut Mapping| old.has_key(&mapping.remote_host, mapping.external_port, mapping.protocol);
        match self.0.iter_mut().find(same) {
            Some(old) => *old = mapping,
            None => self.0.push(mapping),
        }
    }

    /// Removes a mapping; whether there was one.
    pub(crate) fn remove(&mut self, remote_host: &str, port: u16, protocol: Protocol) -> bool {
        let before = self.0.len();
        self.0.retain(|mapping| !mapping.has_key(remote_host, port, protocol));
        self.0.len() < before
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Mapping) -> bool) {
        self.0.retain(keep);
    }

    /// Forgets what has run out.
    pub(crate) fn expire(&mut self, now: Time) {
        self.0.retain(|mapping| mapping.expires.is_none_or(|expires| expires > now));
    }

    pub(crate) fn next_expiry(&self) -> Option<Time> {
        self.0.iter().filter_map(|mapping| mapping.expires).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn mapping(port: u16) -> Mapping {
        Mapping::new(Protocol::Udp, port, [192, 168, 1, 7].into())
    }

    #[test]
    fn rounds_the_rest_of_a_lease_up() {
        let mut mapping = mapping(1);
        assert_eq!(mapping.lifetime(Time::ZERO), Lifetime::Permanent);
        mapping.expires = Some(Time::ZERO + Duration::from_secs(10));
        assert_eq!(mapping.lifetime(Time::ZERO), Lifetime::from_seconds(10));
        assert_eq!(mapping.lifetime(Time::ZERO + Duration::from_millis(9_900)), Lifetime::from_seconds(1));
        assert_eq!(mapping.lifetime(Time::ZERO + Duration::from_secs(99)), Lifetime::from_seconds(1));
    }

    #[test]
    fn replaces_the_mapping_with_the_same_key() {
        let mut table = MappingTable::default();
        table.put(mapping(1));
        table.put(mapping(2));
        table.put(Mapping { internal_port: 9, ..mapping(1) });
        assert_eq!(table.as_slice().len(), 2);
        assert_eq!(table.find("", 1, Protocol::Udp).unwrap().internal_port, 9);
        assert!(table.find("", 1, Protocol::Tcp).is_none());
        assert!(table.find("81.2.69.1", 1, Protocol::Udp).is_none());
    }

    #[test]
    fn forgets_a_mapping_at_the_end_of_its_lease() {
        let end = Time::ZERO + Duration::from_secs(10);
        let mut table = MappingTable::default();
        table.put(Mapping { expires: Some(end), ..mapping(1) });
        table.put(mapping(2));
        assert_eq!(table.next_expiry(), Some(end));
        table.expire(Time::ZERO + Duration::from_millis(9_999));
        assert_eq!(table.as_slice().len(), 2);
        table.expire(end);
        assert_eq!(table.as_slice(), [mapping(2)]);
    }
}
