//! UPnP error codes, by the numbers and names of the specifications' tables.
//!
//! 401 to 612: UPnP Device Architecture 1.1 section 3.2.2. 701 to 733: WANIPConnection:1 and :2,
//! WANPPPConnection:1 and the other services of InternetGatewayDevice:1. 701 to 709 once more, with other
//! meanings: WANIPv6FirewallControl:1 section 2.6. A fault does not say which table it follows: only who
//! asked knows.

use std::fmt;

use super::description::ServiceKind;

macro_rules! codes {
    (
        wan_connection { $($code:literal $variant:ident $name:literal $explanation:literal)* }
        ipv6_firewall { $($pinhole_code:literal $pinhole:ident $pinhole_name:literal $pinhole_explanation:literal)* }
    ) => {
        /// An error code of UPnP control.
        ///
        /// ```
        /// use portcullis_proto::igd::error_code::UpnpErrorCode;
        ///
        /// let code = UpnpErrorCode::from(718);
        /// assert_eq!(code, UpnpErrorCode::ConflictInMappingEntry);
        /// assert_eq!(code.to_string(), "718 ConflictInMappingEntry");
        /// assert_eq!(UpnpErrorCode::from(899), UpnpErrorCode::Unknown(899));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum UpnpErrorCode {
            $(#[doc = concat!("`", $code, "`: ", $explanation, ".")] $variant,)*
            $(#[doc = concat!("`", $pinhole_code, "` of WANIPv6FirewallControl: ", $pinhole_explanation, ".")] $pinhole,)*
            /// A code of no table known here: of a vendor, of another service, or none that the specifications allow, such
            /// as a negative one. 0 where the fault has no number.
            Unknown(i64),
        }

        impl UpnpErrorCode {
            /// All codes with a name, in ascending order, those of WANIPv6FirewallControl last.
            pub const ALL: &[Self] = &[$(Self::$variant,)* $(Self::$pinhole),*];

            /// What a number means where a service of this kind says it.
            ///
            /// ```
            /// use portcullis_proto::igd::description::ServiceKind;
            /// use portcullis_proto::igd::error_code::UpnpErrorCode;
            ///
            /// let code = UpnpErrorCode::of(ServiceKind::WanIpv6FirewallControl, 704);
            /// assert_eq!(code.to_string(), "704 NoSuchEntry");
            /// let code = UpnpErrorCode::of(ServiceKind::WanIpConnection(1), 704);
            /// assert_eq!(code.to_string(), "704 ConnectionSetupFailed");
            /// ```
            pub fn of(service: ServiceKind, code: i64) -> Self {
                match (service, code) {
                    $((ServiceKind::WanIpv6FirewallControl, $pinhole_code) => Self::$pinhole,)*
                    (ServiceKind::WanIpv6FirewallControl, 700..=799) => Self::Unknown(code),
                    _ => Self::from(code),
                }
            }

            /// The number of the code.
            pub const fn code(self) -> i64 {
                match self {
                    $(Self::$variant => $code,)*
                    $(Self::$pinhole => $pinhole_code,)*
                    Self::Unknown(code) => code,
                }
            }

            /// The name as the specification writes it, e.g. `"ConflictInMappingEntry"`; `"unknown error"`
            /// for [`Unknown`](Self::Unknown).
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    $(Self::$pinhole => $pinhole_name,)*
                    Self::Unknown(_) => "unknown error",
                }
            }

            /// One plain sentence for a person: lower case, no full stop.
            pub const fn explanation(self) -> &'static str {
                match self {
                    $(Self::$variant => $explanation,)*
                    $(Self::$pinhole => $pinhole_explanation,)*
                    Self::Unknown(_) => "the gateway gave an error code that no specification explains",
                }
            }
        }

        impl UpnpErrorCode {
            /// Whether a refusal with it says nothing of the reason.
            pub(crate) const fn says_nothing(self) -> bool {
                matches!(self, Self::ActionFailed | Self::Unknown(_))
            }
        }

        /// What a number means where a WAN connection service says it.
        impl From<i64> for UpnpErrorCode {
            fn from(code: i64) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    code => Self::Unknown(code),
                }
            }
        }
    };
}

codes! {
    wan_connection {
        401 InvalidAction "Invalid Action" "the gateway's service does not have this action"
        402 InvalidArgs "Invalid Args" "the gateway does not accept the arguments; some gateways mean a lease they do not support, or the end of a list"
        403 OutOfSync "Out of Sync" "the gateway is out of step with its clients"
        404 InvalidVar "Invalid Var" "the gateway's service does not have this variable"
        412 PreconditionFailed "Precondition Failed" "the gateway does not know the event subscription"
        501 ActionFailed "Action Failed" "the gateway could not do it in its current state"
        600 ArgumentValueInvalid "Argument Value Invalid" "the gateway does not accept the value of an argument"
        601 ArgumentValueOutOfRange "Argument Value Out of Range" "the value of an argument is outside the range that the gateway allows"
        602 OptionalActionNotImplemented "Optional Action Not Implemented" "the gateway does not implement this optional action"
        603 OutOfMemory "Out of Memory" "the gateway is out of memory, perhaps only for now"
        604 HumanInterventionRequired "Human Intervention Required" "the gateway needs somebody to look after it, for instance to restart it"
        605 StringArgumentTooLong "String Argument Too Long" "a text is too long for the gateway, most likely the description of the mapping"
        606 ActionNotAuthorized "Action not authorized" "the gateway does not permit this to this client"
        607 SignatureFailure "Signature Failure" "the gateway does not accept the signature of the request"
        608 SignatureMissing "Signature Missing" "the gateway wants requests to be signed"
        609 NotEncrypted "Not Encrypted" "the gateway wants requests to be encrypted"
        610 InvalidSequence "Invalid Sequence" "the gateway does not accept the sequence number of the request"
        611 InvalidControlUrl "Invalid Control URL" "the control url in the signed request is not the one it was sent to"
        612 NoSuchSession "No Such Session" "the gateway does not know the security session"
        701 ValueAlreadySpecified "ValueAlreadySpecified" "the value is in the gateway's list already"
        702 ValueSpecifiedIsInvalid "ValueSpecifiedIsInvalid" "the value is not in the gateway's list"
        703 InactiveConnectionStateRequired "InactiveConnectionStateRequired" "this can only be done while the gateway's connection is down"
        704 ConnectionSetupFailed "ConnectionSetupFailed" "the gateway could not set up its connection to the internet"
        705 ConnectionSetupInProgress "ConnectionSetupInProgress" "the gateway is still setting up its connection to the internet"
        706 ConnectionNotConfigured "ConnectionNotConfigured" "the gateway's connection to the internet is not configured"
        707 DisconnectInProgress "DisconnectInProgress" "the gateway is taking down its connection to the internet"
        708 InvalidLayer2Address "InvalidLayer2Address" "the gateway's line is configured with an invalid address or telephone number"
        709 InternetAccessDisabled "InternetAccessDisabled" "access to the internet is switched off at the gateway"
        710 InvalidConnectionType "InvalidConnectionType" "the gateway's connection is of a type that does not allow this"
        711 ConnectionAlreadyTerminated "ConnectionAlreadyTerminated" "the gateway's connection is down already"
        712 NullValueAtSpecifiedArrayIndex "NullValueAtSpecifiedArrayIndex" "the gateway's list has an empty entry at this index"
        713 SpecifiedArrayIndexInvalid "SpecifiedArrayIndexInvalid" "the gateway's list has no entry at this index"
        714 NoSuchEntryInArray "NoSuchEntryInArray" "the gateway has no such mapping"
        715 WildCardNotPermittedInSrcIp "WildCardNotPermittedInSrcIP" "the gateway wants mappings for one remote address, not for all"
        716 WildCardNotPermittedInExtPort "WildCardNotPermittedInExtPort" "the gateway wants an external port to be named"
        718 ConflictInMappingEntry "ConflictInMappingEntry" "the external port is mapped to somebody else already"
        719 ActionDisallowedWhenAutoConfigEnabled "ActionDisallowedWhenAutoConfigEnabled" "the gateway does not permit this while it configures itself"
        720 InvalidDeviceUuid "InvalidDeviceUUID" "the gateway has no device of this identifier"
        721 InvalidServiceId "InvalidServiceID" "the gateway has no service of this identifier"
        723 InvalidConnServiceSelection "InvalidConnServiceSelection" "this connection cannot be the gateway's default"
        724 SamePortValuesRequired "SamePortValuesRequired" "the gateway wants the internal and the external port to be the same"
        725 OnlyPermanentLeasesSupported "OnlyPermanentLeasesSupported" "the gateway only has mappings that stay until they are deleted"
        726 RemoteHostOnlySupportsWildcard "RemoteHostOnlySupportsWildcard" "the gateway only has mappings for all remote addresses"
        727 ExternalPortOnlySupportsWildcard "ExternalPortOnlySupportsWildcard" "the gateway only has mappings of all external ports"
        728 NoPortMapsAvailable "NoPortMapsAvailable" "the gateway has no free port left for a mapping"
        729 ConflictWithOtherMechanisms "ConflictWithOtherMechanisms" "the external port is taken by another means, for instance a manual port forwarding"
        730 PortMappingNotFound "PortMappingNotFound" "the gateway has no mapping in this range"
        731 ReadOnly "ReadOnly" "the gateway does not let clients change this"
        732 WildCardNotPermittedInIntPort "WildCardNotPermittedInIntPort" "the gateway wants an internal port to be named"
        733 InconsistentParameters "InconsistentParameters" "the first port of the range is above the last"
    }
    ipv6_firewall {
        701 PinholeSpaceExhausted "PinholeSpaceExhausted" "the gateway has no room for another pinhole"
        702 FirewallDisabled "FirewallDisabled" "the gateway's firewall for IPv6 is switched off, so that it has no pinholes"
        703 InboundPinholeNotAllowed "InboundPinholeNotAllowed" "the gateway does not let its clients open pinholes"
        704 NoSuchEntry "NoSuchEntry" "the gateway has no such pinhole"
        705 ProtocolNotSupported "ProtocolNotSupported" "the gateway has no pinholes for this transport protocol"
        706 InternalPortWildcardingNotAllowed "InternalPortWildcardingNotAllowed" "the gateway wants an internal port to be named"
        707 ProtocolWildcardingNotAllowed "ProtocolWildcardingNotAllowed" "the gateway wants a transport protocol to be named"
        708 InternalClientWildcardingNotAllowed "WildCardNotPermittedInSrcIP" "the gateway wants the address to be named that is opened"
        709 NoTrafficReceived "NoTrafficReceived" "nothing has come to the pinhole yet, so the gateway cannot tell whether it works"
    }
}

impl fmt::Display for UpnpErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICES: [ServiceKind; 2] = [ServiceKind::WanIpConnection(1), ServiceKind::WanIpv6FirewallControl];

    #[test]
    fn every_number_keeps_its_value() {
        for number in (-1..=65_536).chain([i64::MIN, i64::MAX]) {
            assert_eq!(UpnpErrorCode::from(number).code(), number);
            for service in SERVICES {
                assert_eq!(UpnpErrorCode::of(service, number).code(), number, "{service:?}");
            }
        }
    }

    #[test]
    fn every_name_is_reached_from_its_number_and_service() {
        let all = SERVICES.map(|service| {
            let named = (-1..=65_536).map(move |number| UpnpErrorCode::of(service, number));
            named.filter(|code| !matches!(code, UpnpErrorCode::Unknown(_))).collect::<Vec<_>>()
        });
        let [wan_connection, firewall] = all;
        let own = firewall.iter().copied().filter(|code| code.code() > 700);
        assert!(wan_connection.into_iter().chain(own).eq(UpnpErrorCode::ALL.iter().copied()), "none twice");
    }

    #[test]
    fn a_number_means_what_its_service_says() {
        let firewall = |code| UpnpErrorCode::of(ServiceKind::WanIpv6FirewallControl, code);
        assert_eq!(firewall(606), UpnpErrorCode::ActionNotAuthorized);
        assert_eq!(firewall(701), UpnpErrorCode::PinholeSpaceExhausted);
        assert_eq!(firewall(708).to_string(), "708 WildCardNotPermittedInSrcIP");
        assert_eq!(firewall(718), UpnpErrorCode::Unknown(718));
        assert_eq!(UpnpErrorCode::of(ServiceKind::Other, 718), UpnpErrorCode::ConflictInMappingEntry);
    }

    #[test]
    fn explanations_are_plain_sentences() {
        for code in UpnpErrorCode::ALL.iter().copied().chain([UpnpErrorCode::Unknown(1)]) {
            let explanation = code.explanation();
            assert!(explanation.starts_with(char::is_lowercase) && !explanation.ends_with('.'), "{code}");
        }
    }

    #[test]
    fn shows_number_and_name() {
        assert_eq!(UpnpErrorCode::InvalidArgs.to_string(), "402 Invalid Args");
        assert_eq!(
            UpnpErrorCode::OnlyPermanentLeasesSupported.to_string(),
            "725 OnlyPermanentLeasesSupported"
        );
        assert_eq!(UpnpErrorCode::Unknown(800).to_string(), "800 unknown error");
        assert_eq!(UpnpErrorCode::from(-1).to_string(), "-1 unknown error");
    }
}
