//! The owners of a field, in the format of `fieldsV1`: nested objects whose keys are `f:<field>`, `k:<keys of a list item>`,
//! `v:<value in a set>` and `.` for the field itself. A field without nested keys is owned with everything in it.

use serde_json::{Map, Value};

/// The parts of all `fieldsV1` that concern one field.
#[derive(Clone, Debug, Default)]
pub(super) struct Owners<'a> {
    /// What the API has set.
    pub(super) own: Option<&'a Value>,
    /// What each other tool has set.
    pub(super) others: Vec<(&'a str, &'a Value)>,
}

impl<'a> Owners<'a> {
    /// Returns the owners of a field of an object.
    pub(super) fn field(&self, name: &str) -> Self {
        let key = format!("f:{name}");
        self.nested(|node| node.get(&key))
    }

    /// Returns the owners of an item of a list whose items have keys.
    pub(super) fn item(&self, item: &Value) -> Self {
        self.nested(|node| item_node(node, item))
    }

    fn nested(&self, find: impl Fn(&'a Value) -> Option<&'a Value>) -> Self {
        let find = |node: &'a Value| if owns_all(node) { Some(node) } else { find(node) };
        let others = self.others.iter().filter_map(|(manager, node)| Some((*manager, find(node)?)));
        Self { own: self.own.and_then(find), others: others.collect() }
    }

    /// Returns the names of the keys by which items of a list are identified; `None` if its items have no keys.
    pub(super) fn key_names(&self) -> Option<Vec<String>> {
        let mut nodes = self.own.into_iter().chain(self.others.iter().map(|(_, node)| *node));
        nodes.find_map(|node| {
            let keys = node.as_object()?.keys().find_map(|key| item_keys(key))?;
            Some(keys.keys().cloned().collect())
        })
    }
}

/// Returns whether a node owns a field with everything in it.
fn owns_all(node: &Value) -> bool {
    node.as_object().is_none_or(Map::is_empty)
}

/// Returns the keys of the list item that a key of a node identifies, such as `{"name": "fetch"}`.
fn item_keys(key: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(key.strip_prefix("k:")?).ok()
}

fn item_node<'a>(node: &'a Value, item: &Value) -> Option<&'a Value> {
    let is_same = |key: &String| {
        item_keys(key).is_some_and(|keys| keys.iter().all(|(name, value)| item.get(name) == Some(value)))
    };
    node.as_object()?.iter().find(|(key, _)| is_same(key)).map(|(_, node)| node)
}

/// Returns the part of a value that a node owns; `None` if it owns nothing of it.
pub(super) fn owned_part(value: &Value, node: Option<&Value>) -> Option<Value> {
    let node = node?;
    if owns_all(node) {
        return Some(value.clone());
    }
    match value {
        Value::Object(fields) => {
            let owned = fields.iter().filter_map(|(name, field)| {
                let node = node.get(format!("f:{name}"))?;
                Some((name.clone(), owned_part(field, Some(node))?))
            });
            let owned: Map<_, _> = owned.collect();
            (!owned.is_empty() || node.get(".").is_some()).then_some(Value::Object(owned))
        }
        Value::Array(items) => {
            let owned: Vec<_> = items.iter().filter_map(|item| owned_item(item, node)).collect();
            (!owned.is_empty()).then_some(Value::Array(owned))
        }
        scalar => Some(scalar.clone()),
    }
}

/// Returns the part of a list item that the node of the list owns.
fn owned_item(item: &Value, list: &Value) -> Option<Value> {
    if let Some(node) = item_node(list, item) {
        let mut owned = owned_part(item, Some(node)).unwrap_or_else(|| Value::Object(Map::new()));
        copy_keys(item, &keys_of(list), &mut owned);
        return Some(owned);
    }
    list.get(format!("v:{item}")).map(|_| item.clone())
}

/// Returns the names of the keys of a list's items.
fn keys_of(list: &Value) -> Vec<String> {
    let keys = list.as_object().into_iter().flat_map(Map::keys).find_map(|key| item_keys(key));
    keys.map(|keys| keys.keys().cloned().collect()).unwrap_or_default()
}

/// Adds the keys of a list item, which identify it, to a part of it.
pub(super) fn copy_keys(item: &Value, names: &[String], part: &mut Value) {
    let Some(part) = part.as_object_mut() else { return };
    for name in names {
        if let Some(key) = item.get(name) {
            part.insert(name.clone(), key.clone());
        }
    }
}

/// Returns what two nodes own together.
pub(super) fn merge(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut one), Value::Object(other)) => {
            for (key, node) in other {
                let merged = match one.remove(&key) {
                    Some(existing) => merge(existing, node),
                    None => node,
                };
                one.insert(key, merged);
            }
            Value::Object(one)
        }
        (one, _) => one,
    }
}
