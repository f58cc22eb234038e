//! What the UPnP Internet Gateway Device specifications define.

pub mod description;
pub mod error_code;
pub mod saved;
pub mod wan_connection;
