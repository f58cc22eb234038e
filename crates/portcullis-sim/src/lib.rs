//! A simulated internet gateway, with the quirks of real ones.
//!
//! The [`Gateway`] does no I/O and reads no clock: datagrams and the bytes of connections are given to
//! it together with the time, and what it answers is taken from it. The same gateway therefore runs
//! in memory, where a lease of a week ends in no time, and on real loopback sockets, by [`Server`].
//!
//! A [`Scenario`] says what gateway it is: a version of the Internet Gateway Device specification and
//! a list of [`Quirk`]s. [`Link`] is what lies between a gateway in memory and its client: it loses,
//! delays, repeats and reorders datagrams, the same way each time for the same seed.
//!
//! # Examples
//!
//! ```
//! use portcullis_proto::{Time, wire::ssdp};
//! use portcullis_sim::{Gateway, Scenario};
//!
//! let http = "192.168.1.1:5000".parse().unwrap();
//! let client = "192.168.1.7:40000".parse().unwrap();
//! let mut gateway = Gateway::new(Scenario::igd1(), http);
//!
//! let search = ssdp::encode_search("192.168.1.1:1900".parse().unwrap(), &ssdp::SearchTarget::RootDevice, 1);
//! gateway.handle_datagram(Time::ZERO, client, &search);
//! let (destination, answer) = gateway.poll_datagram(Time::ZERO).unwrap();
//! assert_eq!(destination, client);
//! assert!(matches!(ssdp::Message::decode(&answer), Ok(ssdp::Message::Response(_))));
//! ```

#![forbid(unsafe_code)]

mod connection;
mod counters;
mod device;
mod gateway;
mod http;
mod igd;
mod link;
mod mapping;
mod natpmp;
mod outbox;
mod pcp;
mod pinhole;
mod port_control;
mod quirk;
mod scenario;
mod server;
mod ssdp;

pub use counters::Counters;
pub use device::Decoy;
pub use gateway::{Accept, ConnectionKey, Gateway, Step};
pub use http::hostile;
pub use link::{Link, LinkConfig};
pub use mapping::Mapping;
pub use pinhole::Pinhole;
pub use port_control::{EchoedPort, Forgery, PortControlDatagram, PortControlOddity, VersionAnswer};
pub use quirk::{ControlUrl, DeadLocation, HttpOddity, ListEnd, On, Quirk, Topology};
pub use scenario::{IgdVersion, Scenario, UnknownScenario};
pub use server::Server;
