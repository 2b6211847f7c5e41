//! JSON merge patches (RFC 7396) of the specs of Kubernetes objects.

use serde_json::{Map, Value};

/// Returns a patched spec: absent fields stay, null removes a field, objects are merged, and lists are replaced.
pub(super) fn merged(mut spec: Value, patch: &Map<String, Value>) -> Value {
    json_patch::merge(&mut spec, &Value::Object(patch.clone()));
    spec
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
}
