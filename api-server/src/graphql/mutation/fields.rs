//! Fields of inputs that change objects: absent ones stay as they are, and null removes a field.

use async_graphql::{Json, MaybeUndefined};
use serde_json::{Map, Value};

/// Returns a field as JSON; `None` if it is absent.
pub(super) fn json(field: MaybeUndefined<Json<Value>>) -> Option<Value> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(Value::Null),
        MaybeUndefined::Value(Json(value)) => Some(value),
    }
}

/// Returns a text as JSON; `None` if it is absent.
pub(super) fn text(field: MaybeUndefined<String>) -> Option<Value> {
    json(field.map_value(|text| Json(Value::String(text))))
}

/// Returns the fields that are present, by their names.
pub(super) fn present<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
