//! The exit statuses other programs rely on.

use portcullis::ErrorKind;
use std::process;

/// What the process ends with. The numbers never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitCode {
    Done = 0,
    /// Our fault, or this machine's.
    Failure = 1,
    Usage = 2,
    NoGateway = 3,
    /// The gateway refused, or gave an answer that is worth no more than a refusal.
    Refused = 4,
    Timeout = 5,
    Conflict = 6,
    Unsupported = 7,
    /// The gateway has opened the port for another NAT, which is in front of this host.
    BehindNat = 8,
}

impl From<ErrorKind> for ExitCode {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidInput => Self::Usage,
            ErrorKind::NoGateway | ErrorKind::NoService => Self::NoGateway,
            // A gateway whose answer cannot be used has not done what was asked, and we are not to blame.
            ErrorKind::Refused | ErrorKind::Malformed => Self::Refused,
            ErrorKind::Timeout => Self::Timeout,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Unsupported => Self::Unsupported,
            // Io and Closed; the list may grow.
            _ => Self::Failure,
        }
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// The statuses, for the man page and the help.
pub(crate) const TABLE: [(ExitCode, &str); 9] = [
    (ExitCode::Done, "done"),
    (ExitCode::Failure, "internal or system error (io, closed; malformed for a file)"),
    (ExitCode::Usage, "wrong usage (usage, invalid-input)"),
    (ExitCode::NoGateway, "no gateway found (no-gateway, no-service)"),
    (ExitCode::Refused, "refused by the gateway, or its answer cannot be used (refused, malformed)"),
    (ExitCode::Timeout, "no reply in time (timeout)"),
    (ExitCode::Conflict, "conflict with another mapping (conflict)"),
    (ExitCode::Unsupported, "unsupported by the gateway (unsupported)"),
    (
        ExitCode::BehindNat,
        "opened without --keep, but for another NAT in front of this host, which has to forward the port too",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_its_status() {
        for (kind, status) in [
            (ErrorKind::Io, 1),
            (ErrorKind::Closed, 1),
            (ErrorKind::InvalidInput, 2),
            (ErrorKind::NoGateway, 3),
            (ErrorKind::NoService, 3),
            (ErrorKind::Refused, 4),
            (ErrorKind::Malformed, 4),
            (ErrorKind::Timeout, 5),
            (ErrorKind::Conflict, 6),
            (ErrorKind::Unsupported, 7),
        ] {
            assert_eq!(ExitCode::from(kind) as u8, status, "{kind}");
            let (_, explained) = TABLE[usize::from(status)];
            assert!(explained.contains(kind.as_str()), "{kind}: {explained}");
        }
    }

    #[test]
    fn the_table_is_in_order() {
        for (index, (code, _)) in TABLE.iter().enumerate() {
            assert_eq!(usize::from(*code as u8), index);
        }
    }
}
