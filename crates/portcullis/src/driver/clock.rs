//! The driver's clock.

use portcullis_proto::Time;
use std::time::Instant;

/// Counts from its own start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(now())
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_start(now().duration_since(self.0))
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where time enters")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
