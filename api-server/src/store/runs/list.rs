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
                       error, queue, priority, resource_version, created_at, updated_at, started_at, finished_at";

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
    let rows =
        sql.build_query_as::<Run>().fetch_all(connection).await.map_err(Error::query("list runs of workflows"))?;
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
