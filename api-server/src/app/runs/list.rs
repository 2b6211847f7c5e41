//! Listing runs.

use uuid::Uuid;

use crate::{
    app::{
        App, Error,
        page::{List, Page, Paging},
    },
    auth::TenantScope,
    db::Timestamp,
    store::{Run, RunStatus, TenantTx, runs},
};

/// Filters of a list of runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// ID of the workflow.
    pub workflow: Option<Uuid>,
    /// Status of the runs.
    pub status: Option<RunStatus>,
    /// Lower bound of the creation time, exclusive.
    pub created_after: Option<Timestamp>,
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
    let list = filter.list(app, scope, paging);
    let after = list.open(paging)?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(list.page(runs::list(&mut tx, filter.query(paging, after)).await?, paging.limit))
}

impl Filter {
    fn list(self, app: &App, scope: TenantScope, paging: &Paging) -> List {
        let Self { workflow, status, created_after } = self;
        List::new(&app.cursors, Some(scope.tenant_id()), "runs", paging.order)
            .filtered("workflow", workflow)
            .filtered("status", status)
            .filtered("createdAfter", created_after)
    }

    fn query(self, paging: &Paging, after: Option<crate::store::Position>) -> runs::Query {
        let Self { workflow, status, created_after } = self;
        runs::Query { workflow, status, created_after, order: paging.order, after, limit: paging.limit }
    }
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
        (workflow, list.page(runs, paging.limit))
    };
    Ok(found.into_iter().map(page).collect())
}
