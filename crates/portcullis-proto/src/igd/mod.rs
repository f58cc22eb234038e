//! What the UPnP Internet Gateway Device specifications define.

mod action;
pub mod description;
pub mod error_code;
pub mod ipv6_firewall;
pub mod saved;
mod value;
pub mod wan_connection;
