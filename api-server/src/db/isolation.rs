//! Row-level security, as the process meets it.

use sqlx::PgPool;

use super::{MIGRATOR, testing::app_pool};
use crate::{
    auth::{PlatformScope, TenantScope},
    mirror::testing::store,
    project::testing::{run, tenant, uid, workflow},
    store::{PlatformTx, TenantTx, runs, tenants, workflows},
};

async fn two_tenants(owner: &PgPool) {
    store(
        owner,
        [
            tenant("acme").build(),
            tenant("globex").build(),
            workflow("acme", "invoices").build(),
            workflow("globex", "parcels").build(),
            run("acme", "invoices", "invoices-1").build(),
            run("globex", "parcels", "parcels-1").build(),
        ],
    )
    .await;
}

/// A query that forgets its tenant shows one business the data of all others.
#[sqlx::test(migrator = "MIGRATOR")]
async fn without_a_tenant_no_row_exists(owner: PgPool) -> sqlx::Result<()> {
    two_tenants(&owner).await;
    let app = app_pool(&owner).await;
    for table in [
        "tenants",
        "workflows",
        "workflow_runs",
        "events",
        "idempotency_keys",
        "stored_outputs",
        "run_logs",
        "run_log_chunks",
    ] {
        let mut sql = sqlx::QueryBuilder::new(format!("select count(*) from {table}"));
        let rows: i64 = sql.build_query_scalar().fetch_one(app.inner()).await?;
        assert_eq!(rows, 0, "{table}");
    }
    Ok(())
}

/// One business sees the workflows and runs of another.
#[sqlx::test(migrator = "MIGRATOR")]
async fn another_tenants_rows_do_not_exist(owner: PgPool) {
    two_tenants(&owner).await;
    let app = app_pool(&owner).await;
    let mut tx = TenantTx::begin(&app, TenantScope::for_tests(uid("acme"))).await.unwrap();
    assert!(runs::get(&mut tx, uid("invoices-1")).await.unwrap().is_some());
    assert_eq!(runs::get(&mut tx, uid("parcels-1")).await.unwrap(), None);
    assert_eq!(workflows::get(&mut tx, uid("parcels")).await.unwrap(), None);
    let own = tenants::current(&mut tx).await.unwrap().unwrap();
    assert_eq!((own.slug.as_str(), own.namespace.as_str()), ("acme", "t-acme"));
    let listed = runs::list(&mut tx, runs::Query::default()).await.unwrap().items;
    assert_eq!(listed.len(), 1);
}

/// The tenant of one request leaks into the next on the same connection.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_connection_forgets_its_tenant_after_the_transaction(owner: PgPool) -> sqlx::Result<()> {
    two_tenants(&owner).await;
    let app = app_pool(&owner).await;
    let tx = TenantTx::begin(&app, TenantScope::for_tests(uid("acme"))).await.unwrap();
    tx.commit().await.unwrap();
    let rows: i64 = sqlx::query_scalar("select count(*) from workflow_runs").fetch_one(app.inner()).await?;
    assert_eq!(rows, 0);
    Ok(())
}

/// A platform engineer who lists tenants reads their data as well.
#[sqlx::test(migrator = "MIGRATOR")]
async fn the_platform_sees_tenants_and_nothing_of_theirs(owner: PgPool) -> sqlx::Result<()> {
    two_tenants(&owner).await;
    let app = app_pool(&owner).await;
    let mut tx = PlatformTx::begin(&app, PlatformScope::for_tests()).await.unwrap();
    let listed = tenants::list(&mut tx, tenants::Query::default()).await.unwrap().items;
    assert_eq!(listed.len(), 2);
    let mut tx = app.inner().begin().await?;
    sqlx::query("select set_config('app.platform', 'on', true)").execute(&mut *tx).await?;
    let runs: i64 = sqlx::query_scalar("select count(*) from workflow_runs").fetch_one(&mut *tx).await?;
    assert_eq!(runs, 0);
    Ok(())
}

/// A new table of tenants' data is open to all of them because nobody thought of its policy.
#[sqlx::test(migrator = "MIGRATOR")]
async fn every_table_with_tenants_forces_its_policies_and_is_owned_by_neither_role(
    owner: PgPool,
) -> sqlx::Result<()> {
    let open: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relkind = 'r' and a.attname = 'tenant_id' and not a.attisdropped
           and not (c.relrowsecurity and c.relforcerowsecurity)",
    )
    .fetch_all(&owner)
    .await?;
    assert_eq!(open, Vec::<String>::new());
    let strong: Vec<String> = sqlx::query_scalar(
        "select rolname::text from pg_roles r where rolname like 'smb\\_%' and (
           rolsuper or rolbypassrls or rolcreaterole or exists (select from pg_class c where c.relowner = r.oid)
         )",
    )
    .fetch_all(&owner)
    .await?;
    assert_eq!(strong, Vec::<String>::new());
    Ok(())
}

/// The serving role rewrites what only Kubernetes may say.
#[sqlx::test(migrator = "MIGRATOR")]
async fn the_app_cannot_write_the_projection(owner: PgPool) {
    two_tenants(&owner).await;
    let app = app_pool(&owner).await;
    let refused = sqlx::query("update tenants set state = 'ACTIVE'").execute(app.inner()).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("42501"));
}
