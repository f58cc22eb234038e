//! The mappings that a node holds, apart from the node: the engine may free nodes before or after the main loop ends,
//! on any thread, and in either case they are released in time.

use crate::clients;
use core::time::Duration;
use portcullis::{Change, Closed, Granted, KeptMapping, Mapping, Pending};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A mapping of a node's: renewed, or made once.
pub(super) enum Held {
    Kept(KeptMapping),
    Once(Mapping),
}

impl Held {
    pub(super) fn granted(&self) -> Granted {
        match self {
            Self::Kept(mapping) => mapping.granted(),
            Self::Once(mapping) => mapping.granted().clone(),
        }
    }

    pub(super) fn close(self) -> Pending<Closed> {
        match self {
            Self::Kept(mapping) => mapping.close(),
            Self::Once(mapping) => mapping.close(),
        }
    }

    fn leave_open(self) {
        match self {
            Self::Kept(mapping) => drop(mapping.leave_open()),
            Self::Once(mapping) => drop(mapping.leave_open()),
        }
    }

    fn next_change(&self) -> Option<Change> {
        match self {
            Self::Kept(mapping) => mapping.next_change(),
            Self::Once(_) => None,
        }
    }
}

struct Inner {
    /// By the script's object.
    mappings: Vec<(i64, Held)>,
    remove_on_exit: bool,
    exit_timeout: Duration,
}

impl Inner {
    fn release(&mut self) {
        // A mapping that is being made is no less in need of it; where nothing is under way nobody waits.
        clients::allow_at_exit(self.exit_timeout);
        for (_, mapping) in self.mappings.drain(..) {
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
pub(super) struct Holder {
    inner: Arc<Mutex<Inner>>,
}

/// Tells whether the node is still there, without keeping anything.
pub(super) struct Watch(Weak<Mutex<Inner>>);

impl Watch {
    pub(super) fn is_there(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// What has happened to the mapping of this object since it was asked last; `None` when it is gone.
    pub(super) fn changes(&self, owner: i64) -> Option<Vec<Change>> {
        let inner = self.0.upgrade()?;
        let inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, held) = inner.mappings.iter().find(|(own, _)| *own == owner)?;
        Some(core::iter::from_fn(|| held.next_change()).collect())
    }
}

impl Holder {
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

    pub(super) fn push(&self, owner: i64, mapping: Held) {
        self.lock().mappings.push((owner, mapping));
    }

    /// Takes out the mapping of this object.
    pub(super) fn take(&self, owner: i64) -> Option<Held> {
        let mappings = &mut self.lock().mappings;
        let index = mappings.iter().position(|(own, _)| *own == owner)?;
        Some(mappings.remove(index).1)
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
