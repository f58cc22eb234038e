//! What a gateway answers when it is asked for its external address.

use core::fmt;
use portcullis_proto::AddressKind;
use std::net::IpAddr;

/// A gateway's external address, and which gateway told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalAddress {
    /// The address, whatever it is worth: see [`kind`](Self::kind).
    pub address: IpAddr,
    /// The gateway, by name and address.
    pub gateway: String,
}

impl ExternalAddress {
    /// What the address is worth.
    pub fn kind(&self) -> AddressKind {
        AddressKind::of(self.address)
    }
}

/// The address alone.
impl fmt::Display for ExternalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}
