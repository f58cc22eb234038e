//! The Internet Gateway Device: its documents and the actions of its services.

mod add;
mod arguments;
pub(crate) mod control;
pub(crate) mod description;
pub(crate) mod ipv6_firewall;
mod listing;
mod upnp_error;
mod wan_connection;
