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
        static NANOSECONDS: Cell<i64> = const { Cell::new(0) };
    }

    /// Counts this thread's processor time while it lives: what the machine does for others meanwhile is not ours.
    pub(crate) struct Meter {
        started: i64,
    }

    impl Meter {
        pub(crate) fn start() -> Self {
            Self { started: processor_time() }
        }
    }

    impl Drop for Meter {
        fn drop(&mut self) {
            let spent = processor_time().saturating_sub(self.started);
            NANOSECONDS.set(NANOSECONDS.get().saturating_add(spent));
        }
    }

    #[godot_api(secondary)]
    impl PortcullisUpnp {
        /// What this thread has spent on the addon so far, in nanoseconds of its processor time.
        #[func]
        fn get_nanoseconds_spent() -> i64 {
            NANOSECONDS.get()
        }
    }

    fn processor_time() -> i64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the kernel fills in what it is given; there is such a clock wherever there are threads.
        let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
        assert_eq!(status, 0, "no clock for processor time");
        time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
    }
}

pub(crate) use meter::Meter;
