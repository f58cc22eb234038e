//! What happens to a mapping that is kept.

use crate::Time;
use crate::client::Client;
use crate::client::error::Error;
use crate::client::event::Event;
use crate::client::granted::Granted;
use core::fmt;
use core::net::IpAddr;
use core::num::NonZeroU16;
use core::time::Duration;

/// Names a mapping that is kept; never used twice in the life of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MappingId(pub(super) u64);

/// Something happened to a mapping that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Grows by one with every change of a client.
    pub sequence: u64,
    /// The mapping.
    pub mapping: MappingId,
    /// What happened.
    pub kind: ChangeKind,
    /// Why.
    pub reason: Reason,
    /// What is granted, or was granted last.
    pub granted: Option<Granted>,
    /// When that runs out; `None` where it does not, or where nothing was ever granted.
    pub expires: Option<Time>,
}

/// What happened to a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// It was made for the first time.
    Mapped,
    /// Its lifetime was extended.
    Renewed,
    /// The gateway has another external address.
    ExternalAddressChanged {
        /// The address it had; `None` where the gateway had not told.
        from: Option<IpAddr>,
        /// The address it has now; `None` where the gateway does not tell.
        to: Option<IpAddr>,
    },
    /// It is on another external port.
    PortChanged {
        /// The port it had.
        from: NonZeroU16,
        /// The port it has now.
        to: NonZeroU16,
    },
    /// Something is wrong and is being worked at: what was granted has not run out, but the gateway may not have
    /// it any more.
    Degraded,
    /// What was granted has run out: the port is closed.
    Lost,
    /// It stands again.
    Recovered,
    /// It was deleted, as asked.
    Released,
    /// It is kept here no more, as asked, and stays open for somebody else: another holder in this process, or another
    /// process of this user.
    HandedOver,
    /// This host has another address now, and what leads to the old one could not be deleted: `granted` stays at its
    /// gateway until then.
    LeftBehind,
}

impl ChangeKind {
    /// A stable name for programs to read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Renewed => "renewed",
            Self::ExternalAddressChanged { .. } => "external-address-changed",
            Self::PortChanged { .. } => "port-changed",
            Self::Degraded => "degraded",
            Self::Lost => "lost",
            Self::Recovered => "recovered",
            Self::Released => "released",
            Self::HandedOver => "handed-over",
            Self::LeftBehind => "left-behind",
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why something happened to a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The caller asked for it.
    Asked,
    /// It was time to (RFC 6887 section 11.2.1).
    Scheduled,
    /// The gateway has restarted: by its epoch (RFC 6886 section 3.6, RFC 6887 section 8.5), where its external address
    /// is the same.
    GatewayRestarted,
    /// The gateway counts anew, as it does where it has restarted or has another external address.
    StateLost,
    /// The gateway has another external address.
    AddressChanged,
    /// The gateway's table does not have it any more.
    Forgotten,
    /// The gateway was asked, or announced it.
    GatewayTold,
    /// This machine's interfaces or default gateways have changed.
    NetworkChanged,
    /// The lifetime is over: nobody could be reached in time, or the machine slept.
    Expired,
    /// As asked; the gateway does not say whether it has deleted it.
    Unconfirmed,
    /// As asked; the gateway deletes it only by its lifetime, which is over after this.
    Ending(Duration),
    /// It was tried, and this is what came of it.
    Failed(Error),
}

impl Reason {
    /// A stable name for programs to read.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Scheduled => "scheduled",
            Self::GatewayRestarted => "gateway-restarted",
            Self::StateLost => "state-lost",
            Self::AddressChanged => "address-changed",
            Self::Forgotten => "forgotten",
            Self::GatewayTold => "gateway-told",
            Self::NetworkChanged => "network-changed",
            Self::Expired => "expired",
            Self::Unconfirmed => "unconfirmed",
            Self::Ending(_) => "ending",
            Self::Failed(_) => "failed",
        }
    }
}

impl fmt::Display for Reason {
    /// For a person, in a few words; of a failure, the error's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "as asked",
            Self::Scheduled => "it was time to",
            Self::GatewayRestarted => "the gateway has restarted",
            Self::StateLost => "the gateway has restarted, or has another address",
            Self::AddressChanged => "the gateway has another address",
            Self::Forgotten => "the gateway has forgotten it",
            Self::GatewayTold => "the gateway said so",
            Self::NetworkChanged => "the network has changed",
            Self::Expired => "its lifetime is over",
            Self::Unconfirmed => "as asked; the gateway does not say whether it did",
            Self::Ending(within) => {
                return write!(f, "as asked; it stays open for {} s more", within.as_secs());
            }
            Self::Failed(error) => return error.fmt(f),
        })
    }
}

impl Client {
    pub(super) fn tell_change(&mut self, mapping: MappingId, kind: ChangeKind, reason: Reason) {
        let Some(kept) = self.keeper.mappings.get(&mapping) else { return };
        let (granted, expires) = (kept.granted.clone(), kept.expires());
        self.tell_change_of(mapping, kind, reason, (granted, expires));
    }

    /// The same of what is granted no more.
    pub(super) fn tell_change_of(
        &mut self,
        mapping: MappingId,
        kind: ChangeKind,
        reason: Reason,
        (granted, expires): (Option<Granted>, Option<Time>),
    ) {
        self.keeper.sequence = self.keeper.sequence.wrapping_add(1);
        let sequence = self.keeper.sequence;
        let change = Change { sequence, mapping, kind, reason, granted, expires };
        self.transport.out.push_event(Event::Changed(change));
    }
}
