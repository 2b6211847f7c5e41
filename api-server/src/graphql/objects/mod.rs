//! The objects of the graph.

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

/// Anything that has an id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Its id, unique over all types"))]
pub(super) enum Node {
    Tenant(Tenant),
    Plan(Plan),
    Workflow(Workflow),
    WorkflowRun(WorkflowRun),
}
