//! JSON Schema 2020-12 for the input of a run and for the input and output of a step.
//!
//! Schemas are written by tenants and interpreted by our processes. Therefore nothing is fetched (`$ref` must
//! stay within the document), patterns are measured before they are compiled, no schema applies itself to the
//! same value without end, and the cost of a validation is computed before it begins.
//!
//! A later module may import an earlier one, in this order: `errors`, `references`, `keywords`, `graph`,
//! `applications`, `cost`, `defaults`, `default_checks`.

mod applications;
mod cost;
mod default_checks;
mod defaults;
mod errors;
pub(crate) mod exclude;
mod graph;
mod keywords;
mod references;
mod unique;

use std::sync::Arc;

use crds::constants::MAX_SCHEMA_BYTES;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::pattern;
use applications::Excess;
use cost::Exceeded;
pub use cost::LIMIT as MAX_COST;
use defaults::Defaults;
pub use errors::SchemaError;
pub(crate) use errors::display_pointer;
use graph::Graph;

/// Maximum size of all JSON Schemas of a workflow together, in bytes.
pub const MAX_BYTES: usize = MAX_SCHEMA_BYTES;
/// Maximum size of all defaults that are added to one value, in bytes of JSON.
pub const MAX_DEFAULT_BYTES: usize = defaults::MAX_BYTES;
/// Maximum number of violations reported for one value; further ones are only counted.
const MAX_VIOLATIONS: usize = 20;
/// Maximum cost of a validation whose violations are listed. Each alternative of an `anyOf` has violations of
/// its own, which the validator collects before any is reported, at some 500 bytes each.
pub const MAX_LISTED_COST: u64 = 50_000;
/// Maximum length of the message of one violation, in bytes: the validator names all values of an `enum`.
const MAX_MESSAGE_BYTES: usize = 512;
/// Stack of the compiler and the validator, in bytes; both recurse. The deepest schema takes 20 MiB
/// unoptimised. Pages that are never touched cost nothing.
const STACK_BYTES: usize = 64 << 20;

/// A compiled schema.
#[derive(Clone, Debug)]
pub struct Schema {
    validator: Validator,
    graph: Arc<Graph>,
}

/// A schema that was checked but not compiled, so that its cost is known before it is paid.
pub(crate) struct CheckedSchema<'a> {
    schema: &'a Value,
    graph: Graph,
}

/// Violation of a schema by a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer (RFC 6901) to the part of the value; empty for the value itself.
    pub pointer: String,
    /// Message without the value itself, which may be private.
    pub message: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", display_pointer(&self.pointer), self.message)
    }
}

impl<'a> CheckedSchema<'a> {
    /// Checks everything about a schema that can be checked without compiling it.
    ///
    /// # Errors
    /// Returns the errors of [`Schema::compile`].
    pub(crate) fn new(schema: &'a Value) -> Result<Self, SchemaError> {
        let bytes = json_size(schema);
        if bytes > MAX_BYTES {
            return Err(SchemaError::TooLarge { bytes, limit: MAX_BYTES });
        }
        check_dialect(schema)?;
        let graph = stacker::grow(STACK_BYTES, || graph::build(schema))?;
        applications::check(&graph).map_err(|(index, excess)| {
            let pointer = graph::pointer_of_node(schema, index);
            match excess {
                Excess::Count(applications) => {
                    SchemaError::TooCostly { pointer, applications, limit: applications::LIMIT }
                }
                Excess::Chain => SchemaError::TooDeep { pointer, limit: applications::MAX_CHAIN },
            }
        })?;
        Ok(Self { schema, graph })
    }

    /// Returns the states of all patterns of the schema together.
    pub(crate) fn pattern_states(&self) -> u64 {
        self.graph.pattern_states
    }

    /// Compiles the schema.
    ///
    /// # Errors
    /// Returns an error if the schema is not valid JSON Schema 2020-12.
    pub(crate) fn compile(self) -> Result<Schema, SchemaError> {
        let validator = compile(self.schema)?;
        Ok(Schema { validator, graph: Arc::new(self.graph) })
    }
}

/// Compiles a schema that was checked before.
fn compile(schema: &Value) -> Result<Validator, SchemaError> {
    let options = PatternOptions::regex()
        .size_limit(pattern::MAX_AUTOMATON_BYTES)
        .dfa_size_limit(pattern::MAX_CACHE_BYTES);
    let compile = || {
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(options)
            .with_keyword("uniqueItems", unique::create)
            .should_validate_formats(true)
            .offline()
            .build(schema)
            .map_err(|error| SchemaError::Invalid {
                pointer: error.instance_path().to_string(),
                message: shorten(error.to_string()),
            })
    };
    stacker::grow(STACK_BYTES, compile)
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// Returns an error if the schema is not valid JSON Schema 2020-12, has more than 64 KiB, refers to
    /// another document, applies too many subschemas to one value, or has patterns that are too large.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        CheckedSchema::new(schema)?.compile()
    }

    /// Checks that each default of this schema, which was compiled from `schema`, satisfies its own subschema.
    ///
    /// # Errors
    /// Returns an error for the first default that does not.
    pub(crate) fn check_defaults(&self, schema: &Value) -> Result<(), SchemaError> {
        stacker::grow(STACK_BYTES, || default_checks::check(schema, &self.graph))
    }

    /// Returns the value with the defaults of properties that are absent, if it then satisfies the schema.
    ///
    /// # Errors
    /// Returns the errors of [`Self::check`], or a single violation if the defaults are too large, or take too
    /// long to apply.
    pub fn complete(&self, mut value: Value) -> Result<Value, Vec<Violation>> {
        self.apply_defaults(&mut value, cost::LIMIT)?;
        self.check(&value)?;
        Ok(value)
    }

    /// Adds the defaults of absent properties to a value; returns the cost in units.
    ///
    /// # Errors
    /// Returns a violation if that costs more than `max_cost` units, or if the defaults are too large.
    pub(crate) fn apply_defaults(&self, value: &mut Value, max_cost: u64) -> Result<u64, Vec<Violation>> {
        if !self.graph.has_defaults {
            return Ok(0);
        }
        let mut defaults = Defaults::new(&self.graph, max_cost);
        stacker::grow(STACK_BYTES, || defaults.apply(0, value))
            .map_err(|excess| vec![Violation::at_root(excess.to_string())])?;
        Ok(defaults.cost())
    }

    /// Validates a value against the schema. The cost of doing so is computed before, and bounded.
    ///
    /// # Errors
    /// Returns the first 20 violations, followed by one with the number of further ones; or a single
    /// violation if validating the value, or listing its violations, would take too long.
    pub fn check(&self, value: &Value) -> Result<(), Vec<Violation>> {
        stacker::grow(STACK_BYTES, || self.check_bounded(value))
    }

    /// Returns the cost of validating a value, in units; `None` if it exceeds the limit.
    #[must_use]
    pub fn cost(&self, value: &Value) -> Option<u64> {
        stacker::grow(STACK_BYTES, || cost::estimate(&self.graph, value)).ok()
    }

    fn check_bounded(&self, value: &Value) -> Result<(), Vec<Violation>> {
        let cost = cost::estimate(&self.graph, value).map_err(|Exceeded { limit }| {
            vec![Violation::at_root(format!(
                "validation would take more than {limit} steps, too many for this schema and a value of this size"
            ))]
        })?;
        if self.validator.is_valid(value) {
            return Ok(());
        }
        if cost > MAX_LISTED_COST {
            return Err(vec![Violation::at_root(format!(
                "the value violates the schema; the violations are not listed, since the value or the schema is too large (validation takes {cost} steps; they are listed up to {MAX_LISTED_COST})"
            ))]);
        }
        let mut found = self.validator.iter_errors(value).map(|error| Violation {
            pointer: error.instance_path().to_string(),
            message: shorten(error.masked().to_string()),
        });
        let mut violations: Vec<Violation> = found.by_ref().take(MAX_VIOLATIONS).collect();
        let more = found.count();
        if more > 0 {
            violations.push(Violation::at_root(format!("and {more} more")));
        }
        Err(violations)
    }
}

impl Violation {
    /// Returns a violation whose location is the root of the value.
    fn at_root(message: String) -> Self {
        Self { pointer: String::new(), message }
    }
}

/// Shortens a message to [`MAX_MESSAGE_BYTES`].
fn shorten(mut message: String) -> String {
    if message.len() > MAX_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        message.push('…');
    }
    message
}

/// Maximum length of the description of all violations, in bytes. It is part of conditions and errors, which
/// hold 32 KiB.
const MAX_DESCRIPTION_BYTES: usize = 8 << 10;

/// Returns the violations as one message, separated by `; `. Long JSON pointers, which are taken from the
/// value, make it shorten the message.
#[must_use]
pub fn describe_violations(violations: &[Violation]) -> String {
    let mut description = violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    if description.len() > MAX_DESCRIPTION_BYTES {
        description.truncate(description.floor_char_boundary(MAX_DESCRIPTION_BYTES));
        description.push('…');
    }
    description
}

/// Returns the size of a value as compact JSON, in bytes, without allocating it.
#[must_use]
pub fn json_size(value: &(impl serde::Serialize + ?Sized)) -> usize {
    struct ByteCounter(usize);
    impl std::io::Write for ByteCounter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.saturating_add(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = ByteCounter(0);
    // Writing to a counter cannot fail.
    serde_json::to_writer(&mut counter, value).map_or(usize::MAX, |()| counter.0)
}

/// Returns whether the schema, or a part of a schema, contains a reference.
pub(crate) fn has_references(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| matches!(name.as_str(), "$ref" | "$dynamicRef") || has_references(value)),
        Value::Array(items) => items.iter().any(has_references),
        _ => false,
    }
}

fn check_dialect(schema: &Value) -> Result<(), SchemaError> {
    match schema.get("$schema").and_then(Value::as_str) {
        Some(dialect) if dialect.trim_end_matches('#') != "https://json-schema.org/draft/2020-12/schema" => {
            Err(SchemaError::Dialect { dialect: dialect.to_owned() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
