//! Parsing of a JSON value into a template.

use serde_json::Value;

use super::text::Text;
use crate::expr::{ParseError, Program, References};

/// A JSON value whose expressions were parsed.
#[derive(Clone, Debug)]
pub struct Template {
    pub(super) root: Node,
    references: Vec<(String, References)>,
}

/// A problem of one expression in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateProblem {
    /// Path in the template, as in `.headers["X-Id"]` or `[2]`; empty for the template itself.
    pub path: String,
    /// Error of the expression, or of the delimiters around it.
    pub error: ParseError,
}

/// A node of the parsed JSON value.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// A value without expressions.
    Plain(Value),
    /// A string with expressions.
    Text(Text),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Template {
    /// Parses the expressions in all strings of `value`.
    ///
    /// # Errors
    /// Returns the problems of all expressions, not only the first.
    pub fn parse(value: &Value) -> Result<Self, Vec<TemplateProblem>> {
        let mut parser = Parser::default();
        let root = parser.node(value, "");
        if parser.problems.is_empty() {
            Ok(Self { root, references: parser.references })
        } else {
            Err(parser.problems)
        }
    }

    /// Returns the data that each expression reads, with its path in the template (as in
    /// [`TemplateProblem::path`]).
    #[must_use]
    pub fn references(&self) -> &[(String, References)] {
        &self.references
    }

    /// Returns the JSON value of a template that contains no expression.
    #[must_use]
    pub fn as_literal(&self) -> Option<Value> {
        literal_of_node(&self.root)
    }

    /// Returns the expression of a template that consists of one expression.
    #[must_use]
    pub fn as_expression(&self) -> Option<&Program> {
        match &self.root {
            Node::Text(Text::Expression(program)) => Some(program),
            _ => None,
        }
    }
}

fn literal_of_node(node: &Node) -> Option<Value> {
    Some(match node {
        Node::Plain(value) => value.clone(),
        Node::Text(_) => return None,
        Node::List(items) => Value::Array(items.iter().map(literal_of_node).collect::<Option<_>>()?),
        Node::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, field)| Some((name.clone(), literal_of_node(field)?)))
                .collect::<Option<_>>()?,
        ),
    })
}

#[derive(Default)]
struct Parser {
    problems: Vec<TemplateProblem>,
    references: Vec<(String, References)>,
}

impl Parser {
    fn node(&mut self, value: &Value, path: &str) -> Node {
        match value {
            Value::String(source) => self.text(source, path),
            Value::Array(items) => Node::List(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.node(item, &format!("{path}[{index}]")))
                    .collect(),
            ),
            Value::Object(fields) => Node::Object(
                fields
                    .iter()
                    .map(|(name, field)| (name.clone(), self.node(field, &path_of_field(path, name))))
                    .collect(),
            ),
            plain => Node::Plain(plain.clone()),
        }
    }

    fn text(&mut self, source: &str, path: &str) -> Node {
        match Text::parse(source) {
            Ok(Text::Literal(literal)) => Node::Plain(Value::String(literal)),
            Ok(text) => {
                let references =
                    text.programs().map(|program| (path.to_owned(), program.references().clone()));
                self.references.extend(references);
                Node::Text(text)
            }
            Err(errors) => {
                let path = path.to_owned();
                self.problems
                    .extend(errors.into_iter().map(|error| TemplateProblem { path: path.clone(), error }));
                Node::Plain(Value::Null)
            }
        }
    }
}

/// Appends a field to a path: `.name`, or `["na me"]` if the name has other characters than letters, digits
/// and `_`.
fn path_of_field(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { format!("{path}.{name}") } else { format!("{path}[{name:?}]") }
}
