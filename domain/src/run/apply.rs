//! Applying the transition after an attempt to the status of a step.

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

/// Writes down what has become of a step's attempt. `others` are the bytes that the other steps have in the status.
pub(super) fn apply(
    run: &Run,
    step: &Step,
    status: &mut StepStatus,
    after: Transition,
    others: usize,
    now: Timestamp,
) {
    match after {
        Transition::Succeeded(output) => {
            status.waiting = None;
            if let Err(error) = succeed(status, output, others, now) {
                fail(status, error, now);
            }
        }
        Transition::Failed(error) => fail(status, error, now),
        Transition::Retry { at, error, counts } => {
            status.phase = StepPhase::Pending;
            status.waiting = None;
            status.next_at = Some(at.into());
            status.error = Some(error);
            if counts {
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
    }
}

pub(super) fn fail(status: &mut StepStatus, error: StepError, now: Timestamp) {
    status.error = Some(error);
    end(status, StepPhase::Failed, now);
}

/// The value stays in the status, is stored already, or is yet to be stored: then the step runs on.
fn succeed(status: &mut StepStatus, output: Output, others: usize, now: Timestamp) -> Result<(), StepError> {
    let Output { value, stored } = output;
    let bytes = check_size("the step's output", &value)?;
    let is_complete = stored.is_some()
        || (bytes <= MAX_INLINE_OUTPUT_BYTES && bytes.saturating_add(others) <= MAX_INLINE_RUN_BYTES);
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

/// The bytes of a value that can be kept: one that is neither too large nor too deep.
pub(super) fn check_size(what: &str, value: &Value) -> Result<usize, StepError> {
    let bytes = schema::json_size(value);
    if bytes > MAX_STORED_OUTPUT_BYTES {
        let message = format!("{what} has {bytes} bytes; at most {MAX_STORED_OUTPUT_BYTES} are kept");
        return Err(step_error(ErrorKind::User, "OUTPUT_TOO_LARGE", message));
    }
    if is_deeper_than(value, MAX_VALUE_DEPTH) {
        let message = format!("{what} has more than {MAX_VALUE_DEPTH} lists and objects within each other");
        return Err(step_error(ErrorKind::User, "OUTPUT_TOO_DEEP", message));
    }
    Ok(bytes)
}

/// Returns the size in bytes of the inline outputs of all steps but one.
pub(super) fn inline_bytes(steps: &[StepStatus], but: &str) -> usize {
    let others = steps.iter().filter(|step| step.name != but && step.output_ref.is_none());
    others.filter_map(|step| step.output.as_ref()).map(schema::json_size).fold(0, usize::saturating_add)
}

/// Returns the time by which a sub-run must have ended.
pub(super) fn wait_deadline(step: &Step, status: &StepStatus, now: Timestamp) -> Option<Timestamp> {
    let of_attempt = step.attempt_timeout.map(|timeout| after(now, timeout));
    [of_attempt, step_deadline(step, status)].into_iter().flatten().min()
}

impl Run {
    pub(super) fn waiting_for_run(&self, key: &StepKey, attempt: u32) -> Waiting {
        let run = Some(self.sub_run_name(key, attempt));
        Waiting { reason: WaitingFor::Run, message: None, roles: Vec::new(), run }
    }

    pub(super) fn sub_run_name(&self, key: &StepKey, attempt: u32) -> String {
        names::sub_run(&self.facts.run_name, &self.facts.run_id, &key.to_string(), attempt)
    }
}
