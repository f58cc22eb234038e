//! What is promised of several processes, and what a schedule says where it does not hold.

use core::fmt;
use portcullis_proto::Time;

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// What another operation made, and what stands, is not deleted.
    Deleted,
    /// Nor does its lease end earlier than before.
    Shortened,
    /// Nor does anything else take its place.
    Replaced,
    /// What several processes keep stands until the last of them lets go.
    BeforeTheLast,
    /// What the last one lets go is gone.
    AfterTheLast,
    /// A port that is said to be closed is closed.
    Closed,
    /// So it is where only some protocols may be used to close it.
    ClosedNarrowly,
    /// What a table can prove is proven.
    Proven,
    /// What can be closed by any protocol is closed.
    Closable,
    /// The journal has nothing that the gateway has not.
    Ghost,
    /// The gateway has nothing of ours that the journal has not.
    Missing,
    /// When all is cleaned up, nothing is left.
    CleanedUp,
}

/// Those that the client does not keep yet: they are counted, and fail no schedule. To be emptied.
const NOT_YET: &[Invariant] = &[
    Invariant::Deleted,
    Invariant::Shortened,
    Invariant::BeforeTheLast,
    Invariant::AfterTheLast,
    Invariant::Closed,
    Invariant::ClosedNarrowly,
    Invariant::Closable,
    Invariant::Ghost,
    Invariant::Missing,
    Invariant::CleanedUp,
];

/// Those that hold where packets arrive. A look at the table that nobody answers is followed by the addition: some gateways
/// cannot be asked.
const ON_A_GOOD_LINK: &[Invariant] = &[Invariant::Replaced];

impl Invariant {
    /// Whether a schedule fails where it is broken: on a good link, or on any.
    pub(crate) fn is_asserted(self, is_good_link: bool) -> bool {
        !NOT_YET.contains(&self) && (is_good_link || !ON_A_GOOD_LINK.contains(&self))
    }
}

/// What happened against a promise.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    pub(crate) at: Time,
    /// How many commands there had been: the fewer, the easier to understand.
    pub(crate) commands: u64,
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { invariant, at, commands, what } = self;
        write!(f, "{invariant:?}, at {:?}, after {commands} commands: {what}", at.since_start())
    }
}
