//! Where an operation's results wait for whoever asked, be it by blocking, polling or awaiting.

use portcullis_proto::client::{Device, Error, ErrorKind, Outcome};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

#[derive(Debug, Default)]
struct State {
    devices: VecDeque<Device>,
    result: Option<Result<Outcome, Error>>,
    /// Nothing more will come.
    ended: bool,
    /// Nobody will ask for the result.
    abandoned: bool,
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
pub(crate) struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

/// The driver's end of a slot. Dropped without a result, whyever, it answers [`ErrorKind::Closed`]:
/// nobody waits for ever.
#[derive(Debug)]
pub(super) struct Answer(Arc<Slot>);

impl Answer {
    /// An answer, and where to wait for it.
    pub(super) fn open() -> (Self, Arc<Slot>) {
        let slot = Arc::new(Slot::default());
        (Self(Arc::clone(&slot)), slot)
    }

    pub(super) fn is_for(&self, slot: &Arc<Slot>) -> bool {
        Arc::ptr_eq(&self.0, slot)
    }

    pub(super) fn push_device(&self, device: Device) {
        self.0.change(|state| state.devices.push_back(device));
    }

    /// Gives back what nobody will fetch.
    pub(super) fn finish(self, result: Result<Outcome, Error>) -> Option<Outcome> {
        self.0.end(result)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.0.end(Err(Error::new(ErrorKind::Closed)));
    }
}

impl Slot {
    /// Ends it with this result, unless it has ended; gives back what nobody will fetch.
    fn end(&self, result: Result<Outcome, Error>) -> Option<Outcome> {
        self.change(|state| {
            if state.ended {
                return None;
            }
            state.ended = true;
            if state.abandoned {
                return result.ok();
            }
            state.result = Some(result);
            None
        })
    }

    /// Nobody will ask for the result: one that is there already is the caller's to undo, one that comes
    /// later is the driver's.
    pub(crate) fn abandon(&self) -> Option<Result<Outcome, Error>> {
        let mut state = self.lock();
        state.abandoned = true;
        state.result.take()
    }

    /// Waits for the end.
    pub(crate) fn wait(&self) -> Result<Outcome, Error> {
        let mut state = self.lock();
        while !state.ended {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.result.take().unwrap_or_else(|| Err(Error::new(ErrorKind::Closed)))
    }

    /// Waits for the next device; `None` after the last.
    pub(crate) fn wait_device(&self) -> Option<Device> {
        let mut state = self.lock();
        loop {
            if let Some(device) = state.devices.pop_front() {
                return Some(device);
            }
            if state.ended {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Result<Outcome, Error>> {
        let mut state = self.lock();
        if state.ended {
            return Poll::Ready(state.result.take().unwrap_or_else(|| Err(Error::new(ErrorKind::Closed))));
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    pub(crate) fn poll_device(&self, context: &mut Context<'_>) -> Poll<Option<Device>> {
        let mut state = self.lock();
        if let Some(device) = state.devices.pop_front() {
            return Poll::Ready(Some(device));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.lock().ended
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let (changed, waker) = {
            let mut state = self.lock();
            (change(&mut state), state.waker.take())
        };
        self.changed.notify_all();
        // Outside the lock: a waker may run the task at once.
        if let Some(waker) = waker {
            waker.wake();
        }
        changed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
