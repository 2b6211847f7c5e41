//! Several replicas of the api-server.

use tests::{
    cluster::{self, unique},
    wait::until,
};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

/// Two replicas that mirror at once, in spite of the lease, store every object once and in its newest version.
#[tokio::test]
async fn two_replicas_that_mirror_at_once_agree() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let one = database.start(&client).await?;
    let other = database.start_with_lease(&client, &unique("other-lease")).await?;
    tenant.workflow("invoices").await?;
    for number in 0..4 {
        tenant.run("invoices", &format!("run-{number}")).await?;
    }
    tenant.finish("run-0", "Succeeded").await?;
    tenant.finish("run-1", "Failed").await?;
    tenant.delete_run("run-2").await?;
    let expected = [
        ("run-0", "SUCCEEDED", true),
        ("run-1", "FAILED", true),
        ("run-2", "CANCELLED", false),
        ("run-3", "QUEUED", true),
    ];
    let expected = expected.map(|(name, status, live)| (name.to_owned(), status.to_owned(), live));
    let runs = async || database.runs(&tenant.slug).await;
    until("all runs are mirrored", DEADLINE, runs, |runs| *runs == expected).await?;
    for name in ["run-0", "run-1"] {
        let archived = async || tenant.is_archived(name).await;
        until("finished runs are archived", DEADLINE, archived, |archived| *archived).await?;
    }
    // A third mirror with a database of its own reads only from Kubernetes. The rows are compared until no
    // write is pending. It does not know of the deleted run.
    let fresh = Database::create().await?;
    let third = fresh.start(&client).await?;
    let rows = async || {
        let mut both = database.rows(&tenant.slug).await?;
        both.retain(|row| row["live"] != false);
        Ok((both, fresh.rows(&tenant.slug).await?))
    };
    until("the rows are equal", DEADLINE, rows, |(both, alone)| both == alone && both.len() == 5).await?;
    assert_eq!(database.missing_events(&tenant.slug).await?, 0, "sequence numbers of events are missing");
    for running in [one, other, third] {
        running.stop().await?;
    }
    Ok(())
}

/// When the leader leaves, another replica becomes the leader and mirrors.
#[tokio::test]
async fn another_replica_mirrors_when_the_leader_leaves() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let first = database.start(&client).await?;
    let second = database.start(&client).await?;
    first.stop().await?;
    tenant.run("invoices", "later").await?;
    let runs = async || database.runs(&tenant.slug).await;
    // The second replica may have tried to acquire the lease just before it was released.
    until("the run is mirrored", 2 * DEADLINE, runs, |runs| runs.len() == 1).await?;
    second.stop().await
}
