//! Being told to stop: SIGINT, SIGTERM and SIGHUP, or their like on other systems.

use crate::clock::Started;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Whoever passes signals on may send the same one twice: timeout(1) does, to the process and to its group.
const SAME: Duration = Duration::from_millis(100);

/// From now on a signal does not end the process but is reported here. A second one ends it at once.
#[derive(Clone, Debug)]
pub(crate) struct Termination {
    requested: Arc<AtomicBool>,
}

impl Termination {
    /// Once per process, on the thread that will wait.
    pub(crate) fn install() -> Result<Self, Failure> {
        let requested = Arc::new(AtomicBool::new(false));
        let (flag, waiting) = (Arc::clone(&requested), thread::current());
        let mut first: Option<Started> = None;
        ctrlc::set_handler(move || {
            if first.get_or_insert_with(Started::now).elapsed() >= SAME {
                process::exit(i32::from(ExitCode::Failure as u8));
            }
            flag.store(true, Ordering::Release);
            waiting.unpark();
        })
        .map_err(|error| Failure::io("cannot catch signals", &io::Error::other(error)))?;
        Ok(Self { requested })
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
    }

    /// Blocks until the process is told to stop.
    pub(crate) fn wait(&self) {
        while !self.is_requested() {
            thread::park();
        }
    }
}
