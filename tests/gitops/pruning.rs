//! Deletion by Git.

use tests::wait;

use super::{DEADLINE, manifests, tenancy::Tenancy};

/// A tenant that vanishes from Git is deleted only after a confirmation in Git and one in Argo CD; its workflows do not wait for any.
#[tokio::test]
async fn a_tenant_is_pruned_only_with_confirmation() -> anyhow::Result<()> {
    let (tenancy, application) = Tenancy::healthy("pruned").await?;
    tenancy.repository.remove("workflow.yaml")?;
    application.until_healthy(&tenancy.repository.commit()?).await?;
    let workflow = async || Ok(tenancy.workflows.get_opt("intake").await?.is_none());
    wait::until("the workflow is deleted", DEADLINE, workflow, |deleted| *deleted).await?;

    tenancy.repository.write("tenant.yaml", &manifests::confirmed_tenant(&tenancy.slug))?;
    application.until_healthy(&tenancy.repository.commit()?).await?;
    tenancy.repository.remove("tenant.yaml")?;
    let revision = tenancy.repository.commit()?;
    application.refresh().await?;
    let is_waiting = |status: &super::application::Status| {
        status.text("/operationState/message").contains("Waiting for pruning confirmation")
    };
    application.until("waits for a confirmation", is_waiting).await?;
    let tenant = tenancy.tenants.get(&tenancy.slug).await?;
    assert_eq!(tenant.metadata.deletion_timestamp, None);

    let now = telemetry::clock::now().to_string();
    application.annotate("argocd.argoproj.io/deletion-approved", &now).await?;
    application.until("synchronised", |status| status.has_synced(&revision)).await?;
    let tenant = async || Ok(tenancy.tenants.get_opt(&tenancy.slug).await?.is_none());
    wait::until("the tenant is deleted", DEADLINE, tenant, |deleted| *deleted).await.map(drop)
}
