//! Validation rules of the CRDs, as the API server applies them: for each rule, one object that is accepted
//! and one that is refused.

mod bounds;
mod rules;

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, PostParams},
};
use serde_json::{Value, json};

/// Returns the API for a kind, in `namespace` if the kind is namespaced.
fn api(client: &Client, kind: &str, namespace: &str) -> anyhow::Result<Api<DynamicObject>> {
    let client = client.clone();
    Ok(match kind {
        "Plan" => Api::all_with(client, &ApiResource::erase::<crds::Plan>(&())),
        "Tenant" => Api::all_with(client, &ApiResource::erase::<crds::Tenant>(&())),
        "Workflow" => Api::namespaced_with(client, namespace, &ApiResource::erase::<crds::Workflow>(&())),
        "WorkflowRun" => {
            Api::namespaced_with(client, namespace, &ApiResource::erase::<crds::WorkflowRun>(&()))
        }
        other => anyhow::bail!("unknown kind {other}"),
    })
}

fn object(kind: &str, name: &str, spec: &Value) -> anyhow::Result<DynamicObject> {
    Ok(serde_json::from_value(json!({
        "apiVersion": "smbcopilot.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec,
    }))?)
}

/// Returns the message with which the API server refuses the object in a dry run, or `None` if it accepts the
/// object.
async fn refusal(api: &Api<DynamicObject>, object: &DynamicObject) -> anyhow::Result<Option<String>> {
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    match api.create(&dry_run, object).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) => Ok(Some(status.message)),
        Err(error) => Err(error.into()),
    }
}
