//! Runs that have finished and are not yet written into the status of their workflows.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crds::{Workflow, WorkflowRun, workflow::LastRun};
use kube::ResourceExt as _;
use tokio::sync::Notify;

/// The last finished run of each workflow, by namespace and name, since [`LastRuns::take`] was called.
#[derive(Debug, Default)]
pub(crate) struct LastRuns {
    runs: Mutex<HashMap<(String, String), LastRun>>,
    recorded: Notify,
}

impl LastRuns {
    /// Records a finished run, unless a newer one of the same workflow is recorded.
    pub(crate) fn record(&self, run: &WorkflowRun) {
        let Some(status) = &run.status else { return };
        let Some(phase) = status.phase.filter(|phase| phase.is_final()) else { return };
        let last = LastRun { name: run.name_any(), phase, finished_at: status.finished_at.clone() };
        let workflow = (run.namespace().unwrap_or_default(), run.spec.workflow_ref.name.clone());
        self.insert(workflow, last);
        self.recorded.notify_one();
    }

    /// Waits until a run is recorded, or returns at once if one was recorded since the previous call. A restored run does
    /// not count.
    pub(crate) async fn recorded(&self) {
        self.recorded.notified().await;
    }

    /// Records again a run that was taken and could not be written, so that the next [`LastRuns::take`]
    /// yields it again.
    pub(crate) fn restore(&self, workflow: &Workflow, last: LastRun) {
        self.insert((workflow.namespace().unwrap_or_default(), workflow.name_any()), last);
    }

    fn insert(&self, workflow: (String, String), last: LastRun) {
        let mut known = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(&workflow).is_none_or(|known| known.finished_at <= last.finished_at) {
            known.insert(workflow, last);
        }
    }

    /// Removes and returns all recorded runs.
    pub(crate) fn take(&self) -> HashMap<(String, String), LastRun> {
        std::mem::take(&mut self.runs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn last(name: &str, at: &str) -> LastRun {
        serde_yaml::from_str(&format!("{{name: {name}, phase: Succeeded, finishedAt: '{at}'}}")).unwrap()
    }

    /// The end of a run is announced once, a failed write is not.
    #[test]
    fn a_recorded_run_is_announced_once_and_a_restored_one_never() {
        let last_runs = LastRuns::default();
        let mut run = WorkflowRun::new("one", crds::run::WorkflowRunSpec::default());
        run.status = Some(serde_yaml::from_str("{phase: Succeeded}").unwrap());
        last_runs.record(&run);
        assert!(last_runs.recorded().now_or_never().is_some());
        last_runs.restore(
            &Workflow::new("intake", crds::WorkflowSpec::default()),
            last("one", "2026-11-24T08:00:00Z"),
        );
        assert!(last_runs.recorded().now_or_never().is_none());
    }

    /// A run that could not be written is written later, unless a newer run of the workflow has finished since.
    #[test]
    fn a_restored_run_is_taken_again_unless_a_newer_one_has_finished() {
        let last_runs = LastRuns::default();
        let workflow = Workflow::new("intake", crds::WorkflowSpec::default());
        let key = (String::new(), "intake".to_owned());
        last_runs.restore(&workflow, last("old", "2026-11-24T08:00:00Z"));
        last_runs.restore(&workflow, last("new", "2026-11-24T09:00:00Z"));
        last_runs.restore(&workflow, last("old", "2026-11-24T08:00:00Z"));
        assert_eq!(last_runs.take().remove(&key).map(|last| last.name).as_deref(), Some("new"));
    }
}
