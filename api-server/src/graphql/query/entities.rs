//! The entities that a gateway of a federated graph (Apollo Federation 2) looks for by their keys. Each is found as by `node`:
//! with the permission of its type, in the caller's tenant, and with one statement for all representations of a type.

use async_graphql::{Context, ID, Object, Result};

use crate::graphql::{
    global_id::{GlobalId, Kind},
    lookup,
    objects::{
        AuditEvent, Document, Event, Plan, SemanticChunk, Tenant, Workflow, WorkflowRevision, WorkflowRun,
    },
};

/// Entities by their keys.
#[derive(Default)]
pub(super) struct Entities;

/// Entities by their keys.
#[Object]
impl Entities {
    #[graphql(entity)]
    async fn find_tenant_by_id(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Tenant>> {
        match Kind::Tenant.decode(&id) {
            Some(id) => lookup::tenant(ctx, id).await,
            None => Ok(None),
        }
    }

    #[graphql(entity)]
    async fn find_plan_by_id(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Plan>> {
        match Kind::Plan.decode(&id) {
            Some(id) => lookup::plan(ctx, id).await,
            None => Ok(None),
        }
    }

    #[graphql(entity)]
    async fn find_workflow_by_id(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Workflow>> {
        match Kind::Workflow.decode(&id) {
            Some(id) => lookup::workflow(ctx, id).await,
            None => Ok(None),
        }
    }

    #[graphql(entity)]
    async fn find_workflow_run_by_id(&self, ctx: &Context<'_>, id: ID) -> Result<Option<WorkflowRun>> {
        match Kind::WorkflowRun.decode(&id) {
            Some(id) => lookup::run(ctx, id).await,
            None => Ok(None),
        }
    }

    #[graphql(entity)]
    async fn find_workflow_revision_by_id(
        &self,
        ctx: &Context<'_>,
        id: ID,
    ) -> Result<Option<WorkflowRevision>> {
        match GlobalId::decode(&id) {
            Some(GlobalId::Revision(key)) => lookup::revision(ctx, key).await,
            Some(GlobalId::Object(..) | GlobalId::Event(_) | GlobalId::Role(_)) | None => Ok(None),
        }
    }

    #[graphql(entity)]
    async fn find_event_by_id(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Event>> {
        match GlobalId::decode(&id) {
            Some(GlobalId::Event(position)) => lookup::event(ctx, position).await,
            Some(GlobalId::Object(..) | GlobalId::Revision(_) | GlobalId::Role(_)) | None => Ok(None),
        }
    }

    #[graphql(entity)]
    async fn find_document_by_id(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Document>> {
        match Kind::Document.decode(&id) {
            Some(id) => lookup::document(ctx, id).await,
            None => Ok(None),
        }
    }

    #[graphql(entity)]
    async fn find_semantic_chunk_by_id(&self, ctx: &Context<'_>, id: ID) -> Result<Option<SemanticChunk>> {
        match Kind::SemanticChunk.decode(&id) {
            Some(id) => lookup::chunk(ctx, id).await,
            None => Ok(None),
        }
    }

    #[graphql(entity)]
    async fn find_audit_event_by_id(&self, ctx: &Context<'_>, id: ID) -> Result<Option<AuditEvent>> {
        match Kind::AuditEvent.decode(&id) {
            Some(id) => lookup::audit_event(ctx, id).await,
            None => Ok(None),
        }
    }
}
