//! Mirroring of deletions.

use kube::api::DeleteParams;
use tests::{cluster, wait::until};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

/// Objects that are deleted during a rollout of the api-server are deleted from the database by the next
/// replica.
#[tokio::test]
async fn objects_deleted_while_the_mirror_is_down_are_deleted_by_the_next() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    tenant.workflow("deleted").await?;
    tenant.run("deleted", "unfinished").await?;
    let running = database.start(&client).await?;
    assert_eq!(database.rows(&tenant.slug).await?.len(), 3);
    running.stop().await?;

    tenant.workflows.delete("deleted", &DeleteParams::default()).await?;
    tenant.delete_run("unfinished").await?;

    let running = database.start(&client).await?;
    let rows = async || database.rows(&tenant.slug).await;
    until("the rows are deleted", DEADLINE, rows, |rows| rows.len() == 1).await?;
    running.stop().await
}

/// A run that is deleted with kubectl is deleted from the database.
#[tokio::test]
async fn a_deletion_is_mirrored() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let running = database.start(&client).await?;
    tenant.run("nowhere", "short-lived").await?;
    let runs = async || database.runs(&tenant.slug).await;
    until("the run is mirrored", DEADLINE, runs, |runs| runs.len() == 1).await?;
    tenant.delete_run("short-lived").await?;
    until("the run is deleted", DEADLINE, runs, Vec::is_empty).await?;
    running.stop().await
}
