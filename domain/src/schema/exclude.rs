//! Paths that a schema excludes: used to find expressions that read a field which cannot exist.
//!
//! Only certain exclusions are reported. Fields that depend on `if`, `dependentSchemas` or a pattern are
//! assumed to be allowed.

use std::cell::Cell;

use serde_json::{Map, Value};

use crate::expr::Segment;
use crate::spelling::similar;

/// Maximum number of references followed in a row.
const MAX_REFERENCES: usize = 16;
/// Maximum number of subschemas visited to check one path. Six levels of `allOf`, each with ten references,
/// have a million paths through them; a schema that people write has some hundred.
const MAX_VISITS: u32 = 2000;

/// Reason why a path cannot be read.
pub(crate) struct Excluded {
    pub(crate) message: String,
}

/// Returns the reason why no valid value has something at the path; `None` if one may, or if it would take
/// too many visits to find out.
pub(crate) fn exclude(schema: &Value, path: &[Segment]) -> Option<Excluded> {
    Resolver::new(schema).exclude(schema, path, MAX_REFERENCES)
}

/// Returns the subschema at a path, following `properties`, `items` and references; `None` if other keywords
/// would have to be evaluated.
pub(crate) fn descend<'a>(root: &'a Value, path: &[Segment]) -> Option<&'a Value> {
    let resolver = Resolver::new(root);
    let mut schema = resolver.resolve(root)?;
    for segment in path {
        let next = match segment {
            Segment::Field(name) => schema.get("properties")?.get(name)?,
            Segment::Element => schema.get("items")?,
        };
        schema = resolver.resolve(next)?;
    }
    Some(schema)
}

struct Resolver<'a> {
    root: &'a Value,
    /// Visits that are left. Once there are none, every path is assumed to be allowed.
    visits: Cell<u32>,
}

impl<'a> Resolver<'a> {
    fn new(root: &'a Value) -> Self {
        Self { root, visits: Cell::new(MAX_VISITS) }
    }

    /// Follows references until a schema without one.
    fn resolve(&self, mut schema: &'a Value) -> Option<&'a Value> {
        for _ in 0..MAX_REFERENCES {
            match schema.get("$ref").and_then(Value::as_str) {
                Some(target) => schema = self.root.pointer(target.strip_prefix('#')?)?,
                None => return Some(schema),
            }
        }
        None
    }

    fn exclude(&self, schema: &Value, path: &[Segment], remaining: usize) -> Option<Excluded> {
        let (segment, rest) = path.split_first()?;
        self.visits.set(self.visits.get().checked_sub(1)?);
        let fields = match schema {
            Value::Bool(false) => return Some(excluded("its schema allows no value")),
            Value::Object(fields) => fields,
            _ => return None,
        };
        let remaining = remaining.checked_sub(1)?;
        // All of these must hold, so one exclusion is enough.
        let reference =
            fields.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        let referred = reference.and_then(|pointer| self.root.pointer(pointer));
        let all = fields.get("allOf").and_then(Value::as_array).into_iter().flatten();
        if let Some(excluded) =
            referred.into_iter().chain(all).find_map(|part| self.exclude(part, path, remaining))
        {
            return Some(excluded);
        }
        // One of these is enough, so all of them must exclude the path.
        for choice in ["anyOf", "oneOf"] {
            let choices = fields.get(choice).and_then(Value::as_array).filter(|choices| !choices.is_empty());
            let mut exclusions =
                choices.into_iter().flatten().map(|part| self.exclude(part, path, remaining));
            if let Some(Some(first)) = exclusions.next()
                && exclusions.all(|excluded| excluded.is_some())
            {
                return Some(first);
            }
        }
        match segment {
            Segment::Field(name) => self.exclude_field(fields, name, rest, remaining),
            Segment::Element => self.exclude_element(fields, rest, remaining),
        }
    }

    fn exclude_field(
        &self,
        fields: &Map<String, Value>,
        name: &str,
        rest: &[Segment],
        remaining: usize,
    ) -> Option<Excluded> {
        if let Some(types) = types(fields).filter(|types| !types.contains(&"object")) {
            return Some(excluded(&format!(
                "it has type {}, which has no field `{name}`",
                types.join(" or ")
            )));
        }
        let properties = fields.get("properties").and_then(Value::as_object);
        if let Some(property) = properties.and_then(|properties| properties.get(name)) {
            return self.exclude(property, rest, remaining);
        }
        if fields.contains_key("patternProperties") {
            return None;
        }
        match fields.get("additionalProperties") {
            Some(Value::Bool(false)) => {
                let known: Vec<&str> = properties
                    .into_iter()
                    .flat_map(|properties| properties.keys().map(String::as_str))
                    .collect();
                Some(excluded(&missing_property(name, properties, &known)))
            }
            Some(additional) => self.exclude(additional, rest, remaining),
            None => None,
        }
    }

    fn exclude_element(
        &self,
        fields: &Map<String, Value>,
        rest: &[Segment],
        remaining: usize,
    ) -> Option<Excluded> {
        // An index that is not a number reads a property.
        let allows = |name: &str| types(fields).is_none_or(|types| types.contains(&name));
        match (allows("array"), allows("object")) {
            (false, false) => {
                let types = types(fields).unwrap_or_default().join(" or ");
                Some(excluded(&format!("it has type {types}, which has no elements")))
            }
            (true, false) if !fields.contains_key("prefixItems") => {
                self.exclude(fields.get("items")?, rest, remaining)
            }
            _ => None,
        }
    }
}

/// Returns the message about a property that a schema does not have, with the similar name that may be meant.
fn missing_property(name: &str, properties: Option<&Map<String, Value>>, known: &[&str]) -> String {
    let nested = properties
        .into_iter()
        .flatten()
        .find_map(|(outer, schema)| schema.get("properties")?.get(name).map(|_| format!("{outer}.{name}")));
    let meant = nested.or_else(|| similar(name, known.iter().copied()).map(str::to_owned));
    let hint = meant.map_or_else(String::new, |meant| format!(" (did you mean `{meant}`?)"));
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!("it has no property `{name}`{hint}; properties: {known}")
}

/// Returns the types that a value may have; `None` if any type is allowed or the schema is invalid.
fn types(fields: &Map<String, Value>) -> Option<Vec<&str>> {
    const KNOWN: &[&str] = &["array", "boolean", "integer", "null", "number", "object", "string"];
    let types: Vec<&str> = match fields.get("type")? {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    types.iter().all(|name| KNOWN.contains(name)).then_some(types)
}

fn excluded(message: &str) -> Excluded {
    Excluded { message: message.to_owned() }
}
