//! How long this process has been at work.

use std::time::{Duration, Instant};

/// The start of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started(Instant);

impl Started {
    pub(crate) fn now() -> Self {
        #[expect(clippy::disallowed_methods, reason = "only shown, decided by in the library")]
        let now = Instant::now();
        Self(now)
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Rounded up, as 0 would look like a missing value.
    pub(crate) fn elapsed_ms(self) -> u64 {
        u64::try_from(self.elapsed().as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
    }
}
