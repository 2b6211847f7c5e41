//! Cost of validating a value against a schema that applies itself.
//!
//! A schema that applies itself twice at each level takes 2ⁿ steps on a value that is n levels deep.
//! Discriminated unions of trees do this, so such schemas are allowed; but before a value is validated, the
//! steps are counted, visiting each pair of subschema and part of the value once.

use std::collections::{BTreeMap, HashMap};
use std::ptr;

use serde_json::{Map, Value};

use super::cost::anchors;

/// Maximum number of subschema applications in one validation.
pub(super) const LIMIT: u64 = 5_000_000;
/// Maximum number of pairs visited to count the applications.
const MAX_PAIRS: usize = 1_000_000;
/// Free stack below which a new segment is allocated, in bytes.
const RED_ZONE: usize = 64 * 1024;
/// Size of a new stack segment, in bytes.
const STACK_SEGMENT: usize = 2 * 1024 * 1024;

/// Returns whether validating the value takes more than [`LIMIT`] applications.
pub(super) fn is_too_costly(schema: &Value, value: &Value) -> bool {
    let mut counter = Counter { root: schema, anchors: anchors(schema), counts: HashMap::new() };
    counter.pair(schema, value) > LIMIT
}

struct Counter<'a> {
    root: &'a Value,
    anchors: BTreeMap<&'a str, &'a Value>,
    /// Counts by the addresses of subschema and part, neither of which moves while counting.
    counts: HashMap<(*const Value, *const Value), u64>,
}

impl<'a> Counter<'a> {
    fn pair(&mut self, schema: &'a Value, value: &Value) -> u64 {
        let Value::Object(fields) = schema else { return 1 };
        let pair = (ptr::from_ref(schema), ptr::from_ref(value));
        if let Some(count) = self.counts.get(&pair) {
            return *count;
        }
        if self.counts.len() >= MAX_PAIRS {
            return LIMIT.saturating_add(1);
        }
        // A pair that contains itself would never end at the same value, which `cost` has refused already, so
        // it counts as one.
        self.counts.insert(pair, 1);
        let mut count = 1_u64;
        for (keyword, part) in fields {
            let more =
                stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || self.keyword(fields, keyword, part, value));
            count = count.saturating_add(more).min(LIMIT.saturating_add(1));
        }
        self.counts.insert(pair, count);
        count
    }

    fn keyword(
        &mut self,
        fields: &'a Map<String, Value>,
        keyword: &str,
        part: &'a Value,
        value: &Value,
    ) -> u64 {
        match (keyword, part, value) {
            ("$ref" | "$dynamicRef", Value::String(target), _) => {
                let pointer = target.trim_start_matches('#');
                let found = self.root.pointer(pointer).or_else(|| self.anchors.get(pointer).copied());
                found.map_or(1, |schema| self.pair(schema, value))
            }
            ("not" | "if" | "then" | "else", schema, _) => self.pair(schema, value),
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas), _) => {
                schemas.iter().fold(0, |sum, schema| sum.saturating_add(self.pair(schema, value)))
            }
            ("dependentSchemas", Value::Object(schemas), _) => {
                schemas.values().fold(0, |sum, schema| sum.saturating_add(self.pair(schema, value)))
            }
            ("properties", Value::Object(schemas), Value::Object(values)) => {
                let both = schemas.iter().filter_map(|(name, schema)| Some((schema, values.get(name)?)));
                both.fold(0, |sum, (schema, value)| sum.saturating_add(self.pair(schema, value)))
            }
            ("patternProperties", Value::Object(schemas), Value::Object(values)) => {
                schemas.values().fold(0, |sum, schema| sum.saturating_add(self.all(schema, values.values())))
            }
            ("additionalProperties", schema, Value::Object(values)) => {
                let named = fields.get("properties").and_then(Value::as_object);
                let is_named = |name: &String| named.is_some_and(|named| named.contains_key(name));
                let others = values.iter().filter(|(name, _)| !is_named(name)).map(|(_, value)| value);
                self.all(schema, others)
            }
            ("unevaluatedProperties", schema, Value::Object(values)) => self.all(schema, values.values()),
            ("items" | "unevaluatedItems" | "contains", schema, Value::Array(values)) => {
                self.all(schema, values.iter())
            }
            ("prefixItems", Value::Array(schemas), Value::Array(values)) => schemas
                .iter()
                .zip(values)
                .fold(0, |sum, (schema, value)| sum.saturating_add(self.pair(schema, value))),
            _ => 0,
        }
    }

    fn all<'v>(&mut self, schema: &'a Value, values: impl Iterator<Item = &'v Value>) -> u64 {
        values.fold(0, |sum, value| sum.saturating_add(self.pair(schema, value)))
    }
}
