//! Deadlines of a run that has started, or that has a pod.

use std::time::Duration;

use crds::{WorkflowRunStatus, constants::EXIT_TIMEOUT_SECONDS};
use jiff::{SignedDuration, Timestamp};

use super::Snapshot;

/// Maximum difference of the clocks of a node and of the operator.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(60);

/// Deadlines of a run. One that has not started has them from its assignment to a pod on, and none before.
pub(super) struct Deadlines {
    /// Time by which its steps must have ended.
    pub(super) timeout: Option<Timestamp>,
    /// Time by which its `onExit` steps must have ended as well.
    end: Option<Timestamp>,
}

impl Deadlines {
    /// Returns the deadlines of a run. Time in which the run waited for an approval or a timer does not count.
    pub(super) fn for_run(snapshot: &Snapshot, status: &WorkflowRunStatus, now: Timestamp) -> Self {
        let assigned = status.runner.as_ref().and_then(|runner| runner.assigned_at.as_ref());
        let Some(started) = started(status, now).or(assigned.map(|assigned| assigned.0)) else {
            return Self { timeout: None, end: None };
        };
        // The runner adds the current wait to `waitedSeconds` only with its first write after it.
        let current_wait =
            status.suspended_at.as_ref().map_or(SignedDuration::ZERO, |since| now.duration_since(since.0));
        let waited = Duration::from_secs(status.waited_seconds.unwrap_or(0));
        let timeout = later(later(started, snapshot.timeout()), waited);
        let timeout = timeout.checked_add(current_wait.max(SignedDuration::ZERO)).unwrap_or(Timestamp::MAX);
        let exit_timeout =
            if snapshot.has_started() && snapshot.has_exit_steps() { EXIT_TIMEOUT_SECONDS } else { 0 };
        Self { timeout: Some(timeout), end: Some(later(timeout, Duration::from_secs(exit_timeout))) }
    }

    /// Returns whether the run should have ended at least `grace` ago.
    pub(super) fn are_exceeded(&self, grace: SignedDuration, now: Timestamp) -> bool {
        self.end_after(grace).is_some_and(|end| end <= now)
    }

    /// Returns the time that is `grace` after the last deadline.
    pub(super) fn end_after(&self, grace: SignedDuration) -> Option<Timestamp> {
        self.end.and_then(|end| end.checked_add(grace).ok())
    }
}

/// Returns the time at which the runner has started the run, unless it is in the future: a runner must not be able to postpone
/// its deadlines.
fn started(status: &WorkflowRunStatus, now: Timestamp) -> Option<Timestamp> {
    let started = status.started_at.as_ref()?.0;
    (started <= later(now, MAX_CLOCK_DIFFERENCE)).then_some(started)
}

fn later(from: Timestamp, length: Duration) -> Timestamp {
    let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
    from.checked_add(length).unwrap_or(Timestamp::MAX)
}
