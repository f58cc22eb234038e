//! Waiting for several operations at once.

use crate::clock::Started;
use portcullis::{Error, ErrorKind, Pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// How an operation ended, and when: in milliseconds from the start of the process.
pub(crate) struct Ended<T> {
    pub(crate) result: Result<T, Error>,
    pub(crate) elapsed_ms: u64,
}

/// Wakes a thread that has parked itself.
pub(crate) struct Unpark(Thread);

impl Unpark {
    /// A waker for the thread that calls this.
    pub(crate) fn this_thread() -> Waker {
        Waker::from(Arc::new(Self(thread::current())))
    }
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks until all have ended, in whatever order. Once `stop` says so (it is asked whenever the thread is
/// unparked), those still under way are cancelled.
pub(crate) fn join<T>(pending: Vec<Pending<T>>, started: Started, stop: impl Fn() -> bool) -> Vec<Ended<T>> {
    let waker = Unpark::this_thread();
    let mut context = Context::from_waker(&waker);
    let mut waiting: Vec<_> = pending.into_iter().map(|pending| (pending, None)).collect();
    loop {
        for (pending, ended) in &mut waiting {
            if ended.is_none() {
                if let Poll::Ready(result) = Pin::new(pending).poll(&mut context) {
                    *ended = Some(Ended { result, elapsed_ms: started.elapsed_ms() });
                }
            }
        }
        if stop() || waiting.iter().all(|(_, ended)| ended.is_some()) {
            break;
        }
        thread::park();
    }
    let cancelled = || Ended { result: Err(Error::new(ErrorKind::Closed)), elapsed_ms: started.elapsed_ms() };
    waiting.into_iter().map(|(_, ended)| ended.unwrap_or_else(cancelled)).collect()
}
