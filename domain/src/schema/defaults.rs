//! Defaults: a property that is absent gets the `default` of its subschema before the value is validated.
//!
//! They are applied at every depth, through `properties`, `additionalProperties`, `prefixItems`, `items`, `$ref`
//! and `allOf`. They are not applied through `anyOf`, `oneOf`, `not`, `if`, `dependentSchemas`,
//! `patternProperties` and the like: whether such a subschema applies depends on the value that its defaults
//! would change. Of several defaults of one property, that beside `properties` wins, then that of `$ref`, then
//! those of `allOf` in their order.
//!
//! Defaults multiply: one below `items` is added to every element. Time and size are therefore bounded.

use crds::constants::{MAX_INPUT_BYTES, MAX_VALUE_DEPTH};
use crds::nesting::is_deeper_than;
use serde_json::{Map, Value};

use super::cost::{LIMIT, MAX_DEPTH};
use super::graph::{Graph, Node, Part};
use super::keywords::length;

/// Maximum size of all defaults that are added to one value, in bytes of JSON: that of the input of a run.
pub(super) const MAX_BYTES: usize = MAX_INPUT_BYTES;
/// Cost of a default that is added, for each [`BYTES_PER_COPY`] of it.
const COPY_COST: u64 = 4;
/// Bytes of JSON that are copied for [`COPY_COST`].
const BYTES_PER_COPY: usize = 16;

/// Reason why the defaults are not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// They take too much time.
    Cost,
    /// They have too many bytes together.
    Size,
    /// They are nested too deeply, or without end.
    Depth,
}

impl std::fmt::Display for Excess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cost => {
                write!(f, "applying the defaults would take more than {LIMIT} steps: pass a smaller value")
            }
            Self::Size => write!(f, "the defaults would add more than {MAX_BYTES} bytes to the value"),
            Self::Depth => {
                write!(f, "the defaults would nest lists and objects more than {MAX_VALUE_DEPTH} levels deep")
            }
        }
    }
}

/// Applies the defaults of a schema to values, at the expense of one budget.
pub(super) struct Defaults<'g> {
    graph: &'g Graph,
    cost: u64,
    max_cost: u64,
    remaining_bytes: usize,
}

impl<'g> Defaults<'g> {
    /// Returns a budget of at most `max_cost` units.
    pub(super) fn new(graph: &'g Graph, max_cost: u64) -> Self {
        Self { graph, cost: 0, max_cost: max_cost.min(LIMIT), remaining_bytes: MAX_BYTES }
    }

    /// Returns the cost so far, in units of about 50 ns.
    pub(super) fn cost(&self) -> u64 {
        self.cost
    }

    /// Adds the defaults of the subschema `index` to a value.
    ///
    /// # Errors
    /// Returns an error once the budget is spent. The value is then incomplete.
    pub(super) fn apply(&mut self, index: usize, value: &mut Value) -> Result<(), Excess> {
        if !self.graph.has_defaults {
            return Ok(());
        }
        self.apply_at(index, value, Position { subschemas: 0, levels: 0 })
    }

    fn apply_at(&mut self, index: usize, value: &mut Value, position: Position) -> Result<(), Excess> {
        let graph = self.graph;
        let Some(node) = graph.nodes.get(index) else { return Ok(()) };
        if position.subschemas > MAX_DEPTH {
            return Err(Excess::Depth);
        }
        self.charge(length(node.parts.len()).saturating_add(1))?;
        match value {
            Value::Object(fields) => self.apply_to_object(node, fields, position.within())?,
            Value::Array(items) => self.apply_to_list(node, items, position.within())?,
            _ => {}
        }
        node.always.iter().try_for_each(|part| self.apply_at(*part, value, position.beside()))
    }

    fn apply_to_object(
        &mut self,
        node: &Node,
        fields: &mut Map<String, Value>,
        position: Position,
    ) -> Result<(), Excess> {
        for part in &node.parts {
            let Part::Property(name, index) = part else { continue };
            if !fields.contains_key(name)
                && let Some(default) = self.default_of(*index)?
            {
                self.charge_copy(name, default, position)?;
                fields.insert(name.clone(), default.clone());
            }
            if let Some(field) = fields.get_mut(name) {
                self.apply_at(*index, field, position)?;
            }
        }
        let Some((declared, index)) = &node.additional else { return Ok(()) };
        for (name, field) in fields {
            self.charge(1)?;
            if !declared.contains(name) {
                self.apply_at(*index, field, position)?;
            }
        }
        Ok(())
    }

    fn apply_to_list(&mut self, node: &Node, items: &mut [Value], position: Position) -> Result<(), Excess> {
        let mut prefix = 0;
        for part in &node.parts {
            let Part::Item(place, index) = part else { continue };
            prefix = prefix.max(place.saturating_add(1));
            if let Some(item) = items.get_mut(*place) {
                self.apply_at(*index, item, position)?;
            }
        }
        let Some(index) = node.items else { return Ok(()) };
        items.iter_mut().skip(prefix).try_for_each(|item| self.apply_at(index, item, position))
    }

    /// Returns the default of a subschema, or of one that it always applies.
    fn default_of(&mut self, index: usize) -> Result<Option<&'g Value>, Excess> {
        self.charge(1)?;
        let Some(node) = self.graph.nodes.get(index) else { return Ok(None) };
        if node.default.is_some() {
            return Ok(node.default.as_ref());
        }
        for part in &node.always {
            let default = self.default_of(*part)?;
            if default.is_some() {
                return Ok(default);
            }
        }
        Ok(None)
    }

    fn charge(&mut self, units: u64) -> Result<(), Excess> {
        self.cost = self.cost.saturating_add(units);
        if self.cost > self.max_cost { Err(Excess::Cost) } else { Ok(()) }
    }

    /// Charges for a default that is added as a property at a position.
    fn charge_copy(&mut self, name: &str, default: &Value, position: Position) -> Result<(), Excess> {
        let levels = MAX_VALUE_DEPTH.checked_sub(position.levels).ok_or(Excess::Depth)?;
        if is_deeper_than(default, levels) {
            return Err(Excess::Depth);
        }
        // The name has quotes, a colon and a comma.
        let bytes = super::json_size(default).saturating_add(name.len()).saturating_add(4);
        self.remaining_bytes = self.remaining_bytes.checked_sub(bytes).ok_or(Excess::Size)?;
        self.charge(length(bytes / BYTES_PER_COPY).saturating_add(1).saturating_mul(COPY_COST))
    }
}

/// Position of a value: subschemas applied around it, and lists and objects around it.
#[derive(Clone, Copy)]
struct Position {
    subschemas: usize,
    levels: usize,
}

impl Position {
    /// Returns the position of a property or an element.
    fn within(self) -> Self {
        Self { subschemas: self.subschemas.saturating_add(1), levels: self.levels.saturating_add(1) }
    }

    /// Returns the position of the same value in a further subschema.
    fn beside(self) -> Self {
        Self { subschemas: self.subschemas.saturating_add(1), levels: self.levels }
    }
}
