//! Values that have a reference, beside the state: it is copied at each step of the way, and they may be large.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crds::run::{ItemsStatus, OutputRef, StepPhase, StepStatus};
use serde_json::{Map, Value};

use super::Run;
use super::ranges::Ranges;
use super::state::is_being_stored;

/// Values by where they are stored. What is stored never changes, so this is knowledge, and no state.
#[derive(Clone, Debug, Default)]
pub(super) struct StoredValues(Arc<Mutex<BTreeMap<String, Arc<Value>>>>);

impl StoredValues {
    fn get(&self, reference: &OutputRef) -> Option<Arc<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&reference.uri).cloned()
    }

    fn put(&self, reference: &OutputRef, value: Value) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(reference.uri.clone(), Arc::new(value));
    }
}

impl Run {
    /// Takes values that have a reference out of a step's status.
    pub(super) fn keep(&self, step: &mut StepStatus) {
        if step.phase == StepPhase::Succeeded
            && let Some(reference) = &step.output_ref
            && let Some(value) = step.output.take()
        {
            self.kept.put(reference, value);
        }
        let Some(items) = &mut step.items else { return };
        for at in 0..items.batches.len() {
            self.keep_batch(items, at);
        }
    }

    fn keep_batch(&self, items: &mut ItemsStatus, at: usize) {
        let Some(batch) = items.batches.get(at).filter(|batch| !is_being_stored(Some(&batch.output_ref)))
        else {
            return;
        };
        let (indexes, reference) = (Ranges::parse(&batch.indexes), batch.output_ref.clone());
        if !indexes.iter().any(|index| items.outputs.contains_key(&index)) {
            return;
        }
        // Of a batch that was made of others they have the values.
        let mut values: Map<String, Value> = Map::new();
        for index in indexes.iter() {
            let value = items.outputs.remove(&index).or_else(|| self.in_batches(items, index));
            values.extend(value.map(|value| (index.to_string(), value)));
        }
        self.kept.put(&reference, Value::Object(values));
    }

    fn in_batches(&self, items: &ItemsStatus, index: u32) -> Option<Value> {
        let key = index.to_string();
        let mut kept = items.batches.iter().filter_map(|batch| self.kept.get(&batch.output_ref));
        kept.find_map(|values| values.get(&key).cloned())
    }

    /// The output of a step that has ended, wherever it is.
    pub(super) fn output_of(&self, step: &StepStatus) -> Value {
        let kept = || self.kept.get(step.output_ref.as_ref()?).map(|value| value.as_ref().clone());
        step.output.clone().or_else(kept).unwrap_or_default()
    }

    /// The outputs of items that have ended, wherever they are.
    pub(super) fn outputs_of(&self, items: &ItemsStatus) -> BTreeMap<u32, Value> {
        let mut outputs = items.outputs.clone();
        for values in items.batches.iter().filter_map(|batch| self.kept.get(&batch.output_ref)) {
            let values = values.as_object().into_iter().flatten();
            outputs.extend(values.filter_map(|(index, value)| Some((index.parse().ok()?, value.clone()))));
        }
        outputs
    }
}
