//! Mirroring of deletions.

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use tests::{cluster, wait::until};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

/// Objects that are deleted during a rollout of the api-server are deleted from the database by the next
/// replica, except for runs, which remain as cancelled ones.
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
    until("the row of the workflow is deleted", DEADLINE, rows, |rows| rows.len() == 2).await?;
    let runs = async || database.runs(&tenant.slug).await;
    let record = [("unfinished".to_owned(), "CANCELLED".to_owned(), false)];
    until("the run has ended", DEADLINE, runs, |runs| *runs == record).await?;
    running.stop().await
}

/// A run that is deleted before it has finished remains in the history as a cancelled run with the error `DELETED`.
#[tokio::test]
async fn a_run_that_vanishes_remains_in_the_history() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let running = database.start(&client).await?;
    tenant.run("nowhere", "short-lived").await?;
    let runs = async || database.runs(&tenant.slug).await;
    until("the run is mirrored", DEADLINE, runs, |runs| runs.len() == 1).await?;
    tenant.delete_run("short-lived").await?;
    let record = [("short-lived".to_owned(), "CANCELLED".to_owned(), false)];
    until("the run has ended", DEADLINE, runs, |runs| *runs == record).await?;
    let rows = database.rows(&tenant.slug).await?;
    assert!(rows.iter().any(|row| row["error"]["code"] == "DELETED"), "{rows:?}");
    running.stop().await
}

/// A running run whose owner does not exist is deleted by the garbage collector, and remains in the history.
#[tokio::test]
async fn a_run_that_is_garbage_collected_remains_in_the_history() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let running = database.start(&client).await?;
    tenant.run("invoices", "orphaned").await?;
    tenant.assign("orphaned", "runner-1", "3f1c6f0e-0000-4000-8000-000000000001").await?;
    let missing = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "missing",
                          "uid": "3f1c6f0e-0000-4000-8000-000000000000"}]);
    let patch = Patch::Merge(json!({"metadata": {"ownerReferences": missing}}));
    tenant.runs.patch("orphaned", &PatchParams::default(), &patch).await?;
    let runs = async || database.runs(&tenant.slug).await;
    let record = [("orphaned".to_owned(), "CANCELLED".to_owned(), false)];
    until("the run has ended", DEADLINE, runs, |runs| *runs == record).await?;
    running.stop().await
}
