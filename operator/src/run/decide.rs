//! What to do next for a run, as one pure function of what is seen and the time.

use crds::{
    WorkflowRunStatus,
    constants::MAX_LOST_RUNNERS,
    run::{LostRunner, RunError, RunPhase, RunnerStatus},
    tenant::{OnSuspend, TenantState},
    workflow::ErrorKind,
};
use jiff::{SignedDuration, Timestamp};

use super::{
    lost::PodState,
    see::{RunnerPod, Seen},
};

/// A runner enforces the run's timeout itself; one that has not done so by this much later never will.
const RUNNER_PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// The next thing to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// Nothing: it has ended, or waits for something that will call.
    Nothing,
    /// A runner executes it; look again at this time.
    Watch(Timestamp),
    /// Set its final phase: no runner can.
    End(End),
    /// Pin its revision, check its input, and ask for a slot.
    Admit,
    /// Make the first pod.
    Start,
    /// Note that its pod is lost, and make the next.
    Replace(LostRunner),
    /// Make the pod that is written on it already, unless it is under way.
    Make(String),
    /// Give it to this pod.
    Assign(RunnerPod),
    /// It waits without a pod: give its slot back.
    Release,
}

/// A final phase set by the operator.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct End {
    pub(super) phase: RunPhase,
    pub(super) error: Option<RunError>,
}

impl End {
    /// A run that failed, and of what.
    pub(super) fn failed(kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        Self { phase: RunPhase::Failed, error: Some(error(kind, code, message.into())) }
    }
}

fn error(kind: ErrorKind, code: &str, message: String) -> RunError {
    RunError { step: None, kind, code: code.to_owned(), message }
}

/// Decides.
pub(super) fn next(seen: &Seen, now: Timestamp) -> Next {
    let status = seen.status();
    match status.phase.unwrap_or_default() {
        phase if phase.is_final() => return Next::Nothing,
        RunPhase::Suspended if status.runner.is_none() => return Next::Release,
        _ => (),
    }
    if let Some(end) = ended_from_outside(seen) {
        return Next::End(end);
    }
    let due = status.started_at.as_ref().map(|started| deadline(seen, started.0));
    match &status.runner {
        Some(RunnerStatus { pod_uid: Some(uid), .. }) => held(seen, &status, uid, due, now),
        Some(RunnerStatus { job: Some(job), .. }) => unheld(seen, &status, Some(job), due, now),
        _ => unheld(seen, &status, None, due, now),
    }
}

/// The tenant is gone, or wants its runs ended.
fn ended_from_outside(seen: &Seen) -> Option<End> {
    let cancelled = |code: &str, message: &str| {
        Some(End {
            phase: RunPhase::Cancelled,
            error: Some(error(ErrorKind::Policy, code, message.to_owned())),
        })
    };
    let Some(tenant) = &seen.tenant else {
        let started = super::has_started(&seen.run);
        return started.then(|| cancelled("TENANT_GONE", "the tenant is gone")).flatten();
    };
    if tenant.metadata.deletion_timestamp.is_some() {
        return cancelled("TENANT_GONE", "the tenant is being deleted");
    }
    let ends = match tenant.spec.state.unwrap_or_default() {
        TenantState::Active => false,
        TenantState::Suspended => tenant.spec.on_suspend == Some(OnSuspend::Cancel),
        TenantState::Archived => true,
    };
    let started = super::has_started(&seen.run);
    if ends && started { cancelled("TENANT_SUSPENDED", "the tenant was suspended or archived") } else { None }
}

fn deadline(seen: &Seen, started: Timestamp) -> Timestamp {
    let timeout = SignedDuration::try_from(seen.timeout()).unwrap_or(SignedDuration::MAX);
    started.checked_add(timeout).unwrap_or(Timestamp::MAX)
}

/// A pod holds the run.
fn held(seen: &Seen, status: &WorkflowRunStatus, uid: &str, due: Option<Timestamp>, now: Timestamp) -> Next {
    let pod = seen.pods.iter().find(|pod| pod.uid == uid);
    let given_up = due.and_then(|due| due.checked_add(RUNNER_PATIENCE).ok());
    match pod.map(|pod| &pod.state) {
        Some(state @ (PodState::Live | PodState::Silent(_))) => match given_up {
            Some(given_up) if given_up <= now => Next::End(timed_out(seen)),
            given_up => watch(state, given_up),
        },
        Some(PodState::Lost(reason)) => lose(seen, status, reason, due, now),
        None => lose(seen, status, "PodGone", due, now),
    }
}

fn watch(state: &PodState, given_up: Option<Timestamp>) -> Next {
    let silent = match state {
        PodState::Silent(until) => Some(*until),
        PodState::Live | PodState::Lost(_) => None,
    };
    silent.into_iter().chain(given_up).min().map_or(Next::Nothing, Next::Watch)
}

/// The pod is lost: the run goes on in the next, unless there is a reason to end it.
fn lose(
    seen: &Seen,
    status: &WorkflowRunStatus,
    reason: &str,
    due: Option<Timestamp>,
    now: Timestamp,
) -> Next {
    if let Some(end) = ended_by_itself(seen, due, now) {
        return Next::End(end);
    }
    let before = status.runner.as_ref().and_then(|runner| runner.lost.as_ref()).map_or(0, |lost| lost.count);
    let count = if has_progressed(status) { 1 } else { before.saturating_add(1) };
    if count >= MAX_LOST_RUNNERS {
        let message = format!("the run lost its pod {count} times without progress; the last time: {reason}");
        return Next::End(End::failed(ErrorKind::Infra, "RUNNER_LOST", message));
    }
    Next::Replace(LostRunner { count, reason: Some(reason.to_owned()) })
}

/// Whether a step ended while the pod held the run.
fn has_progressed(status: &WorkflowRunStatus) -> bool {
    let Some(since) = status.runner.as_ref().and_then(|runner| runner.assigned_at.as_ref()) else {
        return false;
    };
    status.steps.iter().filter_map(|step| step.finished_at.as_ref()).any(|ended| ended.0 >= since.0)
}

/// No pod holds the run.
fn unheld(
    seen: &Seen,
    status: &WorkflowRunStatus,
    job: Option<&String>,
    due: Option<Timestamp>,
    now: Timestamp,
) -> Next {
    if let Some(end) = ended_by_itself(seen, due, now) {
        return Next::End(end);
    }
    if !seen.holds_slot {
        return Next::Admit;
    }
    let live =
        seen.pods.iter().find(|pod| pod.state == PodState::Live && job.is_none_or(|job| *job == pod.job));
    match (live, job) {
        (Some(pod), _) => Next::Assign(pod.clone()),
        (None, Some(job)) if !seen.pods.iter().any(|pod| pod.job == *job) => Next::Make(job.clone()),
        // The pod that was to take it is lost before it did: that counts, or it would never end.
        (None, Some(_)) => lose(seen, status, "PodDeleted", due, now),
        // A first pod that ends before it took the run; a run that was handed back has started.
        (None, None) if status.started_at.is_none() && !seen.pods.is_empty() => {
            lose(seen, status, "PodFailed", due, now)
        }
        (None, None) => Next::Start,
    }
}

/// Ends that no runner is there to set.
fn ended_by_itself(seen: &Seen, due: Option<Timestamp>, now: Timestamp) -> Option<End> {
    if seen.run.spec.cancel.is_some() {
        return Some(End { phase: RunPhase::Cancelled, error: None });
    }
    due.filter(|due| *due <= now).map(|_| timed_out(seen))
}

fn timed_out(seen: &Seen) -> End {
    let message = format!("the run did not end within its timeout of {} s", seen.timeout().as_secs());
    End { phase: RunPhase::TimedOut, error: Some(error(ErrorKind::Timeout, "RUN_TIMEOUT", message)) }
}

#[cfg(test)]
mod tests;
