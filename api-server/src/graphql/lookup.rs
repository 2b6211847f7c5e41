//! Objects by their IDs, each with the permission of its type. All fields of a document that look for objects of one type at the
//! same time share one statement.

use async_graphql::{Context, Result};
use uuid::Uuid;

use super::{
    error::{from_app, from_loader},
    global_id::Kind,
    guard::{check_field, may_resolve},
    loaders::{Loaders, OwnTenant, PlanById, PlatformLoaders, RunById, TenantById, WorkflowById},
    objects::{AuditEvent, Node, Plan, Tenant, User, Workflow, WorkflowRun},
    request::Caller,
};
use crate::app;

/// Returns an object of any type; `None` if it does not exist or belongs to another tenant.
///
/// # Errors
/// Returns an error if the caller lacks the permission of the type, or if the database fails.
pub(super) async fn node(ctx: &Context<'_>, kind: Kind, id: Uuid) -> Result<Option<Node>> {
    Ok(match kind {
        Kind::Tenant => tenant(ctx, id).await?.map(Node::Tenant),
        Kind::Plan => plan(ctx, id).await?.map(Node::Plan),
        Kind::Workflow => workflow(ctx, id).await?.map(Node::Workflow),
        Kind::WorkflowRun => run(ctx, id).await?.map(Node::WorkflowRun),
        Kind::AuditEvent => audit_event(ctx, id).await?.map(Node::AuditEvent),
        Kind::User => user(ctx, id).await?.map(Node::User),
    })
}

/// Returns the caller's tenant; `None` if it has not been mirrored.
///
/// # Errors
/// Returns an error if the token names no tenant, or if the database fails.
pub(super) async fn own_tenant(ctx: &Context<'_>) -> Result<Option<Tenant>> {
    Caller::from_context(ctx)?.tenant()?;
    let tenant = ctx.data::<Loaders>()?.load_one(OwnTenant).await.map_err(from_loader)?;
    Ok(tenant.map(Tenant::from))
}

/// Returns the caller's tenant, or any tenant if the caller is an administrator of the platform.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
pub(super) async fn tenant(ctx: &Context<'_>, id: Uuid) -> Result<Option<Tenant>> {
    let principal = Caller::from_context(ctx)?.principal;
    if principal.tenant.as_ref().is_some_and(|tenant| tenant.scope.tenant_id() == id) {
        check_field(ctx, "tenant")?;
        return own_tenant(ctx).await;
    }
    match ctx.data_opt::<PlatformLoaders>() {
        Some(loaders) if may_resolve(ctx, "tenants")? => {
            Ok(loaders.load_one(TenantById(id)).await.map_err(from_loader)?.map(Tenant::from))
        }
        Some(_) | None => {
            check_field(ctx, "tenant")?;
            Ok(None)
        }
    }
}

/// Returns a plan; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
pub(super) async fn plan(ctx: &Context<'_>, id: Uuid) -> Result<Option<Plan>> {
    check_field(ctx, "plan")?;
    Ok(loaders(ctx)?.load_one(PlanById(id)).await.map_err(from_loader)?.map(Plan))
}

/// Returns a workflow of the caller's tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
pub(super) async fn workflow(ctx: &Context<'_>, id: Uuid) -> Result<Option<Workflow>> {
    check_field(ctx, "workflow")?;
    Ok(loaders(ctx)?.load_one(WorkflowById(id)).await.map_err(from_loader)?.map(Workflow))
}

/// Returns a run of the caller's tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
pub(super) async fn run(ctx: &Context<'_>, id: Uuid) -> Result<Option<WorkflowRun>> {
    check_field(ctx, "workflowRun")?;
    Ok(loaders(ctx)?.load_one(RunById(id)).await.map_err(from_loader)?.map(WorkflowRun))
}

/// Returns an audit event of the caller's tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
async fn audit_event(ctx: &Context<'_>, id: Uuid) -> Result<Option<AuditEvent>> {
    check_field(ctx, "auditEvents")?;
    let caller = Caller::from_context(ctx)?;
    match app::audit::get(caller.app, caller.tenant()?.scope, id).await {
        Ok(event) => Ok(Some(AuditEvent(event))),
        Err(app::Error::NotFound) => Ok(None),
        Err(error) => Err(from_app(error)),
    }
}

/// Returns a user of the caller's tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
pub(super) async fn user(ctx: &Context<'_>, id: Uuid) -> Result<Option<User>> {
    check_field(ctx, "user")?;
    let caller = Caller::from_context(ctx)?;
    match app::users::get(caller.app, caller.tenant()?.scope, id).await {
        Ok(user) => Ok(Some(User(user))),
        Err(app::Error::NotFound) => Ok(None),
        Err(error) => Err(from_app(error)),
    }
}

/// Returns the loaders of the caller's tenant.
fn loaders<'a>(ctx: &Context<'a>) -> Result<&'a Loaders> {
    Caller::from_context(ctx)?.tenant()?;
    ctx.data::<Loaders>()
}
