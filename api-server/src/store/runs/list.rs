//! Lists of runs: of the tenant, of one workflow, or of several workflows at once.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{READ, Run, RunStatus};
use crate::{
    auth::ConditionalRights,
    store::{
        Count, Created, Error, Limit, Order, Page, Position, TenantTx,
        page::{count_query, page, push_count_end, push_created, push_keyset},
        rights::{Target, push_rights},
    },
};

const COLUMNS: &str = "id, name, workflow_name, workflow_id, revision, status, live, cancel, trigger, requested_by, \
                       error, queue, ending, wake_at, suspended_at, priority, resource_version, created_at, updated_at, started_at, finished_at";
/// The same without the columns that are JSON and may have some KiB, such as the traceback in an error.
const SMALL_COLUMNS: &str = "id, name, workflow_name, workflow_id, revision, status, live, cancel, '{}'::json as trigger, requested_by, \
                       null::json as error, null::json as queue, null::json as ending, wake_at, suspended_at, priority, resource_version, created_at, updated_at, started_at, finished_at";

/// Columns that a list reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunColumns {
    /// All columns of a row.
    #[default]
    All,
    /// All but `trigger`, `error`, `queue` and `ending`, which are empty in the rows.
    Small,
}

/// Options of a list of runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// Workflow of the runs; all workflows if `None`.
    pub workflow: Option<Uuid>,
    /// Status that runs must have; all statuses if `None`.
    pub status: Option<RunStatus>,
    /// Creation times that rows must have.
    pub created: Created,
    /// Sort order.
    pub order: Order,
    /// Position after which the page begins: the end of the previous page.
    pub after: Option<Position>,
    /// Maximum number of rows.
    pub limit: Limit,
    /// Columns to read.
    pub columns: RunColumns,
}

/// Lists the tenant's runs.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list(tx: &mut TenantTx, query: Query) -> Result<Page<Run>, Error> {
    let rights = tx.restriction(READ);
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::default();
    push_list(&mut sql, tenant, rights.as_deref(), query);
    let rows = sql.build_query_as::<Run>().fetch_all(connection).await.map_err(Error::query("list runs"))?;
    Ok(page(rows, query.limit, position))
}

/// Appends the statement of [`list`].
pub(in crate::store) fn push_list(
    sql: &mut QueryBuilder<Postgres>,
    tenant: Uuid,
    rights: Option<&ConditionalRights>,
    query: Query,
) {
    let columns = match query.columns {
        RunColumns::All => COLUMNS,
        RunColumns::Small => SMALL_COLUMNS,
    };
    sql.push("select ").push(columns).push(" ");
    push_selection(sql, tenant, rights, query);
    push_keyset(sql, query.order, query.after, query.limit);
}

/// Counts the tenant's runs that the filters of a query select, on all pages.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn count(tx: &mut TenantTx, query: Query) -> Result<Count, Error> {
    let rights = tx.restriction(READ);
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = count_query();
    push_selection(&mut sql, tenant, rights.as_deref(), query);
    push_count_end(&mut sql);
    let rows = sql.build_query_scalar().fetch_one(connection).await.map_err(Error::query("count runs"))?;
    Ok(Count::new(rows))
}

fn push_selection(
    sql: &mut QueryBuilder<Postgres>,
    tenant: Uuid,
    rights: Option<&ConditionalRights>,
    query: Query,
) {
    let Query { workflow, status, created, order, after, limit: _, columns: _ } = query;
    sql.push("from workflow_runs where tenant_id = ").push_bind(tenant);
    if let Some(workflow) = workflow {
        sql.push(" and workflow_id = ").push_bind(workflow);
    }
    if let Some(status) = status {
        sql.push(" and status = ").push_bind(status);
    }
    push_created(sql, created, order, after);
    push_rights(sql, rights, READ, Target::Runs);
}

/// Page of the runs of one workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowRuns {
    /// ID of the workflow.
    pub workflow: Uuid,
    /// Page of its runs.
    pub runs: Page<Run>,
}

/// Returns a page of the runs of each of these workflows, in one statement. `query.workflow` and `query.columns` are ignored.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list_by_workflows(
    tx: &mut TenantTx,
    workflows: &[Uuid],
    query: Query,
) -> Result<Vec<WorkflowRuns>, Error> {
    let Query { order, after, limit, .. } = query;
    let rights = tx.restriction(READ);
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::new("select r.* from unnest(");
    sql.push_bind(workflows.to_vec());
    sql.push("::uuid[]) as w (id) cross join lateral (select ").push(COLUMNS).push(" ");
    push_selection_of_each(&mut sql, tenant, rights.as_deref(), query);
    push_keyset(&mut sql, order, after, limit);
    sql.push(") r");
    let rows = sql
        .build_query_as::<Run>()
        .fetch_all(connection)
        .await
        .map_err(Error::query("list runs of workflows"))?;
    Ok(workflows.iter().map(|workflow| page_of_workflow(*workflow, &rows, limit)).collect())
}

/// Counts the runs of each of these workflows that the filters of a query select, on all pages, in one statement. `query.workflow` is
/// ignored.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn count_by_workflows(
    tx: &mut TenantTx,
    workflows: &[Uuid],
    query: Query,
) -> Result<Vec<(Uuid, Count)>, Error> {
    let rights = tx.restriction(READ);
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::new("select w.id, c.runs from unnest(");
    sql.push_bind(workflows.to_vec());
    sql.push("::uuid[]) as w (id) cross join lateral (select count(*) as runs from (select 1 ");
    push_selection_of_each(&mut sql, tenant, rights.as_deref(), query);
    push_count_end(&mut sql);
    sql.push(") c");
    let rows = sql.build_query_as::<(Uuid, i64)>().fetch_all(connection).await;
    let rows = rows.map_err(Error::query("count runs of workflows"))?;
    Ok(rows.into_iter().map(|(workflow, runs)| (workflow, Count::new(runs))).collect())
}

/// Appends the table and the filters of a subquery for each workflow `w`. `query.workflow` is ignored.
fn push_selection_of_each(
    sql: &mut QueryBuilder<Postgres>,
    tenant: Uuid,
    rights: Option<&ConditionalRights>,
    query: Query,
) {
    let Query { workflow: _, status, created, order, after, limit: _, columns: _ } = query;
    sql.push("from workflow_runs where tenant_id = ").push_bind(tenant).push(" and workflow_id = w.id");
    if let Some(status) = status {
        sql.push(" and status = ").push_bind(status);
    }
    push_created(sql, created, order, after);
    push_rights(sql, rights, READ, Target::Runs);
}

/// Picks the page of one workflow from the rows of all workflows, which are in order within each workflow.
fn page_of_workflow(workflow: Uuid, rows: &[Run], limit: Limit) -> WorkflowRuns {
    let own = rows.iter().filter(|run| run.workflow_id == Some(workflow)).cloned().collect();
    WorkflowRuns { workflow, runs: page(own, limit, position) }
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

    /// Stores five runs, two of them created in the same second and one of another workflow, and begins a
    /// transaction.
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

    /// Paging through a list returns every run exactly once, in both orders.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn pages_in_both_orders_contain_every_run_once(owner: PgPool) {
        let mut tx = transaction(&owner).await;
        let newest = names_by_pages(&mut tx, Query::default()).await;
        let oldest = names_by_pages(&mut tx, Query { order: Order::OldestFirst, ..Query::default() }).await;
        assert_eq!(newest.iter().rev().collect::<Vec<_>>(), oldest.iter().collect::<Vec<_>>());
        assert_eq!((newest.len(), newest[0].as_str(), oldest[0].as_str()), (5, "parcel", "first"));
    }

    /// A run is listed only if it matches all filters.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn all_filters_apply(owner: PgPool) {
        let mut tx = transaction(&owner).await;
        let time = |time: &str| Some(time.parse::<jiff::Timestamp>().unwrap().into());
        let created = Created { after: time("2026-11-24T08:00:01Z"), before: None };
        let invoices = Query { workflow: Some(uid("invoices")), created, ..Query::default() };
        assert_eq!(names_by_pages(&mut tx, invoices).await.len(), 3);
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let created = Created { before: time("2026-11-24T08:00:04Z"), ..created };
            let mut twins = names_by_pages(&mut tx, Query { created, order, ..Query::default() }).await;
            twins.sort();
            assert_eq!(twins, ["other-twin", "twin"]);
            // Times that Postgres cannot represent.
            let all =
                Created { after: time("-009999-01-03T00:00:00Z"), before: time("9999-12-29T00:00:00Z") };
            let none = Created { before: all.after, after: None };
            assert_eq!(
                names_by_pages(&mut tx, Query { created: all, order, ..Query::default() }).await.len(),
                5
            );
            assert!(
                names_by_pages(&mut tx, Query { created: none, order, ..Query::default() }).await.is_empty()
            );
        }
        let failed = Query { status: Some(RunStatus::Failed), ..invoices };
        assert_eq!(names_by_pages(&mut tx, failed).await, ["failed"]);
    }

    /// Each workflow gets its own runs, and no more than the page size.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn each_workflow_gets_a_page_of_its_own_runs(owner: PgPool) {
        let mut tx = transaction(&owner).await;
        let query = Query { limit: Limit::new(3).unwrap(), ..Query::default() };
        let found = list_by_workflows(&mut tx, &[uid("parcels"), uid("invoices")], query).await.unwrap();
        let shape: Vec<_> = found
            .iter()
            .map(|found| (found.workflow, found.runs.items.len(), found.runs.next.is_some()))
            .collect();
        assert_eq!(shape, [(uid("parcels"), 1, false), (uid("invoices"), 3, true)]);
        assert_eq!(found[1].runs.items[0].name, "failed");
    }
}
