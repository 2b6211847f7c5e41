//! The result of one attempt, as the runner reports it.

use std::time::Duration;

use crds::run::{OutputRef, StepError};
use serde_json::Value;

/// Result of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The attempt produced an output.
    Succeeded(Output),
    /// The attempt failed.
    Failed(Failure),
    /// The attempt failed before the workflow's own code began or a request was sent. It does not count as an
    /// attempt.
    NotStarted(StepError),
    /// The runner stopped the attempt at [`super::StartAttempt::deadline`].
    TimedOut,
    /// The attempt created its sub-run; the step now waits for the end of the sub-run.
    SubRunCreated,
}

/// Output of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Value of the output.
    pub value: Value,
    /// Reference to the stored value if it is too large for the run's status. Ignored for items, whose
    /// outputs are stored together in batches.
    pub stored: Option<OutputRef>,
}

/// Failure of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Error of the attempt.
    pub error: StepError,
    /// Minimum delay before the next attempt that the failing service requested (`Retry-After`).
    pub retry_after: Option<Duration>,
}

impl From<Value> for Output {
    fn from(value: Value) -> Self {
        Self { value, stored: None }
    }
}

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        Self { error, retry_after: None }
    }
}
