//! Lists of runs.

use uuid::Uuid;

use crate::{
    app::{
        Error,
        page::{List, Page, Paging},
    },
    auth::TenantScope,
    db::Timestamp,
    state::AppState,
    store::{Run, RunStatus, TenantTx, runs},
};

/// What a list of runs is filtered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Only those of this workflow.
    pub workflow: Option<Uuid>,
    /// Only those that stand so.
    pub status: Option<RunStatus>,
    /// Only those created after this time.
    pub created_after: Option<Timestamp>,
}

/// A page of the tenant's runs.
///
/// # Errors
/// The cursor is of another list, or the database fails.
pub async fn list(
    state: &AppState,
    scope: TenantScope,
    filter: Filter,
    paging: &Paging,
) -> Result<Page<Run>, Error> {
    let list = filter.list(state, scope, paging);
    let after = list.open(paging)?;
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    Ok(list.page(runs::list(&mut tx, filter.query(paging, after)).await?, paging.limit))
}

impl Filter {
    fn list(self, state: &AppState, scope: TenantScope, paging: &Paging) -> List {
        let Self { workflow, status, created_after } = self;
        List::new(&state.cursors, Some(scope.tenant_id()), "runs", paging.order)
            .filtered("workflow", workflow)
            .filtered("status", status)
            .filtered("createdAfter", created_after)
    }

    fn query(self, paging: &Paging, after: Option<crate::store::Position>) -> runs::Query {
        let Self { workflow, status, created_after } = self;
        runs::Query { workflow, status, created_after, order: paging.order, after, limit: paging.limit }
    }
}

/// The first page of the runs of each of several workflows, by one statement.
///
/// # Errors
/// The database fails.
pub async fn list_by_workflows(
    state: &AppState,
    scope: TenantScope,
    workflows: &[Uuid],
    filter: Filter,
    paging: &Paging,
) -> Result<Vec<(Uuid, Page<Run>)>, Error> {
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    let found = runs::list_by_workflows(&mut tx, workflows, filter.query(paging, None)).await?;
    let page = |runs::WorkflowRuns { workflow, runs }| {
        let list = Filter { workflow: Some(workflow), ..filter }.list(state, scope, paging);
        (workflow, list.page(runs, paging.limit))
    };
    Ok(found.into_iter().map(page).collect())
}
