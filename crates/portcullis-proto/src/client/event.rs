//! What a client reports.

use super::device::Device;
use super::error::Error;
use super::granted::Granted;
use super::keeper::{Change, MappingId};
use super::operation::OperationId;
use crate::igd::wan_connection::PortMappingEntry;
use crate::wire::soap::Arguments;
use core::net::IpAddr;
use core::time::Duration;

/// What an operation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// A search: every device found, the gateway to use first.
    Devices(Vec<Device>),
    /// A mapping was made.
    Mapped(Granted),
    /// A mapping is kept from now on.
    Kept {
        /// Its name.
        mapping: MappingId,
        /// What is granted by now.
        granted: Granted,
    },
    /// A mapping is asked for until it is granted, and kept from then on.
    Asking(MappingId),
    /// A port was to be closed.
    Closed(Closed),
    /// The gateway's table.
    Mappings(Vec<PortMappingEntry>),
    /// The gateway's external address, whatever it is worth.
    Address {
        /// The address.
        address: IpAddr,
        /// The gateway that told, by name and address.
        gateway: String,
    },
    /// A single action's out-arguments.
    Called(Arguments),
}

/// What the closing of a port came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// It was open, and is closed: the gateway has deleted it.
    Deleted,
    /// There was nothing to close.
    NotOpen,
    /// The gateway was asked to close it, and does not say whether it did: NAT-PMP says yes to a deletion of nothing, too
    /// (RFC 6886 section 3.4), and there is no table to look into.
    Unconfirmed,
    /// It stays open for somebody else: another holder in this process, or another process of this user that keeps it.
    StillKept,
    /// The gateway deletes it only by its lifetime, which is over after this.
    Ending(Duration),
}

impl Closed {
    /// What a gateway's table tells: whether there was something to delete.
    pub(super) const fn of_table(existed: bool) -> Self {
        if existed { Self::Deleted } else { Self::NotOpen }
    }

    /// Whether there was something to close, as far as is known.
    pub const fn existed(self) -> bool {
        !matches!(self, Self::NotOpen)
    }

    /// A stable name for programs to read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::NotOpen => "not-open",
            Self::Unconfirmed => "unconfirmed",
            Self::StillKept => "still-kept",
            Self::Ending(_) => "ending",
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A search got to know a device as well as it will. It may come again, better known.
    Found {
        /// The search, or the first of the operations that wait for it.
        operation: OperationId,
        /// The device.
        device: Device,
    },
    /// An operation is over. Nothing more is reported of it.
    Finished {
        /// The operation.
        operation: OperationId,
        /// What it came to.
        result: Result<Outcome, Error>,
    },
    /// Something happened to a mapping that is kept.
    Changed(Change),
    /// Another gateway than the default one was used, since that one has not answered, or has refused.
    OtherGateway {
        /// The one that was used, by name and address.
        gateway: String,
        /// The default gateway.
        preferred: IpAddr,
    },
    /// The default gateway was used, and this host's packets to the internet leave by another interface, as they do with a
    /// VPN that takes all: answers to what comes in may go that way, and get lost.
    OtherWayOut {
        /// The gateway that was used, by name and address.
        gateway: String,
        /// The interface that packets to the internet leave by.
        interface: String,
    },
}
