//! Cost of the keywords of one subschema that assert something about the value itself.

use serde_json::{Map, Value};

use super::errors::SchemaError;
use super::references::Document;
use crate::pattern::{self, PatternError, Size};

/// Cost of matching a pattern against a short text.
const PATTERN_COST: u64 = 4;
/// Cost of a format on a short text: most of them parse it.
const FORMAT_COST: u64 = 10;
/// Cost of a format for [`TEXT_BYTES`] of text.
const FORMAT_TEXT_COST: u64 = 32;
/// Cost of a division, which may need long integers.
const DIVISION_COST: u64 = 20;
/// Bytes of text that [`Assertions::text`] is the cost of.
pub(super) const TEXT_BYTES: u64 = 64;
/// Cost of matching one place of a pattern against [`TEXT_BYTES`] of text.
const PLACE_COST: u64 = TEXT_BYTES / 4;

/// Cost of the assertions of one subschema, in units of about 50 ns.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Assertions {
    /// Cost for any value.
    pub(super) base: u64,
    /// Additional cost for each [`TEXT_BYTES`] of a text.
    pub(super) text: u64,
    /// Additional cost of patterns for each property name, and for each [`TEXT_BYTES`] of it.
    pub(super) name: u64,
    pub(super) name_text: u64,
    /// Whether the elements of a list are compared with each other.
    pub(super) compares_elements: bool,
}

impl Assertions {
    /// Adds the cost of a keyword of the subschema `fields`; adds the states of its patterns to `states`.
    pub(super) fn add(
        &mut self,
        (keyword, value): (&str, &Value),
        document: &Document<'_>,
        states: &mut u64,
    ) -> Result<(), SchemaError> {
        self.base = self.base.saturating_add(1);
        match (keyword, value) {
            ("enum" | "const", value) => {
                let (values, bytes) = size(value);
                self.base = self.base.saturating_add(values / 4).saturating_add(bytes / 256);
            }
            ("required", Value::Array(names)) => self.base = self.base.saturating_add(length(names.len())),
            ("properties", Value::Object(fields)) => {
                self.base = self.base.saturating_add(length(fields.len()));
            }
            ("dependentRequired" | "dependentSchemas" | "dependencies", fields) => {
                self.base = self.base.saturating_add(size(fields).0);
            }
            ("multipleOf", _) => self.base = self.base.saturating_add(DIVISION_COST),
            ("minLength" | "maxLength", _) => self.text = self.text.saturating_add(1),
            ("format" | "contentEncoding" | "contentMediaType", _) => {
                self.base = self.base.saturating_add(FORMAT_COST);
                self.text = self.text.saturating_add(FORMAT_TEXT_COST);
            }
            ("pattern", Value::String(text)) => {
                let size = measure(text, value, document, states)?;
                self.base = self.base.saturating_add(PATTERN_COST);
                self.text = self.text.saturating_add(size.places.saturating_mul(PLACE_COST));
            }
            ("patternProperties", Value::Object(fields)) => self.pattern_names(fields, document, states)?,
            ("uniqueItems", Value::Bool(true)) => self.compares_elements = true,
            _ => {}
        }
        Ok(())
    }

    fn pattern_names(
        &mut self,
        fields: &Map<String, Value>,
        document: &Document<'_>,
        states: &mut u64,
    ) -> Result<(), SchemaError> {
        for (pattern, subschema) in fields {
            let size = measure(pattern, subschema, document, states)?;
            // A name is matched up to three times: also by additionalProperties and unevaluatedProperties.
            self.name = self.name.saturating_add(3 * PATTERN_COST);
            self.name_text =
                self.name_text.saturating_add(size.places.saturating_mul(3).saturating_mul(PLACE_COST));
        }
        Ok(())
    }
}

/// Returns the size of a pattern, and adds its states to those of the schema.
fn measure(
    pattern: &str,
    at: &Value,
    document: &Document<'_>,
    states: &mut u64,
) -> Result<Size, SchemaError> {
    let invalid = |message: String| SchemaError::Invalid { pointer: document.pointer(at), message };
    // The validator translates patterns in the same way.
    let translated = jsonschema_regex::to_rust_regex(pattern).map_err(|()| {
        invalid(format!("`{pattern}` is not a regular expression that can be matched in linear time"))
    })?;
    let size = pattern::measure(&translated).map_err(|error| match error {
        PatternError::Syntax { .. } => {
            invalid(format!("`{pattern}` is not a regular expression that can be matched in linear time"))
        }
        error => SchemaError::Pattern { pointer: document.pointer(at), message: error.to_string() },
    })?;
    *states = states.saturating_add(size.states);
    if *states > pattern::MAX_STATES {
        return Err(SchemaError::Pattern {
            pointer: document.pointer(at),
            message: format!(
                "the patterns of the schema compile to more than {} states: shorten repetitions such as `{{0,1000}}`, and use `maxLength`",
                pattern::MAX_STATES
            ),
        });
    }
    Ok(size)
}

/// Returns the number of values within a value, and of bytes of text.
pub(super) fn size(value: &Value) -> (u64, u64) {
    let mut total = (0_u64, 0_u64);
    let mut pending = vec![value];
    while let Some(value) = pending.pop() {
        total.0 = total.0.saturating_add(1);
        match value {
            Value::String(text) => total.1 = total.1.saturating_add(length(text.len())),
            Value::Array(items) => pending.extend(items),
            Value::Object(fields) => {
                pending.extend(fields.values());
                total.1 = fields.keys().fold(total.1, |sum, name| sum.saturating_add(length(name.len())));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    total
}

/// Converts a length.
pub(super) fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
