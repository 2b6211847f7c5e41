//! Static check of the number of subschemas that a schema applies to one value.
//!
//! `{"$ref": "#"}` would never end, and forty definitions of the form `{"anyOf": [next, next]}` would take
//! 2⁴⁰ steps. Both are detected by following the keywords that apply to the same value. Keywords that descend
//! into the value are bounded by the value's size, except in schemas that apply themselves: see
//! [`super::recursion`].

use std::collections::BTreeMap;

use serde_json::Value;

use super::errors::SchemaError;

/// Maximum number of subschemas applied to one value.
const LIMIT: u64 = 10_000;

/// Returns the subschemas by the name of their anchor, as in `{"$ref": "#name"}`.
pub(super) fn anchors(schema: &Value) -> BTreeMap<&str, &Value> {
    let mut found = BTreeMap::new();
    let mut pending = vec![schema];
    while let Some(node) = pending.pop() {
        for keyword in ["$anchor", "$dynamicAnchor"] {
            if let Some(name) = node.get(keyword).and_then(Value::as_str) {
                found.insert(name, node);
            }
        }
        match node {
            Value::Object(fields) => pending.extend(fields.values()),
            Value::Array(items) => pending.extend(items),
            _ => {}
        }
    }
    found
}

/// Checks every subschema.
///
/// # Errors
/// Returns an error for the first subschema that applies more than [`LIMIT`] subschemas to one value.
pub(super) fn check(schema: &Value) -> Result<(), SchemaError> {
    let mut counter = Counter { root: schema, anchors: anchors(schema), counts: BTreeMap::new() };
    check_subschemas(schema, String::new(), &mut counter)
}

fn check_subschemas(schema: &Value, pointer: String, counter: &mut Counter<'_>) -> Result<(), SchemaError> {
    let applications = counter.applications(&pointer, schema);
    if applications > LIMIT {
        return Err(SchemaError::TooCostly { pointer, applications, limit: LIMIT });
    }
    match schema {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "const" | "enum" | "default" | "examples"))
            .try_for_each(|(name, value)| {
                check_subschemas(value, format!("{pointer}/{}", escape(name)), counter)
            }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| check_subschemas(item, format!("{pointer}/{index}"), counter)),
        _ => Ok(()),
    }
}

struct Counter<'a> {
    root: &'a Value,
    anchors: BTreeMap<&'a str, &'a Value>,
    /// Counts by JSON pointer or name of the anchor; `None` while a count is in progress, which reveals a
    /// cycle.
    counts: BTreeMap<String, Option<u64>>,
}

impl Counter<'_> {
    fn applications(&mut self, pointer: &str, schema: &Value) -> u64 {
        match self.counts.get(pointer) {
            Some(Some(count)) => return *count,
            Some(None) => return LIMIT + 1,
            None => {}
        }
        self.counts.insert(pointer.to_owned(), None);
        let mut count = 1_u64;
        for (name, value) in schema.as_object().into_iter().flatten() {
            count = count.saturating_add(self.keyword(name, value, &format!("{pointer}/{}", escape(name))));
        }
        let count = count.min(LIMIT + 1);
        self.counts.insert(pointer.to_owned(), Some(count));
        count
    }

    fn keyword(&mut self, name: &str, value: &Value, pointer: &str) -> u64 {
        match (name, value) {
            ("$ref" | "$dynamicRef", Value::String(target)) => self.target(target),
            ("not" | "if" | "then" | "else", schema) => self.applications(pointer, schema),
            ("allOf" | "anyOf" | "oneOf", Value::Array(items)) => {
                self.sum(items.iter().enumerate().map(|(index, item)| (format!("{pointer}/{index}"), item)))
            }
            ("dependentSchemas", Value::Object(fields)) => {
                self.sum(fields.iter().map(|(field, item)| (format!("{pointer}/{}", escape(field)), item)))
            }
            _ => 0,
        }
    }

    fn sum<'s>(&mut self, schemas: impl Iterator<Item = (String, &'s Value)>) -> u64 {
        schemas.fold(0, |sum, (pointer, schema)| sum.saturating_add(self.applications(&pointer, schema)))
    }

    /// Counts the target of a reference. A target that does not exist counts as one: the compiler refuses the
    /// schema.
    fn target(&mut self, target: &str) -> u64 {
        let pointer = target.trim_start_matches('#');
        let root = self.root;
        let schema = root.pointer(pointer).or_else(|| self.anchors.get(pointer).copied());
        schema.map_or(1, |schema| self.applications(pointer, schema))
    }
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
