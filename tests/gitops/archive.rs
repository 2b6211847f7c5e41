//! Archiving a tenant by Git, and restoring it.

use crds::tenant::TenantPhase;
use serde_json::json;

use super::{manifests, tenancy::Tenancy};

/// A tenant that is archived by Git is Healthy with a message, and its Application stays Synced, also when it is synchronised again:
/// the workflows, which cannot be changed now, are applied unchanged. One commit sets the state back and changes a workflow.
#[tokio::test]
async fn a_tenant_is_archived_and_restored_by_git() -> anyhow::Result<()> {
    let (tenancy, application) = Tenancy::healthy("archived").await?;
    let set_state = |state: &str| {
        let text = manifests::tenant(&tenancy.slug, &format!("  state: {state}\n"));
        tenancy.repository.write("tenant.yaml", &text)
    };
    set_state("Archived")?;
    let status = application.until_healthy(&tenancy.repository.commit()?).await?;
    let (health, message) = tenancy.tenant_health(&status);
    assert_eq!(health, "Healthy");
    assert_eq!(message, "archived by spec.state: no runs are started and no pods are running");
    let tenant = tenancy.tenants.get(&tenancy.slug).await?;
    assert_eq!(tenant.status.and_then(|status| status.phase), Some(TenantPhase::Archived));
    let before = tenancy.workflows.get("intake").await?.metadata;
    application.sync_again().await?;
    let after = tenancy.workflows.get("intake").await?.metadata;
    assert_eq!((before.generation, before.managed_fields), (after.generation, after.managed_fields));

    set_state("Active")?;
    tenancy.repository.write("workflow.yaml", &manifests::workflow(&tenancy.slug, "  timeout: 5m\n"))?;
    let status = application.until_healthy(&tenancy.repository.commit()?).await?;
    assert_eq!(tenancy.tenant_health(&status).1, "the tenant is set up");
    let spec = serde_json::to_value(tenancy.workflows.get("intake").await?.spec)?;
    assert_eq!(spec["timeout"], json!("5m"));
    Ok(())
}
