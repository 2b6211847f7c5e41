//! Runs that finished lately, until they are written into their workflows.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crds::{WorkflowRun, workflow::LastRun};
use kube::ResourceExt as _;

/// The last finished run of each workflow, by namespace and name, since they were last taken.
#[derive(Debug, Default)]
pub(crate) struct LastRuns(Mutex<HashMap<(String, String), LastRun>>);

impl LastRuns {
    /// Notes a finished run; an older one than is known changes nothing.
    pub(crate) fn note(&self, run: &WorkflowRun) {
        let Some(status) = &run.status else { return };
        let Some(phase) = status.phase.filter(|phase| phase.is_final()) else { return };
        let last = LastRun { name: run.name_any(), phase, finished_at: status.finished_at.clone() };
        let workflow = (run.namespace().unwrap_or_default(), run.spec.workflow_ref.name.clone());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(&workflow).is_none_or(|known| known.finished_at <= last.finished_at) {
            known.insert(workflow, last);
        }
    }

    /// Takes what was noted.
    pub(crate) fn take(&self) -> HashMap<(String, String), LastRun> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
