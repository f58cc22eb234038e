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
    /// Two, as a search may be read by one task for its devices and by another for its end.
    device_waker: Option<Waker>,
    result_waker: Option<Waker>,
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
        self.0.change(|state| {
            state.devices.push_back(device);
            ((), [state.device_waker.take(), None])
        });
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
                return (None, [None, None]);
            }
            state.ended = true;
            let unwanted = if state.abandoned {
                result.ok()
            } else {
                state.result = Some(result);
                None
            };
            (unwanted, [state.device_waker.take(), state.result_waker.take()])
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

    /// Once it has been given, the result is [`ErrorKind::Closed`].
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Result<Outcome, Error>> {
        let mut state = self.lock();
        if state.ended {
            return Poll::Ready(state.result.take().unwrap_or_else(|| Err(Error::new(ErrorKind::Closed))));
        }
        state.result_waker = Some(context.waker().clone());
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
        state.device_waker = Some(context.waker().clone());
        Poll::Pending
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.lock().ended
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> (R, [Option<Waker>; 2])) -> R {
        let (changed, wakers) = change(&mut self.lock());
        self.changed.notify_all();
        // Outside the lock: a waker may run the task at once.
        wakers.into_iter().flatten().for_each(Waker::wake);
        changed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn address() -> Result<Outcome, Error> {
        Ok(Outcome::Address { address: [192, 0, 2, 1].into(), gateway: String::new() })
    }

    #[test]
    fn who_waits_for_devices_and_who_waits_for_the_result_are_both_woken() {
        let (answer, slot) = Answer::open();
        let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
        let wakers = counts.clone().map(Waker::from);
        let mut contexts = [Context::from_waker(&wakers[0]), Context::from_waker(&wakers[1])];
        assert!(slot.poll(&mut contexts[0]).is_pending());
        assert!(slot.poll_device(&mut contexts[1]).is_pending());
        assert_eq!(answer.finish(address()), None);
        assert_eq!(counts.map(|count| count.0.load(Ordering::Relaxed)), [1, 1]);
    }

    #[test]
    fn a_result_is_given_once() {
        let (answer, slot) = Answer::open();
        answer.finish(address());
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(slot.poll(&mut context), Poll::Ready(address()));
        assert_eq!(slot.poll(&mut context), Poll::Ready(Err(Error::new(ErrorKind::Closed))));
    }

    #[test]
    fn an_abandoned_result_goes_back_whenever_it_comes() {
        let (answer, slot) = Answer::open();
        assert_eq!(slot.abandon(), None);
        assert_eq!(answer.finish(address()), address().ok());

        let (answer, slot) = Answer::open();
        assert_eq!(answer.finish(address()), None);
        assert_eq!(slot.abandon(), Some(address()));
    }
}
