//! Tests of how Postgres executes the lists: by an index, without reading many more rows than a page has.

use std::time::Duration;

use serde_json::Value;
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::{Limit, Order, Position, RunStatus, TenantTx, WorkflowState, events, runs, workflows};
use crate::{
    auth::TenantScope,
    db::{MIGRATOR, testing::app_pool},
    mirror::testing::store,
    project::testing::{tenant, uid, workflow},
};

/// Number of runs of the tenant. Ten thousand of another tenant lie between them.
const RUNS: i64 = 200_000;

/// Stores runs of two workflows, one per second: each hundredth one failed, and each thousandth one belongs to `rare`.
async fn store_runs(owner: &PgPool) {
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
    for (slug, often, rare, number) in
        [("acme", "often", "rare", RUNS), ("globex", "other", "other", RUNS / 20)]
    {
        sqlx::query(insert)
            .bind(uid(slug))
            .bind(uid(often))
            .bind(uid(rare))
            .bind(number)
            .execute(owner)
            .await
            .unwrap();
    }
    let events = "insert into events (tenant_id, seq, kind, object_id, change, data)
         select $1, 1000 + n, 'WORKFLOW_RUN', case when n % 1000 = 0 then $2 else gen_random_uuid() end, 'UPDATED', '{}'
         from generate_series(1, $3 / 4) n";
    sqlx::query(events).bind(uid("acme")).bind(uid("rare")).bind(RUNS).execute(owner).await.unwrap();
    sqlx::query("analyze workflow_runs, events").execute(owner).await.unwrap();
}

/// Rows that a plan reads, and the nodes that read a table without an index.
#[derive(Debug, Default)]
struct Reads {
    rows: f64,
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
async fn reads(tx: &mut TenantTx, push: impl Fn(&mut QueryBuilder<Postgres>)) -> Reads {
    let mut sql = QueryBuilder::new("explain (analyze, timing off, format json) ");
    push(&mut sql);
    let (connection, _) = tx.connection_and_tenant();
    let plan: Value = sql.build_query_scalar().fetch_one(connection).await.unwrap();
    let mut reads = Reads::default();
    add_reads(&plan[0]["Plan"], &mut reads);
    reads
}

/// Every list of a tenant with many runs reads at most three times as many rows as its page has, by an index, with any filter, in both
/// orders, on the first page and on a later one.
#[sqlx::test(migrator = "MIGRATOR")]
async fn lists_read_little_more_than_a_page(owner: PgPool) {
    store_runs(&owner).await;
    let app = app_pool(&owner).await;
    let mut tx = TenantTx::begin(&app, TenantScope::for_tests(uid("acme"))).await.unwrap();
    let (acme, limit) = (uid("acme"), Limit::default());
    let time = |hours: i64| {
        let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        (start + Duration::from_secs(u64::try_from(hours * 3_600).unwrap())).into()
    };
    let middle = Position { created_at: time(30), id: uid("rare") };
    let max = 3.0 * 51.0;
    for workflow in [None, Some(uid("often")), Some(uid("rare"))] {
        for status in [None, Some(RunStatus::Failed), Some(RunStatus::Running)] {
            for (created_after, after) in
                [(None, None), (None, Some(middle)), (Some(time(20)), None), (Some(time(20)), Some(middle))]
            {
                for order in [Order::NewestFirst, Order::OldestFirst] {
                    let columns = runs::RunColumns::All;
                    let query = runs::Query { workflow, status, created_after, order, after, limit, columns };
                    let read = reads(&mut tx, |sql| runs::push_list(sql, acme, None, query)).await;
                    assert!(read.rows <= max && read.scans.is_empty(), "{query:?}: {read:?}");
                }
            }
        }
    }
    for object in [None, Some(uid("rare"))] {
        for after in [0, 20_000] {
            let query = events::Query { object, after, limit };
            let read = reads(&mut tx, |sql| events::push_list(sql, acme, query)).await;
            assert!(read.rows <= max && read.scans.is_empty(), "{query:?}: {read:?}");
        }
    }
    // A plan allows some hundred workflows, which may be read completely.
    let query = workflows::Query { state: Some(WorkflowState::Active), ..workflows::Query::default() };
    assert!(reads(&mut tx, |sql| workflows::push_list(sql, acme, None, query)).await.rows <= max);
}
