//! Where a document that reads can begin.

use async_graphql::{Context, ID, Object, Result};
use uuid::Uuid;

use super::{
    connection::{ConnectionOf, connection, cost, paging},
    error::of_app,
    gate::check_as,
    global_id::{self, Kind},
    objects::{Node, Plan, Tenant, Viewer, Workflow, WorkflowRun, WorkflowRunStatus, WorkflowStatus},
    request::Caller,
    scalars::DateTime,
};
use crate::{app, store};

/// What can be read.
pub(crate) struct Query;

/// What can be read.
#[Object]
impl Query {
    /// Anything, by its id.
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Node>> {
        let Some((kind, id)) = global_id::decode(&id) else { return Ok(None) };
        match kind {
            Kind::Tenant => {
                check_as(ctx, "tenant")?;
                Ok(own_tenant(ctx).await?.filter(|it| it.0.id == id).map(Node::Tenant))
            }
            Kind::Plan => {
                check_as(ctx, "plans")?;
                Ok(plan(ctx, id).await?.map(Node::Plan))
            }
            Kind::Workflow => {
                check_as(ctx, "workflow")?;
                Ok(workflow(ctx, id).await?.map(Node::Workflow))
            }
            Kind::WorkflowRun => {
                check_as(ctx, "workflowRun")?;
                Ok(run(ctx, id).await?.map(Node::WorkflowRun))
            }
        }
    }

    /// The caller.
    async fn viewer(&self) -> Viewer {
        Viewer
    }

    /// The caller's own tenant.
    async fn tenant(&self, ctx: &Context<'_>) -> Result<Option<Tenant>> {
        own_tenant(ctx).await
    }

    /// What plans there are, the youngest first.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn plans(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100", validator(minimum = 1, maximum = 100))] first: i32,
        #[graphql(desc = "The cursor of the plan before")] after: Option<String>,
    ) -> Result<ConnectionOf<Plan>> {
        let (caller, paging) = (Caller::of(ctx)?, paging(first, after));
        let page = app::plans::list(caller.state, caller.tenant()?.scope, &paging).await.map_err(of_app)?;
        let position = |row: &store::Plan| store::Position { created_at: row.created_at, id: row.id };
        Ok(connection(page, &paging, position, Plan))
    }

    /// The tenant's workflows, the youngest first.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn workflows(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100", validator(minimum = 1, maximum = 100))] first: i32,
        #[graphql(desc = "The cursor of the workflow before")] after: Option<String>,
        #[graphql(desc = "Only workflows in this state")] status: Option<WorkflowStatus>,
    ) -> Result<ConnectionOf<Workflow>> {
        let (caller, paging) = (Caller::of(ctx)?, paging(first, after));
        let filter = app::workflows::Filter { state: status.map(Into::into), created_after: None };
        let page = app::workflows::list(caller.state, caller.tenant()?.scope, filter, &paging)
            .await
            .map_err(of_app)?;
        Ok(connection(page, &paging, Workflow::position, Workflow))
    }

    /// One of the tenant's workflows.
    async fn workflow(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Workflow>> {
        match Kind::Workflow.decode(&id) {
            Some(id) => workflow(ctx, id).await,
            None => Ok(None),
        }
    }

    /// The tenant's runs, the youngest first.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn workflow_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100", validator(minimum = 1, maximum = 100))] first: i32,
        #[graphql(desc = "The cursor of the run before")] after: Option<String>,
        #[graphql(desc = "Only runs that stand so")] status: Option<WorkflowRunStatus>,
        #[graphql(desc = "Only runs created after this time")] created_after: Option<DateTime>,
    ) -> Result<ConnectionOf<WorkflowRun>> {
        let (caller, paging) = (Caller::of(ctx)?, paging(first, after));
        let filter = app::runs::Filter {
            workflow: None,
            status: status.map(Into::into),
            created_after: created_after.map(|DateTime(time)| time),
        };
        let page =
            app::runs::list(caller.state, caller.tenant()?.scope, filter, &paging).await.map_err(of_app)?;
        Ok(connection(page, &paging, WorkflowRun::position, WorkflowRun))
    }

    /// One of the tenant's runs.
    async fn workflow_run(&self, ctx: &Context<'_>, id: ID) -> Result<Option<WorkflowRun>> {
        match Kind::WorkflowRun.decode(&id) {
            Some(id) => run(ctx, id).await,
            None => Ok(None),
        }
    }
}

async fn own_tenant(ctx: &Context<'_>) -> Result<Option<Tenant>> {
    let caller = Caller::of(ctx)?;
    Ok(found(app::tenants::current(caller.state, caller.tenant()?.scope).await)?.map(Tenant))
}

async fn plan(ctx: &Context<'_>, id: Uuid) -> Result<Option<Plan>> {
    let caller = Caller::of(ctx)?;
    Ok(found(app::plans::get(caller.state, caller.tenant()?.scope, id).await)?.map(Plan))
}

async fn workflow(ctx: &Context<'_>, id: Uuid) -> Result<Option<Workflow>> {
    let caller = Caller::of(ctx)?;
    Ok(found(app::workflows::get(caller.state, caller.tenant()?.scope, id).await)?.map(Workflow))
}

async fn run(ctx: &Context<'_>, id: Uuid) -> Result<Option<WorkflowRun>> {
    let caller = Caller::of(ctx)?;
    Ok(found(app::runs::get(caller.state, caller.tenant()?.scope, id).await)?.map(WorkflowRun))
}

/// What is not there is null, not an error.
fn found<T>(result: Result<T, app::Error>) -> Result<Option<T>> {
    match result {
        Ok(row) => Ok(Some(row)),
        Err(app::Error::NotFound) => Ok(None),
        Err(error) => Err(of_app(error)),
    }
}
