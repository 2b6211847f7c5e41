//! Values that are in object storage instead of the run's status.
//!
//! Expressions read them without knowing where they are: a [`super::Run`] knows the values of the references that it has met.
//! To a new one they are given with the steps that it resumes: see [`missing`]. What is written leaves out values that have
//! a reference, and those of which the reference is not known yet: a step, or an item, whose output is still being stored
//! is written as one that runs.

use crds::run::{OutputRef, StepPhase, StepStatus};
use serde_json::Value;

use super::ranges::Ranges;
use super::state::{is_being_stored, is_under_way};

/// Where in a status a value belongs that is stored elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueLocation {
    /// The output of a step.
    StepOutput {
        /// The step.
        step: String,
    },
    /// A batch of outputs of a step's items: a JSON object by index.
    ItemBatch {
        /// The step.
        step: String,
        /// Which of its batches, counted from 0.
        batch: usize,
    },
}

/// The steps as they are written.
#[must_use]
pub fn persisted_steps(steps: &[StepStatus]) -> Vec<StepStatus> {
    steps.iter().map(persisted_step).collect()
}

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
        items.batches.retain(|batch| !is_being_stored(Some(&batch.output_ref)));
        let (done, stored) = (Ranges::parse(&items.done), stored(&items.batches));
        items.outputs.retain(|index, _| done.contains(*index) && !stored.contains(*index));
    }
    step
}

/// The items whose outputs are in a batch that is stored.
pub(super) fn stored(batches: &[crds::run::ItemBatch]) -> Ranges {
    let stored = batches.iter().filter(|batch| !is_being_stored(Some(&batch.output_ref)));
    Ranges::of(stored.flat_map(|batch| Ranges::parse(&batch.indexes).iter().collect::<Vec<_>>()))
}

/// The values that are to be fetched before [`super::Run::resume`], of steps as they are read.
#[must_use]
pub fn missing_values(steps: &[StepStatus]) -> Vec<(ValueLocation, OutputRef)> {
    steps.iter().flat_map(missing_of).collect()
}

fn missing_of(step: &StepStatus) -> Vec<(ValueLocation, OutputRef)> {
    let output = step.output_ref.as_ref().filter(|_| step.output.is_none());
    let output =
        output.map(|reference| (ValueLocation::StepOutput { step: step.name.clone() }, reference.clone()));
    let of_items = step.items.iter().flat_map(|items| {
        items.batches.iter().enumerate().filter(|(_, batch)| {
            Ranges::parse(&batch.indexes).iter().any(|index| !items.outputs.contains_key(&index))
        })
    });
    let batches = of_items.map(|(batch, status)| {
        (ValueLocation::ItemBatch { step: step.name.clone(), batch }, status.output_ref.clone())
    });
    output.into_iter().chain(batches).collect()
}

/// Puts a fetched value where it belongs.
pub fn insert_value(steps: &mut [StepStatus], slot: &ValueLocation, value: Value) {
    match (slot, value) {
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
                // What else is in it would be a value of another item: the batch is not what it was.
                if let Some(index) = index.parse().ok().filter(|index| indexes.contains(*index)) {
                    items.outputs.insert(index, value);
                }
            }
        }
        (ValueLocation::ItemBatch { .. }, _) => {}
    }
}

/// Whether attempts are under way in the step, or values of it are being stored.
pub(super) fn is_busy(step: &StepStatus) -> bool {
    let items = || step.items.iter().flat_map(|items| items.active.iter().map(move |item| (item, items)));
    match (&step.items, step.phase) {
        (_, phase) if phase.is_final() => false,
        (None, phase) => phase == StepPhase::Running && step.next_at.is_none(),
        (Some(_), _) => {
            super::state::store_under_way(step).is_some()
                || items().any(|(item, items)| is_under_way(item, items))
        }
    }
}
