//! Outages of Postgres and of the Kubernetes API, and disturbed connections to them: the mirror ends equal to Kubernetes by itself.

use std::time::Duration;

use api_server::mirror::{Difference, Verified, verify};
use kube::Client;
use tests::{
    chaos_proxy::{ChaosProxy, Disturbance},
    cluster,
    wait::until,
};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

/// Deadline of the recovery of a mirror, which retries after at most 30 s.
const RECOVERY_DEADLINE: Duration = Duration::from_secs(120);

/// Changes a tenant's objects in each way while something is out of order.
async fn change_all(tenant: &TestTenant) -> anyhow::Result<()> {
    tenant.finish("changed", "Succeeded").await?;
    tenant.delete_run("deleted").await?;
    tenant.run("invoices", "created").await?;
    Ok(())
}

async fn create_all(tenant: &TestTenant) -> anyhow::Result<()> {
    tenant.workflow("invoices").await?;
    tenant.run("invoices", "changed").await?;
    tenant.run("invoices", "deleted").await?;
    Ok(())
}

fn expected() -> [(String, String, bool); 3] {
    [("changed", "SUCCEEDED", true), ("created", "QUEUED", true), ("deleted", "CANCELLED", false)]
        .map(|(name, status, live)| (name.to_owned(), status.to_owned(), live))
}

/// Waits until the rows of the tenant are those of its objects, and no other row differs from its object.
async fn wait_until_equal(client: &Client, database: &Database, tenant: &TestTenant) -> anyhow::Result<()> {
    let runs = async || database.runs(&tenant.slug).await;
    until("the changes are mirrored", RECOVERY_DEADLINE, runs, |runs| *runs == expected()).await?;
    let mut found = Vec::new();
    let report = |difference: &Difference| found.push(difference.to_string());
    let Verified { different, .. } = verify(client, &database.mirror_pool().await?, report).await?;
    let own: Vec<_> = found.iter().filter(|line| line.contains(&tenant.slug)).collect();
    anyhow::ensure!(own.is_empty(), "{different} differences: {own:#?}");
    assert_eq!(database.missing_events(&tenant.slug).await?, 0);
    Ok(())
}

/// While Postgres is away, changes wait; afterwards they are stored without a restart of the api-server.
#[tokio::test]
async fn changes_during_an_outage_of_postgres_are_stored_afterwards() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let proxy = ChaosProxy::start(database.address()?).await?;
    create_all(&tenant).await?;
    let running = database.behind(proxy.address())?.start(&client).await?;
    proxy.disturb(Disturbance::Reset);
    change_all(&tenant).await?;
    proxy.disturb(Disturbance::None);
    wait_until_equal(&client, &database, &tenant).await?;

    // Connections to a server that has vanished do not fail by themselves.
    proxy.disturb(Disturbance::HalfOpen);
    tenant.run("invoices", "later").await?;
    tenant.delete_run("later").await?;
    proxy.disturb(Disturbance::None);
    let later = ("later".to_owned(), "CANCELLED".to_owned(), false);
    let runs = async || database.runs(&tenant.slug).await;
    until("a run of meanwhile is a record", RECOVERY_DEADLINE, runs, |runs| runs.contains(&later)).await?;
    running.stop().await
}

/// While the Kubernetes API is away, rows remain; what changes meanwhile is stored afterwards, deletions included.
#[tokio::test]
async fn changes_during_an_outage_of_kubernetes_are_stored_afterwards() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    create_all(&tenant).await?;
    let (proxy, disturbed) = cluster::client_behind_proxy().await?;
    let running = database.start(&disturbed).await?;
    let before = database.runs(&tenant.slug).await?;
    proxy.disturb(Disturbance::Reset);
    change_all(&tenant).await?;
    assert_eq!(database.runs(&tenant.slug).await?, before, "nothing is stored without Kubernetes");
    proxy.disturb(Disturbance::None);
    wait_until_equal(&client, &database, &tenant).await?;
    running.stop().await
}

/// A slow network delays changes, and loses none.
#[tokio::test]
async fn changes_over_a_slow_network_are_stored() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    create_all(&tenant).await?;
    let postgres = ChaosProxy::start(database.address()?).await?;
    let (kubernetes, disturbed) = cluster::client_behind_proxy().await?;
    let running = database.behind(postgres.address())?.start(&disturbed).await?;
    for proxy in [&postgres, &kubernetes] {
        proxy.disturb(Disturbance::Latency(Duration::from_millis(50)));
    }
    change_all(&tenant).await?;
    let runs = async || database.runs(&tenant.slug).await;
    until("the changes are mirrored", DEADLINE, runs, |runs| *runs == expected()).await?;
    wait_until_equal(&client, &database, &tenant).await?;
    running.stop().await
}
