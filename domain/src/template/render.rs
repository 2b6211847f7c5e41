//! Putting values in place of expressions.

use serde_json::Value;

use super::Node;
use super::text::{Part, Text};
use crate::expr::{Context, EvaluateError};

pub(super) fn node(node: &Node, context: &Context) -> Result<Value, EvaluateError> {
    match node {
        Node::Plain(value) => Ok(value.clone()),
        Node::Text(written) => text(written, context),
        Node::List(items) => {
            items.iter().map(|item| self::node(item, context)).collect::<Result<_, _>>().map(Value::Array)
        }
        Node::Object(fields) => fields
            .iter()
            .map(|(name, field)| Ok((name.clone(), self::node(field, context)?)))
            .collect::<Result<_, _>>()
            .map(Value::Object),
    }
}

fn text(text: &Text, context: &Context) -> Result<Value, EvaluateError> {
    match text {
        Text::Literal(literal) => Ok(Value::String(literal.clone())),
        Text::Whole(program) => program.evaluate(context),
        Text::Mixed(parts) => {
            let mut written = String::new();
            for part in parts {
                match part {
                    Part::Literal(literal) => written.push_str(literal),
                    Part::Program(program) => written.push_str(&text_of(&program.evaluate(context)?)),
                }
            }
            Ok(Value::String(written))
        }
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
