//! Rendering of a template: every expression is replaced by its value.

use crds::constants::MAX_STORED_OUTPUT_BYTES;
use serde_json::Value;

use super::parse::{Node, Template};
use super::text::{Part, Text};
use crate::expr::{Budget, Context, EvaluateError, Program};
use crate::schema;

/// Maximum size of all computed values of a template together, in bytes of JSON.
const MAX_BYTES: usize = 4 << 20;
/// Maximum size of all values that are only passed on (plain paths), in bytes of JSON: two outputs of maximum
/// size.
const MAX_DATA_BYTES: usize = 2 * MAX_STORED_OUTPUT_BYTES;

impl Template {
    /// Returns the JSON value with every expression replaced by its value. All expressions share one budget,
    /// in cost and in size.
    ///
    /// # Errors
    /// Returns the error of the first expression that fails on this data.
    pub fn render(&self, context: &Context) -> Result<Value, EvaluateError> {
        let budget = Budget::new(context.interrupt());
        let mut renderer =
            Renderer { context, budget, remaining_bytes: MAX_BYTES, remaining_data_bytes: MAX_DATA_BYTES };
        renderer.node(&self.root)
    }

    /// Renders the template as text, for environment variables, headers and URLs.
    ///
    /// # Errors
    /// Returns the error of the first expression that fails on this data.
    pub fn render_text(&self, context: &Context) -> Result<String, EvaluateError> {
        self.render(context).map(|value| to_text(&value))
    }
}

struct Renderer<'a> {
    context: &'a Context,
    budget: Budget,
    remaining_bytes: usize,
    remaining_data_bytes: usize,
}

impl Renderer<'_> {
    fn node(&mut self, node: &Node) -> Result<Value, EvaluateError> {
        match node {
            Node::Plain(value) => Ok(value.clone()),
            Node::Text(text) => self.text(text),
            Node::List(items) => {
                items.iter().map(|item| self.node(item)).collect::<Result<_, _>>().map(Value::Array)
            }
            Node::Object(fields) => fields
                .iter()
                .map(|(name, field)| Ok((name.clone(), self.node(field)?)))
                .collect::<Result<_, _>>()
                .map(Value::Object),
        }
    }

    fn text(&mut self, text: &Text) -> Result<Value, EvaluateError> {
        match text {
            Text::Literal(literal) => Ok(Value::String(literal.clone())),
            Text::Expression(program) => self.value(program),
            Text::Mixed(parts) => {
                let mut rendered = String::new();
                for part in parts {
                    match part {
                        Part::Literal(literal) => rendered.push_str(literal),
                        Part::Program(program) => rendered.push_str(&to_text(&self.value(program)?)),
                    }
                }
                Ok(Value::String(rendered))
            }
        }
    }

    fn value(&mut self, program: &Program) -> Result<Value, EvaluateError> {
        if let Some(value) = program.resolve_path(self.context) {
            self.charge_data(program, value)?;
            return Ok(value.clone());
        }
        let value = program.evaluate_within(self.context, &self.budget)?;
        let bytes = match &value {
            Value::String(text) => text.len(),
            other => schema::json_size(other),
        };
        let too_large =
            || EvaluateError::TooLarge { source_text: program.source().to_owned(), limit: MAX_BYTES };
        self.remaining_bytes = self.remaining_bytes.checked_sub(bytes).ok_or_else(too_large)?;
        Ok(value)
    }

    fn charge_data(&mut self, program: &Program, value: &Value) -> Result<(), EvaluateError> {
        let limit = MAX_DATA_BYTES;
        let too_large = || EvaluateError::TooLarge { source_text: program.source().to_owned(), limit };
        self.remaining_data_bytes =
            self.remaining_data_bytes.checked_sub(schema::json_size(value)).ok_or_else(too_large)?;
        Ok(())
    }
}

/// Converts a value to text: strings unchanged, `null` to nothing, other values to compact JSON.
fn to_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
