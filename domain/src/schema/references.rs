//! References within a schema.

use std::collections::BTreeMap;

use serde_json::Value;

/// A schema document, with the targets of its references.
pub(super) struct Document<'a> {
    root: &'a Value,
    /// Subschemas by the name of their anchor, as in `{"$ref": "#name"}`.
    anchors: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Document<'a> {
    pub(super) fn new(root: &'a Value) -> Self {
        let mut anchors = BTreeMap::new();
        let mut pending = vec![root];
        while let Some(node) = pending.pop() {
            for keyword in ["$anchor", "$dynamicAnchor"] {
                if let Some(name) = node.get(keyword).and_then(Value::as_str) {
                    anchors.insert(name, node);
                }
            }
            match node {
                Value::Object(fields) => pending.extend(fields.values()),
                Value::Array(items) => pending.extend(items),
                _ => {}
            }
        }
        Self { root, anchors }
    }

    /// Returns the subschema that a reference such as `#/$defs/item` or `#name` names; `None` if there is
    /// none.
    pub(super) fn target(&self, reference: &str) -> Option<&'a Value> {
        let fragment = decode(reference.strip_prefix('#')?)?;
        self.root.pointer(&fragment).or_else(|| self.anchors.get(fragment.as_str()).copied())
    }

    /// Returns the JSON pointer to a part of the document, which is recognised by its address.
    pub(super) fn pointer(&self, part: *const Value) -> String {
        let mut names = Vec::new();
        find(self.root, part, &mut names);
        names.iter().rev().fold(String::new(), |mut pointer, name| {
            pointer.push('/');
            pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            pointer
        })
    }
}

/// Returns whether the part is within the value, and appends the names of the path to it, innermost first.
fn find(value: &Value, part: *const Value, names: &mut Vec<String>) -> bool {
    if std::ptr::eq(value, part) {
        return true;
    }
    let name = match value {
        Value::Object(fields) => {
            fields.iter().find(|(_, field)| find(field, part, names)).map(|(name, _)| name.clone())
        }
        Value::Array(items) => items.iter().position(|item| find(item, part, names)).map(|at| at.to_string()),
        _ => None,
    };
    let is_found = name.is_some();
    names.extend(name);
    is_found
}

/// Decodes the percent-encoding of a URI fragment; `None` if it is invalid.
fn decode(fragment: &str) -> Option<String> {
    let mut parts = fragment.split('%');
    let mut decoded = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        decoded.push(u8::from_str_radix(code, 16).ok()?);
        decoded.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(decoded).ok()
}
