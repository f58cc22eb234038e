//! The events of a client, waiting for one subscriber.

use crate::event::Event;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A subscriber that does not listen loses the oldest events, not the machine's memory.
const MOST_EVENTS: usize = 1_024;

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    ended: bool,
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

/// The driver's end of a queue. Dropped, whyever, it ends the queue: nobody listens for ever.
#[derive(Debug)]
pub(super) struct Publisher(Weak<Queue>);

impl Publisher {
    /// A publisher, and where to listen to it.
    pub(super) fn open() -> (Self, Arc<Queue>) {
        let queue = Arc::new(Queue::default());
        (Self(Arc::downgrade(&queue)), queue)
    }

    /// Whether anybody still listens.
    pub(super) fn push(&self, event: Event) -> bool {
        let queue = self.0.upgrade();
        if let Some(queue) = &queue {
            queue.push(event);
        }
        queue.is_some()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if let Some(queue) = self.0.upgrade() {
            queue.change(|state| state.ended = true);
        }
    }
}

impl Queue {
    fn push(&self, event: Event) {
        self.change(|state| {
            if state.events.len() >= MOST_EVENTS {
                state.events.pop_front();
            }
            state.events.push_back(event);
        });
    }

    pub(crate) fn try_next(&self) -> Option<Event> {
        self.lock().events.pop_front()
    }

    /// Waits for an event; `None` after the last, or when the time is up.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Option<Event> {
        let state = self.lock();
        let idle = |state: &mut State| state.events.is_empty() && !state.ended;
        let mut state = match timeout {
            None => self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                self.changed
                    .wait_timeout_while(state, timeout, idle)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        state.events.pop_front()
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.lock();
        if let Some(event) = state.events.pop_front() {
            return Poll::Ready(Some(event));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let waker = {
            let mut state = self.lock();
            change(&mut state);
            state.waker.take()
        };
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
