//! Waking up on time after the machine has slept: a poller's timeout stops in sleep.

use mio::{Registry, Token};
use portcullis_proto::Time;
use std::time::Duration;

#[allow(unused_imports, reason = "each system has one of the two")]
pub(super) use system::Alarm;

/// Where nothing wakes a sleeper up, it looks at the clock this often.
#[cfg_attr(any(target_os = "linux", target_os = "android"), allow(dead_code, reason = "a timer is at hand"))]
const LOOK: Duration = Duration::from_secs(30);

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use super::*;
    use mio::Interest;
    use mio::unix::SourceFd;
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use std::os::fd::{AsRawFd, OwnedFd};

    /// A timer on the clock that counts sleep: it goes off the moment the machine wakes, where it is late.
    #[derive(Debug)]
    pub(in super::super) struct Alarm {
        timer: Option<OwnedFd>,
        set_for: Option<Time>,
    }

    impl Alarm {
        pub(in super::super) fn new(registry: &Registry, token: Token) -> Self {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Boottime, flags).ok().filter(|timer| {
                registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE).is_ok()
            });
            Self { timer, set_for: None }
        }

        /// Goes off at this moment; gives how long a poller may wait besides.
        pub(in super::super) fn set(&mut self, at: Option<Time>) -> Option<Duration> {
            if self.set_for == at {
                return None;
            }
            let since_boot = at.map(Time::since_start).unwrap_or_default();
            let it_value = Timespec::try_from(since_boot).unwrap_or_default();
            let new = Itimerspec { it_interval: Timespec::default(), it_value };
            let timer = self.timer.as_ref();
            let is_set =
                timer.is_some_and(|timer| timerfd_settime(timer, TimerfdTimerFlags::ABSTIME, &new).is_ok());
            self.set_for = at.filter(|_| is_set);
            (!is_set).then_some(LOOK)
        }

        /// It went off.
        pub(in super::super) fn rung(&mut self) {
            self.set_for = None;
            if let Some(timer) = &self.timer {
                let _ = rustix::io::read(timer, &mut [0; 8]);
            }
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use super::*;

    /// No timer: the clock is looked at now and then.
    #[derive(Debug)]
    pub(in super::super) struct Alarm;

    impl Alarm {
        pub(in super::super) fn new(_: &Registry, _: Token) -> Self {
            Self
        }

        /// How long a poller may wait.
        pub(in super::super) fn set(&mut self, at: Option<Time>) -> Option<Duration> {
            at.map(|_| LOOK)
        }

        /// It went off.
        pub(in super::super) fn rung(&mut self) {}
    }
}
