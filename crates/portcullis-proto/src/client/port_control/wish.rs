//! A mapping that is wanted from NAT-PMP or PCP.

use crate::client::granted::{Granted, Grantor, Method};
use crate::client::request::{MappingRequest, OnConflict};
use crate::wire::pcp::{self, Nonce};
use crate::{Lifetime, Protocol};
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU16;

/// The longest that is believed (RFC 6887 section 15).
pub(super) const LONGEST: u32 = pcp::MAX_LIFETIME;

/// A mapping that is wanted from NAT-PMP or PCP.
#[derive(Clone, Debug)]
pub(in crate::client) struct Wish {
    pub(in crate::client) protocol: Protocol,
    pub(in crate::client) internal_port: NonZeroU16,
    /// What is suggested, or, where nothing is, what it is called until a port is granted.
    pub(in crate::client) external_port: NonZeroU16,
    /// Whether the server is left to choose: nothing is suggested.
    pub(in crate::client) suggests_none: bool,
    /// Whether the caller takes whichever port is granted.
    pub(in crate::client) any_port: bool,
    /// The external address of the mapping that is renewed, or made again.
    pub(in crate::client) external_address: Option<IpAddr>,
    pub(in crate::client) lifetime: Lifetime,
    pub(in crate::client) nonce: Nonce,
    /// Whether no other external port will do.
    pub(in crate::client) only_this_port: bool,
    /// Whom the mapping leads to, where not to us (THIRD_PARTY, RFC 6887 section 13.1).
    pub(in crate::client) third_party: Option<IpAddr>,
    /// Who alone may use it: an address, its prefix length, and a port (FILTER, section 13.3).
    pub(in crate::client) filters: Vec<(IpAddr, u8, Option<NonZeroU16>)>,
    /// The one peer of an outgoing connection (PEER, section 12).
    pub(in crate::client) peer: Option<SocketAddr>,
}

impl Wish {
    /// Whether both are deleted by one request.
    pub(in crate::client) fn is_same_mapping_as(&self, other: &Self) -> bool {
        (self.protocol, self.internal_port, self.nonce, self.third_party, self.peer)
            == (other.protocol, other.internal_port, other.nonce, other.third_party, other.peer)
    }

    pub(in crate::client) fn new(request: &MappingRequest, nonce: Nonce) -> Self {
        Self {
            protocol: request.protocol,
            internal_port: request.internal_port,
            external_port: request.external_port_or_internal(),
            suggests_none: request.any_external_port,
            any_port: request.on_conflict == OnConflict::AnyPort,
            external_address: None,
            lifetime: request.lifetime,
            nonce,
            // Neither protocol takes a port from anybody. The port of an outgoing connection is not ours to choose.
            only_this_port: request.on_conflict != OnConflict::AnyPort && request.peer.is_none(),
            third_party: request.third_party,
            filters: request.filters.clone(),
            peer: request.peer,
        }
    }

    /// More of what was granted, at the server that granted it.
    pub(in crate::client) fn again(request: &MappingRequest, granted: &Granted) -> Self {
        let mut wish = Self::of(granted);
        wish.any_port = request.on_conflict == OnConflict::AnyPort;
        wish.lifetime = request.lifetime;
        wish.third_party = request.third_party;
        wish.filters = request.filters.clone();
        wish.peer = request.peer;
        wish
    }

    /// What was granted, to be deleted where that was.
    pub(in crate::client) fn of(granted: &Granted) -> Self {
        Self {
            protocol: granted.protocol,
            internal_port: granted.internal_port,
            external_port: granted.external_port,
            suggests_none: false,
            any_port: false,
            external_address: granted.external_address,
            lifetime: granted.lifetime,
            nonce: match granted.grantor {
                Grantor::Pcp(_, nonce) => nonce,
                _ => Nonce([0; 12]),
            },
            only_this_port: false,
            third_party: granted.third_party,
            filters: Vec::new(),
            peer: granted.peer,
        }
    }

    /// What the server is asked for; `None` (0) leaves it the choice (RFC 6886 section 3.3, RFC 6887 section 11.1).
    pub(super) fn suggested_external_port(&self) -> Option<NonZeroU16> {
        (!self.suggests_none).then_some(self.external_port)
    }

    pub(super) fn seconds(&self) -> u32 {
        // The same for both protocols.
        Method::Pcp.asked_for(self.lifetime).as_seconds()
    }
}
