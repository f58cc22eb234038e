//! Opens ports on the gateway between a program and the internet.
//!
//! ```
//! use portcullis::{Client, MappingRequest, Protocol};
//! use std::num::NonZeroU16;
//!
//! # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
//! # let config = portcullis::Config::new().gateway(gateway.ssdp_address());
//! # let client = Client::with_config(config)?;
//! # const _: &str = stringify!(
//! let client = Client::new()?;
//! # );
//! let request = MappingRequest::new(Protocol::Udp, NonZeroU16::new(7777).unwrap());
//! let mapping = client.map(request).wait()?; // or `.await?`, on any executor
//! println!("{:?}:{}", mapping.external_address(), mapping.external_port());
//! mapping.close().wait()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Client`] owns one background thread and no async runtime. Every operation returns a handle that
//! can be waited for ([`Pending::wait`]), polled, or awaited; dropping it cancels, unless it closes a mapping.
//!
//! Whoever ports a Godot project finds the engine's API in [`upnp`].
#![forbid(unsafe_code)]

mod block_on;
mod client;
mod config;
mod driver;
mod event;
mod external_address;
mod journal;
mod kept_mapping;
mod mapping;
mod net;
mod os_error;
mod pending;
mod standing_request;
pub mod upnp;

pub use client::Client;
pub use config::{Config, JournalPlace};
pub use event::{Event, Events};
pub use external_address::ExternalAddress;
pub use journal::{JournalEntry, JournalError, JournalWarning, read_journal};
pub use kept_mapping::KeptMapping;
pub use mapping::Mapping;
pub use net::global_ipv6_addresses;
pub use os_error::explained;
pub use pending::{Discovery, Pending};
pub use portcullis_proto::client::{
    Attempt, Change, ChangeKind, Closed, ControlPoint, DEFAULT_DESCRIPTION, DEFAULT_LIFETIME, Device, Error,
    ErrorKind, ExchangeError, Failure, GATEWAY_TARGETS, GatewayAddress, Granted, Grantor, Ignored,
    InvalidGatewayAddress, MappingId, MappingRequest, Method, OnConflict, Reason, SearchOptions, Status,
    Step, UnknownMethod,
};
pub use portcullis_proto::igd;
pub use portcullis_proto::wire::http::HttpError;
pub use portcullis_proto::wire::soap::{Arguments, SoapError};
pub use portcullis_proto::wire::ssdp::{SearchTarget, SsdpError};
pub use portcullis_proto::wire::text::printable;
pub use portcullis_proto::wire::url::{HttpUrl, UrlError};
pub use portcullis_proto::{AddressKind, Lifetime, Protocol, Time};
pub use standing_request::StandingRequest;
