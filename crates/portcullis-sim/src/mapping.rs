//! The table of port mappings, and the leases in it.

use core::net::IpAddr;
use portcullis_proto::client::Method;
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
    /// The protocol it was made by, or asked for by last.
    pub method: Method,
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
            method: Method::Igd,
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

    pub(crate) fn has_key(&self, remote_host: &str, external_port: u16, protocol: Protocol) -> bool {
        self.external_port == external_port && self.protocol == protocol && self.remote_host == remote_host
    }
}

/// All mappings of a gateway, in the order in which they were made.
///
/// Protocols usually share it: each sees what the others have made. Where they do not, each has a part of its own.
#[derive(Debug, Default)]
pub(crate) struct MappingTable {
    mappings: Vec<Mapping>,
    is_separate: bool,
}

impl MappingTable {
    /// A table of which each protocol sees what it has made itself.
    pub(crate) fn separate() -> Self {
        Self { is_separate: true, ..Self::default() }
    }

    /// All of it, whoever sees it.
    pub(crate) fn as_slice(&self) -> &[Mapping] {
        &self.mappings
    }

    /// What a protocol sees of it.
    pub(crate) fn seen_by(&self, method: Method) -> impl Iterator<Item = &Mapping> {
        self.mappings.iter().filter(move |mapping| self.is_seen_by(mapping, method))
    }

    pub(crate) fn find(
        &self,
        method: Method,
        remote_host: &str,
        port: u16,
        protocol: Protocol,
    ) -> Option<&Mapping> {
        self.seen_by(method).find(|mapping| mapping.has_key(remote_host, port, protocol))
    }

    /// The mappings of `protocol` from `ports`, in the order of the table.
    pub(crate) fn range(
        &self,
        method: Method,
        ports: core::ops::RangeInclusive<u16>,
        protocol: Protocol,
    ) -> impl Iterator<Item = &Mapping> {
        self.seen_by(method)
            .filter(move |mapping| mapping.protocol == protocol && ports.contains(&mapping.external_port))
    }

    /// Puts a mapping in the place of the one with the same key, or at the end.
    pub(crate) fn put(&mut self, mapping: Mapping) {
        let is_separate = self.is_separate;
        let same = |old: &&mut Mapping| {
            old.has_key(&mapping.remote_host, mapping.external_port, mapping.protocol)
                && (!is_separate || old.method == mapping.method)
        };
        match self.mappings.iter_mut().find(same) {
            Some(old) => *old = mapping,
            None => self.mappings.push(mapping),
        }
    }

    /// When a mapping like this ends that is there already.
    pub(crate) fn end_of(&self, mapping: &Mapping) -> Option<Time> {
        let held =
            self.find(mapping.method, &mapping.remote_host, mapping.external_port, mapping.protocol)?;
        let is_same =
            (held.internal_port, &held.internal_client) == (mapping.internal_port, &mapping.internal_client);
        held.expires.filter(|_| is_same)
    }

    /// Removes what a protocol sees of this kind.
    pub(crate) fn remove(&mut self, method: Method, mut is_it: impl FnMut(&Mapping) -> bool) {
        let is_separate = self.is_separate;
        self.mappings.retain(|mapping| (is_separate && mapping.method != method) || !is_it(mapping));
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.mappings.clear();
    }

    /// Forgets what has run out.
    pub(crate) fn expire(&mut self, now: Time) {
        self.mappings.retain(|mapping| mapping.expires.is_none_or(|expires| expires > now));
    }

    pub(crate) fn next_expiry(&self) -> Option<Time> {
        self.mappings.iter().filter_map(|mapping| mapping.expires).min()
    }

    fn is_seen_by(&self, mapping: &Mapping, method: Method) -> bool {
        !self.is_separate || mapping.method == method
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
        assert_eq!(table.find(Method::Pcp, "", 1, Protocol::Udp).unwrap().internal_port, 9);
        assert!(table.find(Method::Igd, "", 1, Protocol::Tcp).is_none());
        assert!(table.find(Method::Igd, "81.2.69.1", 1, Protocol::Udp).is_none());
    }

    #[test]
    fn where_tables_are_separate_a_protocol_sees_its_own_alone() {
        let mut table = MappingTable::separate();
        table.put(mapping(1));
        table.put(Mapping { method: Method::Pcp, internal_port: 9, ..mapping(1) });
        assert_eq!(table.as_slice().len(), 2);
        assert_eq!(table.find(Method::Pcp, "", 1, Protocol::Udp).unwrap().internal_port, 9);
        assert!(table.find(Method::NatPmp, "", 1, Protocol::Udp).is_none());
        table.remove(Method::Pcp, |_| true);
        assert_eq!(table.as_slice(), [mapping(1)]);
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
