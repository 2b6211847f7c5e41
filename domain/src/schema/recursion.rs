//! What it costs to check a value against a schema that applies itself.
//!
//! A schema that applies itself twice at each level takes 2ⁿ steps on a value that is n levels deep. Discriminated unions
//! of trees are like that, so such schemas are allowed; but before a value is checked, the steps are counted, each pair of
//! subschema and part of the value once.

use std::collections::{BTreeMap, HashMap};
use std::ptr;

use serde_json::{Map, Value};

use super::cost::anchors;

/// Applications of subschemas in one check.
pub(super) const LIMIT: u64 = 5_000_000;
/// Pairs that are looked at to count them.
const MAX_PAIRS: usize = 1_000_000;
/// Stack that is kept free, and that is taken when there is less.
const RED_ZONE: usize = 64 * 1024;
const STACK: usize = 2 * 1024 * 1024;

/// Whether checking the value takes more than [`LIMIT`] applications.
pub(super) fn is_too_costly(schema: &Value, value: &Value) -> bool {
    let mut count = Count { root: schema, anchors: anchors(schema), known: HashMap::new() };
    count.pair(schema, value) > LIMIT
}

struct Count<'a> {
    root: &'a Value,
    anchors: BTreeMap<&'a str, &'a Value>,
    /// By the places in memory of subschema and part, which stay where they are meanwhile.
    known: HashMap<(*const Value, *const Value), u64>,
}

impl<'a> Count<'a> {
    fn pair(&mut self, schema: &'a Value, value: &Value) -> u64 {
        let Value::Object(fields) = schema else { return 1 };
        let pair = (ptr::from_ref(schema), ptr::from_ref(value));
        if let Some(known) = self.known.get(&pair) {
            return *known;
        }
        if self.known.len() >= MAX_PAIRS {
            return LIMIT.saturating_add(1);
        }
        // Met again within itself it would be endless at one value, which is refused before.
        self.known.insert(pair, 1);
        let mut count = 1_u64;
        for (keyword, part) in fields {
            let more = stacker::maybe_grow(RED_ZONE, STACK, || self.keyword(fields, keyword, part, value));
            count = count.saturating_add(more).min(LIMIT.saturating_add(1));
        }
        self.known.insert(pair, count);
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
