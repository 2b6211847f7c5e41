//! JSON Schema 2020-12 for the input of a run and for the input and output of a step.
//!
//! Schemas are written by tenants and interpreted by our processes. Therefore nothing is fetched (`$ref` must
//! stay within the document), patterns match in linear time, and no schema applies itself to the same value
//! without end.

mod cost;
mod errors;
pub(crate) mod exclude;
mod recursion;

use std::sync::Arc;

use crds::constants::MAX_SCHEMA_BYTES;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

pub use errors::SchemaError;

/// Maximum size of all JSON Schemas of a workflow together, in bytes.
pub const MAX_BYTES: usize = MAX_SCHEMA_BYTES;
/// Maximum number of violations reported for one value; further ones are only counted.
const MAX_VIOLATIONS: usize = 20;
/// Maximum compiled size of one pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// A compiled schema.
#[derive(Clone, Debug)]
pub struct Schema {
    validator: Validator,
    /// The schema itself, if it contains references and may therefore apply itself.
    source: Option<Arc<Value>>,
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
        write!(f, "{}: {}", errors::display_pointer(&self.pointer), self.message)
    }
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// Returns an error if the schema is not valid JSON Schema 2020-12, has more than 64 KiB, refers to
    /// another document, or applies too many subschemas to one value.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        let bytes = json_size(schema);
        if bytes > MAX_BYTES {
            return Err(SchemaError::TooLarge { bytes, limit: MAX_BYTES });
        }
        check_dialect(schema)?;
        check_references(schema, "")?;
        cost::check(schema)?;
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN_BYTES))
            .should_validate_formats(true)
            .offline()
            .build(schema)
            .map_err(|error| SchemaError::Invalid {
                pointer: error.instance_path().to_string(),
                message: error.to_string(),
            })?;
        let source = has_references(schema).then(|| Arc::new(schema.clone()));
        Ok(Self { validator, source })
    }

    /// Validates a value against the schema.
    ///
    /// # Errors
    /// Returns the first 20 violations, followed by one with the number of further ones; or a single
    /// violation if the check would take too long.
    pub fn check(&self, value: &Value) -> Result<(), Vec<Violation>> {
        if self.source.as_ref().is_some_and(|schema| recursion::is_too_costly(schema, value)) {
            let message = format!(
                "validation would take more than {} steps: the schema applies itself several times at each level",
                recursion::LIMIT
            );
            return Err(vec![Violation { pointer: String::new(), message }]);
        }
        let mut found = self.validator.iter_errors(value).map(|error| Violation {
            pointer: error.instance_path().to_string(),
            message: error.masked().to_string(),
        });
        let mut violations: Vec<Violation> = found.by_ref().take(MAX_VIOLATIONS).collect();
        if violations.is_empty() {
            return Ok(());
        }
        let more = found.count();
        if more > 0 {
            violations.push(Violation { pointer: String::new(), message: format!("and {more} more") });
        }
        Err(violations)
    }
}

/// Returns the violations as one message, separated by `; `.
#[must_use]
pub fn describe_violations(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Returns the size of a value as compact JSON, in bytes, without allocating it.
#[must_use]
pub fn json_size(value: &Value) -> usize {
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

/// Checks that `$ref` points into the same document. Keywords that contain data are skipped.
fn check_references(schema: &Value, pointer: &str) -> Result<(), SchemaError> {
    match schema {
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| match (name.as_str(), value) {
            ("$ref" | "$dynamicRef", Value::String(target)) if !target.starts_with('#') => {
                Err(SchemaError::Remote { pointer: format!("{pointer}/{name}"), target: target.clone() })
            }
            ("$id", Value::String(target)) => {
                Err(SchemaError::Remote { pointer: format!("{pointer}/{name}"), target: target.clone() })
            }
            ("const" | "enum" | "default" | "examples", _) => Ok(()),
            _ => check_references(value, &format!("{pointer}/{name}")),
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| check_references(item, &format!("{pointer}/{index}"))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
