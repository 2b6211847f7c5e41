//! The data that an expression reads, determined without evaluating it.

use std::collections::{BTreeMap, BTreeSet};

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, operators};

use super::errors::ParseError;
use super::functions::{NAMESPACES, TYPES, is_known};
use super::limits::MAX_LOOP_NESTING;

/// Data that an expression reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Free variables (`input`, `steps`, …), and the fields used of each.
    pub roots: BTreeMap<String, FieldUsage>,
    /// Steps, and the fields read of each (`output`, `phase`, …); no field if the entire step is read.
    pub steps: BTreeMap<String, BTreeSet<String>>,
    /// Secrets by their name in `spec.secrets`, and the keys read of each; the name is empty if it is
    /// computed.
    pub secrets: BTreeMap<String, BTreeSet<String>>,
    /// Every path that is read, beginning with its root: for `a[i].b` not `a`. Paths that are only tested with
    /// `has()` are omitted.
    pub paths: Vec<Vec<Segment>>,
}

/// Segment of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// Field `.name` or `["name"]`, or the root.
    Field(String),
    /// `[…]`: an element of a list, or a field whose name is computed.
    Element,
}

impl Segment {
    /// Returns the name of a field.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Field(name) => Some(name),
            Self::Element => None,
        }
    }
}

/// Fields that an expression uses of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldUsage {
    /// The entire value.
    All,
    /// Only these fields.
    Fields(BTreeSet<String>),
}

/// Collects the references of an expression in one walk.
///
/// # Errors
/// Returns an error if the expression calls an unknown function, nests loops too deep, or computes the name
/// of a step.
pub(super) fn collect(node: &IdedExpr) -> Result<References, ParseError> {
    let mut collector = Collector { found: References::default(), locals: Vec::new(), nesting: 0 };
    collector.node(node)?;
    Ok(collector.found)
}

struct Collector {
    found: References,
    locals: Vec<String>,
    nesting: usize,
}

impl Collector {
    fn node(&mut self, node: &IdedExpr) -> Result<(), ParseError> {
        self.add_path(node);
        if let Some(path) = self.path(node) {
            return self.read(&path);
        }
        match &node.expr {
            Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => Ok(()),
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Select(select) => self.node(&select.operand),
            Expr::List(list) => list.elements.iter().try_for_each(|element| self.node(element)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(message) => Err(ParseError::UnknownFunction { name: message.type_name.clone() }),
        }
    }

    /// Adds the path that a node reads, unless it is the beginning of the path added last: the operands of
    /// `a[i].b[j]` are visited after it.
    fn add_path(&mut self, node: &IdedExpr) {
        let Some(path) = self.path_with_elements(node) else { return };
        if !self.found.paths.last().is_some_and(|last| last.starts_with(&path)) {
            self.found.paths.push(path);
        }
    }

    fn entry(&mut self, entry: &EntryExpr) -> Result<(), ParseError> {
        match entry {
            EntryExpr::MapEntry(entry) => {
                self.node(&entry.key)?;
                self.node(&entry.value)
            }
            EntryExpr::StructField(field) => self.node(&field.value),
        }
    }

    fn call(&mut self, call: &CallExpr) -> Result<(), ParseError> {
        let namespace = call.target.as_ref().and_then(|target| namespace(target));
        let name = match namespace {
            Some(namespace) => format!("{namespace}.{}", call.func_name),
            None => call.func_name.clone(),
        };
        if !is_known(&name) {
            return Err(ParseError::UnknownFunction { name });
        }
        if let (None, Some(target)) = (namespace, &call.target) {
            self.node(target)?;
        }
        call.args.iter().try_for_each(|arg| self.node(arg))
    }

    fn comprehension(&mut self, loops: &ComprehensionExpr) -> Result<(), ParseError> {
        self.node(&loops.iter_range)?;
        self.node(&loops.accu_init)?;
        let outer = self.locals.len();
        self.locals.push(loops.iter_var.clone());
        self.locals.extend(loops.iter_var2.clone());
        self.locals.push(loops.accu_var.clone());
        self.nesting += 1;
        if self.nesting > MAX_LOOP_NESTING {
            return Err(ParseError::TooNested { nesting: self.nesting, limit: MAX_LOOP_NESTING });
        }
        self.node(&loops.loop_cond)?;
        self.node(&loops.loop_step)?;
        self.node(&loops.result)?;
        self.nesting -= 1;
        self.locals.truncate(outer);
        Ok(())
    }

    /// Returns `a.b["c"]` as `[a, b, c]` if `a` is a free variable.
    fn path(&self, node: &IdedExpr) -> Option<Vec<String>> {
        match &node.expr {
            Expr::Ident(name) if self.is_free(name) => Some(vec![name.clone()]),
            Expr::Select(SelectExpr { operand, field, .. }) => {
                let mut path = self.path(operand)?;
                path.push(field.clone());
                Some(path)
            }
            Expr::Call(call) if call.func_name == operators::INDEX => {
                let [operand, key] = call.args.as_slice() else { return None };
                let Expr::Literal(LiteralValue::String(key)) = &key.expr else { return None };
                let mut path = self.path(operand)?;
                path.push(key.inner().to_owned());
                Some(path)
            }
            _ => None,
        }
    }

    /// Returns a path as [`Self::path`] does, but also through elements of lists.
    fn path_with_elements(&self, node: &IdedExpr) -> Option<Vec<Segment>> {
        let (operand, segment) = match &node.expr {
            Expr::Ident(name) if self.is_free(name) => return Some(vec![Segment::Field(name.clone())]),
            Expr::Select(SelectExpr { operand, field, test: false }) => {
                (operand.as_ref(), Segment::Field(field.clone()))
            }
            Expr::Call(call) if call.func_name == operators::INDEX => {
                let [operand, key] = call.args.as_slice() else { return None };
                let segment = match &key.expr {
                    Expr::Literal(LiteralValue::String(key)) => Segment::Field(key.inner().to_owned()),
                    _ => Segment::Element,
                };
                (operand, segment)
            }
            _ => return None,
        };
        let mut path = self.path_with_elements(operand)?;
        path.push(segment);
        Some(path)
    }

    fn is_free(&self, name: &str) -> bool {
        !TYPES.contains(&name) && !name.starts_with('@') && !self.locals.iter().any(|local| local == name)
    }

    fn read(&mut self, path: &[String]) -> Result<(), ParseError> {
        let [root, rest @ ..] = path else { return Ok(()) };
        let usage =
            self.found.roots.entry(root.clone()).or_insert_with(|| FieldUsage::Fields(BTreeSet::new()));
        match (usage, rest.first()) {
            (FieldUsage::Fields(fields), Some(field)) => {
                fields.insert(field.clone());
            }
            (usage, None) => *usage = FieldUsage::All,
            (FieldUsage::All, Some(_)) => {}
        }
        match (root.as_str(), rest) {
            ("steps", []) => return Err(ParseError::DynamicSteps),
            ("steps", [step, rest @ ..]) => {
                let fields = self.found.steps.entry(step.clone()).or_default();
                fields.extend(rest.first().cloned());
            }
            ("secrets", []) => {
                self.found.secrets.entry(String::new()).or_default();
            }
            ("secrets", [secret, rest @ ..]) => {
                self.found.secrets.entry(secret.clone()).or_default().extend(rest.first().cloned());
            }
            _ => {}
        }
        Ok(())
    }
}

fn namespace(target: &IdedExpr) -> Option<&str> {
    match &target.expr {
        Expr::Ident(name) if NAMESPACES.contains(&name.as_str()) => Some(name),
        _ => None,
    }
}
