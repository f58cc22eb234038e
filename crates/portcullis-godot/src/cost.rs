//! What the calls that do not wait cost the main thread. Counted in the library that the tests time, and nowhere else.

#[cfg(not(feature = "measure"))]
mod meter {
    /// Counts nothing.
    pub(crate) struct Meter;

    impl Meter {
        pub(crate) const fn start() -> Self {
            Self
        }
    }
}

#[cfg(feature = "measure")]
mod meter {
    use crate::upnp::PortcullisUpnp;
    use godot::register::godot_api;
    use std::cell::Cell;

    thread_local! {
        static SPENT: Cell<i64> = const { Cell::new(0) };
        static PASSED: Cell<i64> = const { Cell::new(0) };
    }

    /// Counts this thread's processor time while it lives: what the machine does for others meanwhile is not ours. And
    /// the time that passes, which is what a player sees.
    pub(crate) struct Meter {
        processor: i64,
        clock: i64,
    }

    impl Meter {
        pub(crate) fn start() -> Self {
            Self { processor: read(libc::CLOCK_THREAD_CPUTIME_ID), clock: read(libc::CLOCK_MONOTONIC) }
        }
    }

    impl Drop for Meter {
        fn drop(&mut self) {
            let spent = read(libc::CLOCK_THREAD_CPUTIME_ID).saturating_sub(self.processor);
            let passed = read(libc::CLOCK_MONOTONIC).saturating_sub(self.clock);
            SPENT.set(SPENT.get().saturating_add(spent));
            PASSED.set(PASSED.get().saturating_add(passed));
        }
    }

    #[godot_api(secondary)]
    impl PortcullisUpnp {
        /// What this thread has spent on the addon so far, in nanoseconds of its processor time.
        #[func]
        fn get_nanoseconds_spent() -> i64 {
            SPENT.get()
        }

        /// How many nanoseconds have passed in it meanwhile.
        #[func]
        fn get_nanoseconds_passed() -> i64 {
            PASSED.get()
        }
    }

    fn read(clock: libc::clockid_t) -> i64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the kernel fills in what it is given; there are such clocks wherever there are threads.
        let status = unsafe { libc::clock_gettime(clock, &raw mut time) };
        assert_eq!(status, 0, "no clock {clock}");
        time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
    }
}

pub(crate) use meter::Meter;
