//! The object types of the schema.

mod plan;
mod run;
mod step;
mod tenant;
mod viewer;
mod workflow;

use async_graphql::{ID, Interface};

pub(super) use plan::Plan;
pub(super) use run::{CancellationMode, WorkflowRun, WorkflowRunStatus};
pub(super) use tenant::Tenant;
pub(super) use viewer::Viewer;
pub(super) use workflow::{Workflow, WorkflowStatus};

/// Object with a global ID.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Global ID of the object, unique across all types."))]
#[expect(clippy::large_enum_variant, reason = "a response has few of them, and each is moved once")]
pub(super) enum Node {
    Tenant(Tenant),
    Plan(Plan),
    Workflow(Workflow),
    WorkflowRun(WorkflowRun),
}
