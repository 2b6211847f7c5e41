//! Putting values in place of expressions.

use crds::constants::MAX_STORED_OUTPUT_BYTES;
use serde_json::Value;

use super::Node;
use super::text::{Part, Text};
use crate::expr::{BudgetScope, Context, EvaluateError, Program};
use crate::schema;

/// What all values of a template together may be as JSON, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// What values that are only handed on may be together: two outputs as large as they may be.
const MAX_DATA_BYTES: usize = 2 * MAX_STORED_OUTPUT_BYTES;

/// Renders a template; all its expressions share one budget, in cost and in size.
pub(super) fn render(root: &Node, context: &Context) -> Result<Value, EvaluateError> {
    let _budget = BudgetScope::new(context.interrupt());
    Renderer { context, left: MAX_BYTES, data_left: MAX_DATA_BYTES }.node(root)
}

struct Renderer<'a> {
    context: &'a Context,
    left: usize,
    data_left: usize,
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
                let mut written = String::new();
                for part in parts {
                    match part {
                        Part::Literal(literal) => written.push_str(literal),
                        Part::Program(program) => written.push_str(&text_of(&self.value(program)?)),
                    }
                }
                Ok(Value::String(written))
            }
        }
    }

    fn value(&mut self, program: &Program) -> Result<Value, EvaluateError> {
        if let Some(value) = program.resolve_path(self.context) {
            self.pay_data(program, value)?;
            return Ok(value.clone());
        }
        let value = program.evaluate(self.context)?;
        let bytes = match &value {
            Value::String(text) => text.len(),
            other => schema::json_size(other),
        };
        let too_large =
            || EvaluateError::TooLarge { source_text: program.source().to_owned(), limit: MAX_BYTES };
        self.left = self.left.checked_sub(bytes).ok_or_else(too_large)?;
        Ok(value)
    }

    fn pay_data(&mut self, program: &Program, value: &Value) -> Result<(), EvaluateError> {
        let limit = MAX_DATA_BYTES;
        let too_large = || EvaluateError::TooLarge { source_text: program.source().to_owned(), limit };
        self.data_left = self.data_left.checked_sub(schema::json_size(value)).ok_or_else(too_large)?;
        Ok(())
    }
}

/// A value as text: strings as they are, `null` as nothing, the rest as JSON.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
