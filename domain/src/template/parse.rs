//! Parsing of a JSON value into a template.

use serde_json::Value;

use super::text::Text;
use crate::expr::{ParseBudget, ParseError, Program, References};

/// A JSON value whose expressions were parsed.
#[derive(Clone, Debug)]
pub struct Template {
    pub(super) root: Node,
    references: Vec<(String, References)>,
    pattern_states: u64,
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
        Self::parse_within(value, &mut ParseBudget::default())
    }

    /// Parses the expressions as [`Self::parse`] does, at the expense of a budget that all expressions of a
    /// workflow share.
    ///
    /// # Errors
    /// Returns the errors of [`Self::parse`].
    pub(crate) fn parse_within(
        value: &Value,
        budget: &mut ParseBudget,
    ) -> Result<Self, Vec<TemplateProblem>> {
        let mut parser = Parser {
            budget,
            path: String::new(),
            problems: Vec::new(),
            references: Vec::new(),
            pattern_states: 0,
        };
        let root = parser.node(value);
        let Parser { problems, references, pattern_states, .. } = parser;
        if problems.is_empty() { Ok(Self { root, references, pattern_states }) } else { Err(problems) }
    }

    /// Returns the data that each expression reads, with its path in the template (as in
    /// [`TemplateProblem::path`]).
    #[must_use]
    pub fn references(&self) -> &[(String, References)] {
        &self.references
    }

    /// Returns the states of the patterns of all its expressions.
    pub(crate) fn pattern_states(&self) -> u64 {
        self.pattern_states
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

struct Parser<'b> {
    budget: &'b mut ParseBudget,
    /// Path of the current value.
    path: String,
    problems: Vec<TemplateProblem>,
    references: Vec<(String, References)>,
    pattern_states: u64,
}

impl Parser<'_> {
    fn node(&mut self, value: &Value) -> Node {
        match value {
            Value::String(source) => self.text(source),
            Value::Array(items) => Node::List(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.within(&format!("[{index}]"), |parser| parser.node(item)))
                    .collect(),
            ),
            Value::Object(fields) => Node::Object(
                fields
                    .iter()
                    .map(|(name, field)| {
                        (name.clone(), self.within(&display_field(name), |parser| parser.node(field)))
                    })
                    .collect(),
            ),
            plain => Node::Plain(plain.clone()),
        }
    }

    /// Parses a part of the current value, whose path is longer by `suffix`.
    fn within(&mut self, suffix: &str, parse: impl FnOnce(&mut Self) -> Node) -> Node {
        let length = self.path.len();
        self.path.push_str(suffix);
        let node = parse(self);
        self.path.truncate(length);
        node
    }

    fn text(&mut self, source: &str) -> Node {
        match Text::parse(source, self.budget) {
            Ok(Text::Literal(literal)) => Node::Plain(Value::String(literal)),
            Ok(text) => {
                let references =
                    text.programs().map(|program| (self.path.clone(), program.references().clone()));
                self.references.extend(references);
                let states = text.programs().map(Program::pattern_states);
                self.pattern_states = states.fold(self.pattern_states, u64::saturating_add);
                Node::Text(text)
            }
            Err(errors) => {
                // Once the budget is spent, the first problem says so.
                let is_known =
                    |problem: &TemplateProblem| matches!(problem.error, ParseError::TooMany { .. });
                for error in errors {
                    let is_repeated = matches!(error, ParseError::TooMany { .. })
                        && self.problems.last().is_some_and(is_known);
                    if !is_repeated {
                        self.problems.push(TemplateProblem { path: self.path.clone(), error });
                    }
                }
                Node::Plain(Value::Null)
            }
        }
    }
}

/// Maximum length of a name in a path, in bytes. Every expression has a path.
const MAX_NAME_BYTES: usize = 64;

/// Returns a field as it is written in a path: `.name`, or `["na me"]` if the name has other characters than
/// letters, digits and `_`.
fn display_field(name: &str) -> String {
    if name.len() > MAX_NAME_BYTES {
        let end = name.floor_char_boundary(MAX_NAME_BYTES);
        return format!("[{:?}…]", name.get(..end).unwrap_or_default());
    }
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { format!(".{name}") } else { format!("[{name:?}]") }
}
