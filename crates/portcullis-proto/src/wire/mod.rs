//! Bytes to values and back: nothing here waits, retries or decides.

pub mod http;
pub mod natpmp;
pub mod pcp;
pub mod port_control;
mod reader;
pub mod soap;
pub mod ssdp;
pub mod text;
pub mod url;
pub mod xml;
