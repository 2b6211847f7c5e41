//! The object types of the schema.

mod audit_event;
mod event;
mod failure;
mod items;
mod log;
mod plan;
mod revision;
mod run;
mod run_parts;
mod step;
mod tenant;
mod usage;
mod user;
mod viewer;
mod workflow;

use async_graphql::{ID, Interface};

pub(super) use audit_event::AuditEvent;
pub(super) use event::{Event, EventConnection, event_connection};
pub(super) use plan::Plan;
pub(super) use revision::{REVISIONS_COST, WorkflowRevision};
pub(super) use run::{CancellationMode, WorkflowRun, WorkflowRunStatus};
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
}
