//! The driver's clock: monotonic, and it counts while the machine sleeps.
//!
//! A gateway goes on counting a lifetime while we are suspended, so a clock that stops would take an expired
//! mapping for a live one. [`Instant`](std::time::Instant) stops on Linux and macOS. What is read instead:
//!
//! | System | Clock | Zero |
//! |---|---|---|
//! | Linux, Android | `CLOCK_BOOTTIME` | the boot |
//! | macOS and its kin | `CLOCK_MONOTONIC`, which counts sleep there, as clock_gettime(3) says | the boot |
//! | Windows | `Instant`: QueryPerformanceCounter, which counts standby and hibernation | the clock's start |
//! | others | `Instant`, whatever that counts | the clock's start |

use portcullis_proto::Time;

/// What the time is, since the boot or since its own start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(system::Origin);

impl Clock {
    /// Whether zero is the boot of the machine: then a moment means the same in every process until the next boot.
    pub(crate) const COUNTS_FROM_BOOT: bool = system::COUNTS_FROM_BOOT;

    pub(crate) fn start() -> Self {
        Self(system::origin())
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_start(system::since(self.0))
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
mod system {
    use rustix::time::{ClockId, clock_gettime};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    pub(super) const COUNTS_FROM_BOOT: bool = true;

    /// The boot, for all.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct Origin;

    #[cfg(target_vendor = "apple")]
    const CLOCK: ClockId = ClockId::Monotonic;
    #[cfg(not(target_vendor = "apple"))]
    const CLOCK: ClockId = ClockId::Boottime;

    /// The latest moment that any clock of this process has shown, in nanoseconds.
    static LATEST: AtomicU64 = AtomicU64::new(0);

    pub(super) fn origin() -> Origin {
        Origin
    }

    pub(super) fn since(_: Origin) -> Duration {
        let elapsed = Duration::try_from(clock_gettime(CLOCK)).unwrap_or_default();
        // 584 years are enough. Darwin computes its clock from the wall clock and the time of the boot, which a
        // process can see in the middle of being set: never backwards for that.
        let nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(LATEST.fetch_max(nanoseconds, Ordering::Relaxed).max(nanoseconds))
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
mod system {
    use std::time::{Duration, Instant};

    pub(super) type Origin = Instant;
    pub(super) const COUNTS_FROM_BOOT: bool = false;

    #[expect(clippy::disallowed_methods, reason = "the one place where time enters")]
    pub(super) fn origin() -> Origin {
        Instant::now()
    }

    pub(super) fn since(origin: Origin) -> Duration {
        self::origin().duration_since(origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_goes_backwards() {
        let clock = Clock::start();
        let moments: Vec<Time> = (0..1_000).map(|_| clock.now()).collect();
        assert!(moments.is_sorted());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn counts_from_the_boot_whenever_it_was_started() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let elapsed = Clock::start().now().since_start().as_secs_f64();
        assert!((elapsed - uptime).abs() < 10.0, "{elapsed} s, and the machine is up for {uptime} s");
    }
}
