//! Second stage of a run's reconcile: the decision, as a pure function of the snapshot and the time.

mod deadlines;
mod end;
mod suspension;

use crds::{
    WorkflowRunStatus,
    constants::MAX_LOST_RUNNERS,
    run::{LostRunner, RunPhase, RunnerStatus},
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

/// Action that is due for a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Decision {
    /// Do nothing: the run has ended, or the next event that concerns it requests a reconcile.
    AwaitChange,
    /// Let the runner execute the run, and reconcile again at this time.
    Watch(Timestamp),
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
    let has_started = snapshot.has_started();
    let Some(tenant) = &snapshot.tenant else {
        return has_started.then(|| cancelled("TENANT_GONE", "the tenant was deleted")).flatten();
    };
    if tenant.metadata.deletion_timestamp.is_some() {
        return cancelled("TENANT_GONE", "the tenant is being deleted");
    }
    let ends_runs = match tenant.spec.state.unwrap_or_default() {
        TenantState::Active => false,
        TenantState::Suspended => tenant.spec.on_suspend == Some(OnSuspend::Cancel),
        TenantState::Archived => true,
    };
    if ends_runs && has_started {
        cancelled("TENANT_SUSPENDED", "the tenant was suspended or archived")
    } else {
        None
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
    let pod = snapshot.pods.iter().find(|pod| pod.uid == pod_uid);
    match pod.map(|pod| &pod.state) {
        Some(PodState::Live | PodState::NodeNotReady(_)) if deadlines.are_exceeded(RUNNER_TIMEOUT, now) => {
            Decision::End(End::timed_out(snapshot.timeout()))
        }
        Some(state @ (PodState::Live | PodState::NodeNotReady(_))) => {
            watch(state, deadlines.end_after(RUNNER_TIMEOUT))
        }
        Some(PodState::Unpullable { message, until }) if *until <= now => {
            Decision::End(End::unpullable(message))
        }
        Some(PodState::Unpullable { until, .. }) => Decision::Watch(*until),
        Some(PodState::Lost(reason)) => lost(snapshot, status, *reason, deadlines, now),
        // The pod was deleted while no operator was running, or before the watch delivered its deletion.
        None => lost(snapshot, status, LossReason::PodDeleted, deadlines, now),
    }
}

fn watch(state: &PodState, run_ends_at: Option<Timestamp>) -> Decision {
    let pod_lost_at = match state {
        PodState::NodeNotReady(until) => Some(*until),
        PodState::Live | PodState::Lost(_) | PodState::Unpullable { .. } => None,
    };
    pod_lost_at.into_iter().chain(run_ends_at).min().map_or(Decision::AwaitChange, Decision::Watch)
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
        (None, None) if status.started_at.is_none() && !snapshot.pods.is_empty() => {
            lost(snapshot, status, LossReason::PodFailed, deadlines, now)
        }
        (None, None) => Decision::Start,
    }
}

/// Decides about a pod whose image cannot be pulled, before the run is assigned to it.
fn unpullable(pod: &RunnerPod, now: Timestamp) -> Option<Decision> {
    let PodState::Unpullable { message, until } = &pod.state else { return None };
    Some(if *until <= now { Decision::End(End::unpullable(message)) } else { Decision::Watch(*until) })
}

/// Returns the end of a run that was cancelled before it started, or that no runner will end any more.
fn ended_without_runner(snapshot: &Snapshot, deadlines: &Deadlines, now: Timestamp) -> Option<End> {
    if snapshot.cancel().is_some() && !snapshot.has_started() {
        return Some(End { phase: RunPhase::Cancelled, error: None });
    }
    deadlines.are_exceeded(START_TIMEOUT, now).then(|| End::timed_out(snapshot.timeout()))
}

#[cfg(test)]
mod tests;
