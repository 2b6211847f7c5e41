//! Events about the run as a whole, except its end.

use crds::{
    WorkflowRun, WorkflowRunStatus, conditions,
    run::{QueueReason, RunPhase, RunnerStatus},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::events::NewEvent;

/// Returns an Event about the revision that the run executes from now on.
pub(super) fn pinned(
    run: &WorkflowRun,
    before: &WorkflowRunStatus,
    now: &WorkflowRunStatus,
) -> Option<NewEvent> {
    let revision = now.revision.as_ref().filter(|_| before.revision.is_none())?;
    let (name, workflow) = (&revision.name, &run.spec.workflow_ref.name);
    let message = format!("executes revision {name} of workflow {workflow}");
    Some(NewEvent::normal("Pin", "Pinned", message))
}

/// Returns an Event about a new reason why the run waits.
pub(super) fn waiting(before: &WorkflowRunStatus, now: &WorkflowRunStatus) -> Option<NewEvent> {
    let queue = now.queue.as_ref()?;
    if before.queue.as_ref().is_some_and(|earlier| earlier.reason == queue.reason) {
        return None;
    }
    let message = if queue.message.is_empty() { String::new() } else { format!(": {}", queue.message) };
    Some(NewEvent::normal("Admit", "Waiting", format!("waits: {}{message}", queue.reason)))
}

/// Returns an Event about what keeps the pod of an executed run from starting another of its containers, which the conditions
/// show.
pub(super) fn pod_problem(before: &WorkflowRunStatus, now: &WorkflowRunStatus) -> Option<NewEvent> {
    if now.queue.is_some() {
        return None;
    }
    let problem = problem_of_pod(now)?;
    if problem_of_pod(before).is_some_and(|earlier| earlier.reason == problem.reason) {
        return None;
    }
    let message = format!("steps may wait for the pod: {}: {}", problem.reason, problem.message);
    Some(NewEvent::warning("Watch", "PodNotReady", message))
}

fn problem_of_pod(status: &WorkflowRunStatus) -> Option<&Condition> {
    let condition = conditions::get(&status.conditions, conditions::RECONCILING)?;
    condition.reason.parse().is_ok_and(QueueReason::is_blocked_pod).then_some(condition)
}

/// Returns an Event about the assignment to a pod.
pub(super) fn assigned(before: &WorkflowRunStatus, now: &WorkflowRunStatus) -> Option<NewEvent> {
    let RunnerStatus { pod, pod_uid: Some(uid), .. } = now.runner.as_ref()? else { return None };
    if pod_uid(before) == Some(uid) {
        return None;
    }
    let pod = pod.as_deref().unwrap_or_default();
    Some(NewEvent::normal("Assign", "Assigned", format!("admitted, and assigned to pod {pod}")))
}

/// Returns an Event about the loss of the pod.
pub(super) fn lost(before: &WorkflowRunStatus, now: &WorkflowRunStatus) -> Option<NewEvent> {
    let RunnerStatus { pod_uid: None, lost: Some(lost), .. } = now.runner.as_ref()? else { return None };
    pod_uid(before)?;
    let pod = before.runner.as_ref().and_then(|runner| runner.pod.as_deref()).unwrap_or_default();
    let reason = lost.reason.as_deref().unwrap_or("unknown reason");
    let message = format!("pod {pod} was lost ({reason}); another pod continues the run");
    Some(NewEvent::warning("Replace", "RunnerLost", message))
}

fn pod_uid(status: &WorkflowRunStatus) -> Option<&String> {
    status.runner.as_ref()?.pod_uid.as_ref()
}

/// Returns an Event about the end of a suspension.
pub(super) fn resumed(before: &WorkflowRunStatus, now: &WorkflowRunStatus) -> Option<NewEvent> {
    if (before.phase, now.phase) != (Some(RunPhase::Suspended), Some(RunPhase::Running)) {
        return None;
    }
    let still_waits = |name: &str| now.steps.iter().any(|step| step.name == name && step.waiting.is_some());
    let waited = before.steps.iter().filter(|step| step.waiting.is_some() && !still_waits(&step.name));
    let steps: Vec<_> = waited.map(|step| step.name.as_str()).collect();
    let message = match steps.as_slice() {
        [] => "continues".to_owned(),
        steps => format!("continues after the wait of {}", steps.join(", ")),
    };
    Some(NewEvent::normal("Resume", "Resumed", message))
}

/// Returns an Event about a requested cancellation.
pub(super) fn cancel_requested(previous: &WorkflowRun, current: &WorkflowRun) -> Option<NewEvent> {
    let by_operator = |run: &WorkflowRun| run.status.as_ref().and_then(|status| status.cancel_requested);
    let message = match (current.spec.cancel, by_operator(current)) {
        (Some(cancel), _) if previous.spec.cancel != Some(cancel) => {
            format!("cancellation was requested with spec.cancel: {cancel}")
        }
        (_, Some(cancel)) if by_operator(previous) != Some(cancel) => format!(
            "the operator requested cancellation ({cancel}): a newer run of the same concurrency group replaces this one, or \
             its parent run has ended"
        ),
        _ => return None,
    };
    Some(NewEvent::normal("Cancel", "CancelRequested", message))
}
