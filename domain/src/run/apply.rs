//! Application of transitions to the status of a step.

use crds::constants::{
    MAX_INLINE_OUTPUT_BYTES, MAX_INLINE_RUN_BYTES, MAX_STORED_OUTPUT_BYTES, MAX_VALUE_DEPTH,
};
use crds::names;
use crds::nesting::is_deeper_than;
use crds::run::{StepError, StepPhase, StepStatus, Waiting, WaitingFor};
use crds::workflow::ErrorKind;
use jiff::Timestamp;
use serde_json::Value;

use super::attempt::{Transition, step_deadline};
use super::state::{after, attempt, end, step_error};
use super::{Output, Run, StepKey};
use crate::schema;
use crate::workflow::Step;

/// Applies a transition to the status of a step. `other_bytes` is the size of the outputs of the other steps
/// in the status.
pub(super) fn apply(
    run: &Run,
    step: &Step,
    status: &mut StepStatus,
    transition: Transition,
    other_bytes: usize,
    now: Timestamp,
) {
    match transition {
        Transition::Succeeded(output) => {
            status.waiting = None;
            if let Err(error) = succeed(status, output, other_bytes, now) {
                fail(status, error, now);
            }
        }
        Transition::Failed(error) => fail(status, error, now),
        Transition::Retry { retry_at, error, counts_as_attempt } => {
            status.phase = StepPhase::Pending;
            status.waiting = None;
            status.next_at = Some(retry_at.into());
            status.error = Some(error);
            if counts_as_attempt {
                status.not_started = None;
            } else {
                status.attempt = Some(attempt(status).saturating_sub(1)).filter(|attempt| *attempt > 0);
                status.not_started = Some(status.not_started.unwrap_or(0).saturating_add(1));
            }
        }
        Transition::WaitForSubRun => {
            let deadline = wait_deadline(step, status, now);
            status.phase = StepPhase::Suspended;
            status.waiting = Some(run.waiting_for_run(&StepKey::step(&step.name), attempt(status)));
            status.next_at = deadline.map(Into::into);
            status.not_started = None;
        }
        Transition::DecisionRefused(refused) => {
            status.waiting.iter_mut().for_each(|waiting| waiting.refused = Some(refused.clone()));
        }
    }
}

/// Ends a step as failed with an error.
pub(super) fn fail(status: &mut StepStatus, error: StepError, now: Timestamp) {
    status.error = Some(error);
    end(status, StepPhase::Failed, now);
}

/// Records the output of a step. The step ends if the output fits into the status or is stored already;
/// otherwise it continues to run until the output is stored.
fn succeed(
    status: &mut StepStatus,
    output: Output,
    other_bytes: usize,
    now: Timestamp,
) -> Result<(), StepError> {
    let Output { value, stored } = output;
    let bytes = check_size("the step's output", &value)?;
    let is_complete = stored.is_some()
        || (bytes <= MAX_INLINE_OUTPUT_BYTES && bytes.saturating_add(other_bytes) <= MAX_INLINE_RUN_BYTES);
    status.output = Some(value);
    status.output_ref = stored;
    status.not_started = None;
    if is_complete {
        end(status, StepPhase::Succeeded, now);
    } else {
        status.phase = StepPhase::Running;
        status.next_at = None;
    }
    Ok(())
}

/// Returns the size of a value as JSON in bytes, or an error if the value is too large or too deeply nested
/// to be stored.
pub(super) fn check_size(subject: &str, value: &Value) -> Result<usize, StepError> {
    let bytes = schema::json_size(value);
    if bytes > MAX_STORED_OUTPUT_BYTES {
        let message = format!("{subject} has {bytes} bytes; at most {MAX_STORED_OUTPUT_BYTES} are allowed");
        return Err(step_error(ErrorKind::User, "OUTPUT_TOO_LARGE", message));
    }
    if is_deeper_than(value, MAX_VALUE_DEPTH) {
        let message = format!("{subject} has more than {MAX_VALUE_DEPTH} levels of nested lists and objects");
        return Err(step_error(ErrorKind::User, "OUTPUT_TOO_DEEP", message));
    }
    Ok(bytes)
}

/// Returns the size in bytes of the inline outputs of all steps except one.
pub(super) fn inline_bytes(steps: &[StepStatus], except: &str) -> usize {
    let other_steps = steps.iter().filter(|step| step.name != except && step.output_ref.is_none());
    other_steps.filter_map(|step| step.output.as_ref()).map(schema::json_size).fold(0, usize::saturating_add)
}

/// Returns the time by which a sub-run must have ended.
pub(super) fn wait_deadline(step: &Step, status: &StepStatus, now: Timestamp) -> Option<Timestamp> {
    let attempt_deadline = step.attempt_timeout.map(|timeout| after(now, timeout));
    [attempt_deadline, step_deadline(step, status)].into_iter().flatten().min()
}

impl Run {
    /// Returns the wait of a step or item for the sub-run that its attempt creates.
    pub(super) fn waiting_for_run(&self, key: &StepKey, attempt: u32) -> Waiting {
        let run = Some(self.sub_run_name(key, attempt));
        Waiting { reason: WaitingFor::Run, message: None, roles: Vec::new(), run, refused: None }
    }

    /// Returns the name of the sub-run of an attempt. It is the same whenever the creation is repeated.
    pub(super) fn sub_run_name(&self, key: &StepKey, attempt: u32) -> String {
        names::sub_run(&self.data.run_name, &self.data.run_id, &key.to_string(), attempt)
    }
}
