//! Tests of how Postgres executes the lists: by an index, without reading many more rows than a page has.

use std::time::Duration;

use serde_json::Value;
use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder};

use super::{
    Created, Limit, Order, PlatformTx, Position, RunStatus, TenantState, TenantTx, WorkflowState, audit,
    events, runs, tenants, workflows,
};
use crate::{
    auth::{PlatformScope, TenantScope},
    db::{MIGRATOR, Timestamp, testing::app_pool},
    mirror::testing::store,
    project::testing::{tenant, uid, workflow},
};

/// Variable with the number of runs, for a longer test than usual.
const RUNS: &str = "SMBCOPILOT_TEST_LISTED_RUNS";
/// Number of runs of the tenant. A twentieth as many of another tenant lie between them.
const DEFAULT_RUNS: i64 = 200_000;
/// Maximum number of rows that a list reads: three times as many as a page, which has 50, and one more.
const MAX_ROWS: f64 = 3.0 * 51.0;
/// Maximum number of pages of 8 KiB that a list reads: each row may lie in another one, and so may its entry in the index.
const MAX_PAGES: f64 = 2.0 * MAX_ROWS;

#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
fn number_of_runs() -> i64 {
    std::env::var(RUNS).map_or(DEFAULT_RUNS, |runs| runs.parse().unwrap())
}

/// Stores runs of two workflows, one per second: each hundredth one failed, and each thousandth one belongs to `rare`; a quarter as
/// many events and audit events.
async fn store_objects(owner: &PgPool) {
    let objects = [
        tenant("acme").build(),
        tenant("globex").build(),
        workflow("acme", "often").build(),
        workflow("acme", "rare").build(),
        workflow("globex", "other").build(),
    ];
    store(owner, objects).await;
    let insert = "insert into workflow_runs (
           id, uid, tenant_id, name, resource_version, generation, created_at, updated_at, workflow_name, workflow_id, status,
           live, archived, trigger_kind, trigger, steps, priority, finished_at
         )
         select gen_random_uuid(), null, $1, 'run-' || n, n, 1, t, t, 'any', case when n % 1000 = 0 then $3 else $2 end,
                case when n % 100 = 0 then 'FAILED' else 'SUCCEEDED' end, false, true, 'Api', '{}', '[]', 0, t
         from (select n, timestamptz '2026-01-01' + n * interval '1 second' as t from generate_series(1, $4) n) as numbers";
    let runs = number_of_runs();
    for (slug, often, rare, number) in
        [("acme", "often", "rare", runs), ("globex", "other", "other", runs / 20)]
    {
        let insert = sqlx::query(insert).bind(uid(slug)).bind(uid(often)).bind(uid(rare)).bind(number);
        insert.execute(owner).await.unwrap();
    }
    let events = "insert into events (tenant_id, seq, kind, object_id, change, data)
         select $1, 1000 + n, 'WORKFLOW_RUN', case when n % 1000 = 0 then $2 else gen_random_uuid() end, 'UPDATED', '{}'
         from generate_series(1, $3 / 4) n";
    // The row of an intent and that of its outcome share their ID.
    let audit_events = "insert into audit_events (
           tenant_id, seq, id, phase, at, operation, action, actor_kind, actor_email, outcome, object_kind, object_id, began_at, hash
         )
         select $1, 1000 + 2 * n + p, md5(n::text)::uuid, case p when 0 then 'INTENT' else 'OUTCOME' end,
                timestamptz '2026-01-01' + n * interval '4 seconds' + p * interval '1 millisecond',
                case p when 0 then 'POST /x' end,
                case p when 0 then case when n % 1000 = 0 then 'workflow.archive' else 'workflow.run.create' end end,
                case p when 0 then 'USER' end,
                case p when 0 then case when n % 1000 = 0 then 'rare@acme.example' else 'often@acme.example' end end,
                case p when 1 then 'SUCCEEDED' end, case p when 1 then 'WORKFLOW' end,
                case p when 1 then case when n % 1000 = 0 then $2 when n % 2 = 0 then $4 else gen_random_uuid() end end,
                case p when 1 then timestamptz '2026-01-01' + n * interval '4 seconds' end, ''
         from generate_series(1, $3 / 4) n, generate_series(0, 1) p";
    let events = sqlx::query(events).bind(uid("acme")).bind(uid("rare")).bind(runs);
    events.execute(owner).await.unwrap();
    let audit_events =
        sqlx::query(audit_events).bind(uid("acme")).bind(uid("rare")).bind(runs).bind(uid("often"));
    audit_events.execute(owner).await.unwrap();
    sqlx::query("analyze workflow_runs, events, audit_events").execute(owner).await.unwrap();
}

/// What a plan reads.
#[derive(Debug, Default)]
struct Reads {
    rows: f64,
    pages: f64,
    /// Nodes that read a table without an index.
    scans: Vec<String>,
}

/// Adds what the nodes of a plan read.
fn add_reads(plan: &Value, reads: &mut Reads) {
    let node = plan["Node Type"].as_str().unwrap_or_default();
    if plan["Relation Name"].is_string() {
        let number = |name: &str| plan[name].as_f64().unwrap_or_default();
        reads.rows += (number("Actual Rows") + number("Rows Removed by Filter")) * number("Actual Loops");
        // A partition of `events` for a day to come is empty.
        if node == "Seq Scan" && number("Actual Rows") + number("Rows Removed by Filter") > 0.0 {
            reads.scans.push(format!("{node} of {}", plan["Relation Name"]));
        }
    }
    plan["Plans"].as_array().into_iter().flatten().for_each(|child| add_reads(child, reads));
}

/// Executes a statement, and returns what it reads.
async fn reads(connection: &mut PgConnection, push: impl Fn(&mut QueryBuilder<Postgres>)) -> Reads {
    let mut sql = QueryBuilder::new("explain (analyze, buffers, timing off, format json) ");
    push(&mut sql);
    let plan: Value = sql.build_query_scalar().fetch_one(connection).await.unwrap();
    let plan = &plan[0]["Plan"];
    let blocks = |name: &str| plan[name].as_f64().unwrap_or_default();
    let pages = blocks("Shared Hit Blocks") + blocks("Shared Read Blocks");
    let mut reads = Reads { pages, ..Reads::default() };
    add_reads(plan, &mut reads);
    reads
}

/// Checks that a list reads little more than its page.
async fn check(
    connection: &mut PgConnection,
    query: impl std::fmt::Debug,
    push: impl Fn(&mut QueryBuilder<Postgres>),
) {
    let read = reads(connection, push).await;
    let is_little = read.rows <= MAX_ROWS && read.pages <= MAX_PAGES && read.scans.is_empty();
    assert!(is_little, "{query:?}: {read:?}");
}

/// Returns a time some hours after the creation of the first run.
fn time(hours: u64) -> Timestamp {
    let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    (start + Duration::from_secs(hours * 3_600)).into()
}

/// Returns all combinations of ranges of creation times, positions within them and orders.
fn pages() -> Vec<(Created, Option<Position>, Order)> {
    let (some, other) = (Some(time(20)), Some(time(40)));
    let mut pages = Vec::new();
    for (after, before) in [(None, None), (some, None), (None, other), (some, other)] {
        for position in [None, Some(Position { created_at: time(30), id: uid("rare") })] {
            for order in [Order::NewestFirst, Order::OldestFirst] {
                pages.push((Created { after, before }, position, order));
            }
        }
    }
    pages
}

/// Every list of a tenant with many objects reads at most three times as many rows as its page has, by an index, with any filter, in both orders,
/// on the first page and on a later one.
#[sqlx::test(migrator = "MIGRATOR")]
async fn lists_read_little_more_than_a_page(owner: PgPool) {
    store_objects(&owner).await;
    let app = app_pool(&owner).await;
    let mut tx = TenantTx::begin(&app, TenantScope::for_tests(uid("acme"))).await.unwrap();
    let (connection, acme) = tx.connection_and_tenant();
    let limit = Limit::default();
    for (created, after, order) in pages() {
        for workflow in [None, Some(uid("often")), Some(uid("rare"))] {
            for status in [None, Some(RunStatus::Failed), Some(RunStatus::Running)] {
                let columns = runs::RunColumns::All;
                let query = runs::Query { workflow, status, created, order, after, limit, columns };
                check(connection, query, |sql| runs::push_list(sql, acme, None, query)).await;
            }
        }
        let text = |text: &str| Some(text.to_owned());
        for (actor, action, object) in [
            (None, None, None),
            (text("rare@acme.example"), None, None),
            (text("often@acme.example"), text("workflow.run.create"), None),
            (None, text("workflow.archive"), None),
            (None, None, Some(uid("rare"))),
            (None, None, Some(uid("often"))),
        ] {
            let query = audit::Query { actor, action, object, created, order, after, limit };
            check(connection, &query, |sql| audit::push_list(sql, acme, query.clone())).await;
        }
    }
    for object in [None, Some(uid("rare"))] {
        for range in [
            events::Range::After(0),
            events::Range::After(20_000),
            events::Range::Before(20_000),
            events::Range::Last,
        ] {
            let query = events::Query { object, range, limit };
            check(connection, query, |sql| events::push_list(sql, acme, query)).await;
        }
    }
    // A plan allows some hundred workflows, which may be read completely.
    let query = workflows::Query { state: Some(WorkflowState::Active), ..workflows::Query::default() };
    assert!(reads(connection, |sql| workflows::push_list(sql, acme, None, query)).await.rows <= MAX_ROWS);
}

/// The list of all tenants of the platform reads little more than its page, too, with any filter and in both orders.
#[sqlx::test(migrator = "MIGRATOR")]
async fn lists_of_all_tenants_read_little_more_than_a_page(owner: PgPool) {
    let insert = "insert into tenants (
           id, uid, slug, display_name, state, plan_name, namespace, settings, spec, status, generation, resource_version, created_at, updated_at
         )
         select gen_random_uuid(), null, 'tenant-' || n, '', case when n % 1000 = 0 then 'ARCHIVED' else 'ACTIVE' end, 'starter',
                't-tenant-' || n, '{}', '{}', '{}', 1, n, t, t
         from (select n, timestamptz '2026-01-01' + n * interval '60 seconds' as t from generate_series(1, 20000) n) as numbers";
    sqlx::query(insert).execute(&owner).await.unwrap();
    sqlx::query("analyze tenants").execute(&owner).await.unwrap();
    let app = app_pool(&owner).await;
    let mut tx = PlatformTx::begin(&app, PlatformScope::for_tests()).await.unwrap();
    for (created, after, order) in pages() {
        for state in [None, Some(TenantState::Active), Some(TenantState::Archived)] {
            let query = tenants::Query { state, created, order, after, ..tenants::Query::default() };
            check(tx.connection(), query, |sql| tenants::push_list(sql, query)).await;
        }
    }
}
