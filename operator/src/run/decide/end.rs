//! Final phase of a run that the operator ends, since no runner can.

use std::time::Duration;

use crds::{
    run::{QueueStatus, RunError, RunPhase},
    workflow::ErrorKind,
};

/// Final phase of a run, set by the operator.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::run) struct End {
    pub(in crate::run) phase: RunPhase,
    /// Reason for a phase other than a cancellation by a user.
    pub(in crate::run) error: Option<RunError>,
}

impl End {
    /// Returns the end of a run that failed.
    pub(in crate::run) fn failed(kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        Self { phase: RunPhase::Failed, error: Some(error(kind, code, message.into())) }
    }

    /// Returns the end of a run that is cancelled for a reason other than a user's request.
    pub(in crate::run) fn cancelled(kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        Self { phase: RunPhase::Cancelled, error: Some(error(kind, code, message.into())) }
    }

    /// Returns the end of a run that exceeded its timeout, with what it waited for then.
    pub(super) fn timed_out(timeout: Duration, queue: Option<&QueueStatus>) -> Self {
        let waited = queue.map(|queue| format!("; it waited for its pod: {}", queue.message));
        let message = format!(
            "the run did not end within its timeout of {} s{}",
            timeout.as_secs(),
            waited.unwrap_or_default()
        );
        Self { phase: RunPhase::TimedOut, error: Some(error(ErrorKind::Timeout, "RUN_TIMEOUT", message)) }
    }

    /// Returns the end of a run whose pod cannot start because an image cannot be pulled. Another pod could not either.
    pub(super) fn unpullable(message: &str) -> Self {
        Self::failed(ErrorKind::Infra, "IMAGE_PULL", message)
    }
}

fn error(kind: ErrorKind, code: &str, message: String) -> RunError {
    RunError { step: None, kind, code: code.to_owned(), message }
}
