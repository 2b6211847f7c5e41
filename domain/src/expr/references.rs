//! Which data an expression reads, found without evaluating it.

use std::collections::{BTreeMap, BTreeSet};

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, operators};

use super::errors::ParseError;
use super::functions::{NAMESPACES, TYPES, is_known};
use super::program::MAX_NESTING;

/// What an expression reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Free variables (`input`, `steps`, …), and what of each.
    pub roots: BTreeMap<String, FieldUsage>,
    /// The steps read, and of each the fields (`output`, `phase`, …); no field when the whole step is read.
    pub steps: BTreeMap<String, BTreeSet<String>>,
    /// The secrets read, by their name in `spec.secrets`, and of each the keys; the name is empty where it is not plain
    /// to see.
    pub secrets: BTreeMap<String, BTreeSet<String>>,
    /// Every path that is read, from its root on; what is asked for with `has()` is not read.
    pub paths: Vec<Vec<Segment>>,
}

/// A part of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// `.name` or `["name"]`, or the root.
    Field(String),
    /// `[…]`: an element of a list, or a property that is not plain to see.
    Element,
}

impl Segment {
    /// The name, of a field.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Field(name) => Some(name),
            Self::Element => None,
        }
    }
}

/// What is read of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldUsage {
    /// All of it.
    All,
    /// These fields.
    Fields(BTreeSet<String>),
}

/// Walks the expression once.
///
/// # Errors
/// On a function that does not exist, on loops nested too deep, and where it cannot be told which step is read.
pub(super) fn collect(node: &IdedExpr) -> Result<References, ParseError> {
    let mut walk = Walk { found: References::default(), locals: Vec::new(), nesting: 0 };
    walk.node(node)?;
    Ok(walk.found)
}

struct Walk {
    found: References,
    locals: Vec<String>,
    nesting: usize,
}

impl Walk {
    fn node(&mut self, node: &IdedExpr) -> Result<(), ParseError> {
        self.found.paths.extend(self.typed_path(node));
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
        if self.nesting > MAX_NESTING {
            return Err(ParseError::TooNested { nesting: self.nesting, limit: MAX_NESTING });
        }
        self.node(&loops.loop_cond)?;
        self.node(&loops.loop_step)?;
        self.node(&loops.result)?;
        self.nesting -= 1;
        self.locals.truncate(outer);
        Ok(())
    }

    /// `a.b["c"]` as `[a, b, c]`, where `a` is a free variable.
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

    /// As [`Self::path`], and further, with the elements of lists.
    fn typed_path(&self, node: &IdedExpr) -> Option<Vec<Segment>> {
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
        let mut path = self.typed_path(operand)?;
        path.push(segment);
        Some(path)
    }

    fn is_free(&self, name: &str) -> bool {
        !TYPES.contains(&name) && !name.starts_with('@') && !self.locals.iter().any(|local| local == name)
    }

    fn read(&mut self, path: &[String]) -> Result<(), ParseError> {
        let [root, rest @ ..] = path else { return Ok(()) };
        let reads =
            self.found.roots.entry(root.clone()).or_insert_with(|| FieldUsage::Fields(BTreeSet::new()));
        match (reads, rest.first()) {
            (FieldUsage::Fields(fields), Some(field)) => {
                fields.insert(field.clone());
            }
            (reads, None) => *reads = FieldUsage::All,
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
