//! Postgres can be lost.

use tests::{cluster, wait::until};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

/// After a lost database volume, workflows and runs are missing or look different.
#[tokio::test]
async fn a_rebuilt_projection_equals_the_one_before() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    tenant.workflow("invoices").await?;
    let running = database.start(&client).await?;
    tenant.run("invoices", "done").await?;
    tenant.run("invoices", "waiting").await?;
    tenant.finish("done", "Succeeded").await?;
    let marked = async || tenant.is_archived("done").await;
    until("the finished run is marked", DEADLINE, marked, |marked| *marked).await?;
    let version =
        tenant.runs.get("done").await?.metadata.resource_version.unwrap_or_default().parse::<i64>()?;
    let has_mark = async || {
        let rows = database.rows(&tenant.slug).await?;
        Ok(rows.into_iter().filter(|row| row["resource_version"] == version).collect::<Vec<_>>())
    };
    until("the mark is mirrored", DEADLINE, has_mark, |rows| rows.len() == 1).await?;
    let tenant_rows = async || Ok(database.rows(&tenant.slug).await?.into_iter().next().unwrap_or_default());
    let is_marked = |row: &serde_json::Value| row["mirrored_generation"] == 1;
    until("the tenant's mark is mirrored", DEADLINE, tenant_rows, is_marked).await?;
    let before = database.rows(&tenant.slug).await?;
    assert_eq!(before.len(), 4);
    running.stop().await?;

    database.empty().await?;
    assert_eq!(database.rows(&tenant.slug).await?, Vec::<serde_json::Value>::new());

    let running = database.start(&client).await?;
    assert_eq!(database.rows(&tenant.slug).await?, before);
    running.stop().await
}
