//! A mapping that is being closed. Once begun, that goes on whoever looks: a port that was released a moment before the
//! program quits is closed as surely as one that was not.

use portcullis::{Error, Pending};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Dropping it does not cancel it: it goes on until the clients are shut down.
pub(super) struct Closing {
    under_way: Option<Pending<bool>>,
}

/// Those that nobody looks at any more.
static LEFT: Mutex<Vec<Pending<bool>>> = Mutex::new(Vec::new());

/// Lets go of what nobody looks at. The clients have been shut down, so there is nothing left to cancel.
pub(crate) fn forget_closing() {
    let left = std::mem::take(&mut *left());
    drop(left);
}

impl Closing {
    pub(super) fn new(under_way: Pending<bool>) -> Self {
        Self { under_way: Some(under_way) }
    }

    /// The result, if it is there.
    pub(super) fn poll(&mut self) -> Option<Result<bool, Error>> {
        let result = super::open::poll(self.under_way.as_mut()?)?;
        self.under_way = None;
        Some(result)
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some(under_way) = self.under_way.take() {
            left().push(under_way);
        }
    }
}

fn left() -> MutexGuard<'static, Vec<Pending<bool>>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}
