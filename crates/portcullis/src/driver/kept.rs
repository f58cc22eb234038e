//! What is granted by now of the mappings that are kept, for whoever holds one.

use portcullis_proto::client::{Change, ChangeKind, Granted, MappingId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a mapping that is kept stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) granted: Option<Granted>,
    /// The last change but a renewal.
    pub(crate) kind: ChangeKind,
}

/// Written by the driver, read by handles.
#[derive(Clone, Debug, Default)]
pub(crate) struct Register(Arc<Mutex<BTreeMap<MappingId, Standing>>>);

impl Register {
    pub(super) fn update(&self, change: &Change) {
        let mut mappings = self.lock();
        if change.kind == ChangeKind::Released {
            mappings.remove(&change.mapping);
            return;
        }
        let standing = Standing { granted: change.granted.clone(), kind: change.kind };
        mappings.insert(change.mapping, standing);
    }

    pub(crate) fn get(&self, mapping: MappingId) -> Option<Standing> {
        self.lock().get(&mapping).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<MappingId, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
