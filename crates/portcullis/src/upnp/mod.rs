//! The classes `UPNP` and `UPNPDevice` of the Godot engine, as Rust types.
//!
//! Names, argument order and the numbers of all results are the engine's, so that a program, or a head
//! full of its documentation, carries over: [`Upnp::discover`], [`Upnp::add_port_mapping`],
//! [`Upnp::query_external_address`], [`Upnp::delete_port_mapping`]. Calls block; none of them outlives its
//! deadline, prints, or panics. Whoever begins anew may prefer [`Client`](crate::Client).
//!
//! # Examples
//!
//! ```
//! use portcullis::upnp::{Upnp, UpnpResult};
//!
//! # let gateway = portcullis_sim::Server::start(portcullis_sim::Scenario::igd1(), [127, 0, 0, 1].into()).unwrap();
//! # let upnp = Upnp::with_config(portcullis::Config::new().gateway(gateway.ssdp_address()));
//! # const _: &str = stringify!(
//! let upnp = Upnp::new();
//! # );
//! if upnp.discover(2000, 2, "InternetGatewayDevice") == UpnpResult::Success {
//!     let result = upnp.add_port_mapping(7777, 0, "my game", "UDP", 3600);
//!     println!("{}: {result}", upnp.query_external_address());
//!     upnp.delete_port_mapping(7777, "UDP");
//! }
//! ```
//!
//! # What differs from the engine
//!
//! - A gateway is used although it says that it is not connected, or has a private or reserved external
//!   address: such gateways map ports all the same. [`UpnpDevice::status_note`] tells what is unusual.
//! - Every device is described by its own description, not by that of the first gateway.
//! - [`Upnp::discover`] asks for every kind of gateway at once, on every interface, and ends as soon as a
//!   gateway is known; where nothing matches the filter it gives [`UpnpResult::NoDevices`].
//! - [`Upnp::add_port_mapping`] deletes nothing unless the port is taken.
//! - Descriptions may have any characters, HTTP errors are errors, and IPv6 addresses are not cut.
//!
//! # Programmer errors
//!
//! The engine prints a line of its own for a bad index, timeout, port, protocol or duration. Here an index
//! out of bounds is `None`, and [`UpnpResult::is_argument_error`] tells the results that blame an argument.

mod arguments;
mod background;
mod device;
mod discovery;
mod engine_enum;
mod igd_status;
mod lazy_client;
mod list;
mod result;
mod settings;
// The type that everybody looks for has the name of its module.
#[expect(clippy::module_inception, reason = "the class is called UPNP, as the module is")]
mod upnp;

pub use arguments::mapping_request;
pub use device::UpnpDevice;
pub use igd_status::IgdStatus;
pub use result::UpnpResult;
pub use upnp::Upnp;
