//! How many subschemas a schema applies to one and the same value.
//!
//! `{"$ref": "#"}` would never end, and forty definitions of the form `{"anyOf": [next, next]}` would take 2⁴⁰ steps.
//! Both are seen by following the keywords that stay at the same value. Those that descend into the value are bounded by
//! its size, but for schemas that apply themselves: see [`super::recursion`].

use std::collections::BTreeMap;

use serde_json::Value;

use super::errors::SchemaError;

/// Applications of subschemas to one value.
const LIMIT: u64 = 10_000;

/// Subschemas by the name of their anchor, as in `{"$ref": "#name"}`.
pub(super) fn anchors(schema: &Value) -> BTreeMap<&str, &Value> {
    let mut found = BTreeMap::new();
    let mut open = vec![schema];
    while let Some(node) = open.pop() {
        for keyword in ["$anchor", "$dynamicAnchor"] {
            if let Some(name) = node.get(keyword).and_then(Value::as_str) {
                found.insert(name, node);
            }
        }
        match node {
            Value::Object(fields) => open.extend(fields.values()),
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

/// Looks at every subschema.
///
/// # Errors
/// On the first that applies more than [`LIMIT`] subschemas to the value it is given.
pub(super) fn check(schema: &Value) -> Result<(), SchemaError> {
    let mut walk = Walk { root: schema, anchors: anchors(schema), known: BTreeMap::new() };
    visit(schema, String::new(), &mut walk)
}

fn visit(schema: &Value, pointer: String, walk: &mut Walk<'_>) -> Result<(), SchemaError> {
    let applications = walk.applications(&pointer, schema);
    if applications > LIMIT {
        return Err(SchemaError::TooCostly { pointer, applications, limit: LIMIT });
    }
    match schema {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "const" | "enum" | "default" | "examples"))
            .try_for_each(|(name, value)| visit(value, format!("{pointer}/{}", escape(name)), walk)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| visit(item, format!("{pointer}/{index}"), walk)),
        _ => Ok(()),
    }
}

struct Walk<'a> {
    root: &'a Value,
    anchors: BTreeMap<&'a str, &'a Value>,
    /// By pointer, or the name of an anchor; `None` while it is being counted, so that a cycle is seen.
    known: BTreeMap<String, Option<u64>>,
}

impl Walk<'_> {
    fn applications(&mut self, pointer: &str, schema: &Value) -> u64 {
        match self.known.get(pointer) {
            Some(Some(known)) => return *known,
            Some(None) => return LIMIT + 1,
            None => {}
        }
        self.known.insert(pointer.to_owned(), None);
        let mut count = 1_u64;
        for (name, value) in schema.as_object().into_iter().flatten() {
            count = count.saturating_add(self.keyword(name, value, &format!("{pointer}/{}", escape(name))));
        }
        let count = count.min(LIMIT + 1);
        self.known.insert(pointer.to_owned(), Some(count));
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

    /// What is not found counts as one: the compiler refuses it.
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
