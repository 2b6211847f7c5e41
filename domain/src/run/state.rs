//! Functions that read and change the status of steps.

use std::time::Duration;

use crds::run::{
    ActiveItem, EndReason, ItemsStatus, OutputRef, RunEnding, StepError, StepPhase, StepStatus, Waiting,
    WaitingFor,
};
use crds::workflow::ErrorKind;
use jiff::Timestamp;

use super::StepKey;

/// State of a run: the part of its status that the engine reads and writes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunState {
    /// Status of the workflow's steps, followed by its `onExit` steps, with all their values.
    pub steps: Vec<StepStatus>,
    /// Result of the steps while the `onExit` steps run.
    pub ending: Option<RunEnding>,
}

impl RunState {
    /// Returns whether the attempt is running: it was started and its outcome is not recorded.
    #[must_use]
    pub fn is_running(&self, key: &StepKey, attempt_number: u32) -> bool {
        let Some(step) = find(&self.steps, &key.step).filter(|step| !step.phase.is_final()) else {
            return false;
        };
        match (key.item, &step.items) {
            (Some(index), Some(items)) => items.active.iter().any(|item| {
                item.index == index && item.attempt == attempt_number && is_running_item(item, items)
            }),
            (None, Some(_)) => running_store(step) == Some(attempt_number),
            (None, None) => {
                step.phase == StepPhase::Running
                    && attempt(step) == attempt_number
                    && (step.output.is_none() || is_pending_reference(step.output_ref.as_ref()))
            }
            (Some(_), None) => false,
        }
    }

    /// Reverts an attempt that was recorded as running but never started, so that it does not count.
    pub fn revert_attempt(&mut self, key: &StepKey, attempt_number: u32) {
        if !self.is_running(key, attempt_number) {
            return;
        }
        let Some(step) = self.steps.iter_mut().find(|step| step.name == key.step) else { return };
        match (key.item, &mut step.items) {
            (Some(index), Some(items)) => revert_item_attempt(items, index),
            (None, _) if is_pending_reference(step.output_ref.as_ref()) => step.output_ref = None,
            (None, Some(items)) => {
                items.batches.retain(|batch| !is_pending_reference(Some(&batch.output_ref)))
            }
            (None, None) => revert_step_attempt(step),
            (Some(_), None) => {}
        }
    }
}

/// Reverts the attempt of a step: it does not count, and the next one is due at once.
pub(super) fn revert_step_attempt(step: &mut StepStatus) {
    step.phase = StepPhase::Pending;
    step.attempt = attempt(step).checked_sub(1).filter(|previous| *previous > 0);
    if step.attempt.is_none() && step.not_started.is_none() {
        step.started_at = None;
    }
}

/// Reverts the attempt of an item: it does not count, and the next one is due at once.
pub(super) fn revert_item_attempt(items: &mut ItemsStatus, index: u32) {
    let Some(position) = items.active.iter().position(|item| item.index == index) else { return };
    let Some(item) = items.active.get_mut(position) else { return };
    item.attempt = item.attempt.saturating_sub(1);
    item.next_at.clone_from(&item.started_at);
    if item.attempt == 0 && item.not_started.is_none() {
        items.active.remove(position);
    }
}

/// Returns whether an attempt of the item is running: the item neither waits nor has an output.
pub(super) fn is_running_item(item: &ActiveItem, items: &ItemsStatus) -> bool {
    item.next_at.is_none() && item.waiting.is_none() && !items.outputs.contains_key(&item.index)
}

/// Returns the reference of a value that is being stored: an empty reference, which is never written to the
/// status (see [`super::persisted_steps`]).
pub(super) fn pending_reference() -> OutputRef {
    OutputRef::default()
}

/// Returns whether a reference is that of a value that is being stored.
pub(super) fn is_pending_reference(reference: Option<&OutputRef>) -> bool {
    reference.is_some_and(|reference| reference.uri.is_empty())
}

/// Returns the number of the running store of a step with items, or `None` if no store is running. The store
/// is that of a batch or, with the number after the last batch, that of the complete list.
pub(super) fn running_store(step: &StepStatus) -> Option<u32> {
    let batches = &step.items.as_ref()?.batches;
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    if is_pending_reference(step.output_ref.as_ref()) {
        return Some(number(batches.len()).saturating_add(1));
    }
    let last = batches.last()?;
    is_pending_reference(Some(&last.output_ref)).then(|| number(batches.len()))
}

/// Returns the names of the sub-runs that steps or items wait for.
#[must_use]
pub fn awaited_sub_runs(steps: &[StepStatus]) -> Vec<String> {
    let waiting = steps.iter().flat_map(waits);
    waiting
        .filter(|waiting| waiting.reason == WaitingFor::Run)
        .filter_map(|waiting| waiting.run.clone())
        .collect()
}

/// Returns the waits of a step and its items.
pub(super) fn waits(step: &StepStatus) -> impl Iterator<Item = &Waiting> {
    let items = step.items.iter().flat_map(|items| &items.active);
    step.waiting.iter().chain(items.filter_map(|item| item.waiting.as_ref()))
}

/// Builds the error of a step, without details.
#[must_use]
pub fn step_error(kind: ErrorKind, code: &str, message: impl Into<String>) -> StepError {
    StepError { kind, code: code.to_owned(), message: message.into(), details: None }
}

/// Returns the comma-separated names of the running and waiting steps, for `status.step`.
#[must_use]
pub fn active_step_names(steps: &[StepStatus]) -> Option<String> {
    let is_busy = |step: &&StepStatus| {
        matches!(step.phase, StepPhase::Running | StepPhase::Suspended) || step.next_at.is_some()
    };
    let names: Vec<&str> = steps.iter().filter(is_busy).map(|step| step.name.as_str()).collect();
    (!names.is_empty()).then(|| names.join(","))
}

/// Returns the time after a duration, saturating at the latest representable time.
pub(super) fn after(from: Timestamp, duration: Duration) -> Timestamp {
    from.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// Returns the status of the step with a name.
pub(super) fn find<'a>(steps: &'a [StepStatus], name: &str) -> Option<&'a StepStatus> {
    steps.iter().find(|step| step.name == name)
}

/// Returns the number of the current or last attempt; 0 if there was none.
pub(super) fn attempt(step: &StepStatus) -> u32 {
    step.attempt.unwrap_or(0)
}

/// Records why a step was skipped or cancelled.
pub(super) fn explain(step: &mut StepStatus, reason: EndReason, message: String) {
    step.reason = Some(reason);
    step.message = Some(message);
}

/// Ends a step in a final phase and clears the fields that only unfinished steps have.
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
