//! Deletion of tenants, which must be confirmed.

use crds::{
    Tenant, conditions,
    constants::TENANT_END_MANAGER,
    labels,
    tenant::{DELETING_DATA, DataDeletion},
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};

/// Sets annotations of a tenant. A value of `null` removes one.
///
/// # Errors
/// Returns an error if the API server refuses the request.
pub async fn annotate(tenants: &Api<Tenant>, slug: &str, annotations: Value) -> anyhow::Result<()> {
    let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
    tenants.patch(slug, &PatchParams::default(), &patch).await?;
    Ok(())
}

/// Confirms the deletion of a tenant and deletes it. The cleanup may continue afterwards.
///
/// # Errors
/// Returns an error if the API server refuses a request.
pub async fn delete_confirmed(tenants: &Api<Tenant>, slug: &str) -> anyhow::Result<()> {
    annotate(tenants, slug, json!({labels::CONFIRM_DELETE: slug})).await?;
    tenants.delete(slug, &DeleteParams::default()).await?;
    Ok(())
}

/// Says that the data of a tenant is deleted, as the api-server does, if the operator waits for that; returns whether it did. The
/// tests in `tests/tenant_end` have a real api-server.
///
/// # Errors
/// Returns an error if the API server refuses a request.
pub async fn delete_data(tenants: &Api<Tenant>, slug: &str) -> anyhow::Result<bool> {
    let Some(tenant) = tenants.get_opt(slug).await? else { return Ok(false) };
    let status = tenant.status.unwrap_or_default();
    let reconciling = conditions::get(&status.conditions, conditions::RECONCILING);
    if reconciling.is_none_or(|condition| condition.reason != DELETING_DATA) {
        return Ok(false);
    }
    let deleted = json!({"type": conditions::DATA_DELETED, "status": "True", "reason": DataDeletion::Deleted.as_str(),
        "message": "", "lastTransitionTime": telemetry::clock::now().to_string()});
    apply_status(tenants, slug, json!({"conditions": [deleted]})).await?;
    Ok(true)
}

/// Applies what the api-server writes about the end of a tenant.
///
/// # Errors
/// Returns an error if the API server refuses the request for another reason than that the tenant is gone.
pub async fn apply_status(tenants: &Api<Tenant>, slug: &str, status: Value) -> anyhow::Result<()> {
    let object = json!({
        "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": slug}, "status": status,
    });
    let params = PatchParams::apply(TENANT_END_MANAGER).force();
    match tenants.patch_status(slug, &params, &Patch::Apply(object)).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => Ok(other.map(drop)?),
    }
}
