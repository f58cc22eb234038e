//! What is granted by now of the mappings that are kept, for whoever holds one.

use portcullis_proto::client::{Change, ChangeKind, Granted, MappingId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whoever does not ask for changes loses the oldest.
const MOST_CHANGES: usize = 64;

/// How a mapping that is kept stands.
#[derive(Debug)]
struct Standing {
    granted: Option<Granted>,
    is_open: bool,
    changes: VecDeque<Change>,
}

/// Written by the driver, read by handles.
#[derive(Clone, Debug, Default)]
pub(crate) struct Register(Arc<Mutex<BTreeMap<MappingId, Standing>>>);

impl Register {
    pub(super) fn update(&self, change: &Change) {
        let mut mappings = self.lock();
        let is_end = matches!(change.kind, ChangeKind::Released | ChangeKind::HandedOver);
        if is_end && !mappings.contains_key(&change.mapping) {
            // Whoever held it is gone, and would not take it away again.
            return;
        }
        let standing = mappings.entry(change.mapping).or_insert_with(|| Standing {
            granted: None,
            is_open: false,
            changes: VecDeque::new(),
        });
        if change.kind != ChangeKind::LeftBehind {
            standing.granted.clone_from(&change.granted);
        }
        match change.kind {
            ChangeKind::Mapped | ChangeKind::Renewed | ChangeKind::Recovered => standing.is_open = true,
            ChangeKind::Degraded | ChangeKind::Lost | ChangeKind::Released => standing.is_open = false,
            _ => {}
        }
        if standing.changes.len() >= MOST_CHANGES {
            standing.changes.pop_front();
        }
        standing.changes.push_back(change.clone());
    }

    pub(crate) fn granted(&self, mapping: MappingId) -> Option<Granted> {
        self.lock().get(&mapping)?.granted.clone()
    }

    pub(crate) fn is_open(&self, mapping: MappingId) -> Option<bool> {
        Some(self.lock().get(&mapping)?.is_open)
    }

    pub(crate) fn next_change(&self, mapping: MappingId) -> Option<Change> {
        self.lock().get_mut(&mapping)?.changes.pop_front()
    }

    /// Nobody will ask any more.
    pub(crate) fn forget(&self, mapping: MappingId) {
        self.lock().remove(&mapping);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<MappingId, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
