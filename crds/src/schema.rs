//! Schemas that cannot be expressed with `derive`.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Pattern of the name of an object: a DNS-1123 subdomain, as the API server requires. A name becomes part of a request path,
/// which another text could change.
pub(crate) const OBJECT_NAME: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// Pattern of a container registry, with or without a path. The last label of a host name begins with a letter, and that of an
/// address does not.
pub(crate) const REGISTRY: &str = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?[.])+[a-z]([-a-z0-9]*[a-z0-9])?(:[1-9][0-9]{0,4})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$";
/// Pattern of the key of a step or item: `step` or `step/index`.
pub(crate) const STEP_KEY: &str = "^[a-z]([-a-z0-9]*[a-z0-9])?(/[0-9]+)?$";
/// Pattern of a text in one line, without control characters. Postgres cannot store all of them.
pub(crate) const SHORT_TEXT: &str = r"^[^\x00-\x1f\x7f]*$";
/// Pattern of a text in several lines, without control characters other than tabs and ends of lines.
pub(crate) const TEXT: &str = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$";

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
