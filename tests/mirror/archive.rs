//! Records of finished runs.

use tests::{cluster, wait::until};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

/// A finished run gets the condition `Archived` once it is stored, and its record outlives the object.
#[tokio::test]
async fn a_finished_run_is_archived_once_it_is_stored_and_outlives_its_object() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let running = database.start(&client).await?;
    tenant.run("invoices", "done").await?;
    tenant.finish("done", "Failed").await?;
    let archived = async || tenant.is_archived("done").await;
    until("the run is archived", DEADLINE, archived, |archived| *archived).await?;
    tenant.delete_run("done").await?;
    let runs = async || database.runs(&tenant.slug).await;
    let record = [("done".to_owned(), "FAILED".to_owned(), false)];
    until("the record remains", DEADLINE, runs, |runs| *runs == record).await?;
    running.stop().await
}

/// A run that ends during a rollout of the api-server is stored and archived by the next replica.
#[tokio::test]
async fn a_run_that_ends_while_the_mirror_is_down_is_stored_and_archived_by_the_next() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    tenant.run("invoices", "long").await?;
    let running = database.start(&client).await?;
    assert_eq!(database.runs(&tenant.slug).await?, [("long".to_owned(), "QUEUED".to_owned(), true)]);
    running.stop().await?;

    tenant.finish("long", "Succeeded").await?;

    let running = database.start(&client).await?;
    let runs = async || database.runs(&tenant.slug).await;
    let ended = [("long".to_owned(), "SUCCEEDED".to_owned(), true)];
    until("the end is mirrored", DEADLINE, runs, |runs| *runs == ended).await?;
    let archived = async || tenant.is_archived("long").await;
    until("the run is archived", DEADLINE, archived, |archived| *archived).await?;
    running.stop().await
}
