//! Storage of item outputs while their step runs. They are stored in the status as long as they fit, and otherwise
//! in batches in object storage.
//!
//! An item counts as ended only when its output is in the status or in a stored batch. Until then it counts as
//! running, so no recorded output is lost, and slow object storage limits the rate at which items start.

use crds::constants::{MAX_INLINE_OUTPUT_BYTES, MAX_INLINE_RUN_BYTES};
use crds::run::{ItemBatch, ItemFailure, ItemsStatus, StepError, StepPhase, StepStatus};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::apply::{check_size, wait_deadline};
use super::attempt::Transition;
use super::persisted::stored;
use super::ranges::Ranges;
use super::state::{end, is_pending_reference, pending_reference};
use super::store_result::StoreResult;
use super::{Run, StepKey};
use crate::schema;
use crate::workflow::Step;

/// Maximum number of item failures that are recorded with their messages.
const MAX_FAILURES: usize = 20;
/// Maximum length of the message of an item failure, in bytes.
const MAX_FAILURE_MESSAGE_BYTES: usize = 1_000;
/// Maximum size of the details of all recorded item failures of a step together, in bytes.
const MAX_FAILURE_DETAILS_BYTES: usize = 8 * 1024;
/// Maximum length of the message of an item's approval, in bytes.
pub(super) const MAX_ITEM_MESSAGE_BYTES: usize = 256;
/// Number of batches at which small batches are merged into one.
const MERGE_THRESHOLD: usize = 32;
/// Size in bytes at which a batch is no longer merged into a larger one.
const LARGE_BATCH_BYTES: u64 = 512 * 1024;

/// Returns the number of bytes of item outputs that the status has room for, given the size of the other steps'
/// outputs.
pub(super) fn capacity(other_bytes: usize) -> usize {
    MAX_INLINE_OUTPUT_BYTES.min(MAX_INLINE_RUN_BYTES.saturating_sub(other_bytes))
}

/// Applies a transition to an item. `other_bytes` is the size in bytes of the outputs of other steps in the
/// status.
pub(super) fn apply_item(
    run: &Run,
    step: &Step,
    status: &mut StepStatus,
    index: u32,
    transition: Transition,
    other_bytes: usize,
    now: Timestamp,
) {
    let deadline = wait_deadline(step, status, now);
    let Some(items) = &mut status.items else { return };
    let Some(item) = items.active.iter_mut().find(|item| item.index == index) else { return };
    if let Transition::DecisionRefused(refused) = transition {
        item.waiting.iter_mut().for_each(|waiting| waiting.refused = Some(refused.clone()));
        return;
    }
    item.waiting = None;
    item.next_at = None;
    match transition {
        Transition::Succeeded(output) => match check_size("the item's output", &output.value) {
            Ok(_) => {
                item.code = None;
                item.not_started = None;
                items.outputs.insert(index, output.value);
                complete_fitting_items(items, capacity(other_bytes));
            }
            Err(error) => fail_item(step, status, index, error),
        },
        Transition::Failed(error) => fail_item(step, status, index, error),
        Transition::Retry { retry_at, error, counts_as_attempt } => {
            item.next_at = Some(retry_at.into());
            item.code = Some(error.code);
            if counts_as_attempt {
                item.not_started = None;
            } else {
                item.attempt = item.attempt.saturating_sub(1);
                item.not_started = Some(item.not_started.unwrap_or(0).saturating_add(1));
            }
        }
        Transition::WaitForSubRun => {
            item.waiting = Some(run.waiting_for_run(&StepKey::item(&step.name, index), item.attempt));
            item.next_at = deadline.map(Into::into);
            item.not_started = None;
        }
        // It is handled above, since the item waits on.
        Transition::DecisionRefused(_) => {}
    }
}

/// Records the failure of an item. Without `continueOnError`, it also sets the error of the step.
fn fail_item(step: &Step, status: &mut StepStatus, index: u32, error: StepError) {
    let Some(items) = &mut status.items else { return };
    let label = items.active.iter().find(|item| item.index == index).and_then(|item| item.label.clone());
    items.active.retain(|item| item.index != index);
    let mut done = Ranges::parse(&items.done);
    done.insert(index);
    items.done = done.to_string();
    items.failed = items.failed.saturating_add(1);
    let name = label.as_ref().map_or_else(|| index.to_string(), |label| format!("{index} ({label})"));
    let StepError { kind, code, message, details } = error;
    if items.failures.len() < MAX_FAILURES {
        let message = truncate(&message, MAX_FAILURE_MESSAGE_BYTES);
        let details = details.clone().filter(|details| details_fit(&items.failures, details));
        items.failures.push(ItemFailure { index, kind, code: code.clone(), message, label, details });
    }
    let continues = step.for_each.as_ref().is_some_and(|for_each| for_each.continue_on_error);
    if !continues && status.error.is_none() {
        let details = Some(json!({"item": index, "details": details}));
        status.error = Some(StepError { kind, code, message: format!("item {name}: {message}"), details });
    }
}

/// Returns whether the status has room for the details of a further failure.
fn details_fit(failures: &[ItemFailure], details: &Value) -> bool {
    let recorded = failures.iter().filter_map(|failure| failure.details.as_ref()).map(schema::json_size);
    recorded.fold(schema::json_size(details), usize::saturating_add) <= MAX_FAILURE_DETAILS_BYTES
}

/// Completes the items whose outputs fit into the status or have been stored, in the order in which they
/// started. `capacity` is the size that the outputs in the status may have in total.
pub(super) fn complete_fitting_items(items: &mut ItemsStatus, capacity: usize) {
    let awaiting_storage: Vec<u32> = items
        .active
        .iter()
        .map(|item| item.index)
        .filter(|index| items.outputs.contains_key(index))
        .collect();
    if awaiting_storage.is_empty() {
        return;
    }
    let (mut done, stored) = (Ranges::parse(&items.done), stored(&items.batches));
    let size = |index: &u32| items.outputs.get(index).map_or(0, schema::json_size);
    let inline = items.outputs.keys().filter(|index| done.contains(**index) && !stored.contains(**index));
    let mut inline_bytes: usize = inline.map(size).sum();
    let mut ended = Vec::new();
    for index in awaiting_storage {
        let bytes = if stored.contains(index) { 0 } else { size(&index) };
        if inline_bytes.saturating_add(bytes) <= capacity {
            inline_bytes = inline_bytes.saturating_add(bytes);
            ended.push(index);
        }
    }
    for index in ended {
        done.insert(index);
        items.succeeded = items.succeeded.saturating_add(1);
        items.active.retain(|item| item.index != index);
    }
    items.done = done.to_string();
}

/// Returns the next batch of outputs to store, with its number, if an item has an output that does not fit
/// into the status.
pub(super) fn next_batch(run: &Run, items: &mut ItemsStatus) -> Option<(u32, Value)> {
    if !items.active.iter().any(|item| items.outputs.contains_key(&item.index)) {
        return None;
    }
    let mut stored = stored(&items.batches);
    let merges = items.batches.len() >= MERGE_THRESHOLD;
    if merges {
        let large = items.batches.iter().filter(|batch| batch.output_ref.bytes >= LARGE_BATCH_BYTES);
        stored = Ranges::from_numbers(
            large.flat_map(|batch| Ranges::parse(&batch.indexes).iter().collect::<Vec<_>>()),
        );
    }
    // Outputs in stored batches were removed from the status, so they are read from the cache.
    let outputs = if merges { run.outputs_of(items) } else { items.outputs.clone() };
    let mut values = Map::new();
    let mut indexes = Ranges::default();
    for (index, value) in outputs.into_iter().filter(|(index, _)| !stored.contains(*index)) {
        indexes.insert(index);
        values.insert(index.to_string(), value);
    }
    items.batches.push(ItemBatch { indexes: indexes.to_string(), output_ref: pending_reference() });
    Some((u32::try_from(items.batches.len()).unwrap_or(u32::MAX), Value::Object(values)))
}

/// Records the result of storing a batch or the complete output of the step.
pub(super) fn record_store_result(
    run: &Run,
    step: &Step,
    status: &mut StepStatus,
    stored: StoreResult,
    other_bytes: usize,
    now: Timestamp,
) {
    let is_step_output = is_pending_reference(status.output_ref.as_ref());
    match stored {
        StoreResult::Stored(reference) if is_step_output => {
            status.output_ref = Some(reference);
            end(status, StepPhase::Succeeded, now);
        }
        StoreResult::Stored(reference) => {
            status.not_started = None;
            let Some(items) = &mut status.items else { return };
            if let Some(batch) = items.batches.last_mut() {
                batch.output_ref = reference;
            }
            complete_fitting_items(items, capacity(other_bytes));
            run.cache_stored_values(status);
            if let Some(items) = &mut status.items {
                drop_merged(items);
            }
        }
        StoreResult::Retry(retry_at) => {
            discard_store(status);
            status.next_at = Some(retry_at.into());
            status.not_started = Some(status.not_started.unwrap_or(0).saturating_add(1));
        }
        StoreResult::Failed(error) => {
            discard_store(status);
            let message =
                format!("failed to store the outputs of the items of {}: {}", step.name, error.message);
            status.error.get_or_insert(StepError { message, ..error });
        }
    }
}

/// Removes the references that mark a store in progress, of a batch or of the step's output.
fn discard_store(status: &mut StepStatus) {
    status.output = None;
    status.output_ref = None;
    if let Some(items) = &mut status.items {
        items.batches.retain(|batch| !is_pending_reference(Some(&batch.output_ref)));
    }
}

/// Removes the batches whose outputs are all contained in the last batch.
fn drop_merged(items: &mut ItemsStatus) {
    let Some(last) = items.batches.pop() else { return };
    let merged = Ranges::parse(&last.indexes);
    items.batches.retain(|batch| !merged.contains_all(&Ranges::parse(&batch.indexes)));
    items.batches.push(last);
}

/// Truncates a text to a number of bytes, marking a truncation with an ellipsis.
pub(super) fn truncate(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let max_bytes = bytes.saturating_sub('…'.len_utf8());
    let end = text
        .char_indices()
        .map(|(index, _)| index)
        .take_while(|index| *index <= max_bytes)
        .last()
        .unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}
