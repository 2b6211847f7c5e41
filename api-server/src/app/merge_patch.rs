//! JSON merge patches (RFC 7396) of the specs of Kubernetes objects.

use serde_json::{Map, Value};

/// Returns a patched spec: absent fields stay, null removes a field, objects are merged, and lists are replaced.
pub(super) fn merged(mut spec: Value, patch: &Map<String, Value>) -> Value {
    json_patch::merge(&mut spec, &Value::Object(patch.clone()));
    spec
}

/// Returns the patch that makes `desired` of `current`. A null of `desired` that `current` does not have is left out: a merge patch
/// cannot set one.
pub(super) fn difference(current: &Value, desired: &Value) -> Value {
    let (Value::Object(current), Value::Object(desired)) = (current, desired) else { return desired.clone() };
    let removed = current.keys().filter(|name| !desired.contains_key(*name)).map(|name| (name, Value::Null));
    let changed =
        desired.iter().filter(|(name, value)| current.get(*name) != Some(value)).map(|(name, value)| {
            let before = current.get(name).unwrap_or(&Value::Null);
            (name, difference(before, value))
        });
    Value::Object(removed.chain(changed).map(|(name, value)| (name.clone(), value)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A merge patch replaces lists, merges objects and removes what is null.
    #[test]
    fn a_patch_merges_objects_and_replaces_lists() {
        let spec = json!({"steps": [1, 2], "runners": {"warm": 1, "keepAlive": "1m"}, "timeout": "5m"});
        let patch = json!({"steps": [3], "runners": {"warm": null}, "timeout": null});
        let expected = json!({"steps": [3], "runners": {"keepAlive": "1m"}});
        assert_eq!(merged(spec, patch.as_object().unwrap()), expected);
    }

    /// A patch that was made of two specs changes the one into the other, and names only what differs.
    #[test]
    fn a_difference_changes_one_spec_into_another() {
        let current = json!({"settings": {"a": 1, "b": {"c": 2}}, "list": [1], "same": {"x": 1}});
        let desired = json!({"settings": {"b": {}}, "list": [2, 3], "same": {"x": 1}, "new": {"y": {}}});
        let patch = difference(&current, &desired);
        assert_eq!(
            patch,
            json!({"settings": {"a": null, "b": {"c": null}}, "list": [2, 3], "new": {"y": {}}})
        );
        assert_eq!(merged(current, patch.as_object().unwrap()), desired);
    }
}
