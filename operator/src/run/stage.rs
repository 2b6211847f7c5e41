//! Outcome of a stage: a value for the next stage, or an exit.

use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::controller::Action;

use super::decide::End;
use crate::errors::Error;

/// Shortest delay before a reconcile at a given time, so that it does not happen too early by a rounding error.
const MIN_DELAY: Duration = Duration::from_millis(10);

/// Reason for which a run does not enter the next stage.
pub(super) enum Exit {
    /// Everything is done for now.
    Done(Action),
    /// The run ends with this final phase.
    End(End),
    /// The stage failed, and the reconcile is retried.
    Failed(Error),
}

/// Outcome of a stage.
pub(super) type Stage<T> = Result<T, Exit>;

impl From<Error> for Exit {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<End> for Exit {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

/// Returns the exit of a stage that has to be repeated after a delay.
pub(super) fn retry_after(delay: Duration) -> Exit {
    Exit::Done(Action::requeue(delay))
}

/// Returns the action that reconciles the run at a time.
pub(super) fn requeue_at(at: Timestamp, now: Timestamp) -> Action {
    Action::requeue(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO).max(MIN_DELAY))
}
