//! The object types of the schema.

mod api_key;
mod audit_event;
mod authorization;
mod document;
mod event;
mod failure;
mod invitation;
mod items;
mod log;
mod plan;
mod policy;
mod revision;
mod role;
mod rule;
mod run;
mod run_parts;
mod service_account;
mod step;
mod tenant;
mod usage;
mod user;
mod viewer;
mod workflow;

use async_graphql::{ID, Interface};

pub(super) use api_key::ApiKey;
pub(super) use audit_event::AuditEvent;
pub(super) use authorization::{AuthorizationAnswer, AuthorizationExplanation, Permission, SimulationResult};
pub(super) use document::{Document, DocumentStatus, SemanticChunk};
pub(super) use event::{Event, EventConnection, event_connection};
pub(super) use invitation::Invitation;
pub(super) use plan::Plan;
pub(super) use policy::Policy;
pub(super) use revision::{REVISIONS_COST, WorkflowRevision};
pub(super) use role::Role;
pub(super) use rule::{PolicyCondition, PolicyEffect, ResourceSelector, parsed};
pub(super) use run::{CancellationMode, WorkflowRun, WorkflowRunStatus};
pub(super) use service_account::ServiceAccount;
pub(super) use tenant::{Tenant, TenantStatus};
pub(super) use usage::Usage;
pub(super) use user::{User, UserStatus};
pub(super) use viewer::Viewer;
pub(super) use workflow::{Workflow, WorkflowStatus};

/// Object with a global ID.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Global ID of the object, unique across all types."))]
pub(super) enum Node {
    Tenant(Tenant),
    Plan(Plan),
    Workflow(Workflow),
    WorkflowRevision(WorkflowRevision),
    WorkflowRun(WorkflowRun),
    Event(Event),
    AuditEvent(AuditEvent),
    User(User),
    Role(Role),
    Policy(Policy),
    Invitation(Invitation),
    ApiKey(ApiKey),
    ServiceAccount(ServiceAccount),
    Document(Document),
    SemanticChunk(SemanticChunk),
}
