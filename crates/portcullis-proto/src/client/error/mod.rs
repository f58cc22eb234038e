//! What went wrong, at which gateway and step, sorted by what a caller can do about it.

mod failure;

pub(super) use failure::told;
pub use failure::{Failure, Ignored};

use super::device::Device;
use core::fmt;
use core::net::Ipv4Addr;

/// Longest text of an error, in bytes: a gateway's own words are in it.
const MAX_TEXT: usize = 256;

/// What kind of failure an [`Error`] is: what a program decides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No gateway was found.
    NoGateway,
    /// A gateway was found that has no service to map ports with.
    NoService,
    /// The gateway refused.
    Refused,
    /// The port belongs to somebody else's mapping.
    Conflict,
    /// No answer in time.
    Timeout,
    /// The gateway cannot do what was asked.
    Unsupported,
    /// The gateway answered with something that cannot be understood, or cannot be believed.
    Malformed,
    /// The operating system refused a socket or a connection.
    Io,
    /// An argument of the caller's is out of bounds.
    InvalidInput,
    /// The operation was cancelled, or the client was closed.
    Closed,
}

impl ErrorKind {
    /// A stable name for programs to read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoGateway => "no-gateway",
            Self::NoService => "no-service",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Timeout => "timeout",
            Self::Unsupported => "unsupported",
            Self::Malformed => "malformed",
            Self::Io => "io",
            Self::InvalidInput => "invalid-input",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What was being done when an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Searching for devices (SSDP).
    Search,
    /// Fetching and reading a device description.
    Description,
    /// An action of a UPnP service, or a request of NAT-PMP or PCP, by its name.
    Action(&'static str),
    /// Reading a mapping back after it was added.
    ReadBack,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Search => f.write_str("search"),
            Self::Description => f.write_str("description"),
            Self::Action(name) => f.write_str(name),
            Self::ReadBack => f.write_str("read-back"),
        }
    }
}

/// One thing that was tried, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The gateway, by name and address; empty for a search of the whole network.
    pub gateway: String,
    /// What was being done.
    pub step: Step,
    /// Why it failed.
    pub failure: Failure,
}

impl Attempt {
    /// Gateway, step and failure, of which the last is cut where it would be too long.
    fn text(&self, most: usize) -> String {
        let text = if self.gateway.is_empty() {
            format!("{}: {}", self.step, self.failure)
        } else {
            format!("{}: {}: {}", self.gateway, self.step, self.failure)
        };
        clipped(&text, most)
    }
}

impl fmt::Display for Attempt {
    /// At most 256 bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(MAX_TEXT))
    }
}

/// As many whole characters as fit, the last of them an ellipsis where there were more.
pub(super) fn clipped(text: &str, most: usize) -> String {
    const ELLIPSIS: char = '\u{2026}';
    if text.len() <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub(ELLIPSIS.len_utf8());
    let fits = |&(start, character): &(usize, char)| start.saturating_add(character.len_utf8()) <= room;
    let kept = text.char_indices().take_while(fits).map(|(_, character)| character);
    kept.chain([ELLIPSIS]).collect()
}

/// Why an operation failed: its kind, and every attempt that was made.
///
/// [`Display`](fmt::Display) is one line for a person: the gateway, the step, the specification's code,
/// and what to try next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    attempts: Vec<Attempt>,
}

impl Error {
    /// An error with nothing tried.
    pub fn new(kind: ErrorKind) -> Self {
        Self { kind, attempts: Vec::new() }
    }

    /// None of the devices that a search found will do: each of them that may be a gateway is an attempt.
    pub fn no_gateway(devices: &[Device]) -> Self {
        let attempts = devices.iter().filter_map(Device::as_attempt).collect();
        Self { kind: ErrorKind::NoGateway, attempts }
    }

    /// An error from what gateways said: the attempt that came furthest decides its kind.
    pub(super) fn from_attempts(attempts: Vec<Attempt>) -> Self {
        let failures = || attempts.iter().map(|attempt| &attempt.failure);
        // What one protocol leaves open, another one may have told.
        let is_denied = failures().any(Failure::is_denial);
        let is_behind_nat = failures().any(Failure::is_nat_between);
        let is_told = |failure: &&Failure| match failure {
            // Gateways say this where another address asks than the one that is to be mapped (miniupnpd).
            Failure::Conflict { holder: None, .. } => !is_behind_nat,
            failure => !(is_denied && failure.is_unprovidable()),
        };
        let telling = failures().filter(is_told);
        let kind = telling.map(Failure::kind).max_by_key(|&kind| rank(kind));
        Self { kind: kind.unwrap_or(ErrorKind::NoGateway), attempts }
    }

    /// An error from a search that brought nothing to use. A device that answered and could not be read
    /// may have been anything, unless a person had named it as the gateway; one that is not there is none.
    pub(super) fn without_gateway(attempts: Vec<Attempt>, named: bool) -> Self {
        let mut error = Self::from_attempts(attempts);
        let is_certain = match error.kind {
            ErrorKind::NoService | ErrorKind::InvalidInput => true,
            ErrorKind::Refused => false,
            _ => named && error.attempts.iter().any(|attempt| attempt.step == Step::Description),
        };
        let nothing_sent = error.attempts.iter().all(|attempt| attempt.failure.is_of_a_socket());
        if !is_certain && !nothing_sent {
            error.kind = ErrorKind::NoGateway;
        }
        error
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Everything that was tried, in order.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// Whether the same call may succeed later without anything else changing.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::NoGateway | ErrorKind::Timeout | ErrorKind::Io)
    }

    /// The attempt that decides the error's kind, else the last: the one to tell a person about.
    pub fn decisive_attempt(&self) -> Option<&Attempt> {
        // What keeps the default gateway from being asked, or it from answering, is no other device's fault.
        let is_about_default = |attempt: &&Attempt| {
            matches!(attempt.failure, Failure::GatewaySilent | Failure::NoNextHop { .. })
        };
        if self.kind == ErrorKind::NoGateway {
            if let Some(attempt) = self.attempts.iter().rev().find(is_about_default) {
                return Some(attempt);
            }
        }
        if self.kind == ErrorKind::Refused {
            // What the gateway says by other protocols comes of that.
            let is_cause = |failure: &Failure| {
                failure.is_nat_between() || matches!(failure, Failure::NotOnInternet { .. })
            };
            if let Some(attempt) = self.attempts.iter().find(|attempt| is_cause(&attempt.failure)) {
                return Some(attempt);
            }
        }
        // Where no gateway will do, the one that answered all the same tells more than those who did not.
        let decides =
            |attempt: &&Attempt| (attempt.failure.kind() == self.kind) != (self.kind == ErrorKind::NoGateway);
        let is_ignored = |attempt: &&Attempt| matches!(attempt.failure, Failure::AnswerIgnored(_));
        let mut backwards = self.attempts.iter().rev();
        backwards.clone().find(decides).or_else(|| backwards.find(is_ignored)).or(self.attempts.last())
    }
}

/// How much room there is for the names of devices that are of no use, in bytes.
const MOST_OTHERS: usize = 80;

impl Error {
    /// Devices that answered the search, and are none to use.
    fn others_that_answered(&self) -> String {
        let others = self.attempts.iter().filter(|attempt| attempt.step == Step::Description);
        let mut names: Vec<_> = others.map(|attempt| attempt.gateway.as_str()).collect();
        names.dedup();
        clipped(&names.join(", "), MOST_OTHERS)
    }
}

impl Error {
    /// A default gateway that said nothing, and is what containers and virtual machines usually have for one.
    fn silent_bridge(&self) -> Option<Ipv4Addr> {
        let is_silent = |attempt: &&Attempt| attempt.failure.kind() == ErrorKind::NoGateway;
        let silent =
            self.attempts.iter().filter(is_silent).filter_map(|attempt| attempt.gateway.parse().ok());
        silent.filter(|_| self.kind == ErrorKind::NoGateway).find(is_usually_a_bridge)
    }
}

/// Docker's first network and those that it makes later, Podman's, and what slirp4netns and QEMU have.
fn is_usually_a_bridge(gateway: &Ipv4Addr) -> bool {
    matches!(gateway.octets(), [172, 17..=31, 0, 1] | [10, 88, 0, 1] | [10, 0, 2, 2])
}

/// How much an attempt tells: what a gateway said outweighs silence.
fn rank(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Closed => 0,
        ErrorKind::NoGateway => 1,
        ErrorKind::NoService => 2,
        ErrorKind::Io => 3,
        ErrorKind::Malformed => 4,
        ErrorKind::Timeout => 5,
        ErrorKind::Unsupported => 6,
        ErrorKind::InvalidInput => 7,
        ErrorKind::Refused => 8,
        ErrorKind::Conflict => 9,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::NoGateway => "no gateway found",
            ErrorKind::NoService => "no gateway with a port mapping service found",
            ErrorKind::Refused => "the gateway refused",
            ErrorKind::Conflict => "conflict with another mapping",
            ErrorKind::Timeout => "no answer in time",
            ErrorKind::Unsupported => "the gateway cannot do that",
            ErrorKind::Malformed => "the gateway's answer cannot be used",
            ErrorKind::Io => "cannot reach the gateway",
            ErrorKind::InvalidInput => "invalid argument",
            ErrorKind::Closed => "cancelled",
        };
        f.write_str(what)?;
        if let Some(attempt) = self.decisive_attempt() {
            // Whoever is behind such a bridge has nothing to switch on in it.
            let bridge = self.silent_bridge();
            let advice = attempt.failure.advice(attempt.step).filter(|_| bridge.is_none());
            let mut behind = advice.map(|advice| format!(" ({advice})")).unwrap_or_default();
            if let Some(gateway) = bridge {
                let hint = "may be a container's bridge, or a virtual machine's: use the host's network";
                behind.push_str(&format!(" ({gateway} {hint})"));
            }
            if attempt.failure == Failure::GatewaySilent {
                behind.push_str("; others that answered: ");
                behind.push_str(&self.others_that_answered());
            }
            let around = what.len().saturating_add(": ".len()).saturating_add(behind.len());
            write!(f, ": {}{behind}", attempt.text(MAX_TEXT.saturating_sub(around)))?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.decisive_attempt().map(|attempt| &attempt.failure as _)
    }
}
