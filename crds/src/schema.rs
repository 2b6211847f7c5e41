//! Schemas that cannot be expressed with `derive`.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Returns the schema of an arbitrary JSON value, which the API server stores unchanged.
pub(crate) fn free(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

/// Returns the schema of an arbitrary JSON object, which the API server stores unchanged.
pub(crate) fn free_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// Returns the schema of an RFC 3339 timestamp in UTC.
pub(crate) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time"})
}
