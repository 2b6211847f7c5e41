//! Parsing of an expression into a program that can be evaluated.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr, LiteralValue, SelectExpr, operators};

use super::errors::ParseError;
use super::functions::ENVIRONMENT;
use super::limits::{MAX_BYTES, MAX_DEPTH, STACK_BYTES};
use super::meter::meter;
use super::references::{References, collect};
use super::static_cost;
use crate::pattern;

/// A valid expression: parsed once, evaluated any number of times.
#[derive(Clone, Debug)]
pub struct Program {
    pub(super) source: String,
    pub(super) expression: IdedExpr,
    /// Cost of evaluating each node once, in units.
    pub(super) static_cost: u64,
    /// Number of nodes of the expression.
    nodes: usize,
    /// States of the patterns that it names literally.
    pattern_states: u64,
    references: References,
    /// Names of the path, if the expression is a plain path such as `steps.a.output`.
    pub(super) path: Option<Vec<String>>,
}

impl Program {
    /// Parses an expression.
    ///
    /// # Errors
    /// Returns an error if the text is not CEL, exceeds one of the static limits, calls an unknown function,
    /// or does not name the steps that it reads.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        if source.len() > MAX_BYTES {
            return Err(ParseError::TooLong { bytes: source.len(), limit: MAX_BYTES });
        }
        stacker::grow(STACK_BYTES, || Self::parse_bounded(source))
    }

    fn parse_bounded(source: &str) -> Result<Self, ParseError> {
        let expression = parse(source)?;
        let depth = depth(&expression);
        if depth > MAX_DEPTH {
            return Err(ParseError::TooDeep { depth, limit: MAX_DEPTH });
        }
        let references = collect(&expression)?;
        let pattern_states = pattern_states(&expression)?;
        let path = plain_path(&expression);
        let expression = meter(expression);
        let nodes = count_nodes(&expression);
        let static_cost = static_cost::estimate(&expression);
        Ok(Self {
            source: source.to_owned(),
            expression,
            static_cost,
            nodes,
            pattern_states,
            references,
            path,
        })
    }

    /// Returns the expression as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the number of nodes of the expression, charges included. A node takes some 200 bytes.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes
    }

    /// Returns the states of all patterns that the expression names literally, each once.
    pub(crate) fn pattern_states(&self) -> u64 {
        self.pattern_states
    }

    /// Returns the data that the expression reads.
    #[must_use]
    pub fn references(&self) -> &References {
        &self.references
    }
}

/// Parses a text with the CEL parser. A panic of the parser becomes a syntax error: the text is written by
/// tenants and must not end the process.
fn parse(source: &str) -> Result<IdedExpr, ParseError> {
    let parsed = catch_unwind(AssertUnwindSafe(|| ENVIRONMENT.parser().parse(source)));
    match parsed {
        Ok(Ok(expression)) => Ok(expression),
        Ok(Err(errors)) => {
            let message = errors.errors.first().map_or_else(|| "unknown error".to_owned(), describe);
            Err(ParseError::Syntax { message })
        }
        Err(_) => Err(ParseError::Syntax { message: "the parser failed on this text".to_owned() }),
    }
}

/// Returns the parser's message without its list of all expected tokens.
fn describe(error: &cel::ParseError) -> String {
    let message = error.msg.trim_start_matches("Syntax error: ");
    let message = message.split(" expecting ").next().unwrap_or(message);
    format!("{} (column {})", message.replace("'<EOF>'", "end"), error.pos.1)
}

/// Returns the names of a plain path such as `input.a["b"]`; `None` for any other expression.
fn plain_path(node: &IdedExpr) -> Option<Vec<String>> {
    let (operand, field) = match &node.expr {
        Expr::Ident(name) => return Some(vec![name.clone()]),
        Expr::Select(SelectExpr { operand, field, test: false }) => (operand.as_ref(), field.as_str()),
        Expr::Call(call) if call.func_name == operators::INDEX => {
            let [operand, key] = call.args.as_slice() else { return None };
            let Expr::Literal(LiteralValue::String(key)) = &key.expr else { return None };
            (operand, key.inner())
        }
        _ => return None,
    };
    let mut path = plain_path(operand)?;
    path.push(field.to_owned());
    Some(path)
}

fn count_nodes(root: &IdedExpr) -> usize {
    let mut count = 0_usize;
    let mut pending = vec![root];
    while let Some(node) = pending.pop() {
        count += 1;
        pending.extend(children(node));
    }
    count
}

/// Measures the patterns of all calls `matches(…)` that name them literally; returns their states together.
fn pattern_states(root: &IdedExpr) -> Result<u64, ParseError> {
    let mut patterns = BTreeSet::new();
    let mut pending = vec![root];
    while let Some(node) = pending.pop() {
        if let Expr::Call(call) = &node.expr
            && call.func_name == "matches"
            && let Some(Expr::Literal(LiteralValue::String(pattern))) = call.args.last().map(|arg| &arg.expr)
        {
            patterns.insert(pattern.inner());
        }
        pending.extend(children(node));
    }
    patterns.into_iter().try_fold(0_u64, |states, pattern| {
        let size =
            pattern::measure(pattern).map_err(|error| ParseError::Pattern { message: error.to_string() })?;
        Ok(states.saturating_add(size.states))
    })
}

/// Returns the depth of the tree in levels. It does not recurse, since the tree may still be too deep for the
/// stack.
fn depth(root: &IdedExpr) -> usize {
    let mut max = 0;
    let mut pending = vec![(root, 1)];
    while let Some((node, level)) = pending.pop() {
        max = max.max(level);
        pending.extend(children(node).into_iter().map(|child| (child, level + 1)));
    }
    max
}

fn children(node: &IdedExpr) -> Vec<&IdedExpr> {
    match &node.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(loops) => {
            vec![&loops.iter_range, &loops.accu_init, &loops.loop_cond, &loops.loop_step, &loops.result]
        }
        Expr::Select(select) => vec![&select.operand],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map.entries.iter().flat_map(|entry| entry_children(&entry.expr)).collect(),
        Expr::Struct(message) => {
            message.entries.iter().flat_map(|entry| entry_children(&entry.expr)).collect()
        }
    }
}

fn entry_children(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
        EntryExpr::StructField(field) => vec![&field.value],
    }
}
