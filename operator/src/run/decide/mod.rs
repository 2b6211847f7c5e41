//! Second stage of a run's reconcile: the decision, as a pure function of the snapshot and the time.

mod deadlines;
mod end;
mod suspension;

use crds::{
    WorkflowRunStatus,
    constants::MAX_LOST_RUNNERS,
    run::{Cancel, LostRunner, QueueReason, QueueStatus, RunPhase, RunnerStatus},
    tenant::{OnSuspend, TenantState},
    workflow::ErrorKind,
};
use jiff::{SignedDuration, Timestamp};

pub(super) use end::End;

use self::{deadlines::Deadlines, suspension::Suspension};
use super::observe::{LossReason, PodState, RunnerPod, Snapshot};

/// Time after a run's deadline at which the operator ends the run although a pod executes it. The runner enforces the
/// deadline itself; one that has not done so by then never will.
const RUNNER_TIMEOUT: SignedDuration = SignedDuration::from_secs(30);
/// Time after a run's deadline at which the operator ends a run that no pod executes. Until then a runner is started
/// for it, so that its `onExit` steps run and its sub-runs end.
const START_TIMEOUT: SignedDuration = SignedDuration::from_mins(10);

/// Time after an assignment from which the operator ends a run that is to be cancelled immediately, although its `onExit`
/// steps have not run, since the pod that would execute them cannot start.
const BLOCKED_TIMEOUT: SignedDuration = SignedDuration::from_mins(1);

/// Action that is due for a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Decision {
    /// Do nothing: the run has ended, or the next event that concerns it requests a reconcile.
    AwaitChange,
    /// Let the runner execute the run, record what keeps the pod from starting one of its containers, and reconcile again at
    /// the time.
    Watch {
        /// Problem of the pod, or `None` if it has none.
        problem: Option<QueueStatus>,
        /// Time at which something else is due.
        until: Option<Timestamp>,
    },
    /// Record why no runner executes the run yet, although it has a pod, and reconcile again at this time.
    AwaitRunner(QueueStatus, Option<Timestamp>),
    /// Write a final phase, since no runner can.
    End(End),
    /// Pin the run to a revision, check its input, and request a slot.
    Admit,
    /// Take a slot regardless of the limits, since a runner is needed to end the run, and decide again.
    HoldSlot,
    /// Find or create the first pod.
    Start,
    /// Assign the run to this pod.
    Assign(RunnerPod),
    /// Record that the run's pod is lost, and create the next one.
    Replace(LostRunner),
    /// Create the Job that is recorded in the run's status, unless it is being created.
    Recreate(String),
    /// Release the slot and the pods of a run that waits for something else, and reconcile again at this time.
    Suspend(Option<Timestamp>),
    /// Request that a runner cancels the run, since its parent has ended.
    RequestCancel,
}

/// Returns the action that is due for a run.
pub(super) fn decide(snapshot: &Snapshot, now: Timestamp) -> Decision {
    let status = snapshot.status();
    let phase = status.phase.unwrap_or_default();
    // A change of the tenant requests a reconcile of its runs.
    if phase.is_final() || snapshot.is_tenant_unknown {
        return Decision::AwaitChange;
    }
    if let Some(end) = ended_by_tenant(snapshot) {
        return Decision::End(end);
    }
    if snapshot.is_orphan && snapshot.cancel().is_none() {
        return Decision::RequestCancel;
    }
    let deadlines = Deadlines::for_run(snapshot, &status, now);
    match &status.runner {
        Some(RunnerStatus { pod_uid: Some(uid), .. }) => assigned(snapshot, &status, uid, &deadlines, now),
        Some(RunnerStatus { job: Some(job), .. }) => {
            unassigned(snapshot, &status, Some(job), &deadlines, now)
        }
        _ if phase == RunPhase::Suspended => suspended(snapshot, &status, &deadlines, now),
        _ => unassigned(snapshot, &status, None, &deadlines, now),
    }
}

/// Returns the end of a run whose tenant does not exist any more, or requires its runs to end.
fn ended_by_tenant(snapshot: &Snapshot) -> Option<End> {
    let cancelled = |code: &str, message: &str| Some(End::cancelled(ErrorKind::Policy, code, message));
    let was_admitted = snapshot.has_started() || snapshot.holds_slot;
    let Some(tenant) = &snapshot.tenant else {
        return was_admitted.then(|| cancelled("TENANT_GONE", "the tenant was deleted")).flatten();
    };
    if tenant.metadata.deletion_timestamp.is_some() {
        return cancelled("TENANT_GONE", "the tenant is being deleted");
    }
    match tenant.spec.state.unwrap_or_default() {
        TenantState::Suspended if was_admitted && tenant.spec.on_suspend == Some(OnSuspend::Cancel) => {
            cancelled("TENANT_SUSPENDED", "the tenant was suspended")
        }
        // A run that waits would start by itself when the tenant is active again, perhaps much later.
        TenantState::Archived => cancelled("TENANT_SUSPENDED", "the tenant was archived"),
        TenantState::Active | TenantState::Suspended => None,
    }
}

/// Decides about a suspended run.
fn suspended(
    snapshot: &Snapshot,
    status: &WorkflowRunStatus,
    deadlines: &Deadlines,
    now: Timestamp,
) -> Decision {
    match suspension::suspension(snapshot, status, deadlines, now) {
        Suspension::Until(until) => Decision::Suspend(until),
        Suspension::MustEnd if !snapshot.holds_slot => Decision::HoldSlot,
        Suspension::Over | Suspension::MustEnd => unassigned(snapshot, status, None, deadlines, now),
    }
}

/// Decides about a run that is assigned to a pod.
fn assigned(
    snapshot: &Snapshot,
    status: &WorkflowRunStatus,
    pod_uid: &str,
    deadlines: &Deadlines,
    now: Timestamp,
) -> Decision {
    let Some(pod) = snapshot.pods.iter().find(|pod| pod.uid == pod_uid) else {
        // The pod was deleted while no operator was running, or before the watch delivered its deletion.
        return lost(snapshot, status, LossReason::PodDeleted, deadlines, now);
    };
    if snapshot.awaits_runner() {
        return awaiting_runner(snapshot, status, pod, deadlines, now);
    }
    match &pod.state {
        PodState::Live | PodState::NodeNotReady(_) if deadlines.are_exceeded(RUNNER_TIMEOUT, now) => {
            Decision::End(End::timed_out(snapshot.timeout(), None))
        }
        PodState::Live | PodState::NodeNotReady(_) => watch(pod, deadlines.end_after(RUNNER_TIMEOUT)),
        PodState::Unpullable { message, until } if *until <= now => Decision::End(End::unpullable(message)),
        PodState::Unpullable { until, .. } => watch(pod, Some(*until)),
        PodState::Lost(reason) => lost(snapshot, status, *reason, deadlines, now),
    }
}

/// Decides about a run that is assigned to a pod whose runner has not begun. The operator may end it: if the runner begins at
/// the same moment, the API server accepts the first of both writes, and each side decides again after a conflict.
fn awaiting_runner(
    snapshot: &Snapshot,
    status: &WorkflowRunStatus,
    pod: &RunnerPod,
    deadlines: &Deadlines,
    now: Timestamp,
) -> Decision {
    if let PodState::Lost(reason) = pod.state {
        return lost(snapshot, status, reason, deadlines, now);
    }
    if let Some(end) = ended_without_runner(snapshot, deadlines, now) {
        return Decision::End(end);
    }
    let queue = recorded_secret_problem(status, wait(pod));
    let blocked_until = blocked_cancellation(snapshot, status, &queue);
    if blocked_until.is_some_and(|until| until <= now) {
        return Decision::End(End { phase: RunPhase::Cancelled, error: None });
    }
    unpullable(pod, now).unwrap_or_else(|| {
        let times = [pod_lost_at(pod), blocked_until, deadlines.end_after(START_TIMEOUT)];
        Decision::AwaitRunner(queue, times.into_iter().flatten().min())
    })
}

/// Returns why a pod does not execute its run yet.
fn wait(pod: &RunnerPod) -> QueueStatus {
    match pod.state {
        PodState::NodeNotReady(until) => {
            let message =
                format!("the node of pod {} is not ready; the pod is replaced at {until}", pod.name);
            QueueStatus::new(QueueReason::NodeNotReady, message)
        }
        PodState::Live | PodState::Lost(_) | PodState::Unpullable { .. } => pod.wait.clone(),
    }
}

/// Returns what the status says about a missing Secret, while the pod's own status says no more than that the pod is starting.
fn recorded_secret_problem(status: &WorkflowRunStatus, queue: QueueStatus) -> QueueStatus {
    let recorded = status.queue.as_ref().filter(|queue| queue.has_reason(QueueReason::SecretMissing));
    match recorded {
        Some(recorded) if queue.has_reason(QueueReason::PodStarting) => recorded.clone(),
        _ => queue,
    }
}

/// Returns the time from which a run that was started before is cancelled without its `onExit` steps: it is to be cancelled
/// immediately, and its pod cannot start.
fn blocked_cancellation(
    snapshot: &Snapshot,
    status: &WorkflowRunStatus,
    queue: &QueueStatus,
) -> Option<Timestamp> {
    let assigned_at = status.runner.as_ref()?.assigned_at.as_ref()?.0;
    (queue.is_blocked_pod() && snapshot.cancel() == Some(Cancel::Now))
        .then(|| assigned_at.checked_add(BLOCKED_TIMEOUT).unwrap_or(Timestamp::MAX))
}

/// Decides about a pod whose runner has begun. `status.queue` stays absent: with it, the run would count as one that its runner
/// has not begun.
fn watch(pod: &RunnerPod, ends_at: Option<Timestamp>) -> Decision {
    let problem = Some(wait(pod)).filter(QueueStatus::is_blocked_pod);
    Decision::Watch { problem, until: pod_lost_at(pod).into_iter().chain(ends_at).min() }
}

/// Returns the time at which the pod counts as lost, unless its node is ready by then.
fn pod_lost_at(pod: &RunnerPod) -> Option<Timestamp> {
    match pod.state {
        PodState::NodeNotReady(until) => Some(until),
        PodState::Live | PodState::Lost(_) | PodState::Unpullable { .. } => None,
    }
}

/// Decides about a run whose pod is lost: another pod continues it, unless there is a reason to end it.
fn lost(
    snapshot: &Snapshot,
    status: &WorkflowRunStatus,
    reason: LossReason,
    deadlines: &Deadlines,
    now: Timestamp,
) -> Decision {
    if let Some(end) = ended_without_runner(snapshot, deadlines, now) {
        return Decision::End(end);
    }
    let before = status.runner.as_ref().and_then(|runner| runner.lost.clone()).unwrap_or_default();
    let finished_items = finished_items(status);
    let count = if has_progressed(status) || finished_items > before.finished_items {
        1
    } else {
        before.count.saturating_add(1)
    };
    if count >= MAX_LOST_RUNNERS {
        let message =
            format!("the run lost its pod {count} times without progress, most recently by {reason}");
        return Decision::End(End::failed(ErrorKind::Infra, "RUNNER_LOST", message));
    }
    Decision::Replace(LostRunner { count, finished_items, reason: Some(reason.to_string()) })
}

/// Returns the number of items of all steps that have finished, or `None` if there are none. The items of a step that has
/// finished may not be counted any more.
fn finished_items(status: &WorkflowRunStatus) -> Option<u32> {
    let items = status.steps.iter().filter_map(|step| step.items.as_ref());
    let finished = items.map(|items| items.succeeded.saturating_add(items.failed));
    Some(finished.fold(0, u32::saturating_add)).filter(|finished| *finished > 0)
}

/// Returns whether a step has ended since the run was assigned to its pod.
fn has_progressed(status: &WorkflowRunStatus) -> bool {
    let Some(since) = status.runner.as_ref().and_then(|runner| runner.assigned_at.as_ref()) else {
        return false;
    };
    status.steps.iter().filter_map(|step| step.finished_at.as_ref()).any(|ended| ended.0 >= since.0)
}

/// Decides about a run that is assigned to no pod. `job` is the Job that its status records.
fn unassigned(
    snapshot: &Snapshot,
    status: &WorkflowRunStatus,
    job: Option<&String>,
    deadlines: &Deadlines,
    now: Timestamp,
) -> Decision {
    if let Some(end) = ended_without_runner(snapshot, deadlines, now) {
        return Decision::End(end);
    }
    if !snapshot.holds_slot {
        let must_end = snapshot.has_started() && snapshot.cancel().is_some();
        return if must_end { Decision::HoldSlot } else { Decision::Admit };
    }
    let is_of_job = |pod: &&RunnerPod| job.is_none_or(|job| *job == pod.job);
    let newest = snapshot.pods.iter().find(is_of_job);
    if let Some(decision) = newest.and_then(|pod| unpullable(pod, now)) {
        return decision;
    }
    let live = snapshot.pods.iter().find(|pod| pod.state == PodState::Live && is_of_job(pod));
    match (live, job) {
        (Some(pod), _) => Decision::Assign(pod.clone()),
        (None, Some(job)) if !snapshot.pods.iter().any(|pod| pod.job == *job) => {
            Decision::Recreate(job.clone())
        }
        // The pod was lost before the run was assigned to it. This counts as a loss: otherwise the run might
        // never end.
        (None, Some(_)) => lost(snapshot, status, LossReason::PodDeleted, deadlines, now),
        // The first pod failed before the run was assigned to it. A run that a runner handed over has
        // started.
        (None, None) if !snapshot.has_started() && !snapshot.pods.is_empty() => {
            lost(snapshot, status, LossReason::PodFailed, deadlines, now)
        }
        (None, None) => Decision::Start,
    }
}

/// Decides about a pod whose image cannot be pulled and whose runner has not begun.
fn unpullable(pod: &RunnerPod, now: Timestamp) -> Option<Decision> {
    let PodState::Unpullable { message, until } = &pod.state else { return None };
    Some(if *until <= now {
        Decision::End(End::unpullable(message))
    } else {
        Decision::AwaitRunner(wait(pod), Some(*until))
    })
}

/// Returns the end of a run that was cancelled before it started, or that no runner will end any more.
fn ended_without_runner(snapshot: &Snapshot, deadlines: &Deadlines, now: Timestamp) -> Option<End> {
    if snapshot.cancel().is_some() && !snapshot.has_started() {
        return Some(End { phase: RunPhase::Cancelled, error: None });
    }
    let queue = snapshot.run.status.as_ref().and_then(|status| status.queue.as_ref());
    deadlines.are_exceeded(START_TIMEOUT, now).then(|| End::timed_out(snapshot.timeout(), queue))
}

#[cfg(test)]
mod tests;
