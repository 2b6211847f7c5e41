//! Reading workflows.

use serde::Deserialize as _;
use uuid::Uuid;

use crate::{
    app::{
        App, Error, Reservation,
        enum_names::upper_snake,
        page::{List, Page, Paging},
    },
    auth::TenantScope,
    mirror,
    project::{Meta, WorkflowRow, project_dry_run},
    store::{
        Count, Created, TenantTx, Workflow, WorkflowContent, WorkflowState,
        workflows::{self, FoundWorkflow},
    },
};

/// Filters of a list of workflows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// State of the workflows.
    pub state: Option<WorkflowState>,
    /// Creation times of the workflows.
    pub created: Created,
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
    let (small, inline) = Reservation::small_content(app, scope).await;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let FoundWorkflow { workflow, size, content } =
        workflows::read(&mut tx, id, inline).await?.ok_or(Error::NotFound)?;
    if let Some(content) = content {
        return Ok((WorkflowDetails { workflow, content }, small));
    }
    // Neither the connection nor memory is held while the request waits for more memory.
    drop((tx, small));
    let reservation = Reservation::default();
    reservation.add_contents(app, scope, size, 1).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let content = workflows::contents(&mut tx, &[id]).await?.pop().ok_or(Error::NotFound)?;
    Ok((WorkflowDetails { workflow, content }, reservation))
}

/// Returns a workflow that is not stored, as it would be after it was.
///
/// # Errors
/// Returns an error if the object cannot be projected.
pub(super) fn from_object(object: &crds::Workflow) -> Result<WorkflowDetails, Error> {
    let WorkflowRow {
        meta,
        display_name,
        description,
        state,
        revision,
        valid,
        problems,
        labels: _,
        spec,
        status: _,
    } = project_dry_run(object)
        .map_err(|error| Error::Mirror(mirror::Error::InvalidResponse(error.into())))?;
    let Meta { uid: id, name, resource_version, generation, created_at, updated_at } = meta;
    let content = WorkflowContent { id, problems, spec };
    let workflow = Workflow {
        id,
        name,
        display_name,
        description,
        state,
        revision,
        valid,
        generation,
        resource_version,
        created_at,
        updated_at,
    };
    Ok(WorkflowDetails { workflow, content })
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
    let Filter { state: of_state, created } = filter;
    let list = List::new(&app.cursors, Some(scope.tenant_id()), "workflows", paging.order)
        .filtered("state", of_state)
        .created(created);
    let after = list.open(paging)?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let query = workflows::Query {
        state: of_state,
        created,
        order: paging.reading_order(),
        after,
        limit: paging.limit,
    };
    Ok(list.page(workflows::list(&mut tx, query).await?, paging))
}

/// Counts the tenant's workflows that a filter selects.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn count(app: &App, scope: TenantScope, filter: Filter) -> Result<Count, Error> {
    let Filter { state, created } = filter;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(workflows::count(&mut tx, workflows::Query { state, created, ..Default::default() }).await?)
}
