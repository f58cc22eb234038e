//! Sans-IO core of Portcullis.
#![forbid(unsafe_code)]
#![warn(clippy::arithmetic_side_effects)]

pub mod client;
pub mod igd;
mod time;
mod types;
pub mod wire;

pub use time::Time;
pub use types::{AddressKind, Lifetime, Protocol};
