//! The enums of `PortForwarder`.

/// `PortForwarder.State`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForwarderState {
    Idle = 0,
    Searching = 1,
    Mapped = 2,
    Failed = 3,
}

impl ForwarderState {
    pub(crate) const ALL: [Self; 4] = [Self::Idle, Self::Searching, Self::Mapped, Self::Failed];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Idle => "STATE_IDLE",
            Self::Searching => "STATE_SEARCHING",
            Self::Mapped => "STATE_MAPPED",
            Self::Failed => "STATE_FAILED",
        }
    }
}

/// `PortForwarder.Protocol`, whose values are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProtocolFlag {
    Upnp = 1,
    NatPmp = 2,
    Pcp = 4,
}

impl ProtocolFlag {
    pub(crate) const ALL: [Self; 3] = [Self::Upnp, Self::NatPmp, Self::Pcp];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Upnp => "PROTOCOL_UPNP",
            Self::NatPmp => "PROTOCOL_NAT_PMP",
            Self::Pcp => "PROTOCOL_PCP",
        }
    }
}
