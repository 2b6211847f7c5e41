//! Runs that are assigned to this pod, by the events that the watch has delivered.

use std::collections::BTreeMap;

use crds::WorkflowRun;
use kube::ResourceExt as _;
use tokio::sync::mpsc;

use super::event::AssignmentEvent;

/// Receiver of assignments. The pod executes one run at a time; assignments of other runs are retained until then.
pub(crate) struct Assignments {
    events: mpsc::Receiver<AssignmentEvent>,
    /// Last versions of the runs that are assigned to this pod and wait for their turn, by name.
    waiting: BTreeMap<String, WorkflowRun>,
}

impl Assignments {
    /// Returns the assignments that these events describe.
    pub(crate) fn new(events: mpsc::Receiver<AssignmentEvent>) -> Self {
        Self { events, waiting: BTreeMap::new() }
    }

    /// Returns the next event of the run that is being executed, or `None` if the watch has ended. Cancellation loses no event.
    pub(crate) async fn next_event(&mut self, run: &str) -> Option<AssignmentEvent> {
        loop {
            let event = self.events.recv().await?;
            if event.run_name() == run {
                return Some(event);
            }
            self.apply(event);
        }
    }

    /// Returns the oldest assigned run, after all events that have arrived by now, or `None` if the watch has ended.
    /// Cancellation loses no event.
    pub(crate) async fn next_run(&mut self) -> Option<WorkflowRun> {
        loop {
            while let Ok(event) = self.events.try_recv() {
                self.apply(event);
            }
            if let Some(run) = self.take_oldest() {
                return Some(run);
            }
            let event = self.events.recv().await?;
            self.apply(event);
        }
    }

    fn apply(&mut self, event: AssignmentEvent) {
        match event {
            AssignmentEvent::Assigned(run) => drop(self.waiting.insert(run.name_any(), *run)),
            AssignmentEvent::PossiblyRevoked { run } => drop(self.waiting.remove(&run)),
        }
    }

    fn take_oldest(&mut self) -> Option<WorkflowRun> {
        let oldest = self.waiting.values().min_by_key(|run| (run.creation_timestamp(), run.name_any()))?;
        let name = oldest.name_any();
        self.waiting.remove(&name)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use serde_json::json;

    use super::*;

    fn assigned(name: &str, second: u32, version: &str) -> AssignmentEvent {
        let run = serde_json::from_value(json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
            "metadata": {"name": name, "resourceVersion": version,
                         "creationTimestamp": format!("2026-11-24T10:00:{second:02}Z")},
            "spec": {"workflowRef": {"name": "nightly"}},
        }));
        AssignmentEvent::Assigned(Box::new(run.unwrap()))
    }

    fn revoked(name: &str) -> AssignmentEvent {
        AssignmentEvent::PossiblyRevoked { run: name.to_owned() }
    }

    fn assignments(events: Vec<AssignmentEvent>) -> (mpsc::Sender<AssignmentEvent>, Assignments) {
        let (to, from) = mpsc::channel(16);
        events.into_iter().for_each(|event| to.try_send(event).unwrap());
        (to, Assignments::new(from))
    }

    /// Returns the name and the version of the next run, or an empty string if there is none yet.
    fn next(assignments: &mut Assignments) -> String {
        let run = assignments.next_run().now_or_never().flatten();
        run.map(|run| format!("{}@{}", run.name_any(), run.resource_version().unwrap())).unwrap_or_default()
    }

    /// An assignment that was revoked before the pod had time for the run is not taken, and of several versions of a run
    /// the last one is.
    #[tokio::test]
    async fn a_revoked_or_outdated_assignment_is_not_taken() {
        let events = vec![assigned("gone", 1, "1"), assigned("stays", 2, "2"), revoked("gone")];
        let (to, mut assignments) = assignments(events);
        to.try_send(assigned("stays", 2, "3")).unwrap();
        assert_eq!(next(&mut assignments), "stays@3");
        assert_eq!(next(&mut assignments), "");
    }

    /// A run that is assigned while another one is executed is taken afterwards, the oldest run first.
    #[tokio::test]
    async fn an_assignment_during_an_execution_is_taken_afterwards() {
        let events = vec![assigned("new", 9, "1"), assigned("old", 1, "2"), revoked("own"), revoked("lost")];
        let (_to, mut assignments) = assignments(events);
        let event = assignments.next_event("own").now_or_never().flatten();
        assert_eq!(event, Some(revoked("own")));
        assert_eq!(next(&mut assignments), "old@2");
        assert_eq!(next(&mut assignments), "new@1");
    }
}
