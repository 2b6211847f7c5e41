//! JSON with `${{ … }}` in its strings.
//!
//! A string that is one whole expression keeps the JSON type of its value; in a longer string the value is written
//! as text: strings as they are, `null` as nothing, lists and objects as compact JSON. `$${{` stands for `${{`.

mod render;
mod text;

use serde_json::Value;

use crate::expr::{Context, EvaluateError, ParseError, Program, References};
use text::Text;

/// A JSON value whose strings have been read.
#[derive(Clone, Debug)]
pub struct Template {
    root: Node,
    references: Vec<(String, References)>,
}

/// One thing wrong in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateProblem {
    /// Where in the template, as in `.headers["X-Id"]` or `[2]`; empty for the template itself.
    pub path: String,
    /// What is wrong with the expression, or with the marks around it.
    pub error: ParseError,
}

#[derive(Clone, Debug)]
enum Node {
    Plain(Value),
    Text(Text),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Template {
    /// Reads every string of `value`.
    ///
    /// # Errors
    /// All problems, not only the first.
    pub fn parse(value: &Value) -> Result<Self, Vec<TemplateProblem>> {
        let mut reader = Reader::default();
        let root = reader.node(value, "");
        if reader.problems.is_empty() {
            Ok(Self { root, references: reader.references })
        } else {
            Err(reader.problems)
        }
    }

    /// What its expressions read, by their place in the template (as in [`TemplateProblem::path`]).
    #[must_use]
    pub fn references(&self) -> &[(String, References)] {
        &self.references
    }

    /// The value, where no expression is in it.
    #[must_use]
    pub fn as_literal(&self) -> Option<Value> {
        fn of(node: &Node) -> Option<Value> {
            Some(match node {
                Node::Plain(value) => value.clone(),
                Node::Text(_) => return None,
                Node::List(items) => Value::Array(items.iter().map(of).collect::<Option<_>>()?),
                Node::Object(fields) => Value::Object(
                    fields
                        .iter()
                        .map(|(name, field)| Some((name.clone(), of(field)?)))
                        .collect::<Option<_>>()?,
                ),
            })
        }
        of(&self.root)
    }

    /// Its one expression, where it is nothing else.
    #[must_use]
    pub fn as_expression(&self) -> Option<&Program> {
        match &self.root {
            Node::Text(Text::Expression(program)) => Some(program),
            _ => None,
        }
    }

    /// The JSON value with every expression replaced by its value.
    ///
    /// # Errors
    /// The first expression that fails on this data.
    pub fn render(&self, context: &Context) -> Result<Value, EvaluateError> {
        render::render(&self.root, context)
    }

    /// The same as text, for what has no other type: environment variables, headers, URLs.
    ///
    /// # Errors
    /// The first expression that fails on this data.
    pub fn render_text(&self, context: &Context) -> Result<String, EvaluateError> {
        render::render(&self.root, context).map(|value| render::text_of(&value))
    }
}

#[derive(Default)]
struct Reader {
    problems: Vec<TemplateProblem>,
    references: Vec<(String, References)>,
}

impl Reader {
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
                    .map(|(name, field)| (name.clone(), self.node(field, &member(path, name))))
                    .collect(),
            ),
            plain => Node::Plain(plain.clone()),
        }
    }

    fn text(&mut self, source: &str, path: &str) -> Node {
        match Text::parse(source) {
            Ok(Text::Literal(literal)) => Node::Plain(Value::String(literal)),
            Ok(text) => {
                let read = text.programs().map(|program| (path.to_owned(), program.references().clone()));
                self.references.extend(read);
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

/// `.name` where that is readable, `["na me"]` where it is not.
fn member(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { format!("{path}.{name}") } else { format!("{path}[{name:?}]") }
}

#[cfg(test)]
mod tests;
