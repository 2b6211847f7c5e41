//! The order in which a tenant's data is deleted, and crashes on the way.

use serde_json::json;
use tests::{tenant_deletion::delete_confirmed, wait::until};

use super::{DEADLINE, fixture::Fixture};

const OUTPUTS: &str = "select count(*) from stored_outputs t where true";
const RUNS: &str = "select count(*) from workflow_runs t where true";

/// The stored outputs and the rows are deleted before the namespace, and the rows of its objects with it. The operator and the
/// api-server may crash at any step.
#[tokio::test]
async fn data_is_deleted_before_the_namespace_also_after_crashes() -> anyhow::Result<()> {
    let fixture = Fixture::new("ends").await?;
    fixture.hold().await?;
    fixture.patch(json!({"deletionPolicy": "Delete"})).await?;
    // Without an api-server, the operator waits in front of the namespace.
    let mut programs = fixture.platform.programs().await;
    programs.kill_api_server().await;
    delete_confirmed(&fixture.tenants, &fixture.slug).await?;
    fixture.until_reason("Reconciling", "DeletingData").await?;
    assert!(!is_terminating(&fixture).await?);
    assert_eq!(fixture.count(OUTPUTS).await?, 1);
    // Without an operator, the api-server deletes the data that the operator has left to it.
    programs.kill_operator();
    programs.start_api_server(fixture.platform).await?;
    let deleted = fixture.until_condition("DataDeleted", "True").await?;
    assert!(deleted.message.starts_with("deleted 1 stored outputs"), "{}", deleted.message);
    assert_eq!(fixture.count(OUTPUTS).await?, 0);
    assert_eq!(fixture.outputs().await?, Vec::<String>::new());
    assert!(!is_terminating(&fixture).await?);
    // Both crash once more: the namespace is deleted by the next operator, and its rows by the next api-server.
    programs.kill_api_server().await;
    programs.start_operator().await?;
    fixture.until_reason("Stalled", "CleanupBlocked").await?;
    assert!(is_terminating(&fixture).await?);
    fixture.release().await?;
    fixture.until_gone().await?;
    programs.start_api_server(fixture.platform).await?;
    let live = async || fixture.count("select count(*) from workflow_runs t where live").await;
    until("no run is live", DEADLINE, live, |count| *count == 0).await.map(drop)
}

/// A tenant with the policy Retain loses nothing.
#[tokio::test]
async fn a_retained_tenant_keeps_its_data() -> anyhow::Result<()> {
    let fixture = Fixture::new("keeps").await?;
    delete_confirmed(&fixture.tenants, &fixture.slug).await?;
    fixture.until_gone().await?;
    assert_eq!((fixture.count(OUTPUTS).await?, fixture.count(RUNS).await?), (1, 1));
    assert_eq!(fixture.outputs().await?.len(), 1);
    assert!(!is_terminating(&fixture).await?);
    Ok(())
}

async fn is_terminating(fixture: &Fixture) -> anyhow::Result<bool> {
    let namespace = fixture.namespaces.get(&format!("t-{}", fixture.slug)).await?;
    Ok(namespace.metadata.deletion_timestamp.is_some())
}
