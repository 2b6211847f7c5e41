//! Pieces of schema that `derive` cannot say.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Free JSON: the `*` of the resource page; any value, kept as it is.
pub(crate) fn free(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

/// A free JSON object.
pub(crate) fn free_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// An RFC 3339 time in UTC.
pub(crate) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time"})
}
