//! The root fields that read data.

use async_graphql::{Context, ID, Object, Result};
use uuid::Uuid;

use super::{
    connection::{ConnectionOf, connection, cost, paging},
    error::from_app,
    global_id::{self, Kind},
    guard::check_field,
    objects::{Node, Plan, Tenant, Viewer, Workflow, WorkflowRun, WorkflowRunStatus, WorkflowStatus},
    request::Caller,
    scalars::DateTime,
};
use crate::{app, store};

/// Root of all queries.
pub(crate) struct Query;

/// Root of all queries.
#[Object]
impl Query {
    /// Returns an object by its global ID; null if it does not exist or belongs to another tenant. Requires the
    /// permission of the field that returns the object's type.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the object.")] id: ID,
    ) -> Result<Option<Node>> {
        let Some((kind, id)) = global_id::decode(&id) else { return Ok(None) };
        match kind {
            Kind::Tenant => {
                check_field(ctx, "tenant")?;
                Ok(own_tenant(ctx).await?.filter(|tenant| tenant.0.id == id).map(Node::Tenant))
            }
            Kind::Plan => {
                check_field(ctx, "plans")?;
                Ok(plan(ctx, id).await?.map(Node::Plan))
            }
            Kind::Workflow => {
                check_field(ctx, "workflow")?;
                Ok(workflow(ctx, id).await?.map(Node::Workflow))
            }
            Kind::WorkflowRun => {
                check_field(ctx, "workflowRun")?;
                Ok(run(ctx, id).await?.map(Node::WorkflowRun))
            }
        }
    }

    /// The authenticated user.
    async fn viewer(&self) -> Viewer {
        Viewer
    }

    /// The tenant of the authenticated user; null if it has not been mirrored. Fails if the token names no tenant.
    /// Requires the permission `tenant.read`.
    async fn tenant(&self, ctx: &Context<'_>) -> Result<Option<Tenant>> {
        own_tenant(ctx).await
    }

    /// All plans, newest first. Requires the permission `plan.read`.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn plans(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Page size, 1 to 100; required.", validator(minimum = 1, maximum = 100))] first: i32,
        #[graphql(desc = "Cursor after which the page starts: the `endCursor` of the previous page.")] after: Option<String>,
    ) -> Result<ConnectionOf<Plan>> {
        let (caller, paging) = (Caller::from_context(ctx)?, paging(first, after));
        let page = app::plans::list(caller.app, caller.tenant()?.scope, &paging).await.map_err(from_app)?;
        let position = |row: &store::Plan| store::Position { created_at: row.created_at, id: row.id };
        Ok(connection(page, &paging, position, Plan))
    }

    /// Workflows of the tenant, newest first. Requires the permission `workflow.read`.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn workflows(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Page size, 1 to 100; required.", validator(minimum = 1, maximum = 100))] first: i32,
        #[graphql(desc = "Cursor after which the page starts: the `endCursor` of the previous page.")] after: Option<String>,
        #[graphql(desc = "Filter by status.")] status: Option<WorkflowStatus>,
    ) -> Result<ConnectionOf<Workflow>> {
        let (caller, paging) = (Caller::from_context(ctx)?, paging(first, after));
        let filter = app::workflows::Filter { state: status.map(Into::into), created_after: None };
        let page = app::workflows::list(caller.app, caller.tenant()?.scope, filter, &paging)
            .await
            .map_err(from_app)?;
        Ok(connection(page, &paging, Workflow::position, Workflow))
    }

    /// Returns a workflow of the tenant; null if it does not exist. Requires the permission `workflow.read`.
    async fn workflow(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the workflow.")] id: ID,
    ) -> Result<Option<Workflow>> {
        match Kind::Workflow.decode(&id) {
            Some(id) => workflow(ctx, id).await,
            None => Ok(None),
        }
    }

    /// Runs of the tenant, newest first. Requires the permission `workflow.run.read`.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn workflow_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Page size, 1 to 100; required.", validator(minimum = 1, maximum = 100))] first: i32,
        #[graphql(desc = "Cursor after which the page starts: the `endCursor` of the previous page.")] after: Option<String>,
        #[graphql(desc = "Filter by status.")] status: Option<WorkflowRunStatus>,
        #[graphql(desc = "Filter by creation time: only runs created after this time.")]
        created_after: Option<DateTime>,
    ) -> Result<ConnectionOf<WorkflowRun>> {
        let (caller, paging) = (Caller::from_context(ctx)?, paging(first, after));
        let filter = app::runs::Filter {
            workflow: None,
            status: status.map(Into::into),
            created_after: created_after.map(|DateTime(time)| time.into()),
        };
        let page =
            app::runs::list(caller.app, caller.tenant()?.scope, filter, &paging).await.map_err(from_app)?;
        Ok(connection(page, &paging, WorkflowRun::position, WorkflowRun))
    }

    /// Returns a run of the tenant; null if it does not exist. Requires the permission `workflow.run.read`.
    async fn workflow_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the run.")] id: ID,
    ) -> Result<Option<WorkflowRun>> {
        match Kind::WorkflowRun.decode(&id) {
            Some(id) => run(ctx, id).await,
            None => Ok(None),
        }
    }
}

async fn own_tenant(ctx: &Context<'_>) -> Result<Option<Tenant>> {
    let caller = Caller::from_context(ctx)?;
    Ok(optional(app::tenants::current(caller.app, caller.tenant()?.scope).await)?.map(Tenant))
}

async fn plan(ctx: &Context<'_>, id: Uuid) -> Result<Option<Plan>> {
    let caller = Caller::from_context(ctx)?;
    Ok(optional(app::plans::get(caller.app, caller.tenant()?.scope, id).await)?.map(Plan))
}

async fn workflow(ctx: &Context<'_>, id: Uuid) -> Result<Option<Workflow>> {
    let caller = Caller::from_context(ctx)?;
    Ok(optional(app::workflows::get(caller.app, caller.tenant()?.scope, id).await)?.map(Workflow))
}

async fn run(ctx: &Context<'_>, id: Uuid) -> Result<Option<WorkflowRun>> {
    let caller = Caller::from_context(ctx)?;
    Ok(optional(app::runs::get(caller.app, caller.tenant()?.scope, id).await)?.map(WorkflowRun))
}

/// Converts the error for a missing object into `None`.
fn optional<T>(result: Result<T, app::Error>) -> Result<Option<T>> {
    match result {
        Ok(row) => Ok(Some(row)),
        Err(app::Error::NotFound) => Ok(None),
        Err(error) => Err(from_app(error)),
    }
}
