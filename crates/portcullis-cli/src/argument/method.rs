//! `pcp,nat-pmp,igd`: the protocols that a gateway may be asked by.

use clap::ValueEnum;
use portcullis::Method;

/// How a gateway is asked to map ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MappingProtocol {
    /// The Port Control Protocol (RFC 6887)
    Pcp,
    /// The NAT Port Mapping Protocol (RFC 6886)
    #[value(alias = "natpmp")]
    NatPmp,
    /// UPnP Internet Gateway Device, also called upnp
    #[value(alias = "upnp")]
    Igd,
}

impl From<MappingProtocol> for Method {
    fn from(protocol: MappingProtocol) -> Self {
        match protocol {
            MappingProtocol::Pcp => Self::Pcp,
            MappingProtocol::NatPmp => Self::NatPmp,
            MappingProtocol::Igd => Self::Igd,
        }
    }
}
