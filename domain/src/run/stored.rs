//! Values that are in object storage instead of the run's status.
//!
//! In memory a status always has its values, so that expressions read them without knowing where they are. What is
//! written leaves out those that have a reference.

use crds::run::{OutputRef, StepStatus};
use serde_json::Value;

/// Where in a status a value belongs that is stored elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// The output of a step.
    Output {
        /// The step.
        step: String,
    },
    /// A batch of outputs of a step's items: a JSON object by index.
    Batch {
        /// The step.
        step: String,
        /// Which of its batches, counted from 0.
        batch: usize,
    },
}

/// The steps as they are written: what has a reference, or is not done yet, is left out.
#[must_use]
pub fn written(steps: &[StepStatus]) -> Vec<StepStatus> {
    let mut written = steps.to_vec();
    for step in &mut written {
        if step.output_ref.is_some() {
            step.output = None;
        }
    }
    written
}

/// The values that are to be fetched before the run can go on, of steps as they are read.
#[must_use]
pub fn missing(steps: &[StepStatus]) -> Vec<(Slot, OutputRef)> {
    steps
        .iter()
        .filter(|step| step.output.is_none())
        .filter_map(|step| Some((Slot::Output { step: step.name.clone() }, step.output_ref.clone()?)))
        .collect()
}

/// Puts a fetched value where it belongs.
pub fn fill(steps: &mut [StepStatus], slot: &Slot, value: Value) {
    match slot {
        Slot::Output { step } => {
            if let Some(status) = steps.iter_mut().find(|status| status.name == *step) {
                status.output = Some(value);
            }
        }
        Slot::Batch { .. } => {}
    }
}
