//! Cache of values that are in object storage, separate from the state: the state is cloned on every advance,
//! and the values may be large.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crds::run::{ItemsStatus, OutputRef, StepPhase, StepStatus};
use serde_json::{Map, Value};

use super::Run;
use super::ranges::Ranges;
use super::state::is_pending_reference;

/// Stored values by URI. Stored values never change, so a cache hit cannot affect a decision.
#[derive(Clone, Debug, Default)]
pub(super) struct StoredValues(Arc<Mutex<BTreeMap<String, Arc<Value>>>>);

impl StoredValues {
    /// Returns the value of a reference, if it is cached.
    fn get(&self, reference: &OutputRef) -> Option<Arc<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&reference.uri).cloned()
    }

    /// Caches the value of a reference.
    fn insert(&self, reference: &OutputRef, value: Value) {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.insert(reference.uri.clone(), Arc::new(value));
    }
}

impl Run {
    /// Moves values that have a reference from the status of a step to the cache.
    pub(super) fn cache_stored_values(&self, step: &mut StepStatus) {
        if step.phase == StepPhase::Succeeded
            && let Some(reference) = &step.output_ref
            && let Some(value) = step.output.take()
        {
            self.stored_values.insert(reference, value);
        }
        let Some(items) = &mut step.items else { return };
        for batch in 0..items.batches.len() {
            self.cache_batch(items, batch);
        }
    }

    /// Moves the values of a stored batch from the status to the cache.
    fn cache_batch(&self, items: &mut ItemsStatus, position: usize) {
        let Some(batch) =
            items.batches.get(position).filter(|batch| !is_pending_reference(Some(&batch.output_ref)))
        else {
            return;
        };
        let (indexes, reference) = (Ranges::parse(&batch.indexes), batch.output_ref.clone());
        if !indexes.iter().any(|index| items.outputs.contains_key(&index)) {
            return;
        }
        // The values of a merged batch are in the batches that it was merged from.
        let mut values: Map<String, Value> = Map::new();
        for index in indexes.iter() {
            let value = items.outputs.remove(&index).or_else(|| self.cached_item_output(items, index));
            values.extend(value.map(|value| (index.to_string(), value)));
        }
        self.stored_values.insert(&reference, Value::Object(values));
    }

    /// Returns the output of an item from the cached batches.
    fn cached_item_output(&self, items: &ItemsStatus, index: u32) -> Option<Value> {
        let key = index.to_string();
        let mut batches = items.batches.iter().filter_map(|batch| self.stored_values.get(&batch.output_ref));
        batches.find_map(|values| values.get(&key).cloned())
    }

    /// Returns the output of an ended step, from the status or the cache.
    pub(super) fn output_of(&self, step: &StepStatus) -> Value {
        let cached = || self.stored_values.get(step.output_ref.as_ref()?).map(|value| value.as_ref().clone());
        step.output.clone().or_else(cached).unwrap_or_default()
    }

    /// Returns the outputs of ended items, from the status and the cache.
    pub(super) fn outputs_of(&self, items: &ItemsStatus) -> BTreeMap<u32, Value> {
        let mut outputs = items.outputs.clone();
        for values in items.batches.iter().filter_map(|batch| self.stored_values.get(&batch.output_ref)) {
            let values = values.as_object().into_iter().flatten();
            outputs.extend(values.filter_map(|(index, value)| Some((index.parse().ok()?, value.clone()))));
        }
        outputs
    }
}
