//! The end of one attempt.

use std::time::Duration;

use crds::run::{OutputRef, StepError, StepPhase, StepStatus};
use crds::workflow::ErrorKind;
use jiff::Timestamp;
use serde_json::Value;

use super::apply::{apply, fail, inline_bytes};
use super::attempt::{Now, Tries, step_deadline, try_later};
use super::pile::{apply_item, store_ended};
use super::state::{end, error};
use super::{Place, Run, State};
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
    pub fn on_outcome(
        &self,
        state: &State,
        place: &Place,
        of_attempt: u32,
        outcome: Outcome,
        now: Timestamp,
        random: f64,
    ) -> State {
        let mut next = state.clone();
        let Some(step) = self.workflow().step(&place.step) else { return next };
        if !state.is_running(place, of_attempt) {
            return next;
        }
        let others = inline_bytes(&state.steps, &step.name);
        let tries = |status: &StepStatus, not_started| Tries {
            attempt: of_attempt,
            not_started,
            step_deadline: step_deadline(step, status),
            run_deadline: self.deadline_of(state.ending.as_ref()),
        };
        let context = || self.context(&state.steps, state.ending.as_ref());
        let Some(status) = next.steps.iter_mut().find(|status| status.name == step.name) else { return next };
        let moment = Now { at: now, random };
        match place.item {
            Some(index) => {
                let not_started = not_started_of(status, index);
                let after = self.judge(step, tries(status, not_started), outcome, moment, context);
                apply_item(self, step, status, index, after, others, now);
            }
            None if status.items.is_some() => {
                let tries = tries(status, status.not_started.unwrap_or(0));
                let stored = stored(step, tries, outcome, moment);
                store_ended(self, step, status, stored, others, now);
            }
            None if status.output.is_some() => {
                let tries = tries(status, status.not_started.unwrap_or(0));
                output_stored(status, stored(step, tries, outcome, moment), now);
            }
            None => {
                let after = self.judge(
                    step,
                    tries(status, status.not_started.unwrap_or(0)),
                    outcome,
                    moment,
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
pub(super) enum Stored {
    At(OutputRef),
    /// Not yet; tried again then.
    Again(Timestamp),
    Failed(StepError),
}

/// Object storage that is away is not the step's fault: what it gave is kept, and stored later.
fn stored(step: &Step, tries: Tries, outcome: Outcome, now: Now) -> Stored {
    let failed = match outcome {
        Outcome::Succeeded(Output { stored: Some(reference), value: _ }) => return Stored::At(reference),
        Outcome::Succeeded(Output { stored: None, value: _ }) | Outcome::Waiting => {
            error(ErrorKind::Infra, "STORE_FAILED", "the output was not stored")
        }
        Outcome::TimedOut => {
            error(ErrorKind::Timeout, "RUN_TIMEOUT", "the run's time was up before the output was stored")
        }
        Outcome::NotStarted(error) | Outcome::Failed(Failure { error, retry_after: _ }) => error,
    };
    if failed.kind != ErrorKind::Infra {
        return Stored::Failed(failed);
    }
    try_later(step, tries, now).map_or(Stored::Failed(failed), Stored::Again)
}

fn output_stored(status: &mut StepStatus, stored: Stored, now: Timestamp) {
    match stored {
        Stored::At(reference) => {
            status.output_ref = Some(reference);
            end(status, StepPhase::Succeeded, now);
        }
        Stored::Again(at) => {
            status.output_ref = None;
            status.next_at = Some(at.into());
            status.not_started = Some(status.not_started.unwrap_or(0).saturating_add(1));
        }
        Stored::Failed(error) => fail(status, error, now),
    }
}
