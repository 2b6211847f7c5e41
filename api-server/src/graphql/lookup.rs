//! Objects by their IDs, each with the permission of its type. All fields of a document that look for objects of one type at the
//! same time share one statement.

use async_graphql::{Context, Result};
use uuid::Uuid;

use super::{
    error::from_loader,
    global_id::{GlobalId, Kind},
    guard::{check_field, may_resolve},
    loaders::{
        ApiKeyById, AuditEventById, ChunkById, DocumentById, EventAt, InvitationById, Loaders, OwnTenant,
        PlanById, PlatformLoaders, PolicyById, RevisionsOfWorkflow, RoleByReference, RunById,
        ServiceAccountById, TenantById, UserById, WorkflowById,
    },
    objects::{
        ApiKey, AuditEvent, Document, Event, Invitation, Node, Plan, Policy, Role, SemanticChunk,
        ServiceAccount, Tenant, User, Workflow, WorkflowRevision, WorkflowRun,
    },
    request::Caller,
};
use crate::app::{events::EventPosition, roles::RoleReference, workflows::RevisionKey};

/// Returns an object of any type; `None` if it does not exist or belongs to another tenant.
///
/// # Errors
/// Returns an error if the caller lacks the permission of the type, or if the database fails.
pub(super) async fn node(ctx: &Context<'_>, id: GlobalId) -> Result<Option<Node>> {
    Ok(match id {
        GlobalId::Object(Kind::Tenant, id) => tenant(ctx, id).await?.map(Node::Tenant),
        GlobalId::Object(Kind::Plan, id) => plan(ctx, id).await?.map(Node::Plan),
        GlobalId::Object(Kind::Workflow, id) => workflow(ctx, id).await?.map(Node::Workflow),
        GlobalId::Object(Kind::WorkflowRun, id) => run(ctx, id).await?.map(Node::WorkflowRun),
        GlobalId::Object(Kind::AuditEvent, id) => audit_event(ctx, id).await?.map(Node::AuditEvent),
        GlobalId::Event(position) => event(ctx, position).await?.map(Node::Event),
        GlobalId::Revision(key) => revision(ctx, key).await?.map(Node::WorkflowRevision),
        GlobalId::Object(Kind::User, id) => user(ctx, id).await?.map(Node::User),
        GlobalId::Role(reference) => role(ctx, reference).await?.map(Node::Role),
        GlobalId::Object(Kind::Policy, id) => policy(ctx, id).await?.map(Node::Policy),
        GlobalId::Object(Kind::Invitation, id) => invitation(ctx, id).await?.map(Node::Invitation),
        GlobalId::Object(Kind::ApiKey, id) => api_key(ctx, id).await?.map(Node::ApiKey),
        GlobalId::Object(Kind::ServiceAccount, id) => {
            service_account(ctx, id).await?.map(Node::ServiceAccount)
        }
        GlobalId::Object(Kind::Document, id) => document(ctx, id).await?.map(Node::Document),
        GlobalId::Object(Kind::SemanticChunk, id) => chunk(ctx, id).await?.map(Node::SemanticChunk),
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

/// Returns a revision of a workflow of the caller's tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the Kubernetes API or the database fails.
pub(super) async fn revision(ctx: &Context<'_>, key: RevisionKey) -> Result<Option<WorkflowRevision>> {
    check_field(ctx, "workflowRevision")?;
    let RevisionKey { workflow, name } = key;
    let all = loaders(ctx)?.load_one(RevisionsOfWorkflow(workflow)).await.map_err(from_loader)?;
    let found = all.and_then(|all| all.iter().find(|revision| revision.name == name).cloned());
    Ok(found.map(|revision| WorkflowRevision { workflow, revision }))
}

/// Returns an event of the caller's tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
pub(super) async fn event(ctx: &Context<'_>, position: EventPosition) -> Result<Option<Event>> {
    check_field(ctx, "events")?;
    Ok(loaders(ctx)?.load_one(EventAt(position)).await.map_err(from_loader)?.map(Event))
}

/// Returns an audit event of the caller's tenant, or of the platform if the caller is one of its administrators; `None` if it does not
/// exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
pub(super) async fn audit_event(ctx: &Context<'_>, id: Uuid) -> Result<Option<AuditEvent>> {
    let key = AuditEventById(id);
    if let Some(loaders) = ctx.data_opt::<Loaders>()
        && may_resolve(ctx, "auditEvents")?
        && let Some(found) = loaders.load_one(key).await.map_err(from_loader)?
    {
        return Ok(Some(AuditEvent(found)));
    }
    match ctx.data_opt::<PlatformLoaders>() {
        Some(loaders) if may_resolve(ctx, "platformAuditEvents")? => {
            Ok(loaders.load_one(key).await.map_err(from_loader)?.map(AuditEvent))
        }
        Some(_) | None => {
            check_field(ctx, "auditEvents")?;
            Ok(None)
        }
    }
}

/// Returns a user of the caller's tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
pub(super) async fn user(ctx: &Context<'_>, id: Uuid) -> Result<Option<User>> {
    check_field(ctx, "user")?;
    Ok(loaders(ctx)?.load_one(UserById(id)).await.map_err(from_loader)?.map(User))
}

/// Returns a built-in role or one of the caller's tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
pub(super) async fn role(ctx: &Context<'_>, reference: RoleReference) -> Result<Option<Role>> {
    check_field(ctx, "role")?;
    Ok(loaders(ctx)?.load_one(RoleByReference(reference)).await.map_err(from_loader)?.map(Role))
}

/// Returns a policy of the caller's tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
pub(super) async fn policy(ctx: &Context<'_>, id: Uuid) -> Result<Option<Policy>> {
    check_field(ctx, "policy")?;
    Ok(loaders(ctx)?.load_one(PolicyById(id)).await.map_err(from_loader)?.map(Policy))
}

/// Returns an invitation of the caller's tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
pub(super) async fn invitation(ctx: &Context<'_>, id: Uuid) -> Result<Option<Invitation>> {
    check_field(ctx, "invitation")?;
    Ok(loaders(ctx)?.load_one(InvitationById(id)).await.map_err(from_loader)?.map(Invitation))
}

/// Returns an API key of the caller's tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
pub(super) async fn api_key(ctx: &Context<'_>, id: Uuid) -> Result<Option<ApiKey>> {
    check_field(ctx, "apiKey")?;
    Ok(loaders(ctx)?.load_one(ApiKeyById(id)).await.map_err(from_loader)?.map(ApiKey))
}

/// Returns a document of the caller's tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
pub(super) async fn document(ctx: &Context<'_>, id: Uuid) -> Result<Option<Document>> {
    check_field(ctx, "document")?;
    Ok(loaders(ctx)?.load_one(DocumentById(id)).await.map_err(from_loader)?.map(Document))
}

/// Returns a chunk of a document of the caller's tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
pub(super) async fn chunk(ctx: &Context<'_>, id: Uuid) -> Result<Option<SemanticChunk>> {
    check_field(ctx, "semanticChunk")?;
    let found = loaders(ctx)?.load_one(ChunkById(id)).await.map_err(from_loader)?;
    Ok(found.map(|(document, chunk)| SemanticChunk { document, chunk }))
}

/// Returns a service account of the caller's tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the caller lacks the permission, or if the database fails.
pub(super) async fn service_account(ctx: &Context<'_>, id: Uuid) -> Result<Option<ServiceAccount>> {
    check_field(ctx, "serviceAccount")?;
    Ok(loaders(ctx)?.load_one(ServiceAccountById(id)).await.map_err(from_loader)?.map(ServiceAccount))
}

/// Returns the loaders of the caller's tenant.
fn loaders<'a>(ctx: &Context<'a>) -> Result<&'a Loaders> {
    Caller::from_context(ctx)?.tenant()?;
    ctx.data::<Loaders>()
}
