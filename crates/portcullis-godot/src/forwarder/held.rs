//! The mappings that a node holds, apart from the node: the engine may free nodes before or after the main loop ends,
//! on any thread, and in either case they are released in time.

use crate::clients;
use core::time::Duration;
use portcullis::Mapping;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

struct Inner {
    mappings: Vec<Mapping>,
    remove_on_exit: bool,
    exit_timeout: Duration,
}

impl Inner {
    fn release(&mut self) {
        // A mapping that is being made is no less in need of it; where nothing is under way nobody waits.
        clients::allow_at_exit(self.exit_timeout);
        for mapping in self.mappings.drain(..) {
            if self.remove_on_exit {
                // Deleted in the background.
                drop(mapping);
            } else {
                mapping.leave_open();
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.release();
    }
}

/// All that are in use.
static ALL: Mutex<Vec<Weak<Mutex<Inner>>>> = Mutex::new(Vec::new());

/// The program ends: releases what every node holds.
pub(crate) fn release_all() {
    let all = std::mem::take(&mut *ALL.lock().unwrap_or_else(PoisonError::into_inner));
    for held in all.iter().filter_map(Weak::upgrade) {
        held.lock().unwrap_or_else(PoisonError::into_inner).release();
    }
}

/// The mappings of one node, released when it is dropped.
pub(super) struct Held {
    inner: Arc<Mutex<Inner>>,
}

/// Tells whether the node is still there, without keeping anything.
pub(super) struct Watch(Weak<Mutex<Inner>>);

impl Watch {
    pub(super) fn is_there(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl Held {
    pub(super) fn new() -> Self {
        let inner =
            Inner { mappings: Vec::new(), remove_on_exit: true, exit_timeout: Duration::from_millis(500) };
        let inner = Arc::new(Mutex::new(inner));
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|held| held.strong_count() > 0);
        all.push(Arc::downgrade(&inner));
        drop(all);
        Self { inner }
    }

    pub(super) fn watch(&self) -> Watch {
        Watch(Arc::downgrade(&self.inner))
    }

    pub(super) fn push(&self, mapping: Mapping) {
        self.lock().mappings.push(mapping);
    }

    /// Takes out the mapping with this external port and protocol.
    pub(super) fn take(&self, wanted: impl Fn(&Mapping) -> bool) -> Option<Mapping> {
        let mappings = &mut self.lock().mappings;
        let index = mappings.iter().position(wanted)?;
        Some(mappings.remove(index))
    }

    pub(super) fn is_remove_on_exit(&self) -> bool {
        self.lock().remove_on_exit
    }

    pub(super) fn set_remove_on_exit(&self, remove_on_exit: bool) {
        self.lock().remove_on_exit = remove_on_exit;
    }

    /// In seconds, as scripts count.
    pub(super) fn exit_timeout(&self) -> f64 {
        self.lock().exit_timeout.as_secs_f64()
    }

    pub(super) fn set_exit_timeout(&self, seconds: f64) {
        self.lock().exit_timeout = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
