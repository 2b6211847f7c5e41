//! Whether the quota controller of the cluster counts runs and workflows.

use std::sync::atomic::{AtomicBool, Ordering};

/// Result of probing the quota controller. It counts the objects of a new CustomResourceDefinition from about a minute after
/// its creation on. Until then, the API server would refuse all objects that a quota limits.
#[derive(Debug, Default)]
pub(crate) struct ObjectCounts(AtomicBool);

impl ObjectCounts {
    /// Returns whether the last probe has shown that runs and workflows are counted.
    pub(crate) fn are_available(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Records the result of a probe.
    pub(crate) fn record(&self, are_available: bool) {
        self.0.store(are_available, Ordering::Relaxed);
    }
}
