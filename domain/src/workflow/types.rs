//! Types of data that are known before a run, from declared schemas and from the shapes that steps have.

use std::collections::BTreeMap;

use serde_json::Value;

use super::shapes;
use crate::expr::Segment;
use crate::schema::exclude::{Excluded, descend, exclude};

/// Known types of a workflow's data.
#[derive(Debug, Default)]
pub(super) struct Types<'a> {
    /// `spec.input.schema`.
    pub(super) input: Option<&'a Value>,
    /// Output type of each step, by its name.
    pub(super) steps: BTreeMap<&'a str, StepType<'a>>,
}

/// Known output type of a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepType<'a> {
    /// Declared schema of the output; with `forEach`, of the output of one item.
    pub(super) output: Option<&'a Value>,
    /// Shape of the output as this version produces it, see [`shapes`].
    pub(super) shape: Option<&'a Value>,
    /// Whether the output is a list with one entry per item (`forEach`).
    pub(super) is_list: bool,
}

impl<'a> Types<'a> {
    /// Returns the reason why a path cannot exist, if its type excludes it for certain. `item` is
    /// the schema of the variable `item`.
    pub(super) fn mismatch(&self, path: &[Segment], item: Option<&Value>) -> Option<String> {
        let (root, rest) = path.split_first()?;
        let excluded = match root.name()? {
            "input" => exclude(self.input?, rest),
            "item" => exclude(item?, rest),
            "steps" => {
                let (step, rest) = rest.split_first()?;
                let (field, rest) = rest.split_first()?;
                let known = self.steps.get(step.name()?)?;
                match field.name()? {
                    "output" => {}
                    "error" => return Self::excluded(shapes::of_error(), rest, path),
                    _ => return None,
                }
                let rest = if known.is_list {
                    let (first, rest) = rest.split_first()?;
                    if let Some(name) = first.name() {
                        return Some(format!(
                            "{}: it is a list with one entry per item and has no field `{name}`",
                            display_path(path)
                        ));
                    }
                    rest
                } else {
                    rest
                };
                let types = known.output.into_iter().chain(known.shape);
                types.into_iter().find_map(|known| exclude(known, rest))
            }
            variable => exclude(shapes::of_variable(variable)?, rest),
        };
        excluded.map(|Excluded { message }| format!("{}: {message}", display_path(path)))
    }

    fn excluded(schema: &Value, rest: &[Segment], path: &[Segment]) -> Option<String> {
        exclude(schema, rest).map(|Excluded { message }| format!("{}: {message}", display_path(path)))
    }

    /// Returns the schema of the value at a path; `None` if it is not known.
    pub(super) fn schema(&self, path: &[Segment]) -> Option<&'a Value> {
        let (root, rest) = path.split_first()?;
        let (schema, rest) = match root.name()? {
            "input" => (self.input?, rest),
            "steps" => {
                let (step, rest) = rest.split_first()?;
                let (field, rest) = rest.split_first()?;
                let known = self.steps.get(step.name()?).filter(|_| field.name() == Some("output"))?;
                let output = known.output.or(known.shape)?;
                match (known.is_list, rest.split_first()) {
                    (false, _) => (output, rest),
                    (true, Some((Segment::Element, rest))) => (output, rest),
                    (true, _) => return None,
                }
            }
            _ => return None,
        };
        descend(schema, rest)
    }
}

/// Returns a path as it is written in an expression.
fn display_path(path: &[Segment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Field(name) if text.is_empty() => text.push_str(name),
            Segment::Field(name) if name.contains('-') => text.push_str(&format!("[\"{name}\"]")),
            Segment::Field(name) => {
                text.push('.');
                text.push_str(name);
            }
            Segment::Element => text.push_str("[…]"),
        }
    }
    text
}
