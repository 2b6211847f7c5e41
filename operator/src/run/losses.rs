//! Pods lost in a row, by run. An operator that starts anew begins to count anew: it gives a run too many
//! chances rather than too few.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Losses(Mutex<HashMap<String, u32>>);

impl Losses {
    /// How many pods a run has lost since it last progressed.
    pub(super) fn in_a_row(&self, run: &str) -> u32 {
        self.lock().get(run).copied().unwrap_or(0)
    }

    /// One more; the first one where the run had progressed meanwhile.
    pub(super) fn lost(&self, run: &str, progressed: Progressed) {
        let mut losses = self.lock();
        let count = losses.entry(run.to_owned()).or_insert(0);
        *count = match progressed {
            Progressed::Yes => 1,
            Progressed::No => count.saturating_add(1),
        };
    }

    /// The run has ended.
    pub(super) fn forget(&self, run: &str) {
        self.lock().remove(run);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a step ended in the pod that was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progressed {
    Yes,
    No,
}
