//! Budget of the checks of literal values in a spec: inputs of schedules against the schema of the workflow,
//! and inputs of sub-workflows against theirs.
//!
//! They are for convenience: a run checks its input anyway. What exceeds the budget is therefore not checked.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::schema::{Schema, Violation, json_size};

/// Maximum cost of all checks together, in the units of [`Schema::cost`]: 50 ms.
const MAX_COST: u64 = 1_000_000;
/// Maximum size of the schemas of sub-workflows that are compiled, in bytes: two schemas of maximum size.
const MAX_SCHEMA_BYTES: usize = 128 << 10;

/// Checks of values at the expense of one budget.
#[derive(Debug)]
pub(super) struct ValueChecks {
    remaining_cost: u64,
    remaining_bytes: usize,
    /// Compiled schemas of sub-workflows, by name; `None` for those that are not checked.
    schemas: BTreeMap<String, Option<Schema>>,
}

impl Default for ValueChecks {
    fn default() -> Self {
        Self { remaining_cost: MAX_COST, remaining_bytes: MAX_SCHEMA_BYTES, schemas: BTreeMap::new() }
    }
}

impl ValueChecks {
    /// Returns the violations of a schema by a value, to which its defaults are added; none if the check would
    /// exceed the budget.
    pub(super) fn check(&mut self, schema: &Schema, value: &Value) -> Vec<Violation> {
        let mut value = value.clone();
        let applied = schema.apply_defaults(&mut value, self.remaining_cost).ok();
        let Some(applied) = applied else { return Vec::new() };
        let cost = schema.cost(&value).map(|cost| cost.saturating_add(applied));
        let remaining = cost.and_then(|cost| self.remaining_cost.checked_sub(cost));
        let Some(remaining) = remaining else { return Vec::new() };
        self.remaining_cost = remaining;
        schema.check(&value).err().unwrap_or_default()
    }

    /// Returns the violations of the input schema of a sub-workflow by a value; none if the check would
    /// exceed the budget.
    pub(super) fn check_input(&mut self, workflow: &str, schema: &Value, value: &Value) -> Vec<Violation> {
        if !self.schemas.contains_key(workflow) {
            let compiled = self.compile(schema);
            self.schemas.insert(workflow.to_owned(), compiled);
        }
        let Some(Some(schema)) = self.schemas.get(workflow).cloned() else { return Vec::new() };
        self.check(&schema, value)
    }

    fn compile(&mut self, schema: &Value) -> Option<Schema> {
        self.remaining_bytes = self.remaining_bytes.checked_sub(json_size(schema))?;
        Schema::compile(schema).ok()
    }
}
