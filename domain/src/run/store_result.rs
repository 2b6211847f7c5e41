//! The result of storing an output in object storage.

use crds::run::{OutputRef, StepError};
use crds::workflow::ErrorKind;
use jiff::Timestamp;

use super::attempt::{Ambient, Attempts, retry_time};
use super::outcome::{Failure, Outcome, Output};
use super::state::step_error;
use crate::workflow::Step;

/// Result of storing a value in object storage.
pub(super) enum StoreResult {
    Stored(OutputRef),
    /// Object storage was unavailable; the value is stored again at this time.
    Retry(Timestamp),
    Failed(StepError),
}

/// Classifies the outcome of a store. Unavailable object storage does not fail the step: the output remains
/// in memory and is stored later.
pub(super) fn store_result(
    step: &Step,
    attempts: Attempts,
    outcome: Outcome,
    ambient: Ambient,
) -> StoreResult {
    let failed = match outcome {
        Outcome::Succeeded(Output { stored: Some(reference), value: _ }) => {
            return StoreResult::Stored(reference);
        }
        Outcome::Succeeded(Output { stored: None, value: _ }) | Outcome::SubRunCreated => {
            step_error(ErrorKind::Infra, "STORE_FAILED", "the output was not stored")
        }
        Outcome::TimedOut => step_error(
            ErrorKind::Timeout,
            "RUN_TIMEOUT",
            "the run reached its timeout before the output was stored",
        ),
        Outcome::NotStarted(error) | Outcome::Failed(Failure { error, retry_after: _ }) => error,
    };
    if failed.kind != ErrorKind::Infra {
        return StoreResult::Failed(failed);
    }
    retry_time(step, attempts, ambient).map_or(StoreResult::Failed(failed), StoreResult::Retry)
}
