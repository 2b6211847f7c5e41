//! Check of the defaults of a schema: each of them must satisfy its own subschema, once the defaults within it
//! are applied.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::defaults::Defaults;
use super::errors::SchemaError;
use super::graph::{self, Graph};
use super::{compile, cost, shorten};

/// Identifier of the schema within the one that checks its defaults. Schemas of tenants have no `$id`.
const ID: &str = "urn:smbcopilot:schema";

/// Checks the defaults of a schema.
///
/// # Errors
/// Returns an error for the first default that its subschema does not allow, or if the check takes too long.
pub(super) fn check(schema: &Value, graph: &Graph) -> Result<(), SchemaError> {
    if !graph.has_defaults {
        return Ok(());
    }
    let nodes = graph.nodes.iter().enumerate();
    let defaults: Vec<(usize, &Value)> =
        nodes.filter_map(|(index, node)| Some((index, node.default.as_ref()?))).collect();
    let pointers =
        graph::pointers(schema, &defaults.iter().map(|(index, _)| *index).collect::<BTreeSet<_>>());
    let pointer = |index: usize| pointers.get(&index).cloned().unwrap_or_default();
    let invalid = |index: usize, message: String| SchemaError::Default { pointer: pointer(index), message };

    let mut filler = Defaults::new(graph, cost::LIMIT);
    let (mut values, mut units) = (Vec::new(), 0_u64);
    for (index, default) in &defaults {
        let mut value = (*default).clone();
        filler.apply(*index, &mut value).map_err(|excess| invalid(*index, excess.to_string()))?;
        let cost = cost::estimate_from(graph, *index, &value).unwrap_or(u64::MAX);
        units = units.saturating_add(cost);
        if units > cost::LIMIT {
            let message = format!("checking all defaults would take more than {} steps", cost::LIMIT);
            return Err(invalid(*index, message));
        }
        values.push(value);
    }

    let parts: Vec<Value> = defaults
        .iter()
        .map(|(index, _)| json!({"$ref": format!("{ID}#{}", percent_encode(&pointer(*index)))}))
        .collect();
    let mut definition = schema.clone();
    if let Some(fields) = definition.as_object_mut() {
        fields.insert("$id".to_owned(), json!(ID));
    }
    let validator = compile(&json!({"$defs": {"schema": definition}, "prefixItems": parts}))?;
    let values = Value::Array(values);
    let Err(violation) = validator.validate(&values) else { return Ok(()) };
    let path = violation.instance_path().to_string();
    let place = path.trim_start_matches('/').split('/').next().and_then(|place| place.parse::<usize>().ok());
    let index = place.and_then(|place| defaults.get(place)).map_or(0, |(index, _)| *index);
    Err(invalid(index, shorten(format!("it violates its own schema: {}", violation.masked()))))
}

/// Encodes a JSON pointer as the fragment of a URI.
fn percent_encode(pointer: &str) -> String {
    let mut encoded = String::with_capacity(pointer.len());
    for byte in pointer.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'~' | b'-' | b'_' | b'.' | b'$' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}
