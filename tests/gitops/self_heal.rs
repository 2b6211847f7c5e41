//! Changes in the cluster that are not in Git.

use kube::api::{Patch, PatchParams};
use serde_json::json;
use tests::wait;

use super::{DEADLINE, tenancy::Tenancy};

/// A change with kubectl of what Git declares is reverted.
#[tokio::test]
async fn a_change_with_kubectl_is_reverted() -> anyhow::Result<()> {
    let (tenancy, _) = Tenancy::healthy("edited").await?;
    let edit = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
    let change = Patch::Merge(json!({"spec": {"displayName": "Changed"}}));
    tenancy.tenants.patch(&tenancy.slug, &edit, &change).await?;
    let steps = json!([{"name": "double", "expr": {"value": "${{ 3 }}"}}]);
    tenancy.workflows.patch("intake", &edit, &Patch::Merge(json!({"spec": {"steps": steps}}))).await?;
    let name = async || Ok(tenancy.tenants.get(&tenancy.slug).await?.spec.display_name);
    let is_reverted = |name: &Option<String>| name.as_deref() == Some("Acme Bakery");
    wait::until("the tenant is reverted", DEADLINE, name, is_reverted).await?;
    let workflow = async || Ok(serde_json::to_string(&tenancy.workflows.get("intake").await?.spec)?);
    let is_reverted = |spec: &String| spec.contains("input.quantity * 2");
    wait::until("the workflow is reverted", DEADLINE, workflow, is_reverted).await.map(drop)
}
