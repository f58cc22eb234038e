//! What an action of a service is: its name, its arguments and its answer, in both directions.

use std::fmt;

use crate::wire::soap::Arguments;

/// One action of a service: its in-arguments, and how its answer reads.
///
/// # Examples
///
/// ```
/// use portcullis_proto::igd::wan_connection::{Action, GetExternalIpAddress};
/// use portcullis_proto::wire::soap::Arguments;
///
/// let action = GetExternalIpAddress;
/// assert!(action.arguments().is_empty());
/// let reply: Arguments = [("NewExternalIPAddress", "198.51.100.7")].into_iter().collect();
/// assert_eq!(action.decode(&reply)?, "198.51.100.7".parse::<std::net::IpAddr>().unwrap());
/// # Ok::<(), portcullis_proto::igd::wan_connection::DecodeError>(())
/// ```
pub trait Action: Sized {
    /// The name of the action, e.g. `"AddPortMapping"`.
    const NAME: &'static str;
    /// Whether it changes something at the gateway. What only asks may be repeated when its answer is late.
    const CHANGES: bool;
    /// What a successful answer says.
    type Response;

    /// The in-arguments, in the order of the specification.
    fn arguments(&self) -> Vec<(&'static str, String)>;

    /// Reads the out-arguments of a successful answer.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] where an argument that matters is missing or out of its range.
    fn decode(&self, arguments: &Arguments) -> Result<Self::Response, DecodeError>;

    /// Reads the in-arguments of a request, as a gateway does.
    ///
    /// # Errors
    ///
    /// [`DecodeError`], to be answered with 402 Invalid Args.
    fn from_arguments(arguments: &Arguments) -> Result<Self, DecodeError>;

    /// The out-arguments of a successful answer, as a gateway writes them.
    fn response_arguments(response: &Self::Response) -> Vec<(&'static str, String)>;
}

/// Which argument of a message cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeError {
    /// The argument of this name is missing.
    Missing(&'static str),
    /// The argument of this name has a value that it must not have.
    Invalid(&'static str),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "{name} is missing"),
            Self::Invalid(name) => write!(f, "{name} is invalid"),
        }
    }
}

impl std::error::Error for DecodeError {}
