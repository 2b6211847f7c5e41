//! The assigned WorkflowRun, parsed into the values that its execution needs.

use std::time::Duration;

use crds::{
    WorkflowRun,
    labels::TRACEPARENT,
    run::{Cancel, Decision, RunEnding, RunPhase, StepStatus},
};
use domain::{run::RunnerLoss, schema::json_size};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use telemetry::trace::TraceContext;

/// Unfinished run that is assigned to this pod, in one resource version.
#[derive(Debug, Clone)]
pub(crate) struct AssignedRun {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    pub(crate) created_at: Timestamp,
    /// Time at which the first runner began to execute the run; absent if this runner is the first.
    pub(crate) started_at: Option<Timestamp>,
    /// Whether `status.queue` is set: the run waits for this runner.
    pub(crate) is_awaited: bool,
    /// Input that the run was given; an empty object if it was given none.
    pub(crate) input: Value,
    /// Whether `status.input` is set.
    pub(crate) has_input: bool,
    pub(crate) cancel: Option<Cancel>,
    pub(crate) decisions: Vec<Decision>,
    /// Nesting depth as a sub-run; 0 for a run that no other run started.
    pub(crate) depth: u32,
    /// Name of the ControllerRevision to which the run is pinned.
    pub(crate) revision: String,
    pub(crate) generation: Option<i64>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) phase: RunPhase,
    /// Whether `status.step` is set.
    pub(crate) has_step: bool,
    pub(crate) steps: Vec<StepStatus>,
    /// Size of the run as JSON without its steps, in bytes.
    pub(crate) bytes_without_steps: usize,
    pub(crate) ending: Option<RunEnding>,
    /// Whether `status.wakeAt` is set.
    pub(crate) has_wake_at: bool,
    /// Start of the current wait for a decision or a time.
    pub(crate) suspended_at: Option<Timestamp>,
    /// Total duration of earlier waits.
    pub(crate) waited: Duration,
    /// Reason for which the previous runner was lost, if any.
    pub(crate) lost: RunnerLoss,
    /// Span above the run in its trace: that of the request, or of the step of another run, that started it. `None` for other runs, and
    /// if the object names none that is valid.
    pub(crate) parent_span: Option<TraceContext>,
}

impl AssignedRun {
    /// Parses a run. Returns `None` if it is not assigned to this pod or has ended.
    pub(crate) fn parse(run: WorkflowRun, pod_uid: &str) -> Option<Self> {
        let bytes = json_size(&run);
        let (name, uid, resource_version) = (run.name_any(), run.uid()?, run.resource_version()?);
        let created_at = run.creation_timestamp()?.0;
        let generation = run.metadata.generation;
        let traceparent = run.annotations().get(TRACEPARENT);
        let parent_span = traceparent.and_then(|traceparent| TraceContext::parse(traceparent));
        let status = run.status?;
        let depth = run.spec.trigger.and_then(|trigger| trigger.parent).map_or(0, |parent| parent.depth);
        let runner = status.runner.filter(|runner| runner.pod_uid.as_deref() == Some(pod_uid))?;
        let phase = status.phase.unwrap_or_default();
        let lost = runner.lost.and_then(|lost| lost.reason);
        (!phase.is_final()).then_some(())?;
        Some(Self {
            name,
            uid,
            resource_version,
            created_at,
            started_at: status.started_at.map(|time| time.0),
            is_awaited: status.queue.is_some(),
            input: run.spec.input.unwrap_or_else(|| json!({})),
            has_input: status.input.is_some(),
            // Both may be set. The immediate one takes precedence.
            cancel: run.spec.cancel.max(status.cancel_requested),
            decisions: run.spec.decisions,
            depth,
            revision: status.revision?.name,
            generation,
            conditions: status.conditions,
            phase,
            has_step: status.step.is_some(),
            bytes_without_steps: bytes.saturating_sub(json_size(&status.steps)),
            steps: status.steps,
            ending: status.ending,
            has_wake_at: status.wake_at.is_some(),
            suspended_at: status.suspended_at.map(|time| time.0),
            waited: Duration::from_secs(status.waited_seconds.unwrap_or_default()),
            lost: RunnerLoss::from_reason(lost.as_deref()),
            parent_span,
        })
    }

    /// Returns the total time that the run has waited for decisions and times if it continues now, rounded up to seconds,
    /// the unit in which the status records it.
    pub(crate) fn waited_until(&self, now: Timestamp) -> Duration {
        let last = self.suspended_at.map(|since| now.duration_since(since));
        // A clock that was set back gives a negative duration, which counts as zero.
        let last = last.and_then(|last| Duration::try_from(last).ok()).unwrap_or_default();
        let seconds = last.as_secs() + u64::from(last.subsec_nanos() > 0);
        self.waited.saturating_add(Duration::from_secs(seconds))
    }

    /// Returns the context of a new span for the run. Without a span above it, the run has the trace whose ID is its UID, so that all pods
    /// that execute it continue one trace.
    pub(crate) fn span_context(&self) -> TraceContext {
        self.parent_span.map_or_else(|| TraceContext::of_object(&self.uid), TraceContext::child)
    }

    /// Returns whether this version is newer than `other`. The API server increases the version with every write.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        let number = |run: &Self| run.resource_version.parse::<u64>().unwrap_or_default();
        number(self) > number(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(status: &Value) -> WorkflowRun {
        serde_json::from_value(json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
            "metadata": {"name": "nightly-7", "namespace": "t-acme", "uid": "run-uid", "resourceVersion": "12",
                         "creationTimestamp": "2026-11-24T10:00:00Z"},
            "spec": {"workflowRef": {"name": "nightly"}},
            "status": status
        }))
        .unwrap()
    }

    /// Only an unfinished run with this pod's UID counts as assigned.
    #[test]
    fn only_an_unfinished_run_of_this_pod_is_assigned() {
        let status = |pod: &str, phase: &str| {
            run(&json!({"phase": phase, "revision": {"name": "nightly-5d8c"},
                        "runner": {"podUid": pod, "lost": {"count": 1, "reason": "OOMKilled"}}}))
        };
        let assigned = AssignedRun::parse(status("pod-a", "Queued"), "pod-a").unwrap();
        assert_eq!((assigned.name.as_str(), assigned.lost), ("nightly-7", RunnerLoss::OutOfMemory));
        assert!(AssignedRun::parse(status("pod-b", "Running"), "pod-a").is_none());
        assert!(AssignedRun::parse(status("pod-a", "Failed"), "pod-a").is_none());
        assert!(AssignedRun::parse(run(&json!({"phase": "Queued"})), "pod-a").is_none());
    }

    /// A run continues the trace that its object names. Without a valid one, it has a trace of its own, the same in each pod.
    #[test]
    fn a_run_continues_the_trace_of_its_object() {
        let parsed = |traceparent: Option<&str>| {
            let status = json!({"phase": "Running", "revision": {"name": "nightly-5d8c"}, "runner": {"podUid": "pod-a"}});
            let mut run = run(&status);
            run.metadata.uid = Some("4bf92f35-77b3-4da6-a3ce-929d0e0e4736".to_owned());
            run.annotations_mut().extend(traceparent.map(|text| (TRACEPARENT.to_owned(), text.to_owned())));
            AssignedRun::parse(run, "pod-a").unwrap().span_context().trace_id()
        };
        let continued = parsed(Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        assert_eq!(continued, "0af7651916cd43dd8448eb211c80319c");
        let long = "x".repeat(100_000);
        for hostile in [None, Some(""), Some("00-x"), Some("00-\r\nhost: other"), Some(long.as_str())] {
            assert_eq!(parsed(hostile), "4bf92f3577b34da6a3ce929d0e0e4736");
        }
    }
}
