//! An expression that has been read, bounded and metered.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr, LiteralValue, SelectExpr, operators};

use super::errors::ParseError;
use super::functions::ENVIRONMENT;
use super::meter::meter;
use super::references::{References, collect};

/// The longest expression, in bytes.
pub const MAX_BYTES: usize = 4096;
/// The deepest expression, in levels: a chain of 100 `+` has 100. It bounds the stack that evaluation needs.
pub const MAX_DEPTH: usize = 128;
/// Bytes of stack for the parser and the evaluator, which recurse. The depth of a text is not known before it is parsed: the
/// worst of [`MAX_BYTES`] takes between 16 and 32 MiB unoptimised, under 2 MiB optimised. What is not touched costs nothing.
pub(super) const STACK: usize = 48 * 1024 * 1024;
/// How many loops (`map`, `filter`, `all`, `exists`, `exists_one`) may be within each other.
pub const MAX_NESTING: usize = 2;

/// A valid expression; parse once, evaluate often.
#[derive(Clone, Debug)]
pub struct Program {
    pub(super) source: String,
    pub(super) expression: IdedExpr,
    references: References,
    /// The path that it is, where it is nothing else.
    pub(super) path: Option<Vec<String>>,
}

impl Program {
    /// Reads an expression.
    ///
    /// # Errors
    /// If it is not CEL, or exceeds one of the static bounds.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        if source.len() > MAX_BYTES {
            return Err(ParseError::TooLong { bytes: source.len(), limit: MAX_BYTES });
        }
        stacker::grow(STACK, || Self::parse_bounded(source))
    }

    fn parse_bounded(source: &str) -> Result<Self, ParseError> {
        let expression = parse(source)?;
        let depth = depth(&expression);
        if depth > MAX_DEPTH {
            return Err(ParseError::TooDeep { depth, limit: MAX_DEPTH });
        }
        let references = collect(&expression)?;
        let path = plain_path(&expression);
        Ok(Self { source: source.to_owned(), expression: meter(expression), references, path })
    }

    /// The expression as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it reads.
    #[must_use]
    pub fn references(&self) -> &References {
        &self.references
    }
}

/// A panic of the parser is a syntax error of its text: the text comes from tenants and must end nobody's process.
fn parse(source: &str) -> Result<IdedExpr, ParseError> {
    let parsed = catch_unwind(AssertUnwindSafe(|| ENVIRONMENT.parser().parse(source)));
    match parsed {
        Ok(Ok(expression)) => Ok(expression),
        Ok(Err(errors)) => {
            let message = errors.errors.first().map_or_else(|| "unknown error".to_owned(), describe);
            Err(ParseError::Syntax { message })
        }
        Err(_) => Err(ParseError::Syntax { message: "the parser gave up".to_owned() }),
    }
}

/// The parser's message, without its list of everything that could have stood there.
fn describe(error: &cel::ParseError) -> String {
    let message = error.msg.trim_start_matches("Syntax error: ");
    let message = message.split(" expecting ").next().unwrap_or(message);
    format!("{} (column {})", message.replace("'<EOF>'", "end"), error.pos.1)
}

/// `input.a["b"]` as its names; none if it is anything else.
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

/// Levels of the tree, found without recursion: the tree is not known to be shallow yet.
fn depth(root: &IdedExpr) -> usize {
    let mut deepest = 0;
    let mut open = vec![(root, 1)];
    while let Some((node, level)) = open.pop() {
        deepest = deepest.max(level);
        open.extend(children(node).into_iter().map(|child| (child, level + 1)));
    }
    deepest
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
