//! Listing runs.

use uuid::Uuid;

use crate::{
    app::{
        App, Error,
        page::{List, Page, Paging},
    },
    auth::TenantScope,
    store::{
        Count, Created, Run, RunStatus, TenantTx,
        runs::{self, RunColumns},
        workflows,
    },
};

/// Filters of a list of runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// ID of the workflow.
    pub workflow: Option<Uuid>,
    /// Status of the runs.
    pub status: Option<RunStatus>,
    /// Creation times of the runs.
    pub created: Created,
}

/// Returns a page of the tenant's runs.
///
/// # Errors
/// Returns an error if the cursor belongs to another list or the database fails.
pub async fn list(
    app: &App,
    scope: TenantScope,
    filter: Filter,
    paging: &Paging,
) -> Result<Page<Run>, Error> {
    list_columns(app, scope, filter, paging, RunColumns::All).await
}

/// Returns a page of the tenant's runs with some columns.
///
/// # Errors
/// Returns an error if the cursor belongs to another list or the database fails.
pub async fn list_columns(
    app: &App,
    scope: TenantScope,
    filter: Filter,
    paging: &Paging,
    columns: RunColumns,
) -> Result<Page<Run>, Error> {
    let list = filter.list(app, scope, paging);
    let after = list.open(paging)?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let query = runs::Query { columns, ..filter.query(paging, after) };
    Ok(list.page(runs::list(&mut tx, query).await?, paging))
}

impl Filter {
    fn list(self, app: &App, scope: TenantScope, paging: &Paging) -> List {
        let Self { workflow, status, created } = self;
        List::new(&app.cursors, Some(scope.tenant_id()), "runs", paging.order)
            .filtered("workflow", workflow)
            .filtered("status", status)
            .created(created)
    }

    fn query(self, paging: &Paging, after: Option<crate::store::Position>) -> runs::Query {
        let Self { workflow, status, created } = self;
        runs::Query {
            workflow,
            status,
            created,
            order: paging.reading_order(),
            after,
            limit: paging.limit,
            columns: RunColumns::All,
        }
    }
}

/// Returns a page of the runs of a workflow with some columns.
///
/// # Errors
/// Returns an error if the tenant has no such workflow, if the cursor belongs to another list, or if the database fails.
pub async fn list_of_workflow(
    app: &App,
    scope: TenantScope,
    workflow: Uuid,
    filter: Filter,
    paging: &Paging,
    columns: RunColumns,
) -> Result<Page<Run>, Error> {
    let filter = Filter { workflow: Some(workflow), ..filter };
    let list = filter.list(app, scope, paging);
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    workflows::get(&mut tx, workflow).await?.ok_or(Error::NotFound)?;
    let query = runs::Query { columns, ..filter.query(paging, list.open(paging)?) };
    Ok(list.page(runs::list(&mut tx, query).await?, paging))
}

/// Counts the tenant's runs that a filter selects.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn count(app: &App, scope: TenantScope, filter: Filter) -> Result<Count, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(runs::count(&mut tx, filter.query(&Paging::default(), None)).await?)
}

/// Counts the runs of each workflow that a filter selects, with one statement.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn count_by_workflows(
    app: &App,
    scope: TenantScope,
    workflows: &[Uuid],
    filter: Filter,
) -> Result<Vec<(Uuid, Count)>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(runs::count_by_workflows(&mut tx, workflows, filter.query(&Paging::default(), None)).await?)
}

/// Returns the first page of the runs of each workflow, with one statement.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn list_by_workflows(
    app: &App,
    scope: TenantScope,
    workflows: &[Uuid],
    filter: Filter,
    paging: &Paging,
) -> Result<Vec<(Uuid, Page<Run>)>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let found = runs::list_by_workflows(&mut tx, workflows, filter.query(paging, None)).await?;
    let page = |runs::WorkflowRuns { workflow, runs }| {
        let list = Filter { workflow: Some(workflow), ..filter }.list(app, scope, paging);
        (workflow, list.page(runs, paging))
    };
    Ok(found.into_iter().map(page).collect())
}
