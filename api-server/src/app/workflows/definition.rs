//! The definition of a workflow in requests: the fields of its spec, without `state`, which archiving changes.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::app::merge_patch::merged;

/// Fields of the spec of a new workflow, as in the CustomResourceDefinition.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Definition(Value);

/// Change of the fields of a spec: a JSON merge patch (RFC 7396).
#[derive(Clone, Debug, PartialEq)]
pub struct Patch(Map<String, Value>);

impl Definition {
    /// Builds a definition of fields; those that are null are absent. Without steps, the validation says that it needs some.
    #[must_use]
    pub fn new(fields: &Map<String, Value>) -> Self {
        let empty = serde_json::json!({"steps": []});
        Self(merged(empty, fields))
    }

    /// Returns the fields as a JSON object.
    pub(super) fn as_value(&self) -> &Value {
        &self.0
    }
}

impl Patch {
    /// Builds a patch of fields; those that are null are removed.
    #[must_use]
    pub fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// Returns the patched spec.
    pub(super) fn apply(&self, spec: Value) -> Value {
        merged(spec, &self.0)
    }
}
