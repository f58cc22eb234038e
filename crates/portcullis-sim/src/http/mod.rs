//! HTTP/1.x from the gateway's side: requests read, replies written as oddly as the scenario wants.

pub mod hostile;
mod reply;
mod request;

pub(crate) use reply::{End, Reply, Transmission, transmit};
pub(crate) use request::{Request, RequestReader};
