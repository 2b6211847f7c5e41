//! Whether the admission policy that fences runners is known to be in force.

use std::sync::atomic::{AtomicBool, Ordering};

/// Result of probing the runner fence. A fence that is in force remains in force.
#[derive(Debug, Default)]
pub(crate) struct FenceState(AtomicBool);

impl FenceState {
    /// Returns whether a probe has shown that the fence is in force.
    pub(crate) fn is_in_force(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Records the result of a probe.
    pub(crate) fn record(&self, is_in_force: bool) {
        self.0.store(is_in_force, Ordering::Relaxed);
    }
}
