//! Recording of the outcome of an attempt in the state of the run.

use crds::run::{StepPhase, StepStatus};
use jiff::Timestamp;

use super::apply::{apply, fail, inline_bytes};
use super::attempt::{Ambient, Attempts, step_deadline};
use super::item_outputs::{apply_item, record_store_result};
use super::outcome::Outcome;
use super::state::end;
use super::store_result::{StoreResult, store_result};
use super::{Run, RunState, StepKey};

impl Run {
    /// Records the outcome of an attempt and returns the next state: the step or item has ended, waits, or is
    /// due for another attempt after its backoff. `random` (0 ≤ random < 1) spreads the backoff. A report of
    /// an attempt that is not running changes nothing, so each outcome is recorded once.
    #[must_use]
    pub fn record_outcome(
        &self,
        state: &RunState,
        key: &StepKey,
        attempt: u32,
        outcome: Outcome,
        now: Timestamp,
        random: f64,
    ) -> RunState {
        let mut next = state.clone();
        let Some(step) = self.workflow().step(&key.step) else { return next };
        if !state.is_running(key, attempt) {
            return next;
        }
        let other_bytes = inline_bytes(&state.steps, &step.name);
        let attempts = |status: &StepStatus, not_started| Attempts {
            attempt,
            not_started,
            step_deadline: step_deadline(step, status),
            run_deadline: self.deadline_of(state.ending.as_ref()),
        };
        let context = || self.context(&state.steps, state.ending.as_ref());
        let Some(status) = next.steps.iter_mut().find(|status| status.name == step.name) else { return next };
        let ambient = Ambient { now, random };
        match key.item {
            Some(index) => {
                let not_started = failed_starts_of_item(status, index);
                let transition =
                    self.evaluate_outcome(step, attempts(status, not_started), outcome, ambient, context);
                apply_item(self, step, status, index, transition, other_bytes, now);
            }
            None if status.items.is_some() => {
                let attempts = attempts(status, status.not_started.unwrap_or(0));
                let result = store_result(step, attempts, outcome, ambient);
                record_store_result(self, step, status, result, other_bytes, now);
            }
            None if status.output.is_some() => {
                let attempts = attempts(status, status.not_started.unwrap_or(0));
                record_output_store(status, store_result(step, attempts, outcome, ambient), now);
            }
            None => {
                let transition = self.evaluate_outcome(
                    step,
                    attempts(status, status.not_started.unwrap_or(0)),
                    outcome,
                    ambient,
                    context,
                );
                apply(self, step, status, transition, other_bytes, now);
            }
        }
        self.cache_stored_values(status);
        next
    }
}

/// Returns the number of consecutive attempts of an item that could not be started.
fn failed_starts_of_item(status: &StepStatus, index: u32) -> u32 {
    let mut active = status.items.iter().flat_map(|items| &items.active);
    active.find(|item| item.index == index).and_then(|item| item.not_started).unwrap_or(0)
}

/// Records the result of storing the output of a step without items.
fn record_output_store(status: &mut StepStatus, result: StoreResult, now: Timestamp) {
    match result {
        StoreResult::Stored(reference) => {
            status.output_ref = Some(reference);
            end(status, StepPhase::Succeeded, now);
        }
        StoreResult::Retry(retry_at) => {
            status.output_ref = None;
            status.next_at = Some(retry_at.into());
            status.not_started = Some(status.not_started.unwrap_or(0).saturating_add(1));
        }
        StoreResult::Failed(error) => fail(status, error, now),
    }
}
