//! The object types of the schema.

mod audit_event;
mod failure;
mod items;
mod log;
mod plan;
mod run;
mod run_parts;
mod step;
mod tenant;
mod user;
mod viewer;
mod workflow;

use async_graphql::{ID, Interface};

pub(super) use audit_event::AuditEvent;
pub(super) use plan::Plan;
pub(super) use run::{CancellationMode, WorkflowRun, WorkflowRunStatus};
pub(super) use tenant::{Tenant, TenantStatus};
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
    WorkflowRun(WorkflowRun),
    AuditEvent(AuditEvent),
    User(User),
}
