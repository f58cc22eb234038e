//! What a client reports.

use super::device::Device;
use super::error::Error;
use super::granted::Granted;
use super::keeper::{Change, MappingId};
use super::operation::OperationId;
use crate::igd::wan_connection::PortMappingEntry;
use crate::wire::soap::Arguments;
use core::net::IpAddr;

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
    /// A mapping is gone; whether there was one.
    Closed(bool),
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
}
