//! Value that this stage passes on to the next ones.

use std::sync::Arc;

use super::pin::Pinned;
use crate::state::Revision;

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
