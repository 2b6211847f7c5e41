//! What a schema excludes for certain: used to find templates that read what cannot be there.
//!
//! Only a certain no counts. What is behind `if`, `dependentSchemas` or a pattern is taken as allowed.

use serde_json::{Map, Value};

use crate::expr::Segment;

/// References followed in a row.
const MAX_REFERENCES: usize = 16;

/// Why a path cannot be read.
pub(crate) struct Excluded {
    pub(crate) message: String,
}

/// Why no value that fits the schema has something at the path; none where one may.
pub(crate) fn exclude(schema: &Value, path: &[Segment]) -> Option<Excluded> {
    Look { root: schema }.exclude(schema, path, MAX_REFERENCES)
}

/// The subschema at a path, where it is plain to see; references are followed.
pub(crate) fn descend<'a>(root: &'a Value, path: &[Segment]) -> Option<&'a Value> {
    let look = Look { root };
    let mut schema = look.resolve(root)?;
    for segment in path {
        let next = match segment {
            Segment::Field(name) => schema.get("properties")?.get(name)?,
            Segment::Element => schema.get("items")?,
        };
        schema = look.resolve(next)?;
    }
    Some(schema)
}

struct Look<'a> {
    root: &'a Value,
}

impl<'a> Look<'a> {
    /// What a schema that is nothing but a reference refers to.
    fn resolve(&self, mut schema: &'a Value) -> Option<&'a Value> {
        for _ in 0..MAX_REFERENCES {
            match schema.get("$ref").and_then(Value::as_str) {
                Some(target) => schema = self.root.pointer(target.strip_prefix('#')?)?,
                None => return Some(schema),
            }
        }
        None
    }

    fn exclude(&self, schema: &Value, path: &[Segment], left: usize) -> Option<Excluded> {
        let (segment, rest) = path.split_first()?;
        let fields = match schema {
            Value::Bool(false) => return Some(excluded("its schema allows no value")),
            Value::Object(fields) => fields,
            _ => return None,
        };
        let left = left.checked_sub(1)?;
        // Each of these must hold, so each may say no.
        let reference =
            fields.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        let referred = reference.and_then(|pointer| self.root.pointer(pointer));
        let all = fields.get("allOf").and_then(Value::as_array).into_iter().flatten();
        if let Some(no) = referred.into_iter().chain(all).find_map(|part| self.exclude(part, path, left)) {
            return Some(no);
        }
        // Of these one is enough, so all must say no.
        for choice in ["anyOf", "oneOf"] {
            let choices = fields.get(choice).and_then(Value::as_array).filter(|choices| !choices.is_empty());
            let mut nos = choices.into_iter().flatten().map(|part| self.exclude(part, path, left));
            if let Some(Some(first)) = nos.next()
                && nos.all(|no| no.is_some())
            {
                return Some(first);
            }
        }
        match segment {
            Segment::Field(name) => self.exclude_field(fields, name, rest, left),
            Segment::Element => self.exclude_element(fields, rest, left),
        }
    }

    fn exclude_field(
        &self,
        fields: &Map<String, Value>,
        name: &str,
        rest: &[Segment],
        left: usize,
    ) -> Option<Excluded> {
        if let Some(types) = types(fields).filter(|types| !types.contains(&"object")) {
            return Some(excluded(&format!("its type is {}, which has no `{name}`", types.join(" or "))));
        }
        let properties = fields.get("properties").and_then(Value::as_object);
        if let Some(property) = properties.and_then(|properties| properties.get(name)) {
            return self.exclude(property, rest, left);
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
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                Some(excluded(&format!("its schema has no property `{name}`; it has {known}")))
            }
            Some(additional) => self.exclude(additional, rest, left),
            None => None,
        }
    }

    fn exclude_element(
        &self,
        fields: &Map<String, Value>,
        rest: &[Segment],
        left: usize,
    ) -> Option<Excluded> {
        // An index that is no number reads a property.
        let has = |wanted: &str| types(fields).is_none_or(|types| types.contains(&wanted));
        match (has("array"), has("object")) {
            (false, false) => {
                let types = types(fields).unwrap_or_default().join(" or ");
                Some(excluded(&format!("its type is {types}, which has no elements")))
            }
            (true, false) if !fields.contains_key("prefixItems") => {
                self.exclude(fields.get("items")?, rest, left)
            }
            _ => None,
        }
    }
}

/// The types that a value may have; none where anything goes, or the schema is faulty.
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
