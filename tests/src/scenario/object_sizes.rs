//! Sizes of runs, added up over all versions that the watch delivers.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crds::WorkflowRun;
use kube::ResourceExt as _;

/// Sizes of all runs, by UID.
#[derive(Default)]
pub(super) struct AllSizes(Mutex<BTreeMap<String, ObjectSizes>>);

/// Sizes of one run so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ObjectSizes {
    /// Size of its largest status in bytes.
    pub(super) status: usize,
    /// Size of all its versions together in bytes: the space that it takes in etcd until the history is
    /// compacted.
    pub(super) written: usize,
}

impl AllSizes {
    /// Adds a version of a run.
    pub(super) fn record(&self, run: &WorkflowRun) {
        let Some(uid) = run.uid() else { return };
        let bytes = |json: serde_json::Result<Vec<u8>>| json.map_or(0, |json| json.len());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sizes = all.entry(uid).or_default();
        sizes.status = sizes.status.max(bytes(serde_json::to_vec(&run.status)));
        // The API server stores these objects as the JSON that it serves.
        sizes.written = sizes.written.saturating_add(bytes(serde_json::to_vec(run)));
    }

    /// Returns the sizes of a run.
    pub(super) fn sizes_of_run(&self, run: &WorkflowRun) -> ObjectSizes {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        run.uid().and_then(|uid| all.get(&uid).copied()).unwrap_or_default()
    }
}
