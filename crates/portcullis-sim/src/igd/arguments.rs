//! The in-arguments of an action, read as strictly as the specifications allow.

use super::upnp_error::UpnpError;
use core::net::IpAddr;
use portcullis_proto::wire::soap::Arguments;
use portcullis_proto::{Protocol, Time};

/// One call of an action.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) now: Time,
    /// Who calls, canonical.
    pub(crate) peer: IpAddr,
    /// Whether the service was asked for as version 2 or later.
    pub(crate) version_two: bool,
    /// Whether the connection is not up.
    pub(crate) down: bool,
    pub(crate) arguments: &'a Arguments,
}

impl Call<'_> {
    pub(crate) fn text(&self, name: &str) -> Result<&str, UpnpError> {
        self.arguments.get(name).ok_or(UpnpError::INVALID_ARGS)
    }

    pub(crate) fn port(&self, name: &str) -> Result<u16, UpnpError> {
        self.text(name)?.parse().map_err(|_| UpnpError::INVALID_ARGS)
    }

    pub(crate) fn seconds(&self, name: &str) -> Result<u32, UpnpError> {
        self.text(name)?.parse().map_err(|_| UpnpError::INVALID_ARGS)
    }

    /// Upper case only, as the allowed values have it (53).
    pub(crate) fn protocol(&self) -> Result<Protocol, UpnpError> {
        match self.text("NewProtocol")? {
            "TCP" => Ok(Protocol::Tcp),
            "UDP" => Ok(Protocol::Udp),
            _ => Err(UpnpError::INVALID_ARGS),
        }
    }

    /// The forms of a boolean (UPnP Device Architecture 1.1 section 2.5).
    pub(crate) fn flag(&self, name: &str) -> Result<bool, UpnpError> {
        match self.text(name)? {
            "1" | "true" | "yes" => Ok(true),
            "0" | "false" | "no" => Ok(false),
            _ => Err(UpnpError::INVALID_ARGS),
        }
    }
}

/// The out-arguments of an action, in order.
pub(crate) type OutArguments = Vec<(&'static str, String)>;
