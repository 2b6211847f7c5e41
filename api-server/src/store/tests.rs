//! Tests of row-level security through the pools of the process.

use sqlx::PgPool;

use super::{PlatformTx, TenantTx, runs, tenants, workflows};
use crate::{
    auth::{PlatformScope, TenantScope},
    db::{MIGRATOR, testing::app_pool},
    mirror::testing::store,
    project::testing::{run, tenant, uid, workflow},
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

/// A query without a tenant returns no rows.
#[sqlx::test(migrator = "MIGRATOR")]
async fn without_a_tenant_no_row_is_visible(owner: PgPool) -> sqlx::Result<()> {
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
        "audit_events",
        "users",
        "user_roles",
        "identities",
        "service_accounts",
        "service_account_roles",
        "api_keys",
        "invitations",
        "sessions",
        "invitation_mails",
    ] {
        let mut sql = sqlx::QueryBuilder::new(format!("select count(*) from {table}"));
        let rows: i64 = sql.build_query_scalar().fetch_one(app.inner()).await?;
        assert_eq!(rows, 0, "{table}");
    }
    Ok(())
}

/// A tenant cannot read the workflows and runs of another one.
#[sqlx::test(migrator = "MIGRATOR")]
async fn the_rows_of_another_tenant_are_not_visible(owner: PgPool) {
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

/// The tenant of one request never applies to the next request on the same connection.
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

/// A request succeeds although the server has closed all idle connections, as after a restart.
#[sqlx::test(migrator = "MIGRATOR")]
async fn closed_connections_are_replaced(owner: PgPool) {
    two_tenants(&owner).await;
    let app = app_pool(&owner).await;
    let begin = || TenantTx::begin(&app, TenantScope::for_tests(uid("acme")));
    let held = [begin().await.unwrap(), begin().await.unwrap(), begin().await.unwrap()];
    drop(held);
    let all_idle = async {
        while app.inner().num_idle() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), all_idle).await.unwrap();
    let closed: Vec<bool> = sqlx::query_scalar(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity
         where application_name = 'smb_app' and datname = current_database()",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    assert_eq!(closed, [true; 3]);
    let own = tenants::current(&mut begin().await.unwrap()).await.unwrap().unwrap();
    assert_eq!(own.slug, "acme");
}

/// A slug that no tenant can have is not found, whatever it contains.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_slug_is_no_sql(owner: PgPool) {
    two_tenants(&owner).await;
    let app = app_pool(&owner).await;
    for slug in ["", "'", "x'; set role smb_mirror; select '", "acme'", "Acme", "ä"] {
        assert_eq!(tenants::by_slug(&app, slug).await.unwrap(), None, "{slug}");
    }
    assert_eq!(tenants::by_slug(&app, "acme").await.unwrap().unwrap().id, uid("acme"));
}

/// A platform role can list tenants but not read their data.
#[sqlx::test(migrator = "MIGRATOR")]
async fn platform_roles_can_read_tenants_but_not_their_data(owner: PgPool) -> sqlx::Result<()> {
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

/// Every table with tenants' data forces row-level security, and no role of the process can bypass it.
#[sqlx::test(migrator = "MIGRATOR")]
async fn every_table_of_tenants_forces_row_level_security_and_no_role_bypasses_it(
    owner: PgPool,
) -> sqlx::Result<()> {
    let open: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relkind in ('r', 'p') and a.attname = 'tenant_id' and not a.attisdropped
           and not (c.relrowsecurity and c.relforcerowsecurity)",
    )
    .fetch_all(&owner)
    .await?;
    assert_eq!(open, Vec::<String>::new());
    let privileged: Vec<String> = sqlx::query_scalar(
        "select rolname::text from pg_roles r where rolname like 'smb\\_%' and (
           rolsuper or rolbypassrls or rolcreaterole or exists (select from pg_class c where c.relowner = r.oid)
         )",
    )
    .fetch_all(&owner)
    .await?;
    assert_eq!(privileged, Vec::<String>::new());
    Ok(())
}

/// The role that serves requests cannot change the projection.
#[sqlx::test(migrator = "MIGRATOR")]
async fn the_app_role_cannot_write_the_projection(owner: PgPool) {
    two_tenants(&owner).await;
    let app = app_pool(&owner).await;
    let refused = sqlx::query("update tenants set state = 'ACTIVE'").execute(app.inner()).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("42501"));
}

/// A tenant that uses all of its connections leaves others theirs, and gets one again when it returns one.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_tenant_has_a_part_of_the_connections(owner: PgPool) {
    two_tenants(&owner).await;
    let app = app_pool(&owner).await;
    let begin = |slug: &str| TenantTx::begin(&app, TenantScope::for_tests(uid(slug)));
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(begin("acme").await.unwrap());
    }
    let mut waiting = std::pin::pin!(begin("acme"));
    let mut neighbour = tokio::select! {
        result = &mut waiting => panic!("a fifth connection: {}", result.is_ok()),
        neighbour = begin("globex") => neighbour.unwrap(),
    };
    assert_eq!(tenants::current(&mut neighbour).await.unwrap().unwrap().slug, "globex");
    held.pop();
    assert!(waiting.await.is_ok());
}
