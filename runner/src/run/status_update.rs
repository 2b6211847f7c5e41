//! Status of the run as it is written: with secrets redacted, and without values that are stored elsewhere.

use std::time::Duration;

use crds::{
    constants::{MAX_INLINE_OUTPUT_BYTES, MAX_RUN_BYTES},
    run::{OutputRef, RunEnding, RunError, RunPhase, StepPhase, StepStatus},
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
    cluster::WriteError,
    run::{
        assigned_run::AssignedRun,
        status_patch::{self, RunReport, RunResult},
    },
};

/// Maximum size of a step's error message in a status whose details are left out, in bytes: 80 KiB for all steps.
const MAX_REDUCED_MESSAGE_BYTES: usize = 1024;

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
    /// Whether details are left out, since the run would be too large with them.
    pub(super) is_reduced: bool,
    pub(super) step_context: StepContext,
}

impl StatusUpdate {
    /// Returns the update as a JSON patch. Stores the run's output first if it is large.
    ///
    /// # Errors
    /// Returns an error if the run would be larger than its limit.
    pub(super) async fn into_patch(mut self, now: Timestamp) -> Result<Vec<Value>, WriteError> {
        if self.is_reduced {
            self.steps.iter_mut().for_each(reduce);
        }
        let final_state = self.final_state.take();
        let input = self.redact();
        let report = self.report(input.as_ref());
        let patch = match final_state {
            None => status_patch::progress(&report, now),
            Some(FinalState::Suspend(suspend)) => status_patch::suspend(&report, &suspend, now),
            Some(FinalState::Finish(finish)) => {
                let (finish, stored) = redact_and_store_output(&self.step_context, finish).await;
                let result = RunResult { finish: &finish, stored: stored.as_ref() };
                status_patch::finish(&report, &result, now)
            }
        };
        if self.is_reduced { Ok(patch) } else { with_size_checked(&self.assigned, patch) }
    }

    /// Returns the JSON patch that releases the run, so that another pod continues it.
    pub(super) fn into_hand_over(mut self, now: Timestamp) -> Vec<Value> {
        let input = self.redact();
        status_patch::hand_over(&self.report(input.as_ref()), now)
    }

    /// Removes the secrets from the steps and the ending, and returns the input that the status has to show.
    fn redact(&mut self) -> Option<Value> {
        let redactor = &self.step_context.redactor;
        redactor.redact_steps(&mut self.steps);
        self.ending.iter_mut().for_each(|ending| redactor.redact_ending(ending));
        completed_input(&self.step_context, &self.assigned)
    }

    fn report<'r>(&'r self, input: Option<&'r Value>) -> RunReport<'r> {
        let Self { assigned, steps, ending, waited, final_state: _, is_reduced: _, step_context } = self;
        RunReport {
            assigned,
            started_at: step_context.run.started_at(),
            input,
            steps,
            ending: ending.as_ref(),
            waited: *waited,
        }
    }
}

/// Returns the patch if the run is not too large with it. The API server would answer with status 500, which looks like a
/// temporary failure.
fn with_size_checked(assigned: &AssignedRun, patch: Vec<Value>) -> Result<Vec<Value>, WriteError> {
    let bytes = assigned.bytes_without_steps.saturating_add(schema::json_size(&patch));
    if bytes <= MAX_RUN_BYTES {
        return Ok(patch);
    }
    Err(WriteError::TooLarge { run: assigned.name.clone(), bytes, limit: MAX_RUN_BYTES })
}

/// Removes the details of errors from a step of a run that ends now, and what it still waits for. Its output, which is limited
/// together with those of all steps, remains.
fn reduce(step: &mut StepStatus) {
    if matches!(step.phase, StepPhase::Pending | StepPhase::Running | StepPhase::Suspended) {
        step.phase = StepPhase::Cancelled;
    }
    (step.waiting, step.next_at) = (None, None);
    if let Some(error) = &mut step.error {
        error.details = None;
        error.message.truncate(error.message.floor_char_boundary(MAX_REDUCED_MESSAGE_BYTES));
    }
    if let Some(items) = &mut step.items {
        items.active.clear();
        items.failures.clear();
        items.outputs.clear();
    }
}

/// Returns the input that the run executes with, if defaults were added to the one that it was given and the status does not
/// show it yet.
fn completed_input(context: &StepContext, assigned: &AssignedRun) -> Option<Value> {
    let completed = context.run.input();
    if assigned.has_input || *completed == assigned.input {
        return None;
    }
    let mut completed = completed.clone();
    context.redactor.redact_value(&mut completed);
    Some(completed)
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
