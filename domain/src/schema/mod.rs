//! JSON Schema 2020-12: what a run's input, a step's input and a step's output must look like.
//!
//! Schemas are tenants' data that our processes interpret, so: nothing is fetched (`$ref` stays within the document),
//! patterns match in linear time, and no schema applies itself to the same value again and again.

mod cost;
mod errors;
pub(crate) mod exclude;
mod recursion;

use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

pub use errors::SchemaError;

/// All JSON Schemas of a workflow together, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// Violations reported of one value; further ones are counted.
const MAX_VIOLATIONS: usize = 20;
/// The compiled size of one pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// A compiled schema.
#[derive(Clone, Debug)]
pub struct Schema {
    validator: Validator,
    /// The schema itself, where it may apply itself.
    references: Option<Arc<Value>>,
}

/// One way in which a value breaks its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where in the value: an RFC 6901 pointer, empty for the whole.
    pub pointer: String,
    /// What is wrong, without the value itself.
    pub message: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", errors::at(&self.pointer), self.message)
    }
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// If it is not JSON Schema 2020-12, larger than 64 KiB, or refers outside itself.
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
        let references = has_references(schema).then(|| Arc::new(schema.clone()));
        Ok(Self { validator, references })
    }

    /// Checks a value.
    ///
    /// # Errors
    /// The first 20 violations, and as a last one how many more there are. One alone where it would take too long.
    pub fn check(&self, value: &Value) -> Result<(), Vec<Violation>> {
        if self.references.as_ref().is_some_and(|schema| recursion::is_too_costly(schema, value)) {
            let message = format!(
                "checking it would take more than {} steps: its schema applies itself several times at each level",
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

/// Violations as one message.
#[must_use]
pub fn describe_violations(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The size of a value as JSON, in bytes, without writing it down.
#[must_use]
pub fn json_size(value: &Value) -> usize {
    struct Counted(usize);
    impl std::io::Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.saturating_add(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counted = Counted(0);
    // Values are written to a counter, which takes everything.
    serde_json::to_writer(&mut counted, value).map_or(usize::MAX, |()| counted.0)
}

/// Whether it refers to definitions outside of itself.
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

/// `$ref` may only point into the same document. Keywords whose content is data are not looked into.
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
