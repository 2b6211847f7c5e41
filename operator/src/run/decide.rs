//! What to do next for a run, as one pure function of what is seen and the time.

mod wake;

use std::time::Duration;

use crds::{
    WorkflowRunStatus,
    constants::{EXIT_TIMEOUT_SECONDS, MAX_LOST_RUNNERS},
    run::{LostRunner, RunError, RunPhase, RunnerStatus},
    tenant::{OnSuspend, TenantState},
    workflow::ErrorKind,
};
use jiff::{SignedDuration, Timestamp};

use self::wake::Rest;
use super::{
    lost::PodState,
    see::{RunnerPod, Seen},
};

/// A runner enforces the run's timeout itself; one that has not done so by this much later never will.
const RUNNER_PATIENCE: SignedDuration = SignedDuration::from_secs(30);
/// A run whose time is up is ended by a runner, so that its `onExit` steps run and its sub-runs end. Where none could
/// be started for this long, it is ended without.
const START_PATIENCE: SignedDuration = SignedDuration::from_mins(10);

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
    /// It waits without a pod: give its slot back, delete its pods, and look again at this time.
    Rest(Option<Timestamp>),
    /// Nobody waits for it any more: have it cancelled.
    Cancel,
    /// Give it a slot whatever the limits say: what has begun is ended by a runner.
    Force,
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

    /// A run that is not wanted any more, and why.
    pub(super) fn cancelled(kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        Self { phase: RunPhase::Cancelled, error: Some(error(kind, code, message.into())) }
    }
}

fn error(kind: ErrorKind, code: &str, message: String) -> RunError {
    RunError { step: None, kind, code: code.to_owned(), message }
}

/// Decides.
pub(super) fn next(seen: &Seen, now: Timestamp) -> Next {
    let status = seen.status();
    let phase = status.phase.unwrap_or_default();
    if phase.is_final() {
        return Next::Nothing;
    }
    if let Some(end) = ended_from_outside(seen) {
        return Next::End(end);
    }
    if seen.is_orphan && seen.cancel().is_none() {
        return Next::Cancel;
    }
    let clock = Clock::of(seen, &status, now);
    match &status.runner {
        Some(RunnerStatus { pod_uid: Some(uid), .. }) => held(seen, &status, uid, &clock, now),
        Some(RunnerStatus { job: Some(job), .. }) => unheld(seen, &status, Some(job), &clock, now),
        _ if phase == RunPhase::Suspended => match wake::rest(seen, &status, &clock, now) {
            Rest::Until(until) => Next::Rest(until),
            Rest::ToBeEnded if !seen.holds_slot => Next::Force,
            Rest::Over | Rest::ToBeEnded => unheld(seen, &status, None, &clock, now),
        },
        _ => unheld(seen, &status, None, &clock, now),
    }
}

/// The tenant is gone, or wants its runs ended.
fn ended_from_outside(seen: &Seen) -> Option<End> {
    let cancelled = |code: &str, message: &str| Some(End::cancelled(ErrorKind::Policy, code, message));
    let begun = seen.has_begun();
    let Some(tenant) = &seen.tenant else {
        return begun.then(|| cancelled("TENANT_GONE", "the tenant is gone")).flatten();
    };
    if tenant.metadata.deletion_timestamp.is_some() {
        return cancelled("TENANT_GONE", "the tenant is being deleted");
    }
    let ends = match tenant.spec.state.unwrap_or_default() {
        TenantState::Active => false,
        TenantState::Suspended => tenant.spec.on_suspend == Some(OnSuspend::Cancel),
        TenantState::Archived => true,
    };
    if ends && begun { cancelled("TENANT_SUSPENDED", "the tenant was suspended or archived") } else { None }
}

/// When a run that has begun is out of time; none of it counts before it began.
struct Clock {
    /// Its steps must have ended.
    timeout: Option<Timestamp>,
    /// Its `onExit` steps must have, too.
    end: Option<Timestamp>,
}

impl Clock {
    fn of(seen: &Seen, status: &WorkflowRunStatus, now: Timestamp) -> Self {
        let Some(started) = status.started_at.as_ref().map(|started| started.0) else {
            return Self { timeout: None, end: None };
        };
        // A runner adds the wait that has just ended with its first write.
        let waits =
            status.suspended_at.as_ref().map_or(SignedDuration::ZERO, |since| now.duration_since(since.0));
        let waited = Duration::from_secs(status.waited_seconds.unwrap_or(0));
        let after = |from: Timestamp, length: Duration| {
            let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
            from.checked_add(length).unwrap_or(Timestamp::MAX)
        };
        let timeout = after(after(started, seen.timeout()), waited);
        let timeout = timeout.checked_add(waits.max(SignedDuration::ZERO)).unwrap_or(Timestamp::MAX);
        let exit = if seen.has_exit_steps() { EXIT_TIMEOUT_SECONDS } else { 0 };
        Self { timeout: Some(timeout), end: Some(after(timeout, Duration::from_secs(exit))) }
    }

    /// Whether nobody will end the run who has not done so for this long after its end.
    fn is_hopeless(&self, patience: SignedDuration, now: Timestamp) -> bool {
        self.given_up(patience).is_some_and(|given_up| given_up <= now)
    }

    fn given_up(&self, patience: SignedDuration) -> Option<Timestamp> {
        self.end.and_then(|end| end.checked_add(patience).ok())
    }
}

/// A pod holds the run.
fn held(seen: &Seen, status: &WorkflowRunStatus, uid: &str, clock: &Clock, now: Timestamp) -> Next {
    let pod = seen.pods.iter().find(|pod| pod.uid == uid);
    match pod.map(|pod| &pod.state) {
        Some(PodState::Live | PodState::Silent(_)) if clock.is_hopeless(RUNNER_PATIENCE, now) => {
            Next::End(timed_out(seen))
        }
        Some(state @ (PodState::Live | PodState::Silent(_))) => watch(state, clock.given_up(RUNNER_PATIENCE)),
        Some(PodState::Unpullable { message, until }) if *until <= now => Next::End(unpullable(message)),
        Some(PodState::Unpullable { until, .. }) => Next::Watch(*until),
        Some(PodState::Lost(reason)) => lose(seen, status, reason, clock, now),
        // It was deleted while nobody looked, or so fast that only its absence is seen.
        None => lose(seen, status, "PodDeleted", clock, now),
    }
}

/// A pod that can never start: another one could not either.
fn unpullable(message: &str) -> End {
    End::failed(ErrorKind::Infra, "IMAGE_PULL", message)
}

fn watch(state: &PodState, given_up: Option<Timestamp>) -> Next {
    let silent = match state {
        PodState::Silent(until) => Some(*until),
        PodState::Live | PodState::Lost(_) | PodState::Unpullable { .. } => None,
    };
    silent.into_iter().chain(given_up).min().map_or(Next::Nothing, Next::Watch)
}

/// The pod is lost: the run goes on in the next, unless there is a reason to end it.
fn lose(seen: &Seen, status: &WorkflowRunStatus, reason: &str, clock: &Clock, now: Timestamp) -> Next {
    if let Some(end) = ended_here(seen, clock, now) {
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
    clock: &Clock,
    now: Timestamp,
) -> Next {
    if let Some(end) = ended_here(seen, clock, now) {
        return Next::End(end);
    }
    if !seen.holds_slot {
        return if seen.has_begun() && seen.cancel().is_some() { Next::Force } else { Next::Admit };
    }
    let wanted = |pod: &&RunnerPod| job.is_none_or(|job| *job == pod.job);
    if let Some(next) = seen.pods.iter().find(|pod| wanted(pod)).and_then(|pod| unpullable_first(pod, now)) {
        return next;
    }
    let live = seen.pods.iter().find(|pod| pod.state == PodState::Live && wanted(pod));
    match (live, job) {
        (Some(pod), _) => Next::Assign(pod.clone()),
        (None, Some(job)) if !seen.pods.iter().any(|pod| pod.job == *job) => Next::Make(job.clone()),
        // The pod that was to take it is lost before it did: that counts, or it would never end.
        (None, Some(_)) => lose(seen, status, "PodDeleted", clock, now),
        // A first pod that ends before it took the run; a run that was handed back has started.
        (None, None) if status.started_at.is_none() && !seen.pods.is_empty() => {
            lose(seen, status, "PodFailed", clock, now)
        }
        (None, None) => Next::Start,
    }
}

/// A pod whose image does not come is given up before it holds the run.
fn unpullable_first(pod: &RunnerPod, now: Timestamp) -> Option<Next> {
    let PodState::Unpullable { message, until } = &pod.state else { return None };
    Some(if *until <= now { Next::End(unpullable(message)) } else { Next::Watch(*until) })
}

/// Ends that no runner is there to set: of a run that never began, or that nobody will end any more.
fn ended_here(seen: &Seen, clock: &Clock, now: Timestamp) -> Option<End> {
    if seen.cancel().is_some() && !seen.has_begun() {
        return Some(End { phase: RunPhase::Cancelled, error: None });
    }
    clock.is_hopeless(START_PATIENCE, now).then(|| timed_out(seen))
}

fn timed_out(seen: &Seen) -> End {
    let message = format!("the run did not end within its timeout of {} s", seen.timeout().as_secs());
    End { phase: RunPhase::TimedOut, error: Some(error(ErrorKind::Timeout, "RUN_TIMEOUT", message)) }
}

#[cfg(test)]
mod tests;
