//! The subschemas of a schema, and which of them apply others to the same value, to its properties or to its
//! elements. References are resolved, so a schema that applies itself is a cycle.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::errors::SchemaError;
use super::keywords::{Assertions, length};
use super::references::Document;

/// Maximum depth of subschemas within each other, references followed. The validator recurses.
const MAX_DEPTH: usize = 512;
/// Maximum bytes of the JSON pointers to all subschemas together, which the validator stores.
const MAX_POINTER_BYTES: usize = 2 << 20;

/// A schema as a graph of subschemas. The first one is the schema itself.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    /// States of all patterns together.
    pub(super) pattern_states: u64,
    /// Whether a subschema has a default.
    pub(super) has_defaults: bool,
}

/// A subschema.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) assertions: Assertions,
    /// Subschemas that it applies, by the index of their node.
    pub(super) parts: Vec<Part>,
    /// Whether it has `unevaluatedProperties` or `unevaluatedItems`, which evaluate the other keywords again.
    pub(super) evaluates_twice: bool,
    /// Its `default`.
    pub(super) default: Option<Value>,
    /// Subschemas that every value has to satisfy, too: `$ref`, followed by `allOf`. They are also parts.
    pub(super) always: Vec<usize>,
    /// `additionalProperties` with the names of the declared properties, unless there are `patternProperties`.
    pub(super) additional: Option<(BTreeSet<String>, usize)>,
    /// `items`: the subschema of the elements after `prefixItems`.
    pub(super) items: Option<usize>,
}

/// A subschema that another one applies.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Applied to the same value.
    Same(usize),
    /// Applied to a property.
    Property(String, usize),
    /// Applied to every property except these.
    OtherProperties(BTreeSet<String>, usize),
    /// Applied to the name of every property.
    Names(usize),
    /// Applied to one element of a list.
    Item(usize, usize),
    /// Applied to every element.
    Items(usize),
}

/// Builds the graph of a schema.
///
/// # Errors
/// Returns an error if a reference leaves the document or has no target, if the schema is nested too deep, or
/// if its patterns are too large.
pub(super) fn build(schema: &Value) -> Result<Graph, SchemaError> {
    Builder::build(schema).map(|builder| builder.graph)
}

/// Returns the JSON pointer to the subschema of a node. Only errors need it.
pub(super) fn pointer_of_node(schema: &Value, index: usize) -> String {
    let Ok(builder) = Builder::build(schema) else { return String::new() };
    let node = builder.known.iter().find(|(_, known)| **known == index);
    node.map_or_else(String::new, |(address, _)| builder.document.pointer(*address))
}

/// Returns the JSON pointers to the subschemas of some nodes, by their index.
pub(super) fn pointers(schema: &Value, wanted: &BTreeSet<usize>) -> BTreeMap<usize, String> {
    let Ok(builder) = Builder::build(schema) else { return BTreeMap::new() };
    let mut found = BTreeMap::new();
    collect_pointers(&builder, schema, &mut String::new(), wanted, &mut found);
    found
}

fn collect_pointers(
    builder: &Builder<'_>,
    value: &Value,
    pointer: &mut String,
    wanted: &BTreeSet<usize>,
    found: &mut BTreeMap<usize, String>,
) {
    if let Some(index) = builder.known.get(&std::ptr::from_ref(value)).filter(|index| wanted.contains(index))
    {
        found.insert(*index, pointer.clone());
    }
    let mut descend = |name: &str, part: &Value| {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        collect_pointers(builder, part, pointer, wanted, found);
        pointer.truncate(length);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, part)| descend(name, part)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, part)| descend(&index.to_string(), part));
        }
        _ => {}
    }
}

struct Builder<'a> {
    document: Document<'a>,
    graph: Graph,
    /// Nodes by the address of their subschema.
    known: HashMap<*const Value, usize>,
    pointer_bytes: usize,
}

impl<'a> Builder<'a> {
    fn build(schema: &'a Value) -> Result<Self, SchemaError> {
        let mut builder = Self {
            document: Document::new(schema),
            graph: Graph { nodes: Vec::new(), pattern_states: 0, has_defaults: false },
            known: HashMap::new(),
            pointer_bytes: 0,
        };
        builder.node(schema, 0, 0)?;
        Ok(builder)
    }

    /// Adds the node of a subschema at a depth, whose pointer has `pointer_bytes`; returns its index.
    fn node(&mut self, schema: &'a Value, depth: usize, pointer_bytes: usize) -> Result<usize, SchemaError> {
        if let Some(index) = self.known.get(&std::ptr::from_ref(schema)) {
            return Ok(*index);
        }
        if depth > MAX_DEPTH {
            return Err(SchemaError::TooDeep { pointer: self.document.pointer(schema), limit: MAX_DEPTH });
        }
        let index = self.graph.nodes.len();
        self.known.insert(std::ptr::from_ref(schema), index);
        self.graph.nodes.push(Node::default());
        self.pointer_bytes = self.pointer_bytes.saturating_add(pointer_bytes);
        if self.pointer_bytes > MAX_POINTER_BYTES {
            return Err(SchemaError::LongNames { bytes: self.pointer_bytes, limit: MAX_POINTER_BYTES });
        }
        let mut node = Node::default();
        node.assertions.base = 1;
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            node.assertions.add((keyword, value), &self.document, &mut self.graph.pattern_states)?;
            node.evaluates_twice |= keyword.starts_with("unevaluated");
            if keyword == "default" {
                node.default = Some(value.clone());
                self.graph.has_defaults = true;
            }
            let bytes = pointer_bytes.saturating_add(keyword.len()).saturating_add(1);
            self.keyword((keyword, value), schema, &mut node, (depth + 1, bytes))?;
        }
        // The validator and the estimate look at each part, also at those that do not apply to the value.
        let parts = u64::try_from(node.parts.len()).unwrap_or(u64::MAX);
        node.assertions.base = node.assertions.base.saturating_add(parts);
        if let Some(place) = self.graph.nodes.get_mut(index) {
            *place = node;
        }
        Ok(index)
    }

    fn keyword(
        &mut self,
        (keyword, value): (&str, &'a Value),
        schema: &'a Value,
        node: &mut Node,
        (depth, bytes): (usize, usize),
    ) -> Result<(), SchemaError> {
        match (keyword, value) {
            ("$id", Value::String(target)) => {
                return Err(self.remote(value, target));
            }
            ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(target)) => {
                let referred = self.referred(value, target)?;
                let index = self.node(referred, depth, bytes)?;
                if keyword == "$ref" {
                    node.always.insert(0, index);
                }
                node.parts.push(Part::Same(index));
            }
            ("not" | "if" | "then" | "else", part) => {
                node.parts.push(Part::Same(self.node(part, depth, bytes)?));
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(parts)) => {
                for part in parts {
                    let index = self.node(part, depth, bytes.saturating_add(6))?;
                    if keyword == "allOf" {
                        node.always.push(index);
                    }
                    node.parts.push(Part::Same(index));
                }
            }
            ("dependentSchemas" | "dependencies", Value::Object(parts)) => {
                for (name, part) in parts {
                    node.parts.push(Part::Same(self.node(part, depth, longer(bytes, name))?));
                }
            }
            ("properties", Value::Object(parts)) => {
                for (name, part) in parts {
                    let index = self.node(part, depth, longer(bytes, name))?;
                    node.parts.push(Part::Property(name.clone(), index));
                }
            }
            ("unevaluatedProperties", part) => {
                node.parts.push(Part::OtherProperties(BTreeSet::new(), self.node(part, depth, bytes)?));
            }
            ("patternProperties", Value::Object(parts)) => {
                for (name, part) in parts {
                    let index = self.node(part, depth, longer(bytes, name))?;
                    node.parts.push(Part::OtherProperties(BTreeSet::new(), index));
                }
            }
            ("additionalProperties", part) => {
                let index = self.node(part, depth, bytes)?;
                let declared = declared(schema.as_object());
                node.additional =
                    schema.get("patternProperties").is_none().then(|| (declared.clone(), index));
                node.parts.push(Part::OtherProperties(declared, index));
            }
            ("propertyNames", part) => node.parts.push(Part::Names(self.node(part, depth, bytes)?)),
            _ => self.item_keyword((keyword, value), node, (depth, bytes))?,
        }
        Ok(())
    }

    /// Adds the parts of a keyword that applies to the items of a list.
    fn item_keyword(
        &mut self,
        (keyword, value): (&str, &'a Value),
        node: &mut Node,
        (depth, bytes): (usize, usize),
    ) -> Result<(), SchemaError> {
        match (keyword, value) {
            ("prefixItems", Value::Array(parts)) => {
                for (position, part) in parts.iter().enumerate() {
                    node.parts.push(Part::Item(position, self.node(part, depth, bytes.saturating_add(6))?));
                }
            }
            ("items" | "contains" | "unevaluatedItems" | "additionalItems", part) => {
                let index = self.node(part, depth, bytes)?;
                if keyword == "items" {
                    node.items = Some(index);
                }
                node.parts.push(Part::Items(index));
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the part of the document that a reference points to.
    fn referred(&self, value: &Value, target: &str) -> Result<&'a Value, SchemaError> {
        if !target.starts_with('#') {
            return Err(self.remote(value, target));
        }
        self.document.target(target).ok_or_else(|| SchemaError::Invalid {
            pointer: self.document.pointer(value),
            message: format!("the schema has no `{target}`"),
        })
    }

    fn remote(&self, value: &Value, target: &str) -> SchemaError {
        SchemaError::Remote { pointer: self.document.pointer(value), target: target.to_owned() }
    }
}

fn longer(bytes: usize, name: &str) -> usize {
    bytes.saturating_add(name.len()).saturating_add(1)
}

/// Returns the names of the declared properties.
fn declared(fields: Option<&Map<String, Value>>) -> BTreeSet<String> {
    let properties = fields.and_then(|fields| fields.get("properties")).and_then(Value::as_object);
    properties.into_iter().flat_map(|properties| properties.keys().cloned()).collect()
}

impl Graph {
    /// Returns the cost of the assertions of a node on a text of this length.
    pub(super) fn text_cost(node: &Node, bytes: usize) -> u64 {
        node.assertions.text.saturating_mul(length(bytes)) / super::keywords::TEXT_BYTES
    }
}
