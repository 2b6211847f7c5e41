//! Workflows of a tenant.

use uuid::Uuid;

use super::{
    App, Error,
    enum_names::upper_snake,
    page::{List, Page, Paging},
};
use crate::{
    auth::TenantScope,
    db::Timestamp,
    store::{TenantTx, Workflow, WorkflowState, workflows},
};

/// Filters of a list of workflows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// State of the workflows.
    pub state: Option<WorkflowState>,
    /// Lower bound of the creation time, exclusive.
    pub created_after: Option<Timestamp>,
}

/// Validation error of a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the field, such as `spec.steps[2].when`.
    pub path: String,
    /// Machine-readable code, such as `UNKNOWN_STEP`.
    pub code: String,
    /// Human-readable explanation.
    pub message: String,
}

/// Returns the validation errors of a workflow.
#[must_use]
pub fn problems(workflow: &Workflow) -> Vec<Problem> {
    let problems: Vec<crds::workflow::Problem> =
        serde_json::from_value(workflow.problems.clone()).unwrap_or_default();
    let problem =
        |crds::workflow::Problem { path, code, message }| Problem { path, code: upper_snake(&code), message };
    problems.into_iter().map(problem).collect()
}

/// Returns a workflow.
///
/// # Errors
/// Returns an error if the tenant has no such workflow or the database fails.
pub async fn get(app: &App, scope: TenantScope, id: Uuid) -> Result<Workflow, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    workflows::get(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// Returns the workflows with these ids, in no particular order. Unknown ids are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn get_many(app: &App, scope: TenantScope, ids: &[Uuid]) -> Result<Vec<Workflow>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(workflows::by_ids(&mut tx, ids).await?)
}

/// Returns a page of the tenant's workflows.
///
/// # Errors
/// Returns an error if the cursor belongs to another list or the database fails.
pub async fn list(
    app: &App,
    scope: TenantScope,
    filter: Filter,
    paging: &Paging,
) -> Result<Page<Workflow>, Error> {
    let Filter { state: of_state, created_after } = filter;
    let list = List::new(&app.cursors, Some(scope.tenant_id()), "workflows", paging.order)
        .filtered("state", of_state)
        .filtered("createdAfter", created_after);
    let after = list.open(paging)?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let query =
        workflows::Query { state: of_state, created_after, order: paging.order, after, limit: paging.limit };
    Ok(list.page(workflows::list(&mut tx, query).await?, paging.limit))
}
