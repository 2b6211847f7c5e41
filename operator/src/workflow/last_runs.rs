//! Runs that finished lately, until they are written into their workflows.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crds::{Workflow, WorkflowRun, workflow::LastRun};
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
        self.put(workflow, last);
    }

    /// Notes again what was taken and could not be written.
    pub(crate) fn give_back(&self, workflow: &Workflow, last: LastRun) {
        self.put((workflow.namespace().unwrap_or_default(), workflow.name_any()), last);
    }

    fn put(&self, workflow: (String, String), last: LastRun) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn last(name: &str, at: &str) -> LastRun {
        serde_yaml::from_str(&format!("{{name: {name}, phase: Succeeded, finishedAt: '{at}'}}")).unwrap()
    }

    /// A workflow shows an older run as its last, or none, since somebody else wrote at the same time.
    #[test]
    fn what_could_not_be_written_is_kept_unless_there_is_newer() {
        let last_runs = LastRuns::default();
        let workflow = Workflow::new("intake", crds::WorkflowSpec::default());
        let key = (String::new(), "intake".to_owned());
        last_runs.give_back(&workflow, last("old", "2026-11-24T08:00:00Z"));
        last_runs.give_back(&workflow, last("new", "2026-11-24T09:00:00Z"));
        last_runs.give_back(&workflow, last("old", "2026-11-24T08:00:00Z"));
        assert_eq!(last_runs.take().remove(&key).map(|last| last.name).as_deref(), Some("new"));
    }
}
