//! How long a pinhole lasts.

use std::fmt;

use crate::Lifetime;

/// The lifetime of a pinhole: 1 to 86,400 seconds (section 2.4.8). There are no permanent pinholes.
///
/// # Examples
///
/// ```
/// use portcullis_proto::Lifetime;
/// use portcullis_proto::igd::ipv6_firewall::LeaseTime;
///
/// assert_eq!(LeaseTime::new(3_600).unwrap().as_seconds(), 3_600);
/// assert_eq!(LeaseTime::new(0), None);
/// assert_eq!(LeaseTime::clamped(Lifetime::Permanent), LeaseTime::MAX);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseTime(u32);

impl LeaseTime {
    /// One second.
    pub const MIN: Self = Self(1);
    /// A day.
    pub const MAX: Self = Self(86_400);

    /// A lease of this many seconds; `None` where the service has none such.
    pub const fn new(seconds: u32) -> Option<Self> {
        if seconds >= Self::MIN.0 && seconds <= Self::MAX.0 { Some(Self(seconds)) } else { None }
    }

    /// The lease nearest to a lifetime, a day for a permanent one.
    pub fn clamped(lifetime: Lifetime) -> Self {
        match lifetime {
            Lifetime::Permanent => Self::MAX,
            Lifetime::Seconds(seconds) => Self(seconds.get().min(Self::MAX.0)),
        }
    }

    /// The lease in seconds.
    pub const fn as_seconds(self) -> u32 {
        self.0
    }

    /// A lease that differs from this one by a second, and is shorter where there is a shorter one.
    ///
    /// A gateway that is asked for a pinhole it has, with another lease, must answer with the one it has
    /// (section 2.6.3): so this is the lease to repeat a question with.
    #[must_use]
    pub const fn neighbour(self) -> Self {
        if self.0 > Self::MIN.0 { Self(self.0.saturating_sub(1)) } else { Self(self.0.saturating_add(1)) }
    }
}

impl From<LeaseTime> for Lifetime {
    fn from(lease: LeaseTime) -> Self {
        Self::from_seconds(lease.0)
    }
}

impl fmt::Display for LeaseTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lasts_from_a_second_to_a_day() {
        for (seconds, valid) in [(0, false), (1, true), (86_400, true), (86_401, false), (u32::MAX, false)] {
            assert_eq!(LeaseTime::new(seconds).is_some(), valid, "{seconds}");
        }
        for (lifetime, clamped) in [(0, 86_400), (1, 1), (3_600, 3_600), (86_401, 86_400), (u32::MAX, 86_400)]
        {
            assert_eq!(LeaseTime::clamped(Lifetime::from_seconds(lifetime)).as_seconds(), clamped);
        }
    }

    #[test]
    fn has_a_valid_neighbour() {
        for (seconds, neighbour) in [(1, 2), (2, 1), (3_600, 3_599), (86_400, 86_399)] {
            let lease = LeaseTime::new(seconds).unwrap().neighbour();
            assert_eq!(lease.as_seconds(), neighbour);
            assert_eq!(LeaseTime::new(neighbour), Some(lease));
        }
    }
}
