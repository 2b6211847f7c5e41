//! Comparison of two specs, field by field, with the owners of each field.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    ManagedField,
    owners::{Owners, copy_keys, owned_part},
};
use crate::app::field_path::from_segments;

/// Returns the fields to apply so that `current` becomes `desired`; `None` if an object or a list loses its last field or item, which
/// server-side apply would replace by null.
///
/// # Errors
/// Returns the changed fields that others own.
pub(super) fn apply(
    current: &Value,
    desired: &Value,
    owners: &Owners<'_>,
) -> Result<Option<Value>, Vec<ManagedField>> {
    let mut comparison = Comparison::default();
    let applied = comparison.compare(Some(current), Some(desired), owners);
    match (comparison.managed, comparison.empties) {
        (managed, _) if !managed.is_empty() => Err(managed),
        (_, true) => Ok(None),
        (_, false) => Ok(Some(applied.unwrap_or_else(|| Value::Object(Map::new())))),
    }
}

/// Place in the specs that is being compared, and what was found so far.
#[derive(Default)]
struct Comparison {
    /// Names of fields and indexes of list items.
    pointer: Vec<String>,
    /// The same as the path of a field, such as `.steps[name="fetch"]`.
    path: Vec<String>,
    managed: Vec<ManagedField>,
    /// Whether an object or a list loses its last field or item.
    empties: bool,
}

impl Comparison {
    /// Returns the part of `desired` to apply: what the API owns of it, and what changes.
    fn compare(
        &mut self,
        current: Option<&Value>,
        desired: Option<&Value>,
        owners: &Owners<'_>,
    ) -> Option<Value> {
        if current == desired {
            return owned_part(desired?, owners.own);
        }
        match (current, desired) {
            (Some(Value::Object(current)), Some(Value::Object(desired))) => {
                self.empties |= desired.is_empty();
                self.compare_fields(current, desired, owners)
            }
            (Some(Value::Array(current)), Some(Value::Array(desired))) => match owners.key_names() {
                Some(keys) => {
                    self.empties |= desired.is_empty();
                    self.compare_items(current, desired, &keys, owners)
                }
                None => self.replace(Some(desired.clone().into()), owners),
            },
            (_, desired) => self.replace(desired.cloned(), owners),
        }
    }

    fn compare_fields(
        &mut self,
        current: &Map<String, Value>,
        desired: &Map<String, Value>,
        owners: &Owners<'_>,
    ) -> Option<Value> {
        let mut applied = Map::new();
        for name in current.keys().chain(desired.keys()).collect::<BTreeSet<_>>() {
            self.enter(name.clone(), format!(".{name}"));
            let part = self.compare(current.get(name), desired.get(name), &owners.field(name));
            self.exit();
            applied.extend(part.map(|part| (name.clone(), part)));
        }
        (!applied.is_empty() || owners.own.is_some()).then_some(Value::Object(applied))
    }

    /// Compares lists whose items are identified by keys. Their order has no meaning.
    fn compare_items(
        &mut self,
        current: &[Value],
        desired: &[Value],
        keys: &[String],
        owners: &Owners<'_>,
    ) -> Option<Value> {
        let has_keys_of =
            |item: &Value, other: &Value| keys.iter().all(|key| item.get(key) == other.get(key));
        let find = |items: &'_ [Value], other: &Value| items.iter().position(|item| has_keys_of(item, other));
        let mut applied = Vec::new();
        for (index, item) in desired.iter().enumerate() {
            self.enter(index.to_string(), name_of(item, keys));
            let existing = find(current, item).and_then(|existing| current.get(existing));
            let part = self.compare(existing, Some(item), &owners.item(item));
            self.exit();
            applied.extend(part.map(|mut part| {
                copy_keys(item, keys, &mut part);
                part
            }));
        }
        let removed = current.iter().enumerate().filter(|(_, item)| find(desired, item).is_none());
        for (index, item) in removed {
            self.enter(index.to_string(), name_of(item, keys));
            self.replace(None, &owners.item(item));
            self.exit();
        }
        (!applied.is_empty()).then_some(Value::Array(applied))
    }

    /// Sets or removes a field with everything in it.
    fn replace(&mut self, desired: Option<Value>, owners: &Owners<'_>) -> Option<Value> {
        for (manager, _) in &owners.others {
            self.add_managed(Some(manager));
        }
        // Server-side apply removes only what the same manager has applied before.
        if desired.is_none() && owners.own.is_none() && owners.others.is_empty() {
            self.add_managed(None);
        }
        desired
    }

    fn add_managed(&mut self, manager: Option<&str>) {
        self.managed.push(ManagedField {
            pointer: from_segments(&self.pointer),
            path: format!("spec{}", self.path.concat()),
            manager: manager.map(str::to_owned),
        });
    }

    fn enter(&mut self, segment: String, name: String) {
        self.pointer.push(segment);
        self.path.push(name);
    }

    fn exit(&mut self) {
        self.pointer.pop();
        self.path.pop();
    }
}

/// Returns the name of a list item in a path, such as `[name="fetch"]`.
fn name_of(item: &Value, keys: &[String]) -> String {
    let keys = keys.iter().filter_map(|key| Some(format!("{key}={}", item.get(key)?)));
    format!("[{}]", keys.collect::<Vec<_>>().join(","))
}
