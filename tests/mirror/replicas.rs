//! More than one api-server.

use tests::{
    cluster::{self, unique},
    wait::until,
};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

/// The lease is for economy: where two mirror at once after all, rows are lost, doubled or fall back to what they were.
#[tokio::test]
async fn two_that_mirror_at_once_agree() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let one = database.start(&client).await?;
    let other = database.start_with(&client, &unique("other-lease")).await?;
    tenant.workflow("invoices").await?;
    for number in 0..4 {
        tenant.run("invoices", &format!("run-{number}")).await?;
    }
    tenant.finish("run-0", "Succeeded").await?;
    tenant.finish("run-1", "Failed").await?;
    tenant.delete_run("run-2").await?;
    let kept = [("run-0", "SUCCEEDED"), ("run-1", "FAILED"), ("run-3", "QUEUED")];
    let kept = kept.map(|(name, status)| (name.to_owned(), status.to_owned(), true));
    let runs = async || database.runs(&tenant.slug).await;
    until("all is mirrored", DEADLINE, runs, |runs| *runs == kept).await?;
    for name in ["run-0", "run-1"] {
        let marked = async || tenant.is_archived(name).await;
        until("what is finished is marked", DEADLINE, marked, |marked| *marked).await?;
    }
    // A third one, which has the API server's word alone, says the same. Each row is looked at until nothing is under way.
    let fresh = Database::create().await?;
    let third = fresh.start(&client).await?;
    let rows = async || Ok((database.rows(&tenant.slug).await?, fresh.rows(&tenant.slug).await?));
    until("the rows are equal", DEADLINE, rows, |(both, alone)| both == alone && both.len() == 5).await?;
    assert_eq!(database.gaps(&tenant.slug).await?, 0, "numbers of events are missing or doubled");
    for running in [one, other, third] {
        running.stop().await?;
    }
    Ok(())
}

/// The replica that mirrors is rolled out, and no other one goes on.
#[tokio::test]
async fn another_replica_goes_on_when_one_leaves() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let first = database.start(&client).await?;
    let second = database.start(&client).await?;
    first.stop().await?;
    tenant.run("invoices", "later").await?;
    let runs = async || database.runs(&tenant.slug).await;
    // The second one may have tried for the lease just before it was given back.
    until("the run is mirrored", 2 * DEADLINE, runs, |runs| runs.len() == 1).await?;
    second.stop().await
}
