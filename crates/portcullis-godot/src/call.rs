//! A call of the library's under way, for a script that waits for it, looks at it or cancels it.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use portcullis::upnp::UpnpResult;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Wake, Waker};

/// What a call gives beside its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Nothing,
    Count(i32),
    Text(String),
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) result: UpnpResult,
    pub(crate) value: Value,
    pub(crate) cancelled: bool,
}

impl Ended {
    pub(crate) fn new(result: UpnpResult) -> Self {
        Self { result, value: Value::Nothing, cancelled: false }
    }

    pub(crate) fn with(result: UpnpResult, value: Value) -> Self {
        Self { result, value, cancelled: false }
    }
}

enum State {
    UnderWay(Pin<Box<dyn Future<Output = Ended> + Send>>),
    Ended(Ended),
}

pub(crate) struct Call {
    state: Mutex<State>,
    bell: Arc<Bell>,
}

impl Call {
    /// Begins: what the call sends first is on its way when this returns.
    pub(crate) fn start(future: impl Future<Output = Ended> + Send + 'static) -> Arc<Self> {
        let state = Mutex::new(State::UnderWay(Box::pin(future)));
        let call = Arc::new(Self { state, bell: Arc::default() });
        call.poll();
        call
    }

    /// Goes on where something has come; how it ended, if it has.
    pub(crate) fn poll(&self) -> Option<Ended> {
        let mut state = self.lock();
        if let State::UnderWay(future) = &mut *state {
            let waker = Waker::from(Arc::clone(&self.bell));
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(ended) => *state = State::Ended(ended),
                Poll::Pending => return None,
            }
        }
        match &*state {
            State::Ended(ended) => Some(ended.clone()),
            State::UnderWay(_) => None,
        }
    }

    /// Blocks until it has ended, or somebody cancels it.
    pub(crate) fn wait(&self) -> Ended {
        loop {
            match self.poll() {
                Some(ended) => return ended,
                None => self.bell.wait(),
            }
        }
    }

    /// Ends it now. The engine has no number for this; it comes as its unknown error.
    pub(crate) fn cancel(&self) {
        let under_way = {
            let mut state = self.lock();
            if matches!(*state, State::Ended(_)) {
                return;
            }
            let ended = Ended { cancelled: true, ..Ended::new(UpnpResult::UnknownError) };
            std::mem::replace(&mut *state, State::Ended(ended))
        };
        drop(under_way);
        self.bell.ring();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes a thread that waits for a call.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        while !*rung {
            rung = self.changed.wait(rung).unwrap_or_else(PoisonError::into_inner);
        }
        *rung = false;
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}

/// The calls that an object has under way.
#[derive(Default)]
pub(crate) struct Calls {
    calls: Mutex<Vec<Weak<Call>>>,
}

impl Calls {
    pub(crate) fn start(&self, future: impl Future<Output = Ended> + Send + 'static) -> Arc<Call> {
        let call = Call::start(future);
        let mut calls = self.lock();
        calls.retain(|call| call.strong_count() > 0);
        calls.push(Arc::downgrade(&call));
        call
    }

    pub(crate) fn cancel(&self) {
        let calls = std::mem::take(&mut *self.lock());
        calls.iter().filter_map(Weak::upgrade).for_each(|call| call.cancel());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Call>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
