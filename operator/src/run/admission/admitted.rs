//! Values that the steps of this stage, and then the next stages, receive.

use std::sync::Arc;

use crate::state::Revision;

/// A run's revision, whose input schema the run's input matches.
pub(super) struct Pinned {
    pub(super) revision: Arc<Revision>,
}

/// Proof that a run may have a pod: it holds a slot, and its revision and input were checked.
pub(in crate::run) struct Admitted {
    revision: Arc<Revision>,
}

impl Admitted {
    /// Returns the admission of a pinned run. Only this stage can create one.
    pub(super) fn new(pinned: Pinned) -> Self {
        Self { revision: pinned.revision }
    }

    /// Returns the revision that the run executes.
    pub(in crate::run) fn revision(&self) -> &Arc<Revision> {
        &self.revision
    }
}
