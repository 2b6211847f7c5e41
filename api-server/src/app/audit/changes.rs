//! The changed fields of an object, as the audit log stores them.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

/// Fields of specs and requests whose values are never stored: they have data of the tenant, and may have secrets.
const OMITTED_FIELDS: [&str; 4] = ["steps", "onExit", "settings", "input"];
/// Maximum number of changes of one operation.
pub(super) const MAX_CHANGES: usize = 50;
/// Maximum size of a stored value as JSON, in bytes.
const MAX_VALUE_BYTES: usize = 256;
/// Depth of objects below which a value is compared as a whole.
const MAX_DEPTH: usize = 6;

/// Changed field.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// JSON pointer to the field, in the spec of the object.
    pub field: String,
    /// Value before the change. Absent if there was none, or if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Value after the change. Absent if there is none, or if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether values are left out, because they are large or may be secret.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub omitted: bool,
}

impl Change {
    /// Creates a change of a field. A value that is too large is left out.
    #[must_use]
    pub fn new(field: impl Into<String>, before: Option<Value>, after: Option<Value>) -> Self {
        let is_small = |value: &Value| value.to_string().len() <= MAX_VALUE_BYTES;
        let omitted = !before.iter().chain(&after).all(is_small);
        let (before, after) = (before.filter(is_small), after.filter(is_small));
        Self { field: field.into(), before, after, omitted }
    }

    /// Creates a change whose values are left out.
    #[must_use]
    pub fn omitted(field: impl Into<String>) -> Self {
        Self { field: field.into(), before: None, after: None, omitted: true }
    }
}

/// Returns the fields in which two specs differ.
#[must_use]
pub fn differences(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(String::new(), Some(before), Some(after), &mut changes);
    changes
}

fn compare(field: String, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<Change>) {
    if before == after || changes.len() > MAX_CHANGES {
        return;
    }
    let depth = field.matches('/').count();
    let (old, new) = (before.and_then(Value::as_object), after.and_then(Value::as_object));
    let are_objects = old.is_some() || new.is_some();
    let is_comparable = before.is_none_or(Value::is_object) && after.is_none_or(Value::is_object);
    if !are_objects || !is_comparable || depth >= MAX_DEPTH {
        return changes.push(Change::new(field, before.cloned(), after.cloned()));
    }
    let names: BTreeSet<&String> = old.into_iter().chain(new).flat_map(serde_json::Map::keys).collect();
    for name in names {
        let part = |object: Option<&'_ serde_json::Map<String, Value>>| {
            object.and_then(|object| object.get(name)).cloned()
        };
        let (old, new) = (part(old), part(new));
        let field = format!("{field}/{}", name.replace('~', "~0").replace('/', "~1"));
        match depth == 0 && OMITTED_FIELDS.contains(&name.as_str()) {
            true if old != new => changes.push(Change::omitted(field)),
            true => {}
            false => compare(field, old.as_ref(), new.as_ref(), changes),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Only fields that differ are stored, with both values.
    #[test]
    fn changed_fields_have_both_values() {
        let before = json!({"timeout": "5m", "state": "Archived", "limits": {"cpu": 1, "memory": "1Gi"}});
        let after = json!({"timeout": "10m", "limits": {"cpu": 2, "memory": "1Gi"}, "labels": ["a/b"]});
        let expected = json!([
            {"field": "/labels", "after": ["a/b"]},
            {"field": "/limits/cpu", "before": 1, "after": 2},
            {"field": "/state", "before": "Archived"},
            {"field": "/timeout", "before": "5m", "after": "10m"},
        ]);
        assert_eq!(json!(differences(&before, &after)), expected);
        assert_eq!(differences(&before, &before), []);
    }

    /// Settings, inputs and steps may have secrets: the log says that they have changed, and not how.
    #[test]
    fn values_that_may_be_secret_are_left_out() {
        let before = json!({"settings": {"token": "old"}, "steps": [], "input": {}});
        let after = json!({"settings": {"token": "s3cret"}, "steps": [{"name": "s3cret"}], "input": {}});
        let expected = json!([{"field": "/settings", "omitted": true}, {"field": "/steps", "omitted": true}]);
        assert_eq!(json!(differences(&before, &after)), expected);
    }

    /// Whatever is changed, the stored changes have a bounded size.
    #[test]
    fn large_values_and_many_changes_are_left_out() {
        let large = json!({"text": "x".repeat(1_000)});
        assert_eq!(json!(differences(&json!({}), &large)), json!([{"field": "/text", "omitted": true}]));
        let many: serde_json::Map<_, _> = (0..1_000).map(|n| (format!("k{n}"), json!(n))).collect();
        assert!(differences(&json!({}), &Value::Object(many)).len() <= MAX_CHANGES + 1);
    }
}
