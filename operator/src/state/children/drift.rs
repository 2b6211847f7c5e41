//! Drift: what others have done to a child of a tenant.

use crds::constants::OPERATOR_MANAGER;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::metadata::spec_writes;

/// Maximum number of fields that are remembered of one manager, and named in an Event.
const MAX_FIELDS: usize = 8;

/// What others have done to a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Drift {
    /// Somebody has deleted it.
    Deleted,
    /// Others have written fields of it.
    Changed(Vec<ForeignWrite>),
}

/// Fields of a child that another manager owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForeignWrite {
    manager: String,
    /// Paths of the fields, such as `["spec", "hard", "pods"]`.
    fields: Vec<Vec<String>>,
}

impl ForeignWrite {
    /// Returns the manager and those of its fields that the operator builds, too, such as `kubectl-edit: spec.hard.pods`.
    /// Returns `None` if there are none: fields that the operator does not own are left alone.
    pub(crate) fn describe(&self, built: &Value) -> Option<String> {
        let is_built = |path: &&Vec<String>| {
            path.iter().try_fold(built, |value, name| value.get(name)).is_some_and(|value| !value.is_null())
        };
        let own = self.fields.iter().filter(is_built).map(|path| path.join("."));
        let own: Vec<String> = own.take(MAX_FIELDS).collect();
        (!own.is_empty()).then(|| format!("{}: {}", self.manager, own.join(", ")))
    }
}

/// Returns the fields that other managers own. Paths end at lists, whose elements have no names in the object. Writes in the name of
/// the operator are not among them: it creates a namespace before it applies it, and others can use its name.
pub(super) fn foreign_writes(metadata: &ObjectMeta) -> Vec<ForeignWrite> {
    let foreign = spec_writes(metadata).filter(|write| write.manager.as_deref() != Some(OPERATOR_MANAGER));
    foreign
        .map(|write| {
            let mut fields = Vec::new();
            if let Some(owned) = &write.fields_v1 {
                collect(&owned.0, &mut Vec::new(), &mut fields);
            }
            ForeignWrite { manager: write.manager.clone().unwrap_or_default(), fields }
        })
        .collect()
}

/// Maximum number of fields that are read of one manager. Objects of others may be large.
const MAX_READ_FIELDS: usize = 64;

fn collect(owned: &Value, path: &mut Vec<String>, fields: &mut Vec<Vec<String>>) {
    if fields.len() >= MAX_READ_FIELDS {
        return;
    }
    let children = owned.as_object().into_iter().flatten();
    let mut named = children.filter_map(|(key, child)| Some((key.strip_prefix("f:")?, child))).peekable();
    if named.peek().is_none() && !path.is_empty() {
        fields.push(path.clone());
    }
    for (name, child) in named {
        path.push(name.to_owned());
        collect(child, path, fields);
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Only fields that the operator builds are named, with the manager who has written them.
    #[test]
    fn the_fields_that_the_operator_builds_are_named() {
        let metadata: ObjectMeta = serde_json::from_value(json!({"managedFields": [
            {"manager": "kubectl-patch", "operation": "Update", "fieldsV1": {
                "f:metadata": {"f:annotations": {"f:team": {}}},
                "f:subjects": {"k:{\"name\":\"mallory\"}": {}},
                "f:spec": {"f:hard": {"f:requests.cpu": {}, "f:pods": {}}},
            }},
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status"},
        ]}))
        .unwrap();
        let built = json!({"spec": {"hard": {"requests.cpu": "2"}}, "subjects": []});
        let described: Vec<_> =
            foreign_writes(&metadata).iter().map(|write| write.describe(&built)).collect();
        let fields = described[0].clone().unwrap();
        assert_eq!(described.len(), 1);
        assert!(fields.starts_with("kubectl-patch: "), "{fields}");
        assert!(fields.contains("spec.hard.requests.cpu") && fields.contains("subjects"), "{fields}");
        assert!(!fields.contains("pods") && !fields.contains("team"), "{fields}");
    }
}
