//! The end of one attempt.

use crds::constants::{MAX_INLINE_OUTPUT_BYTES, MAX_INLINE_RUN_BYTES};
use crds::run::{OutputRef, StepError, StepPhase, StepStatus};
use crds::workflow::ErrorKind;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::state::{after, attempt, end, error};
use super::{Place, Run, State};
use crate::schema;
use crate::workflow::Step;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// With an output.
    Succeeded(Output),
    /// With an error.
    Failed(Failure),
    /// It failed before the workflow's own code began, or a request was sent: no attempt is spent.
    NotStarted(StepError),
    /// It was killed at [`super::Start::deadline`].
    TimedOut,
    /// The sub-run that it stands for has been created, and is waited for.
    Waiting,
}

/// What an attempt gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The value.
    pub value: Value,
    /// Where it is stored, if it is too large for the run's status.
    pub stored: Option<OutputRef>,
}

/// What an attempt failed of.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What of.
    pub error: StepError,
    /// How long the service that failed asks to be left alone (`Retry-After`).
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

impl Run {
    /// Records the end of an attempt: the step has ended, or is due for another attempt after its backoff, for which
    /// `random` is drawn from 0 ≤ random < 1. A report of any but the attempt that runs changes nothing, so a step is
    /// reported once.
    #[must_use]
    pub fn on_outcome(
        &self,
        state: &State,
        place: &Place,
        of_attempt: u32,
        outcome: Outcome,
        now: Timestamp,
        random: f64,
    ) -> State {
        let steps = &state.steps;
        let mut next = state.clone();
        let Some(step) = self.workflow().step(&place.step) else { return next };
        let running = next.steps.iter_mut().find(|status| {
            status.name == step.name && status.phase == StepPhase::Running && attempt(status) == of_attempt
        });
        let Some(status) = running else { return next };
        match self.judge(step, steps, status, outcome, now) {
            Ok(output) => {
                status.output = Some(output);
                end(status, StepPhase::Succeeded, now);
            }
            Err(error) => {
                let due = after(now, step.retry.backoff.delay(of_attempt, random));
                self.fail(step, steps, status, error, due, now);
            }
        }
        next
    }

    fn judge(
        &self,
        step: &Step,
        steps: &[StepStatus],
        status: &StepStatus,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Value, StepError> {
        match outcome {
            Outcome::Succeeded(Output { value: output, stored: _ }) => {
                let others = steps.iter().filter(|other| other.name != step.name);
                check_output(step, others, &output).map(|()| output)
            }
            Outcome::Failed(Failure { error, retry_after: _ }) | Outcome::NotStarted(error) => Err(error),
            Outcome::Waiting => Err(error(ErrorKind::Infra, "UNKNOWN", "nothing is waited for")),
            Outcome::TimedOut => Err(self.timeout(step, status, now)),
        }
    }

    fn timeout(&self, step: &Step, status: &StepStatus, now: Timestamp) -> StepError {
        if now >= self.deadline() {
            let message = "the run's time was up before the step ended";
            return error(ErrorKind::Timeout, "RUN_TIMEOUT", message);
        }
        if let Some(timeout) =
            step.timeout.filter(|_| step_deadline(step, status).is_some_and(|due| due <= now))
        {
            let message = format!("all attempts together took longer than {} s", timeout.as_secs_f64());
            return error(ErrorKind::Timeout, "STEP_TIMEOUT", message);
        }
        let limit =
            step.attempt_timeout.map(|limit| format!(" of {} s", limit.as_secs_f64())).unwrap_or_default();
        error(ErrorKind::Timeout, "ATTEMPT_TIMEOUT", format!("the attempt took longer than its time{limit}"))
    }

    /// Fails the attempt: another one at `due` if the step's `retry` and the deadlines allow, else the step has failed.
    pub(super) fn fail(
        &self,
        step: &Step,
        steps: &[StepStatus],
        status: &mut StepStatus,
        mut error: StepError,
        due: Timestamp,
        now: Timestamp,
    ) {
        let in_time =
            due < self.deadline() && step_deadline(step, status).is_none_or(|deadline| due < deadline);
        let again = in_time && attempt(status) < step.retry.attempts && step.retry.on.contains(&error.kind);
        if again && self.wants_retry(step, steps, &mut error) {
            status.phase = StepPhase::Pending;
            status.next_at = Some(due.into());
        } else {
            end(status, StepPhase::Failed, now);
        }
        status.error = Some(error);
    }

    /// Decides by `retry.when`; where that fails, there is no other attempt, and the error says so.
    fn wants_retry(&self, step: &Step, steps: &[StepStatus], error: &mut StepError) -> bool {
        let Some(when) = &step.retry.when else { return true };
        match when.decide(&self.context_of_error(steps, error)) {
            Ok(again) => again,
            Err(failed) => {
                error.message = format!("{} (not tried again: retry.when: {failed})", error.message);
                false
            }
        }
    }
}

/// When all attempts at a step must have ended.
fn step_deadline(step: &Step, status: &StepStatus) -> Option<Timestamp> {
    Some(after(status.started_at.as_ref()?.0, step.timeout?))
}

/// Checks an output against the step's schema and the bounds of what stays in the run's status.
pub(super) fn check_output<'s>(
    step: &Step,
    others: impl Iterator<Item = &'s StepStatus>,
    output: &Value,
) -> Result<(), StepError> {
    if let Some(schema) = &step.output {
        schema.check(output).map_err(|violations| {
            let message = format!("the step's output breaks its schema: {}", schema::message(&violations));
            error(ErrorKind::Schema, "OUTPUT_INVALID", message)
        })?;
    }
    check_size("the step's output", output, others.filter_map(|other| other.output.as_ref()))
}

/// Checks that a value may stay in the run's status beside the given others.
pub(super) fn check_size<'s>(
    what: &str,
    value: &Value,
    others: impl Iterator<Item = &'s Value>,
) -> Result<(), StepError> {
    let bytes = schema::size(value);
    if bytes > MAX_INLINE_OUTPUT_BYTES {
        let message = format!(
            "{what} has {bytes} bytes; at most {MAX_INLINE_OUTPUT_BYTES} are kept without object storage"
        );
        return Err(error(ErrorKind::User, "OUTPUT_TOO_LARGE", message));
    }
    let all = others.map(schema::size).fold(bytes, usize::saturating_add);
    if all > MAX_INLINE_RUN_BYTES {
        let message = format!(
            "all outputs of the run together have {all} bytes; at most {MAX_INLINE_RUN_BYTES} are kept without object storage"
        );
        return Err(error(ErrorKind::User, "OUTPUT_TOO_LARGE", message));
    }
    Ok(())
}
