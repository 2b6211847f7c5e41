//! A tenant's workflows.

use uuid::Uuid;

use super::{
    Error,
    case::upper_snake,
    page::{List, Page, Paging},
};
use crate::{
    auth::TenantScope,
    db::Timestamp,
    state::AppState,
    store::{TenantTx, Workflow, WorkflowState, workflows},
};

/// What a list of workflows is filtered by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<WorkflowState>,
    /// Only those created after this time.
    pub created_after: Option<Timestamp>,
}

/// Something that was found wrong with a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `spec.steps[2].when`.
    pub path: String,
    /// What, for machines, such as `UNKNOWN_STEP`.
    pub code: String,
    /// What, for people.
    pub message: String,
}

/// What was found wrong with a workflow.
#[must_use]
pub fn problems(workflow: &Workflow) -> Vec<Problem> {
    let problems: Vec<crds::workflow::Problem> =
        serde_json::from_value(workflow.problems.clone()).unwrap_or_default();
    let problem =
        |crds::workflow::Problem { path, code, message }| Problem { path, code: upper_snake(&code), message };
    problems.into_iter().map(problem).collect()
}

/// One workflow.
///
/// # Errors
/// The tenant has no such workflow, or the database fails.
pub async fn get(state: &AppState, scope: TenantScope, id: Uuid) -> Result<Workflow, Error> {
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    workflows::get(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// A page of the tenant's workflows.
///
/// # Errors
/// The cursor is of another list, or the database fails.
pub async fn list(
    state: &AppState,
    scope: TenantScope,
    filter: Filter,
    paging: &Paging,
) -> Result<Page<Workflow>, Error> {
    let Filter { state: of_state, created_after } = filter;
    let list = List::new(&state.cursors, Some(scope.tenant_id()), "workflows", paging.order)
        .filtered("state", of_state)
        .filtered("createdAfter", created_after);
    let after = list.open(paging)?;
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    let query =
        workflows::Query { state: of_state, created_after, order: paging.order, after, limit: paging.limit };
    Ok(list.page(workflows::list(&mut tx, query).await?, paging.limit))
}
