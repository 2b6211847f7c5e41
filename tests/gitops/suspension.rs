//! Suspension of a tenant by Git.

use tests::kubectl::kubectl_with_input;

use super::{application::Status, manifests, tenancy::Tenancy};

fn suspended() -> (String, String) {
    ("Healthy".to_owned(), "suspended by spec.state: no runs are started".to_owned())
}

/// A suspended tenant is Healthy, with a message that says so, also when it is created suspended.
#[tokio::test]
async fn a_suspended_tenant_is_healthy_with_a_message() -> anyhow::Result<()> {
    let tenancy = Tenancy::create("suspended").await?;
    let text = manifests::tenant(&tenancy.slug, "  state: Suspended\n");
    tenancy.repository.write("tenant.yaml", &text)?;
    let application = tenancy.apply().await?;
    assert_eq!(tenancy.tenant_health(&application.status().await?), suspended());
    tenancy.repository.write("tenant.yaml", &manifests::tenant(&tenancy.slug, "  state: Active\n"))?;
    let status = application.until_healthy(&tenancy.repository.commit()?).await?;
    assert_eq!(tenancy.tenant_health(&status).1, "the tenant is set up");
    Ok(())
}

/// A tenant that is suspended by Git while a synchronisation is in progress neither blocks that nor degrades the Application.
#[tokio::test]
async fn suspending_a_tenant_during_a_sync_neither_blocks_nor_degrades() -> anyhow::Result<()> {
    let tenancy = Tenancy::create("suspending").await?;
    tenancy.repository.remove("plan.yaml")?;
    tenancy.repository.commit()?;
    let application = tenancy.application().await?;
    let is_waiting = |status: &Status| {
        status.text("/operationState/phase") == "Running" && tenancy.tenant_health(status).0 == "Progressing"
    };
    application.until("the sync waits for the tenant", is_waiting).await?;
    let text = manifests::tenant(&tenancy.slug, "  state: Suspended\n");
    tenancy.repository.write("tenant.yaml", &text)?;
    let revision = tenancy.repository.commit()?;
    application.refresh().await?;
    kubectl_with_input(&["apply", "--filename=-"], &manifests::plan(&tenancy.slug)).await?;
    let status = application
        .until("healthy", |status| {
            assert_ne!(status.health(), "Degraded", "{status:?}");
            status.has_synced(&revision) && status.health() == "Healthy"
        })
        .await?;
    assert_eq!(tenancy.tenant_health(&status), suspended());
    assert!(tenancy.workflows.get_opt("intake").await?.is_some());
    Ok(())
}
