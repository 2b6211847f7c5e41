//! Lists of runs: of the tenant, of one workflow, and of many workflows at once.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Run, RunStatus};
use crate::{
    db::Timestamp,
    store::{
        Error, Limit, Order, Page, Position, TenantTx,
        page::{page, push_keyset},
    },
};

const COLUMNS: &str = "id, name, workflow_name, workflow_id, revision, status, live, cancel, trigger, requested_by, \
                       error, queue, ending, wake_at, suspended_at, priority, resource_version, created_at, updated_at, started_at, finished_at";

/// Which runs to list, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// Only those of this workflow.
    pub workflow: Option<Uuid>,
    /// Only those that stand so.
    pub status: Option<RunStatus>,
    /// Only those created after this time.
    pub created_after: Option<Timestamp>,
    /// Which end to begin at.
    pub order: Order,
    /// Where the page before ended.
    pub after: Option<Position>,
    /// How many.
    pub limit: Limit,
}

/// The tenant's runs.
///
/// # Errors
/// The query fails.
pub async fn list(tx: &mut TenantTx, query: Query) -> Result<Page<Run>, Error> {
    let Query { workflow, status, created_after, order, after, limit } = query;
    let (connection, tenant) = tx.parts();
    let mut sql = QueryBuilder::new(format!("select {COLUMNS} from workflow_runs where tenant_id = "));
    sql.push_bind(tenant);
    if let Some(workflow) = workflow {
        sql.push(" and workflow_id = ").push_bind(workflow);
    }
    if let Some(status) = status {
        sql.push(" and status = ").push_bind(status);
    }
    if let Some(created_after) = created_after {
        sql.push(" and created_at > ").push_bind(created_after);
    }
    push_keyset(&mut sql, order, after, limit);
    let rows = sql.build_query_as::<Run>().fetch_all(connection).await.map_err(Error::query("list runs"))?;
    Ok(page(rows, limit, position))
}

/// The runs of one of several workflows.
#[derive(Clone, Debug, PartialEq)]
pub struct OfWorkflow {
    /// The workflow.
    pub workflow: Uuid,
    /// A page of its runs.
    pub runs: Page<Run>,
}

/// A page of the runs of each of these workflows, in one statement. The query's own workflow is not looked at.
///
/// # Errors
/// The query fails.
pub async fn of_workflows(
    tx: &mut TenantTx,
    workflows: &[Uuid],
    query: Query,
) -> Result<Vec<OfWorkflow>, Error> {
    let Query { workflow: _, status, created_after, order, after, limit } = query;
    let (connection, tenant) = tx.parts();
    let mut sql = QueryBuilder::new("select r.* from unnest(");
    sql.push_bind(workflows.to_vec());
    sql.push(format_args!(
        "::uuid[]) as w (id) cross join lateral (select {COLUMNS} from workflow_runs where tenant_id = "
    ));
    sql.push_bind(tenant).push(" and workflow_id = w.id");
    if let Some(status) = status {
        sql.push(" and status = ").push_bind(status);
    }
    if let Some(created_after) = created_after {
        sql.push(" and created_at > ").push_bind(created_after);
    }
    push_keyset(&mut sql, order, after, limit);
    sql.push(") r");
    let rows = sql
        .build_query_as::<Run>()
        .fetch_all(connection)
        .await
        .map_err(Error::query("list runs of workflows"))?;
    Ok(workflows.iter().map(|workflow| of_workflow(*workflow, &rows, limit)).collect())
}

/// Rows of one workflow are in order among those of the others.
fn of_workflow(workflow: Uuid, rows: &[Run], limit: Limit) -> OfWorkflow {
    let own = rows.iter().filter(|run| run.workflow_id == Some(workflow)).cloned().collect();
    OfWorkflow { workflow, runs: page(own, limit, position) }
}

fn position(run: &Run) -> Position {
    Position { created_at: run.created_at, id: run.id }
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::{
        auth::TenantScope,
        db::{MIGRATOR, testing::app_pool},
        mirror::testing::store,
        project::testing::{run, tenant, uid, workflow},
    };

    /// Five runs, two of them created in the same second, and one of another workflow.
    async fn transaction(owner: &PgPool) -> TenantTx {
        let created = |name: &str, second| {
            run("acme", "invoices", name).created(&format!("2026-11-24T08:00:0{second}Z")).build()
        };
        let objects = [
            tenant("acme").build(),
            workflow("acme", "invoices").build(),
            workflow("acme", "parcels").build(),
            created("first", 1),
            created("twin", 2),
            created("other-twin", 2),
            run("acme", "invoices", "failed").phase("Failed").created("2026-11-24T08:00:04Z").build(),
            run("acme", "parcels", "parcel").created("2026-11-24T08:00:05Z").build(),
        ];
        store(owner, objects).await;
        TenantTx::begin(&app_pool(owner).await, TenantScope::for_tests(uid("acme"))).await.unwrap()
    }

    async fn names_by_pages(tx: &mut TenantTx, query: Query) -> Vec<String> {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let page = list(tx, Query { after, limit: Limit::new(2).unwrap(), ..query }).await.unwrap();
            names.extend(page.items.into_iter().map(|run| run.name));
            after = page.next;
            if after.is_none() {
                return names;
            }
        }
    }

    /// A client that pages through its runs misses some, or sees some twice.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn pages_in_both_orders_have_every_run_once(owner: PgPool) {
        let mut tx = transaction(&owner).await;
        let newest = names_by_pages(&mut tx, Query::default()).await;
        let oldest = names_by_pages(&mut tx, Query { order: Order::OldestFirst, ..Query::default() }).await;
        assert_eq!(newest.iter().rev().collect::<Vec<_>>(), oldest.iter().collect::<Vec<_>>());
        assert_eq!((newest.len(), newest[0].as_str(), oldest[0].as_str()), (5, "parcel", "first"));
    }

    /// A filter shows what it should hide.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn filters_hold_together(owner: PgPool) {
        let mut tx = transaction(&owner).await;
        let after = Timestamp("2026-11-24T08:00:01Z".parse().unwrap());
        let of_workflow =
            Query { workflow: Some(uid("invoices")), created_after: Some(after), ..Query::default() };
        assert_eq!(names_by_pages(&mut tx, of_workflow).await.len(), 3);
        let failed = Query { status: Some(RunStatus::Failed), ..of_workflow };
        assert_eq!(names_by_pages(&mut tx, failed).await, ["failed"]);
    }

    /// The runs of one workflow are shown under another, or beyond the page's size.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn each_workflow_gets_a_page_of_its_own_runs(owner: PgPool) {
        let mut tx = transaction(&owner).await;
        let query = Query { limit: Limit::new(3).unwrap(), ..Query::default() };
        let found = of_workflows(&mut tx, &[uid("parcels"), uid("invoices")], query).await.unwrap();
        let shape: Vec<_> =
            found.iter().map(|of| (of.workflow, of.runs.items.len(), of.runs.next.is_some())).collect();
        assert_eq!(shape, [(uid("parcels"), 1, false), (uid("invoices"), 3, true)]);
        assert_eq!(found[1].runs.items[0].name, "failed");
    }
}
