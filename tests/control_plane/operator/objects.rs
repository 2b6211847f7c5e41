//! Objects that the tests create.

use std::fmt::Debug;

use kube::{Api, Resource, api::PostParams};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// Creates a custom resource.
pub(super) async fn create<K>(api: &Api<K>, kind: &str, name: &str, spec: Value) -> anyhow::Result<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Serialize,
{
    let object = json!({
        "apiVersion": "smbcopilot.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec,
    });
    Ok(k8s_client::create(api, &PostParams::default(), &serde_json::from_value(object)?).await?)
}

/// Returns the spec of a workflow with a Python step and an expression, whose input is an object with an integer
/// `quantity`.
pub(super) fn intake() -> Value {
    json!({
        "input": {"schema": {
            "type": "object", "required": ["quantity"], "properties": {"quantity": {"type": "integer"}},
        }},
        "steps": [
            {"name": "parse", "python": {"code": "def run(input, ctx):\n    return 1 if 1 < 2 and 3 > 2 else '&'"}},
            {"name": "shape", "needs": ["parse"], "expr": {"value": "${{ steps.parse.output < 3 && true }}"}},
        ],
    })
}

/// Returns the spec of a plan whose quota has room for pods.
pub(super) fn plan() -> Value {
    json!({
        "namespace": {"requests": {"cpu": "2", "memory": "4Gi"}, "pods": 20},
        "network": {"egress": [{"cidr": "0.0.0.0/0", "ports": [443]}]},
    })
}

/// Returns the object with this value of a field.
pub(super) fn with(mut object: Value, field: &str, value: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
    object
}
