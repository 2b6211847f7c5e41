//! Synchronisation of what is synchronised already.

use super::{application::Application, objects::Objects, platform, tenancy::Tenancy};

/// A second synchronisation changes neither a plan, a tenant nor a workflow.
#[tokio::test]
async fn a_second_sync_changes_no_tenant() -> anyhow::Result<()> {
    let (tenancy, application) = Tenancy::healthy("again").await?;
    let before = Objects::read(&tenancy.client, &application).await?;
    assert_eq!(before.len(), 3, "{before:?}");
    application.sync_again().await?;
    assert_eq!(before, Objects::read(&tenancy.client, &application).await?);
    Ok(())
}

/// A second synchronisation changes no object of the two charts.
#[tokio::test]
async fn a_second_sync_changes_no_object_of_the_charts() -> anyhow::Result<()> {
    let (client, _) = platform::client().await?;
    let _alone = platform::charts().await;
    for (name, least) in [("smb-copilot-crds", 4), ("smb-copilot", 20)] {
        let application = Application::named(&client, name);
        application
            .until("healthy", |status| {
                status.health() == "Healthy" && status.text("/sync/status") == "Synced"
            })
            .await?;
        let before = Objects::read(&client, &application).await?;
        assert!(before.len() >= least, "{name} has only {} objects", before.len());
        application.sync_again().await?;
        assert_eq!(before, Objects::read(&client, &application).await?, "{name}");
    }
    Ok(())
}
