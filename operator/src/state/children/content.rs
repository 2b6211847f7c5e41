//! Content of a child: what the operator builds of it, compared with the fields that it owns of the stored object. The API server
//! notes in `metadata.managedFields` which fields the operator has applied; their values are those of the object itself, whoever
//! has written them.

use crds::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::metadata::{is_own, spec_writes};

/// Kinds whose spec contains quantities. The API server stores them in its own notation, such as `1Gi` for `1024Mi`.
const KINDS_WITH_QUANTITIES: [&str; 2] = ["ResourceQuota", "LimitRange"];

/// Lists that the operator may leave empty. The API server then stores neither the list nor that the operator owns it, so that the
/// list of anybody else counts as part of the content.
const LISTS_THAT_MAY_BE_EMPTY: [(&str, &str); 2] =
    [("RoleBinding", "/subjects"), ("NetworkPolicy", "/spec/egress")];

/// Hash of the content of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ContentHash([u8; 32]);

impl ContentHash {
    /// Returns the hash of a child as the operator builds it.
    pub(crate) fn of_built(kind: &str, built: &Value) -> Self {
        let mut fields = built.as_object().cloned().unwrap_or_default();
        for field in ["apiVersion", "kind", "status"] {
            fields.remove(field);
        }
        if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
            metadata.retain(|field, _| ["labels", "annotations"].contains(&field.as_str()));
        }
        Self::of_fields(kind, fields)
    }

    /// Returns the hash of the fields of a stored child that the operator has applied, or `None` if it has applied none. `fields`
    /// are those of the object without its metadata.
    pub(super) fn of_stored(kind: &str, metadata: &ObjectMeta, fields: &Map<String, Value>) -> Option<Self> {
        let owned = spec_writes(metadata).find(|write| is_own(write))?.fields_v1.as_ref()?;
        let mut fields = fields.clone();
        fields.insert(
            "metadata".to_owned(),
            json!({"labels": metadata.labels, "annotations": metadata.annotations}),
        );
        let stored = Value::Object(fields);
        let mut part = owned_part(&stored, &owned.0);
        for (_, path) in LISTS_THAT_MAY_BE_EMPTY.iter().filter(|(of, _)| *of == kind) {
            insert(&mut part, &stored, path);
        }
        part.as_object().map(|part| Self::of_fields(kind, part.clone()))
    }

    fn of_fields(kind: &str, mut fields: Map<String, Value>) -> Self {
        fields.values_mut().for_each(remove_empty);
        if let Some(spec) = fields.get_mut("spec").filter(|_| KINDS_WITH_QUANTITIES.contains(&kind)) {
            normalise_quantities(spec);
        }
        fields.retain(|name, value| !(is_empty(value) || name == "metadata" && *value == json!({})));
        Self(Sha256::digest(Value::Object(fields).to_string()).into())
    }
}

/// Returns the part of a value whose fields are in a set of fields, as `metadata.managedFields` notes it. A list counts as a
/// whole: the children have none whose elements have different owners.
fn owned_part(value: &Value, owned: &Value) -> Value {
    let owned = owned.as_object().into_iter().flatten();
    let mut owned = owned.filter_map(|(key, child)| Some((key.strip_prefix("f:")?, child))).peekable();
    match value {
        Value::Object(fields) if owned.peek().is_some() => {
            let part = owned
                .filter_map(|(name, child)| Some((name.to_owned(), owned_part(fields.get(name)?, child))));
            Value::Object(part.collect())
        }
        _ => value.clone(),
    }
}

/// Inserts the value at a path of the stored object, such as `/spec/egress`, if there is one.
fn insert(part: &mut Value, stored: &Value, path: &str) {
    let Some((parent, name)) = path.rsplit_once('/') else { return };
    if let (Some(value), Some(Value::Object(fields))) = (stored.pointer(path), part.pointer_mut(parent)) {
        fields.insert(name.to_owned(), value.clone());
    }
}

/// Removes what the API server does not store: fields without a value and empty lists. An empty object is a value, such as a
/// rule of a network policy that allows everything.
fn remove_empty(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(remove_empty);
            fields.retain(|_, value| !is_empty(value));
        }
        Value::Array(elements) => elements.iter_mut().for_each(remove_empty),
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn normalise_quantities(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(normalise_quantities),
        Value::Array(elements) => elements.iter_mut().for_each(normalise_quantities),
        Value::String(text) => {
            if let Ok(milli) = Quantity::new(text.as_str()).to_milli() {
                *text = format!("{milli}m");
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(kind: &str, object: &Value, owned: &Value) -> Option<ContentHash> {
        let mut metadata: ObjectMeta = serde_json::from_value(object["metadata"].clone()).unwrap();
        let write = json!({"manager": "smb-copilot-operator", "operation": "Apply", "fieldsV1": owned});
        metadata.managed_fields = serde_json::from_value(json!([write])).unwrap();
        let mut fields = object.as_object().unwrap().clone();
        fields.remove("metadata");
        ContentHash::of_stored(kind, &metadata, &fields)
    }

    /// A quota that is stored in the notation of the API server, with fields of others, has the content that the operator built.
    /// A changed, added or removed field of the operator has another one.
    #[test]
    fn the_content_is_that_of_the_fields_that_the_operator_owns() {
        let built = ContentHash::of_built(
            "ResourceQuota",
            &json!({"apiVersion": "v1", "kind": "ResourceQuota",
                "metadata": {"name": "smb-tenant", "namespace": "t-acme", "labels": {"a": "1"}},
                "spec": {"hard": {"requests.memory": "1024Mi", "count/runs": "1000", "requests.cpu": "0.5"}, "scopes": null}}),
        );
        let owned = json!({"f:metadata": {"f:labels": {"f:a": {}}},
            "f:spec": {"f:hard": {"f:requests.memory": {}, "f:count/runs": {}, "f:requests.cpu": {}}}});
        let object = |memory: &str| {
            json!({"metadata": {"labels": {"a": "1", "of-others": "x"}, "annotations": {"b": "2"}},
                "spec": {"hard": {"requests.memory": memory, "count/runs": "1k", "requests.cpu": "500m", "pods": "3"}},
                "status": {"used": {"pods": "1"}}})
        };
        assert_eq!(stored("ResourceQuota", &object("1Gi"), &owned), Some(built));
        assert_ne!(stored("ResourceQuota", &object("2Gi"), &owned), Some(built));
        let mut more = owned.clone();
        more["f:metadata"]["f:annotations"] = json!({"f:b": {}});
        assert_ne!(stored("ResourceQuota", &object("1Gi"), &more), Some(built));
        let mut fewer = owned;
        fewer["f:spec"]["f:hard"].as_object_mut().unwrap().remove("f:requests.cpu");
        assert_ne!(stored("ResourceQuota", &object("1Gi"), &fewer), Some(built));
    }

    /// A rule of a network policy without any field allows everything, and is not the same as no rule; a list without elements is.
    #[test]
    fn an_empty_rule_is_not_the_same_as_no_rule() {
        let policy = |egress: &Value| json!({"metadata": {}, "spec": {"podSelector": {}, "egress": egress}});
        let owned = json!({"f:spec": {"f:podSelector": {}, "f:egress": {}}});
        let built = ContentHash::of_built("NetworkPolicy", &policy(&json!([])));
        assert_eq!(stored("NetworkPolicy", &policy(&Value::Null), &owned), Some(built));
        for open in [json!([{}]), json!([{"to": []}])] {
            assert_ne!(stored("NetworkPolicy", &policy(&open), &owned), Some(built), "{open}");
        }
    }

    /// Whoever adds elements to a list that the operator has left empty, and so does not own, has changed the child.
    #[test]
    fn a_list_that_the_operator_left_empty_is_compared() {
        let binding = |subjects: &Value| json!({"metadata": {"labels": {"a": "1"}}, "roleRef": {"name": "r"}, "subjects": subjects});
        let built = ContentHash::of_built("RoleBinding", &binding(&json!([])));
        let owned = json!({"f:metadata": {"f:labels": {"f:a": {}}}, "f:roleRef": {"f:name": {}}});
        assert_eq!(stored("RoleBinding", &binding(&Value::Null), &owned), Some(built));
        assert_ne!(stored("RoleBinding", &binding(&json!([{"name": "mallory"}])), &owned), Some(built));
        let policy = |egress: &Value| json!({"metadata": {}, "spec": {"podSelector": {}, "egress": egress}});
        let built = ContentHash::of_built("NetworkPolicy", &policy(&json!([])));
        let owned = json!({"f:spec": {"f:podSelector": {}}});
        assert_eq!(stored("NetworkPolicy", &policy(&Value::Null), &owned), Some(built));
        assert_ne!(stored("NetworkPolicy", &policy(&json!([{}])), &owned), Some(built));
    }

    /// The text of a ConfigMap is compared as it is, also if it reads like a quantity.
    #[test]
    fn the_text_of_a_config_map_is_no_quantity() {
        let map = |value: &str| json!({"metadata": {}, "data": {"settings": value}});
        let built = ContentHash::of_built("ConfigMap", &map("1024Mi"));
        let owned = json!({"f:data": {"f:settings": {}}});
        assert_eq!(stored("ConfigMap", &map("1024Mi"), &owned), Some(built));
        assert_ne!(stored("ConfigMap", &map("1Gi"), &owned), Some(built));
    }

    /// A child that the operator has not applied has no content of the operator.
    #[test]
    fn a_child_of_others_has_no_content_of_the_operator() {
        let metadata: ObjectMeta = serde_json::from_value(json!({"managedFields": [
            {"manager": "smb-copilot-operator", "operation": "Update", "fieldsV1": {"f:spec": {}}},
            {"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:spec": {}}},
        ]}))
        .unwrap();
        assert_eq!(ContentHash::of_stored("ResourceQuota", &metadata, &Map::new()), None);
    }
}
