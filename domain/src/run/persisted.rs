//! Steps as they are written to the run's status, and the values that are in object storage instead.
//!
//! Expressions read stored values like inline ones: a [`super::Run`] caches the values of the references that
//! it has processed so far. A new `Run` receives them with the steps that it resumes: see [`missing_values`].
//! The written steps contain neither values that have a reference nor values whose reference is not known
//! yet: a step or an item whose output is still being stored is written as running.

use crds::run::{OutputRef, StepPhase, StepStatus};
use serde_json::Value;

use super::ranges::Ranges;
use super::state::{is_pending_reference, is_running_item};

/// Location in the status of a value that is in object storage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueLocation {
    /// Output of a step.
    StepOutput {
        /// Name of the step.
        step: String,
    },
    /// Batch of outputs of a step's items: a JSON object by item index.
    ItemBatch {
        /// Name of the step.
        step: String,
        /// Index of the batch, starting at 0.
        batch: usize,
    },
}

/// Returns the steps as they are written to the status.
#[must_use]
pub fn persisted_steps(steps: &[StepStatus]) -> Vec<StepStatus> {
    steps.iter().map(persisted_step).collect()
}

/// Returns a step as it is written to the status.
fn persisted_step(step: &StepStatus) -> StepStatus {
    let mut step = step.clone();
    if step.phase != StepPhase::Succeeded {
        step.output = None;
        step.output_ref = None;
    }
    if step.output_ref.is_some() {
        step.output = None;
    }
    if let Some(items) = &mut step.items {
        items.batches.retain(|batch| !is_pending_reference(Some(&batch.output_ref)));
        let (done, stored) = (Ranges::parse(&items.done), stored(&items.batches));
        items.outputs.retain(|index, _| done.contains(*index) && !stored.contains(*index));
    }
    step
}

/// Returns the items whose outputs are in a stored batch.
pub(super) fn stored(batches: &[crds::run::ItemBatch]) -> Ranges {
    let stored = batches.iter().filter(|batch| !is_pending_reference(Some(&batch.output_ref)));
    Ranges::from_numbers(stored.flat_map(|batch| Ranges::parse(&batch.indexes).iter().collect::<Vec<_>>()))
}

/// Returns the locations and references of the values that must be read from object storage before
/// [`super::Run::resume`].
#[must_use]
pub fn missing_values(steps: &[StepStatus]) -> Vec<(ValueLocation, OutputRef)> {
    steps.iter().flat_map(missing_values_of_step).collect()
}

/// Returns the locations and references of the values of a step that must be read from object storage.
fn missing_values_of_step(step: &StepStatus) -> Vec<(ValueLocation, OutputRef)> {
    let output = step.output_ref.as_ref().filter(|_| step.output.is_none());
    let output =
        output.map(|reference| (ValueLocation::StepOutput { step: step.name.clone() }, reference.clone()));
    let missing_batches = step.items.iter().flat_map(|items| {
        items.batches.iter().enumerate().filter(|(_, batch)| {
            Ranges::parse(&batch.indexes).iter().any(|index| !items.outputs.contains_key(&index))
        })
    });
    let batches = missing_batches.map(|(batch, status)| {
        (ValueLocation::ItemBatch { step: step.name.clone(), batch }, status.output_ref.clone())
    });
    output.into_iter().chain(batches).collect()
}

/// Inserts a value from object storage at its location.
pub fn insert_value(steps: &mut [StepStatus], location: &ValueLocation, value: Value) {
    match (location, value) {
        (ValueLocation::StepOutput { step }, value) => {
            if let Some(status) = steps.iter_mut().find(|status| status.name == *step) {
                status.output = Some(value);
            }
        }
        (ValueLocation::ItemBatch { step, batch }, Value::Object(values)) => {
            let items =
                steps.iter_mut().find(|status| status.name == *step).and_then(|step| step.items.as_mut());
            let Some(items) = items else { return };
            let Some(batch) = items.batches.get(*batch) else { return };
            let indexes = Ranges::parse(&batch.indexes);
            for (index, value) in values {
                // Indexes that the batch does not list are ignored, since their outputs belong to other
                // batches.
                if let Some(index) = index.parse().ok().filter(|index| indexes.contains(*index)) {
                    items.outputs.insert(index, value);
                }
            }
        }
        (ValueLocation::ItemBatch { .. }, _) => {}
    }
}

/// Returns whether attempts of the step are running or values of it are being stored.
pub(super) fn is_busy(step: &StepStatus) -> bool {
    let items = || step.items.iter().flat_map(|items| items.active.iter().map(move |item| (item, items)));
    match (&step.items, step.phase) {
        (_, phase) if phase.is_final() => false,
        (None, phase) => phase == StepPhase::Running && step.next_at.is_none(),
        (Some(_), _) => {
            super::state::running_store(step).is_some()
                || items().any(|(item, items)| is_running_item(item, items))
        }
    }
}
