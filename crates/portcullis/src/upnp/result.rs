//! How a call ended: the engine's result codes, and the one table from our failures to them.

use super::engine_enum::engine_enum;
use crate::igd::error_code::UpnpErrorCode;
use crate::{Error, ErrorKind, Failure};
use portcullis_proto::wire::soap::SoapError;

engine_enum! {
    /// How a call ended: the engine's `UPNPResult`, with its numbers.
    ///
    /// [`Display`](core::fmt::Display) is a sentence for a person: what it means, and what to do about it.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::upnp::UpnpResult;
    ///
    /// assert_eq!(UpnpResult::ConflictWithOtherMapping as i32, 13);
    /// assert_eq!(UpnpResult::from_i32(13), Some(UpnpResult::ConflictWithOtherMapping));
    /// assert!(UpnpResult::NoGateway.to_string().starts_with("No gateway is known"));
    /// ```
    UpnpResult {
        0 Success "UPNP_RESULT_SUCCESS" "It worked."
        1 NotAuthorized "UPNP_RESULT_NOT_AUTHORIZED" "The gateway does not permit this computer to map ports: permit it in the gateway's settings."
        2 PortMappingNotFound "UPNP_RESULT_PORT_MAPPING_NOT_FOUND" "The gateway has no such mapping; never given, the number is kept for the engine's sake."
        3 InconsistentParameters "UPNP_RESULT_INCONSISTENT_PARAMETERS" "The gateway finds the arguments inconsistent: try the same internal and external port."
        4 NoSuchEntryInArray "UPNP_RESULT_NO_SUCH_ENTRY_IN_ARRAY" "The gateway has no such mapping: it has ended or was deleted, and nothing is left to do."
        5 ActionFailed "UPNP_RESULT_ACTION_FAILED" "The gateway could not do it: try another port, or restart the gateway."
        6 SrcIpWildcardNotPermitted "UPNP_RESULT_SRC_IP_WILDCARD_NOT_PERMITTED" "The gateway only maps ports for one remote address: forward the port by hand."
        7 ExtPortWildcardNotPermitted "UPNP_RESULT_EXT_PORT_WILDCARD_NOT_PERMITTED" "The gateway wants an external port to be named: name one."
        8 IntPortWildcardNotPermitted "UPNP_RESULT_INT_PORT_WILDCARD_NOT_PERMITTED" "The gateway wants an internal port to be named: name one."
        9 RemoteHostMustBeWildcard "UPNP_RESULT_REMOTE_HOST_MUST_BE_WILDCARD" "The gateway only maps ports for all remote addresses: do not name one."
        10 ExtPortMustBeWildcard "UPNP_RESULT_EXT_PORT_MUST_BE_WILDCARD" "The gateway only maps all external ports at once: forward the port by hand."
        11 NoPortMapsAvailable "UPNP_RESULT_NO_PORT_MAPS_AVAILABLE" "The gateway's table of mappings is full: delete old mappings, or restart the gateway."
        12 ConflictWithOtherMechanism "UPNP_RESULT_CONFLICT_WITH_OTHER_MECHANISM" "The port is taken by another means, such as a forwarding set by hand: choose another port."
        13 ConflictWithOtherMapping "UPNP_RESULT_CONFLICT_WITH_OTHER_MAPPING" "The port is mapped to another computer: choose another port."
        14 SamePortValuesRequired "UPNP_RESULT_SAME_PORT_VALUES_REQUIRED" "The gateway wants the internal and the external port to be the same: use the same number."
        15 OnlyPermanentLeaseSupported "UPNP_RESULT_ONLY_PERMANENT_LEASE_SUPPORTED" "The gateway only has mappings without an end: ask again with a duration of 0."
        16 InvalidGateway "UPNP_RESULT_INVALID_GATEWAY" "The device is no gateway that ports can be mapped on: use the one that get_gateway gives."
        17 InvalidPort "UPNP_RESULT_INVALID_PORT" "The port is out of range: 1 to 65535, or 0 for an internal port like the external one."
        18 InvalidProtocol "UPNP_RESULT_INVALID_PROTOCOL" "The protocol is neither \"UDP\" nor \"TCP\": use one of them, in upper case."
        19 InvalidDuration "UPNP_RESULT_INVALID_DURATION" "The duration is negative: give seconds, or 0 for no end."
        20 InvalidArgs "UPNP_RESULT_INVALID_ARGS" "The gateway does not accept the arguments: try a duration of 0, or another description."
        21 InvalidResponse "UPNP_RESULT_INVALID_RESPONSE" "The gateway's answer cannot be understood: restart the gateway, or look for an update of its firmware."
        22 InvalidParam "UPNP_RESULT_INVALID_PARAM" "A parameter is out of range: the timeout must not be negative, the time to live must be 0 to 255, and a URL must begin with http:// and an IP address."
        23 HttpError "UPNP_RESULT_HTTP_ERROR" "The gateway cannot be reached, or does not answer in time: search for it again."
        24 SocketError "UPNP_RESULT_SOCKET_ERROR" "Nothing can be sent: check that the network is up, that this program may use it, and that the local port is free."
        25 MemAllocError "UPNP_RESULT_MEM_ALLOC_ERROR" "Memory could not be allocated; never given, the number is kept for the engine's sake."
        26 NoGateway "UPNP_RESULT_NO_GATEWAY" "No gateway is known: search for one first, and switch UPnP on in the gateway if none is found."
        27 NoDevices "UPNP_RESULT_NO_DEVICES" "Nothing that was searched for has answered: switch UPnP on in the gateway, or forward the port by hand."
        28 UnknownError "UPNP_RESULT_UNKNOWN_ERROR" "Something else went wrong: check the name of the network interface, or forward the port by hand."
    }
}

impl UpnpResult {
    /// Whether an argument of the call is to blame, which the engine reports as a programmer's error:
    /// [`InvalidPort`](Self::InvalidPort), [`InvalidProtocol`](Self::InvalidProtocol),
    /// [`InvalidDuration`](Self::InvalidDuration) and [`InvalidParam`](Self::InvalidParam). No network
    /// ever leads to one of them.
    pub const fn is_argument_error(self) -> bool {
        matches!(self, Self::InvalidPort | Self::InvalidProtocol | Self::InvalidDuration | Self::InvalidParam)
    }
}

impl From<UpnpErrorCode> for UpnpResult {
    /// The engine's table; every code that is not in it is [`UnknownError`](Self::UnknownError).
    fn from(code: UpnpErrorCode) -> Self {
        match code.code() {
            402 => Self::InvalidArgs,
            403 | 606 => Self::NotAuthorized,
            501 => Self::ActionFailed,
            714 => Self::NoSuchEntryInArray,
            715 => Self::SrcIpWildcardNotPermitted,
            716 => Self::ExtPortWildcardNotPermitted,
            718 => Self::ConflictWithOtherMapping,
            724 => Self::SamePortValuesRequired,
            725 => Self::OnlyPermanentLeaseSupported,
            726 => Self::RemoteHostMustBeWildcard,
            727 => Self::ExtPortMustBeWildcard,
            728 => Self::NoPortMapsAvailable,
            729 => Self::ConflictWithOtherMechanism,
            732 => Self::IntPortWildcardNotPermitted,
            733 => Self::InconsistentParameters,
            _ => Self::UnknownError,
        }
    }
}

impl From<&Failure> for UpnpResult {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Fault(code, _) => Self::from(*code),
            // An empty reply is none, for the engine too.
            Failure::Exchange(_)
            | Failure::HttpStatus(_)
            | Failure::Unconfirmed(_)
            | Failure::Url(_)
            | Failure::Soap(SoapError::Empty) => Self::HttpError,
            Failure::Soap(_) | Failure::Decode(_) | Failure::Description(_) => Self::InvalidResponse,
            Failure::CannotSend(_) | Failure::LocalPort { .. } => Self::SocketError,
            Failure::NotAsked | Failure::NoAnswer | Failure::AnswerIgnored(_) => Self::NoDevices,
            Failure::NoService => Self::NoGateway,
            Failure::NotConfirmed => Self::ActionFailed,
            Failure::Conflict { .. } => Self::ConflictWithOtherMapping,
            Failure::NotOurs { .. } | Failure::OwnerUnknown => Self::NotAuthorized,
            Failure::NotIpv4 => Self::InvalidArgs,
            // `NoInterface`, which is the engine's word for an interface that does not exist, too.
            _ => Self::UnknownError,
        }
    }
}

impl From<&Error> for UpnpResult {
    /// What the decisive attempt makes; an error of which nothing more is known goes by its kind.
    fn from(error: &Error) -> Self {
        if let Some(attempt) = error.decisive_attempt() {
            return Self::from(&attempt.failure);
        }
        match error.kind() {
            ErrorKind::NoGateway | ErrorKind::NoService => Self::NoGateway,
            ErrorKind::Conflict => Self::ConflictWithOtherMapping,
            ErrorKind::Timeout => Self::HttpError,
            ErrorKind::Malformed => Self::InvalidResponse,
            ErrorKind::Io => Self::SocketError,
            ErrorKind::InvalidInput => Self::InvalidArgs,
            _ => Self::UnknownError,
        }
    }
}

#[cfg(test)]
mod tests;
