//! `api-server mirror verify`.

use api_server::mirror::{Difference, verify};
use tests::{cluster, wait::until};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

/// Returns the differences that concern a tenant; other tests of the cluster have objects of their own.
async fn differences(
    client: &kube::Client,
    database: &Database,
    tenant: &TestTenant,
) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let report = |difference: &Difference| found.push(difference.to_string());
    verify(client, &database.mirror_pool().await?, report).await?;
    found.retain(|line| line.contains(&tenant.slug));
    found.sort_unstable();
    Ok(found)
}

/// The comparison finds a row that was altered, one that is missing and one whose object does not exist, names the column with both
/// values, and finds nothing in a projection that is as the mirror has written it.
#[tokio::test]
async fn a_comparison_finds_altered_missing_and_additional_rows() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    tenant.workflow("invoices").await?;
    for name in ["altered", "missing"] {
        tenant.run("invoices", name).await?;
    }
    tenant.finish("altered", "Succeeded").await?;
    let running = database.start(&client).await?;
    let archived = async || tenant.is_archived("altered").await;
    until("the run is archived", DEADLINE, archived, |archived| *archived).await?;
    let mirrored = async || Ok(tenant.mirrored_condition(&tenant.slug).await?.is_some());
    until("the tenant is mirrored", DEADLINE, mirrored, |mirrored| *mirrored).await?;
    assert_eq!(differences(&client, &database, &tenant).await?, Vec::<String>::new());
    running.stop().await?;

    sqlx::raw_sql(
        "update workflow_runs set priority = 7 where name = 'altered';
         insert into workflow_runs (
           id, uid, tenant_id, name, workflow_name, status, live, archived, trigger_kind, trigger, steps, priority, generation,
           resource_version, created_at, updated_at
         )
         select gen_random_uuid(), gen_random_uuid(), tenant_id, 'additional', workflow_name, status, live, archived,
           trigger_kind, trigger, steps, priority, generation, resource_version, created_at, updated_at
         from workflow_runs where name = 'missing';
         delete from workflow_runs where name = 'missing';",
    )
    .execute(&database.owner)
    .await?;
    let found = differences(&client, &database, &tenant).await?;
    let [additional, altered, missing] = found.as_slice() else { anyhow::bail!("{found:#?}") };
    let name = |name: &str| format!("WorkflowRun t-{}/{name}: ", tenant.slug);
    assert!(additional.starts_with(&format!("{}not in Kubernetes", name("additional"))), "{additional}");
    assert!(altered.starts_with(&format!("{}versions ", name("altered"))), "{altered}");
    assert!(altered.ends_with("; priority: 0 in Kubernetes, 7 in Postgres"), "{altered}");
    assert!(missing.starts_with(&format!("{}not in Postgres", name("missing"))), "{missing}");
    Ok(())
}
