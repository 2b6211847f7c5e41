//! Status of the run as it is written: with secrets redacted, and without values that are stored elsewhere.

use std::time::Duration;

use crds::{
    constants::MAX_INLINE_OUTPUT_BYTES,
    run::{OutputRef, RunEnding, RunError, RunPhase, StepStatus},
};
use domain::{
    run::{FinishRun, SuspendRun},
    schema,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    action::{StepContext, storage_error},
    api::StoreError,
    run::{
        assigned_run::AssignedRun,
        status_patch::{self, RunReport, RunResult},
    },
};

/// State that the last write of this pod records.
#[derive(Clone)]
pub(super) enum FinalState {
    Finish(FinishRun),
    Suspend(SuspendRun),
}

/// Content of a status write.
pub(super) struct StatusUpdate {
    pub(super) assigned: AssignedRun,
    /// Steps, without the values that are stored elsewhere.
    pub(super) steps: Vec<StepStatus>,
    pub(super) ending: Option<RunEnding>,
    pub(super) waited: Duration,
    pub(super) final_state: Option<FinalState>,
    pub(super) step_context: StepContext,
}

impl StatusUpdate {
    /// Returns the update as a JSON patch. Stores the run's output first if it is large.
    pub(super) async fn into_patch(self, now: Timestamp) -> Vec<Value> {
        let Self { assigned, mut steps, mut ending, waited, final_state, step_context } = self;
        step_context.redactor.redact_steps(&mut steps);
        ending.iter_mut().for_each(|ending| step_context.redactor.redact_ending(ending));
        let report = RunReport { assigned: &assigned, steps: &steps, ending: ending.as_ref(), waited };
        match final_state {
            None => status_patch::progress(&report),
            Some(FinalState::Suspend(suspend)) => status_patch::suspend(&report, &suspend, now),
            Some(FinalState::Finish(finish)) => {
                let (finish, stored) = redact_and_store_output(&step_context, finish).await;
                let result = RunResult { finish: &finish, stored: stored.as_ref() };
                status_patch::finish(&report, &result, now)
            }
        }
    }

    /// Returns the JSON patch that releases the run, so that another pod continues it.
    pub(super) fn into_hand_over(self) -> Vec<Value> {
        let Self { assigned, mut steps, mut ending, waited, final_state: _, step_context } = self;
        step_context.redactor.redact_steps(&mut steps);
        ending.iter_mut().for_each(|ending| step_context.redactor.redact_ending(ending));
        let report = RunReport { assigned: &assigned, steps: &steps, ending: ending.as_ref(), waited };
        status_patch::hand_over(&report)
    }
}

/// Redacts the run's output and stores it if it is too large for the status. A run whose output cannot be stored has
/// failed.
async fn redact_and_store_output(
    context: &StepContext,
    mut finish: FinishRun,
) -> (FinishRun, Option<OutputRef>) {
    finish.error.iter_mut().for_each(|error| context.redactor.redact_run_error(error));
    let Some(output) = &mut finish.output else { return (finish, None) };
    context.redactor.redact_value(output);
    let bytes = schema::json_size(output);
    if bytes <= MAX_INLINE_OUTPUT_BYTES {
        return (finish, None);
    }
    let stored = match &context.api {
        Some(api) => api.store(&context.run_uid, output).await,
        None => Err(StoreError::NoStorage { bytes }),
    };
    match stored {
        Ok(reference) => (finish, Some(reference)),
        Err(failed) => {
            let error = storage_error(&failed);
            let message = format!("failed to store the run's output: {}", error.message);
            let error = RunError { step: None, kind: error.kind, code: error.code, message };
            (FinishRun { phase: RunPhase::Failed, output: None, error: Some(error) }, None)
        }
    }
}
