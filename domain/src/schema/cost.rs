//! Cost of validating a value, computed before the validation from the schema's graph and the value.
//!
//! A schema with a list of a thousand alternatives takes a million steps on a thousand elements, and one that
//! applies itself twice at each level takes 2ⁿ steps on a value that is n levels deep. Both may be intended,
//! so the schema is allowed, and the value is refused.

use serde_json::Value;

use super::graph::{Graph, Node, Part};
use super::keywords::{TEXT_BYTES, length, size};

/// Maximum cost of one validation, in units of about 50 ns of one core in an optimised build.
pub const LIMIT: u64 = 1_000_000;
/// Further units for each value within the validated one: a large output of a step costs its size.
pub(super) const LIMIT_PER_VALUE: u64 = 16;
/// Maximum number of subschemas within each other that are applied to a value and to the values within it. The
/// validator recurses.
pub(super) const MAX_DEPTH: usize = 1024;

/// The validation costs more than its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exceeded {
    /// Limit in units.
    pub(super) limit: u64,
}

/// Returns the cost of validating a value.
///
/// # Errors
/// Returns an error if the cost exceeds its limit, after a number of steps that the limit bounds.
pub(super) fn estimate(graph: &Graph, value: &Value) -> Result<u64, Exceeded> {
    estimate_from(graph, 0, value)
}

/// Returns the cost of validating a value against the subschema `index`.
///
/// # Errors
/// Returns the errors of [`estimate`].
pub(super) fn estimate_from(graph: &Graph, index: usize, value: &Value) -> Result<u64, Exceeded> {
    let values = size(value).0;
    let limit = LIMIT.saturating_add(values.saturating_mul(LIMIT_PER_VALUE));
    let mut counter = Counter { graph, cost: 0, limit };
    counter.apply(index, Instance::Value(value), 0).map_err(|Spent| Exceeded { limit })?;
    Ok(counter.cost)
}

/// A value, or the name of a property, which is validated like a text.
#[derive(Clone, Copy)]
enum Instance<'v> {
    Value(&'v Value),
    Name(&'v str),
}

struct Spent;

struct Counter<'g> {
    graph: &'g Graph,
    cost: u64,
    limit: u64,
}

impl Counter<'_> {
    fn charge(&mut self, units: u64) -> Result<(), Spent> {
        self.cost = self.cost.saturating_add(units);
        if self.cost > self.limit { Err(Spent) } else { Ok(()) }
    }

    fn apply(&mut self, index: usize, instance: Instance<'_>, depth: usize) -> Result<(), Spent> {
        let graph = self.graph;
        let Some(node) = graph.nodes.get(index) else { return Ok(()) };
        if depth > MAX_DEPTH {
            return Err(Spent);
        }
        self.charge(node.assertions.base)?;
        match instance {
            Instance::Name(text) => self.charge(Graph::text_cost(node, text.len()))?,
            Instance::Value(value) => self.assertions(node, value)?,
        }
        for part in &node.parts {
            self.part(part, instance, depth + 1)?;
        }
        if node.evaluates_twice { self.mark(node, instance, depth + 1) } else { Ok(()) }
    }

    fn assertions(&mut self, node: &Node, value: &Value) -> Result<(), Spent> {
        match value {
            Value::String(text) => self.charge(Graph::text_cost(node, text.len())),
            Value::Array(items) if node.assertions.compares_elements => {
                // They are sorted.
                let rounds = u64::from(items.len().checked_ilog2().unwrap_or(0)).saturating_add(1);
                let (values, bytes) = size(value);
                self.charge(values.saturating_add(bytes / 64).saturating_mul(rounds))
            }
            Value::Object(fields) if node.assertions.name > 0 => fields.keys().try_for_each(|name| {
                let text = node.assertions.name_text.saturating_mul(length(name.len())) / TEXT_BYTES;
                self.charge(node.assertions.name.saturating_add(text))
            }),
            _ => Ok(()),
        }
    }

    fn part(&mut self, part: &Part, instance: Instance<'_>, depth: usize) -> Result<(), Spent> {
        match (part, instance) {
            (Part::Same(index), instance) => self.apply(*index, instance, depth),
            (Part::Property(name, index), Instance::Value(Value::Object(fields))) => {
                fields.get(name).map_or(Ok(()), |field| self.apply(*index, Instance::Value(field), depth))
            }
            (Part::OtherProperties(named, index), Instance::Value(Value::Object(fields))) => {
                fields.iter().try_for_each(|(name, field)| {
                    self.charge(1)?;
                    if named.contains(name) {
                        return Ok(());
                    }
                    self.apply(*index, Instance::Value(field), depth)
                })
            }
            (Part::Names(index), Instance::Value(Value::Object(fields))) => {
                fields.keys().try_for_each(|name| self.apply(*index, Instance::Name(name), depth))
            }
            (Part::Item(position, index), Instance::Value(Value::Array(items))) => {
                items.get(*position).map_or(Ok(()), |item| self.apply(*index, Instance::Value(item), depth))
            }
            (Part::Items(index), Instance::Value(Value::Array(items))) => {
                items.iter().try_for_each(|item| self.apply(*index, Instance::Value(item), depth))
            }
            _ => Ok(()),
        }
    }

    /// Charges for the keywords that determine which properties or elements have been evaluated: each
    /// subschema on the same value is validated again, and so are those that it applies.
    fn mark(&mut self, node: &Node, instance: Instance<'_>, depth: usize) -> Result<(), Spent> {
        let graph = self.graph;
        for part in &node.parts {
            self.part(part, instance, depth)?;
            if let Part::Same(index) = part
                && let Some(part) = graph.nodes.get(*index)
            {
                self.mark(part, instance, depth + 1)?;
            }
        }
        Ok(())
    }
}
