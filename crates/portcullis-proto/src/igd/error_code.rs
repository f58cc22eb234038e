//! UPnP error codes, by the numbers and names of the specifications' tables.
//!
//! 401 to 612: UPnP Device Architecture 1.1 section 3.2.2. 701 to 733: WANIPConnection:1 and :2,
//! WANPPPConnection:1 and the other services of InternetGatewayDevice:1.
//!
//! WANIPv6FirewallControl:1 gives 701 to 709 other meanings (704 is its `NoSuchEntry`). A fault does not say
//! which table it follows: only who asked knows, so these variants are for the answers of WAN connection
//! services.

use std::fmt;

macro_rules! codes {
    ($($code:literal $variant:ident $name:literal $explanation:literal)*) => {
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
            /// A code of no table known here: of a vendor, or of another service.
            Unknown(u16),
        }

        impl UpnpErrorCode {
            /// All codes with a name, in ascending order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The number of the code.
            pub const fn code(self) -> u16 {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Unknown(code) => code,
                }
            }

            /// The name as the specification writes it, e.g. `"ConflictInMappingEntry"`; `"unknown error"`
            /// for [`Unknown`](Self::Unknown).
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Unknown(_) => "unknown error",
                }
            }

            /// One plain sentence for a person: lower case, no full stop.
            pub const fn explanation(self) -> &'static str {
                match self {
                    $(Self::$variant => $explanation,)*
                    Self::Unknown(_) => "the gateway gave an error code that no specification explains",
                }
            }
        }

        impl From<u16> for UpnpErrorCode {
            fn from(code: u16) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    code => Self::Unknown(code),
                }
            }
        }
    };
}

codes! {
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

impl fmt::Display for UpnpErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_keeps_its_value() {
        for number in 0..=u16::MAX {
            assert_eq!(UpnpErrorCode::from(number).code(), number);
        }
        let named =
            (0..=u16::MAX).map(UpnpErrorCode::from).filter(|code| !matches!(code, UpnpErrorCode::Unknown(_)));
        assert!(named.eq(UpnpErrorCode::ALL.iter().copied()), "ascending, none twice");
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
    }
}
