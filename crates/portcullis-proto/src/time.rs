//! The clock of the core: a number that only the driver can make move.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A moment on a monotonic clock whose zero the driver chooses.
///
/// The core never reads a clock; every call says what time it is. A test can therefore let hours pass
/// in no time, and a driver may use a clock that keeps counting while the machine sleeps, which
/// [`std::time::Instant`] does not do everywhere.
///
/// # Examples
///
/// ```
/// use portcullis_proto::Time;
/// use std::time::Duration;
///
/// let later = Time::ZERO + Duration::from_millis(250);
/// assert_eq!(later - Time::ZERO, Duration::from_millis(250));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(Duration);

impl Time {
    /// The start of the driver's clock.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The moment `elapsed` after the start of the clock.
    pub const fn from_start(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long the clock had run at this moment.
    pub const fn since_start(self) -> Duration {
        self.0
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    /// Saturates: a deadline beyond the end of the clock is never reached.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

impl Sub for Time {
    type Output = Duration;

    /// Zero where `earlier` is not earlier.
    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t+{:?}", self.0)
    }
}
