//! What an external address is worth, as a script sees it.

use portcullis::AddressKind;

/// `PortcullisUPNPDevice.ExternalAddressKind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExternalAddressKind {
    Public = 0,
    Private = 1,
    Cgnat = 2,
    Unknown = 3,
    Reserved = 4,
}

impl ExternalAddressKind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Public, Self::Private, Self::Cgnat, Self::Unknown, Self::Reserved];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Public => "EXTERNAL_ADDRESS_PUBLIC",
            Self::Private => "EXTERNAL_ADDRESS_PRIVATE",
            Self::Cgnat => "EXTERNAL_ADDRESS_CGNAT",
            Self::Unknown => "EXTERNAL_ADDRESS_UNKNOWN",
            Self::Reserved => "EXTERNAL_ADDRESS_RESERVED",
        }
    }
}

impl From<Option<AddressKind>> for ExternalAddressKind {
    fn from(kind: Option<AddressKind>) -> Self {
        match kind {
            Some(AddressKind::Public) => Self::Public,
            Some(AddressKind::Private) => Self::Private,
            Some(AddressKind::Shared) => Self::Cgnat,
            Some(AddressKind::Reserved) => Self::Reserved,
            _ => Self::Unknown,
        }
    }
}
