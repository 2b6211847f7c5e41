//! What becomes of an attempt that has ended: the same for a step and for an item of one.

use std::time::Duration;

use crds::constants::MAX_FAILED_STARTS;
use crds::run::{StepError, StepStatus};
use crds::workflow::ErrorKind;
use jiff::Timestamp;

use super::state::{after, step_error};
use super::{Failure, Outcome, Output, Run};
use crate::expr::Context;
use crate::schema;
use crate::workflow::Step;

/// How far the attempts at a place have come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempts {
    /// The attempt that has ended, from 1.
    pub(super) attempt: u32,
    /// How often in a row an attempt could not be begun.
    pub(super) not_started: u32,
    /// When all of them must have ended: the step's timeout.
    pub(super) step_deadline: Option<Timestamp>,
    /// When the run, or its `onExit`, must have ended.
    pub(super) run_deadline: Timestamp,
}

/// What becomes of it.
#[derive(Clone, Debug)]
pub(super) enum Transition {
    Succeeded(Output),
    /// It has failed for good.
    Failed(StepError),
    /// Another attempt.
    Retry {
        at: Timestamp,
        error: StepError,
        /// Whether the one that ended counts.
        counts: bool,
    },
    /// A sub-run is under way.
    WaitForSubRun,
}

/// A moment, and the random number for a backoff: 0 ≤ random < 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ambient {
    pub(super) now: Timestamp,
    pub(super) random: f64,
}

impl Run {
    /// Judges the end of an attempt. `context` is asked for only where `retry.when` needs it.
    pub(super) fn judge(
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
                Err(error) => again(step, attempts, error.into(), ambient, context),
            },
            Outcome::Failed(failure) => again(step, attempts, failure, ambient, context),
            Outcome::TimedOut => {
                again(step, attempts, timeout(step, attempts, ambient.now).into(), ambient, context)
            }
            Outcome::NotStarted(error) => not_started(step, attempts, error, ambient),
            Outcome::SubRunCreated => Transition::WaitForSubRun,
        }
    }
}

/// Another attempt, if the step's `retry` and the deadlines allow.
pub(super) fn again(
    step: &Step,
    attempts: Attempts,
    failure: Failure,
    ambient: Ambient,
    context: impl FnOnce() -> Context,
) -> Transition {
    let Failure { mut error, retry_after } = failure;
    let wait = step.retry.backoff.delay(attempts.attempt, ambient.random);
    let at = after(ambient.now, wait.max(retry_after.unwrap_or_default()));
    let may = attempts.in_time(at)
        && attempts.attempt < step.retry.attempts
        && step.retry.on.contains(&error.kind)
        && step.action.is_retryable();
    if may && wants_retry(step, &mut error, context) {
        Transition::Retry { at, error, counts: true }
    } else {
        Transition::Failed(error)
    }
}

/// The workflow's code has not begun: that is nobody's attempt, but it must come to an end.
fn not_started(step: &Step, attempts: Attempts, error: StepError, ambient: Ambient) -> Transition {
    match try_later(step, attempts, ambient) {
        Some(at) => Transition::Retry { at, error, counts: false },
        None => {
            let times = attempts.not_started.saturating_add(1);
            let message = format!("{} (could not be begun {times} times)", error.message);
            Transition::Failed(StepError { message, ..error })
        }
    }
}

/// When to try again what is not the step's fault; none after [`MAX_FAILED_STARTS`] times in a row, or when time is up.
pub(super) fn try_later(step: &Step, attempts: Attempts, ambient: Ambient) -> Option<Timestamp> {
    let times = attempts.not_started.saturating_add(1);
    let at = after(ambient.now, step.retry.backoff.delay(times, ambient.random));
    (times < MAX_FAILED_STARTS && attempts.in_time(at)).then_some(at)
}

impl Attempts {
    fn in_time(&self, at: Timestamp) -> bool {
        at < self.run_deadline && self.step_deadline.is_none_or(|deadline| at < deadline)
    }
}

/// Decides by `retry.when`; where that fails, there is no other attempt, and the error says so.
fn wants_retry(step: &Step, error: &mut StepError, context: impl FnOnce() -> Context) -> bool {
    let Some(when) = &step.retry.when else { return true };
    let seen = serde_json::json!({"kind": error.kind, "code": error.code, "message": error.message});
    match when.evaluate_bool(&context().with("error", seen)) {
        Ok(again) => again,
        Err(failed) => {
            error.message = format!("{} (not tried again: retry.when: {failed})", error.message);
            false
        }
    }
}

/// Which of the times was up.
pub(super) fn timeout(step: &Step, attempts: Attempts, now: Timestamp) -> StepError {
    if now >= attempts.run_deadline {
        let message = "the run's time was up before the step ended";
        return step_error(ErrorKind::Timeout, "RUN_TIMEOUT", message);
    }
    if attempts.step_deadline.is_some_and(|due| due <= now) {
        return step_timeout(step);
    }
    let limit =
        step.attempt_timeout.map(|limit| format!(" of {} s", limit.as_secs_f64())).unwrap_or_default();
    step_error(ErrorKind::Timeout, "ATTEMPT_TIMEOUT", format!("the attempt took longer than its time{limit}"))
}

pub(super) fn step_timeout(step: &Step) -> StepError {
    let seconds = step.timeout.unwrap_or(Duration::ZERO).as_secs_f64();
    let message = format!("all attempts together took longer than {seconds} s");
    step_error(ErrorKind::Timeout, "STEP_TIMEOUT", message)
}

/// When all attempts at a step must have ended.
pub(super) fn step_deadline(step: &Step, status: &StepStatus) -> Option<Timestamp> {
    Some(after(status.started_at.as_ref()?.0, step.timeout?))
}

/// Checks an output, of an item where the step has some, against the step's schema.
pub(super) fn check_output(step: &Step, output: &serde_json::Value) -> Result<(), StepError> {
    let Some(schema) = &step.output else { return Ok(()) };
    schema.check(output).map_err(|violations| {
        let message =
            format!("the step's output breaks its schema: {}", schema::describe_violations(&violations));
        step_error(ErrorKind::Schema, "OUTPUT_INVALID", message)
    })
}
