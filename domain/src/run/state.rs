//! Reading and changing the status of steps.

use std::time::Duration;

use crds::run::{
    ActiveItem, ItemsStatus, OutputRef, RunEnding, StepError, StepPhase, StepStatus, Waiting, WaitingFor,
};
use crds::workflow::ErrorKind;
use jiff::Timestamp;

use super::StepKey;

/// Where a run is: what of its status the engine reads and writes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunState {
    /// The workflow's steps, then its `onExit` steps; with all their values.
    pub steps: Vec<StepStatus>,
    /// How the steps ended, while the `onExit` steps run.
    pub ending: Option<RunEnding>,
}

impl RunState {
    /// Whether the attempt is under way: it has been begun, and its end is not recorded.
    #[must_use]
    pub fn is_running(&self, key: &StepKey, of_attempt: u32) -> bool {
        let Some(step) = find(&self.steps, &key.step).filter(|step| !step.phase.is_final()) else {
            return false;
        };
        match (key.item, &step.items) {
            (Some(index), Some(items)) => items
                .active
                .iter()
                .any(|item| item.index == index && item.attempt == of_attempt && is_under_way(item, items)),
            (None, Some(_)) => store_under_way(step) == Some(of_attempt),
            (None, None) => {
                step.phase == StepPhase::Running
                    && attempt(step) == of_attempt
                    && (step.output.is_none() || is_being_stored(step.output_ref.as_ref()))
            }
            (Some(_), None) => false,
        }
    }

    /// Takes an attempt back that was recorded but never made: it is not counted.
    pub fn revert_attempt(&mut self, key: &StepKey, of_attempt: u32) {
        if !self.is_running(key, of_attempt) {
            return;
        }
        let Some(step) = self.steps.iter_mut().find(|step| step.name == key.step) else { return };
        match (key.item, &mut step.items) {
            (Some(index), Some(items)) => take_back_item(items, index),
            (None, _) if is_being_stored(step.output_ref.as_ref()) => step.output_ref = None,
            (None, Some(items)) => items.batches.retain(|batch| !is_being_stored(Some(&batch.output_ref))),
            (None, None) => take_back_step(step),
            (Some(_), None) => {}
        }
    }
}

/// The attempt of a step is not counted; the next one is due at once.
pub(super) fn take_back_step(step: &mut StepStatus) {
    step.phase = StepPhase::Pending;
    step.attempt = attempt(step).checked_sub(1).filter(|before| *before > 0);
    if step.attempt.is_none() && step.not_started.is_none() {
        step.started_at = None;
    }
}

/// The attempt of an item is not counted; the next one is due at once.
pub(super) fn take_back_item(items: &mut ItemsStatus, index: u32) {
    let Some(at) = items.active.iter().position(|item| item.index == index) else { return };
    let Some(item) = items.active.get_mut(at) else { return };
    item.attempt = item.attempt.saturating_sub(1);
    item.next_at.clone_from(&item.started_at);
    if item.attempt == 0 && item.not_started.is_none() {
        items.active.remove(at);
    }
}

/// Whether an attempt at the item is under way: it neither waits nor has its value already.
pub(super) fn is_under_way(item: &ActiveItem, items: &ItemsStatus) -> bool {
    item.next_at.is_none() && item.waiting.is_none() && !items.outputs.contains_key(&item.index)
}

/// The reference of a value that is being stored: it says so by being empty. It is in memory only, see [`super::written`].
pub(super) fn being_stored() -> OutputRef {
    OutputRef::default()
}

pub(super) fn is_being_stored(reference: Option<&OutputRef>) -> bool {
    reference.is_some_and(|reference| reference.uri.is_empty())
}

/// The number of the store that is under way for a step with items: of a batch, or of the whole list.
pub(super) fn store_under_way(step: &StepStatus) -> Option<u32> {
    let batches = &step.items.as_ref()?.batches;
    let number = |stored: usize| u32::try_from(stored).unwrap_or(u32::MAX);
    if is_being_stored(step.output_ref.as_ref()) {
        return Some(number(batches.len()).saturating_add(1));
    }
    let last = batches.last()?;
    is_being_stored(Some(&last.output_ref)).then(|| number(batches.len()))
}

/// The names of the sub-runs that are waited for.
#[must_use]
pub fn awaited_sub_runs(steps: &[StepStatus]) -> Vec<String> {
    let waiting = steps.iter().flat_map(waits);
    waiting
        .filter(|waiting| waiting.reason == WaitingFor::Run)
        .filter_map(|waiting| waiting.run.clone())
        .collect()
}

/// What a step, and the items of it, wait for.
pub(super) fn waits(step: &StepStatus) -> impl Iterator<Item = &Waiting> {
    let items = step.items.iter().flat_map(|items| &items.active);
    step.waiting.iter().chain(items.filter_map(|item| item.waiting.as_ref()))
}

/// A step's error.
#[must_use]
pub fn step_error(kind: ErrorKind, code: &str, message: impl Into<String>) -> StepError {
    StepError { kind, code: code.to_owned(), message: message.into(), details: None }
}

/// The names of the steps that run, or wait: `status.step`, for people.
#[must_use]
pub fn active_step_names(steps: &[StepStatus]) -> Option<String> {
    let is_busy = |step: &&StepStatus| {
        matches!(step.phase, StepPhase::Running | StepPhase::Suspended) || step.next_at.is_some()
    };
    let names: Vec<&str> = steps.iter().filter(is_busy).map(|step| step.name.as_str()).collect();
    (!names.is_empty()).then(|| names.join(","))
}

/// The time after a duration; the end of time where that is beyond it.
pub(super) fn after(from: Timestamp, duration: Duration) -> Timestamp {
    from.checked_add(duration).unwrap_or(Timestamp::MAX)
}

pub(super) fn find<'a>(steps: &'a [StepStatus], name: &str) -> Option<&'a StepStatus> {
    steps.iter().find(|step| step.name == name)
}

/// The attempt that runs or ran last; 0 = none.
pub(super) fn attempt(step: &StepStatus) -> u32 {
    step.attempt.unwrap_or(0)
}

/// Ends a step.
pub(super) fn end(step: &mut StepStatus, phase: StepPhase, now: Timestamp) {
    step.phase = phase;
    step.finished_at = Some(now.into());
    step.next_at = None;
    step.waiting = None;
    step.not_started = None;
    if phase != StepPhase::Succeeded {
        step.output = None;
        step.output_ref = None;
    }
    if let Some(items) = &mut step.items {
        items.active.clear();
        items.outputs.clear();
        items.batches.clear();
    }
}
