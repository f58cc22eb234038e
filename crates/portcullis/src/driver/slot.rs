//! Where an operation's results wait for whoever asked, be it by blocking, polling or awaiting.

use portcullis_proto::client::{Device, Error, ErrorKind, Outcome};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
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

impl Slot {
    pub(super) fn push_device(&self, device: Device) {
        self.change(|state| state.devices.push_back(device));
    }

    /// Puts the result there; gives it back where nobody will ask for it.
    pub(super) fn finish(&self, result: Result<Outcome, Error>) -> Option<Result<Outcome, Error>> {
        let mut unwanted = None;
        self.change(|state| {
            if state.abandoned {
                unwanted = Some(result);
            } else if !state.ended {
                state.result = Some(result);
            }
            state.ended = true;
        });
        unwanted
    }

    /// Nobody will ask any more; gives the result that nobody has asked for until now.
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

    fn change(&self, change: impl FnOnce(&mut State)) {
        let waker = {
            let mut state = self.lock();
            change(&mut state);
            state.waker.take()
        };
        self.changed.notify_all();
        // Outside the lock: a waker may run the task at once.
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
