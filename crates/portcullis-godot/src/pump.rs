//! What the main thread looks after once a frame: the calls under way.

use crate::cost::Meter;
use std::cell::{Cell, RefCell};

/// Something under way; gives whether it is over.
type Job = Box<dyn FnMut() -> bool>;

thread_local! {
    static JOBS: RefCell<Vec<Job>> = const { RefCell::new(Vec::new()) };
    static STOPPED: Cell<bool> = const { Cell::new(false) };
}

/// Looks after a job from the next frame on. Only the main thread may ask for it: nobody else has frames.
pub(crate) fn adopt(job: impl FnMut() -> bool + 'static) {
    if !STOPPED.get() {
        JOBS.with_borrow_mut(|jobs| jobs.push(Box::new(job)));
    }
}

/// A frame: every job has its turn. Signals are emitted here, so nothing is borrowed meanwhile.
pub(crate) fn frame() {
    let _meter = Meter::start();
    let mut jobs = JOBS.take();
    jobs.retain_mut(|job| !job());
    JOBS.with_borrow_mut(|later| {
        jobs.append(later);
        *later = jobs;
    });
}

/// Drops all jobs, which cancels them; no frame will come.
pub(crate) fn stop() {
    STOPPED.set(true);
    drop(JOBS.take());
}
