//! The end of one attempt.

use std::time::Duration;

use crds::run::{OutputRef, StepError, StepPhase, StepStatus};
use crds::workflow::ErrorKind;
use jiff::Timestamp;
use serde_json::Value;

use super::apply::{apply, fail, inline_bytes};
use super::attempt::{Ambient, Attempts, step_deadline, try_later};
use super::item_outputs::{apply_item, store_ended};
use super::state::{end, step_error};
use super::{Run, RunState, StepKey};
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
    SubRunCreated,
}

/// What an attempt gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The value.
    pub value: Value,
    /// Where it is stored, if it is too large for the run's status. Of an item it is not looked at: outputs of items are
    /// stored together.
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
    /// Records the end of an attempt: its place has ended, waits, or is due for another attempt after its backoff, for
    /// which `random` is drawn from 0 ≤ random < 1. A report of any but the attempt that runs changes nothing, so an end
    /// is reported once.
    #[must_use]
    pub fn record_outcome(
        &self,
        state: &RunState,
        key: &StepKey,
        of_attempt: u32,
        outcome: Outcome,
        now: Timestamp,
        random: f64,
    ) -> RunState {
        let mut next = state.clone();
        let Some(step) = self.workflow().step(&key.step) else { return next };
        if !state.is_running(key, of_attempt) {
            return next;
        }
        let others = inline_bytes(&state.steps, &step.name);
        let attempts = |status: &StepStatus, not_started| Attempts {
            attempt: of_attempt,
            not_started,
            step_deadline: step_deadline(step, status),
            run_deadline: self.deadline_of(state.ending.as_ref()),
        };
        let context = || self.context(&state.steps, state.ending.as_ref());
        let Some(status) = next.steps.iter_mut().find(|status| status.name == step.name) else { return next };
        let ambient = Ambient { now, random };
        match key.item {
            Some(index) => {
                let not_started = not_started_of(status, index);
                let after = self.judge(step, attempts(status, not_started), outcome, ambient, context);
                apply_item(self, step, status, index, after, others, now);
            }
            None if status.items.is_some() => {
                let attempts = attempts(status, status.not_started.unwrap_or(0));
                let stored = stored(step, attempts, outcome, ambient);
                store_ended(self, step, status, stored, others, now);
            }
            None if status.output.is_some() => {
                let attempts = attempts(status, status.not_started.unwrap_or(0));
                output_stored(status, stored(step, attempts, outcome, ambient), now);
            }
            None => {
                let after = self.judge(
                    step,
                    attempts(status, status.not_started.unwrap_or(0)),
                    outcome,
                    ambient,
                    context,
                );
                apply(self, step, status, after, others, now);
            }
        }
        self.keep(status);
        next
    }
}

fn not_started_of(status: &StepStatus, index: u32) -> u32 {
    let mut active = status.items.iter().flat_map(|items| &items.active);
    active.find(|item| item.index == index).and_then(|item| item.not_started).unwrap_or(0)
}

/// The end of a store.
pub(super) enum StoreResult {
    Stored(OutputRef),
    /// Not yet; tried again then.
    Retry(Timestamp),
    Failed(StepError),
}

/// Object storage that is away is not the step's fault: what it gave is kept, and stored later.
fn stored(step: &Step, attempts: Attempts, outcome: Outcome, ambient: Ambient) -> StoreResult {
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
            "the run's time was up before the output was stored",
        ),
        Outcome::NotStarted(error) | Outcome::Failed(Failure { error, retry_after: _ }) => error,
    };
    if failed.kind != ErrorKind::Infra {
        return StoreResult::Failed(failed);
    }
    try_later(step, attempts, ambient).map_or(StoreResult::Failed(failed), StoreResult::Retry)
}

fn output_stored(status: &mut StepStatus, stored: StoreResult, now: Timestamp) {
    match stored {
        StoreResult::Stored(reference) => {
            status.output_ref = Some(reference);
            end(status, StepPhase::Succeeded, now);
        }
        StoreResult::Retry(at) => {
            status.output_ref = None;
            status.next_at = Some(at.into());
            status.not_started = Some(status.not_started.unwrap_or(0).saturating_add(1));
        }
        StoreResult::Failed(error) => fail(status, error, now),
    }
}
