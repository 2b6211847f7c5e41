//! Transitions of steps and items after an attempt has ended.

use std::time::Duration;

use crds::constants::MAX_FAILED_STARTS;
use crds::run::{RefusedDecision, StepError, StepStatus};
use crds::workflow::ErrorKind;
use jiff::Timestamp;

use super::Run;
use super::outcome::{Failure, Outcome, Output};
use super::state::{after, step_error};
use crate::expr::Context;
use crate::schema;
use crate::workflow::Step;

/// Counters and deadlines of the attempts of a step or item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempts {
    /// Number of the attempt that has ended, starting at 1.
    pub(super) attempt: u32,
    /// Number of consecutive attempts that could not be started.
    pub(super) not_started: u32,
    /// Time by which all attempts must have ended, from the step's timeout.
    pub(super) step_deadline: Option<Timestamp>,
    /// Time by which the run, or its `onExit` steps, must have ended.
    pub(super) run_deadline: Timestamp,
}

/// Transition of a step or item after an attempt.
#[derive(Clone, Debug)]
pub(super) enum Transition {
    Succeeded(Output),
    /// Fails permanently.
    Failed(StepError),
    /// Waits for another attempt.
    Retry {
        retry_at: Timestamp,
        error: StepError,
        /// Whether the attempt that ended counts against `retry.attempts`.
        counts_as_attempt: bool,
    },
    /// Waits for the end of a sub-run.
    WaitForSubRun,
    /// Waits for another decision.
    DecisionRefused(RefusedDecision),
}

/// Current time and a random number for the backoff (0 ≤ random < 1): arguments in place of an ambient clock
/// and ambient randomness.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ambient {
    pub(super) now: Timestamp,
    pub(super) random: f64,
}

impl Run {
    /// Decides what follows the outcome of an attempt. `context` is built only if `retry.when` needs it.
    pub(super) fn evaluate_outcome(
        &self,
        step: &Step,
        attempts: Attempts,
        outcome: Outcome,
        ambient: Ambient,
        context: impl FnOnce() -> Context,
    ) -> Transition {
        match outcome {
            Outcome::Succeeded(output) => match check_output(step, &output.value) {
                Ok(()) => Transition::Succeeded(output),
                Err(error) => retry_or_fail(step, attempts, error.into(), ambient, context),
            },
            Outcome::Failed(failure) => retry_or_fail(step, attempts, failure, ambient, context),
            Outcome::TimedOut => {
                retry_or_fail(step, attempts, timeout(step, attempts, ambient.now).into(), ambient, context)
            }
            Outcome::NotStarted(error) => not_started(step, attempts, error, ambient),
            Outcome::SubRunCreated => Transition::WaitForSubRun,
        }
    }
}

/// Returns the transition after a failure: another attempt if the step's `retry` and the deadlines allow it,
/// else `Failed`.
pub(super) fn retry_or_fail(
    step: &Step,
    attempts: Attempts,
    failure: Failure,
    ambient: Ambient,
    context: impl FnOnce() -> Context,
) -> Transition {
    let Failure { mut error, retry_after } = failure;
    let delay = step.retry.backoff.delay(attempts.attempt, ambient.random);
    let retry_at = after(ambient.now, delay.max(retry_after.unwrap_or_default()));
    let is_allowed = attempts.attempt < step.retry.attempts
        && step.retry.kinds.contains(&error.kind)
        && step.action.is_retryable();
    if !is_allowed || !retry_when_holds(step, &mut error, context) {
        return Transition::Failed(error);
    }
    if !attempts.is_before_deadlines(retry_at) {
        // The end is certain, so the step need not wait for it.
        let reason = if retry_after > Some(delay) { ", as the service asks with Retry-After," } else { "" };
        error.message = format!(
            "{} (not retried, since the next attempt{reason} would start after the timeout, at {retry_at:.0})",
            error.message
        );
        return Transition::Failed(error);
    }
    Transition::Retry { retry_at, error, counts_as_attempt: true }
}

/// Handles an attempt that failed before the workflow's code began. Such attempts do not count, but their
/// number is limited.
fn not_started(step: &Step, attempts: Attempts, error: StepError, ambient: Ambient) -> Transition {
    match retry_time(step, attempts, ambient) {
        Some(retry_at) => Transition::Retry { retry_at, error, counts_as_attempt: false },
        None => {
            let times = attempts.not_started.saturating_add(1);
            let message = format!("{} (failed starts in a row: {times})", error.message);
            Transition::Failed(StepError { message, ..error })
        }
    }
}

/// Returns the time of the next attempt after an infrastructure error, which does not count as an attempt of
/// the step, or `None` after [`MAX_FAILED_STARTS`] errors in a row or if the time would be after a deadline.
pub(super) fn retry_time(step: &Step, attempts: Attempts, ambient: Ambient) -> Option<Timestamp> {
    let times = attempts.not_started.saturating_add(1);
    let retry_at = after(ambient.now, step.retry.backoff.delay(times, ambient.random));
    (times < MAX_FAILED_STARTS && attempts.is_before_deadlines(retry_at)).then_some(retry_at)
}

impl Attempts {
    /// Returns whether a time is before the deadlines of the step and the run.
    fn is_before_deadlines(&self, at: Timestamp) -> bool {
        at < self.run_deadline && self.step_deadline.is_none_or(|deadline| at < deadline)
    }
}

/// Returns the result of `retry.when`, or true if the step has none. If the expression fails, no further
/// attempt is made and the error message contains the reason.
fn retry_when_holds(step: &Step, error: &mut StepError, context: impl FnOnce() -> Context) -> bool {
    let Some(when) = &step.retry.when else { return true };
    let value = serde_json::json!({"kind": error.kind, "code": error.code, "message": error.message});
    match when.evaluate_bool(&context().with("error", value)) {
        Ok(holds) => holds,
        Err(failed) => {
            error.message = format!("{} (not retried, since retry.when failed: {failed})", error.message);
            false
        }
    }
}

/// Builds the error for the deadline that was exceeded: of the run, the step or the attempt.
pub(super) fn timeout(step: &Step, attempts: Attempts, now: Timestamp) -> StepError {
    if now >= attempts.run_deadline {
        let message = "the run reached its timeout before the step ended";
        return step_error(ErrorKind::Timeout, "RUN_TIMEOUT", message);
    }
    if attempts.step_deadline.is_some_and(|due| due <= now) {
        return step_timeout(step);
    }
    let limit =
        step.attempt_timeout.map(|limit| format!(" of {} s", limit.as_secs_f64())).unwrap_or_default();
    step_error(
        ErrorKind::Timeout,
        "ATTEMPT_TIMEOUT",
        format!("the attempt took longer than its timeout{limit}"),
    )
}

/// Builds the error of a step whose timeout for all attempts was exceeded.
pub(super) fn step_timeout(step: &Step) -> StepError {
    let seconds = step.timeout.unwrap_or(Duration::ZERO).as_secs_f64();
    let message = format!("all attempts together took longer than {seconds} s");
    step_error(ErrorKind::Timeout, "STEP_TIMEOUT", message)
}

/// Returns the time by which all attempts of a step must have ended, or `None` without a timeout.
pub(super) fn step_deadline(step: &Step, status: &StepStatus) -> Option<Timestamp> {
    Some(after(status.started_at.as_ref()?.0, step.timeout?))
}

/// Checks the output of a step, or of one of its items, against the step's output schema.
pub(super) fn check_output(step: &Step, output: &serde_json::Value) -> Result<(), StepError> {
    let Some(schema) = &step.output else { return Ok(()) };
    schema.check(output).map_err(|violations| {
        let message =
            format!("the step's output violates its schema: {}", schema::describe_violations(&violations));
        step_error(ErrorKind::Schema, "OUTPUT_INVALID", message)
    })
}
