//! Workflows of a tenant.

use serde::Deserialize as _;
use uuid::Uuid;

use super::{
    App, Error, Reservation,
    enum_names::upper_snake,
    page::{List, Page, Paging},
};
use crate::{
    auth::TenantScope,
    db::Timestamp,
    store::{TenantTx, Workflow, WorkflowContent, WorkflowState, workflows},
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
pub fn problems(content: &WorkflowContent) -> Vec<Problem> {
    let problems = Vec::<crds::workflow::Problem>::deserialize(&content.problems).unwrap_or_default();
    let problem =
        |crds::workflow::Problem { path, code, message }| Problem { path, code: upper_snake(&code), message };
    problems.into_iter().map(problem).collect()
}

/// Workflow with its spec and problems.
#[derive(Clone, Debug)]
pub struct WorkflowDetails {
    /// Row of the workflow.
    pub workflow: Workflow,
    /// Content of the workflow, which may be large.
    pub content: WorkflowContent,
}

/// Returns a workflow without its content.
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

/// Returns a workflow with its content, and the memory that it takes, which the caller holds until the response is built.
///
/// # Errors
/// Returns an error if the tenant has no such workflow, if the memory is not free in time, or if the database fails.
pub async fn details(
    app: &App,
    scope: TenantScope,
    id: Uuid,
) -> Result<(WorkflowDetails, Reservation), Error> {
    let workflow = get(app, scope, id).await?;
    let reservation = Reservation::default();
    let content = contents(app, scope, &[id], 1, &reservation).await?.pop().ok_or(Error::NotFound)?;
    Ok((WorkflowDetails { workflow, content }, reservation))
}

/// Returns the contents of the workflows with these ids, in no particular order. Unknown ids are skipped. `repeats` is the
/// number of times that the response contains the same part of a content.
///
/// # Errors
/// Returns an error if the contents are too large for one response, if the memory for them is not free in time, or if the
/// database fails.
pub async fn contents(
    app: &App,
    scope: TenantScope,
    ids: &[Uuid],
    repeats: usize,
    reservation: &Reservation,
) -> Result<Vec<WorkflowContent>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let size = workflows::content_size(&mut tx, ids).await?;
    // The connection is released before the wait for memory.
    drop(tx);
    reservation.add_contents(app, scope, size, repeats).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(workflows::contents(&mut tx, ids).await?)
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
