//! How large runs were in each of their versions, as the watch sees one after the other.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crds::WorkflowRun;
use kube::ResourceExt as _;

/// Of all runs, by UID.
#[derive(Default)]
pub(super) struct Versions(Mutex<BTreeMap<String, Sizes>>);

/// Of a run so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sizes {
    /// Bytes of its largest status.
    pub(super) status: usize,
    /// Bytes of all versions together: what etcd holds of it until its history is compacted.
    pub(super) written: usize,
}

impl Versions {
    /// Takes another version in.
    pub(super) fn note(&self, run: &WorkflowRun) {
        let Some(uid) = run.uid() else { return };
        let bytes = |json: serde_json::Result<Vec<u8>>| json.map_or(0, |json| json.len());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sizes = all.entry(uid).or_default();
        sizes.status = sizes.status.max(bytes(serde_json::to_vec(&run.status)));
        // The API server stores these objects as the JSON that it serves.
        sizes.written = sizes.written.saturating_add(bytes(serde_json::to_vec(run)));
    }

    pub(super) fn of(&self, run: &WorkflowRun) -> Sizes {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        run.uid().and_then(|uid| all.get(&uid).copied()).unwrap_or_default()
    }
}
