//! Rebuild of the projection after the loss of the database.

use tests::{cluster, wait::until};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

/// After the loss of the database, the mirror restores the same rows from Kubernetes.
#[tokio::test]
async fn a_rebuilt_projection_equals_the_lost_one() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    tenant.workflow("invoices").await?;
    let running = database.start(&client).await?;
    tenant.run("invoices", "done").await?;
    tenant.run("invoices", "waiting").await?;
    tenant.finish("done", "Succeeded").await?;
    let archived = async || tenant.is_archived("done").await;
    until("the finished run is archived", DEADLINE, archived, |archived| *archived).await?;
    let version =
        tenant.runs.get("done").await?.metadata.resource_version.unwrap_or_default().parse::<i64>()?;
    let archived_rows = async || {
        let rows = database.rows(&tenant.slug).await?;
        Ok(rows.into_iter().filter(|row| row["resource_version"] == version).collect::<Vec<_>>())
    };
    until("the condition of the run is mirrored", DEADLINE, archived_rows, |rows| rows.len() == 1).await?;
    let tenant_rows = async || Ok(database.rows(&tenant.slug).await?.into_iter().next().unwrap_or_default());
    let has_condition = |row: &serde_json::Value| row["mirrored_generation"] == 1;
    until("the condition of the tenant is mirrored", DEADLINE, tenant_rows, has_condition).await?;
    let before = database.rows(&tenant.slug).await?;
    assert_eq!(before.len(), 4);
    running.stop().await?;

    database.truncate().await?;
    assert_eq!(database.rows(&tenant.slug).await?, Vec::<serde_json::Value>::new());

    let running = database.start(&client).await?;
    assert_eq!(database.rows(&tenant.slug).await?, before);
    running.stop().await
}
