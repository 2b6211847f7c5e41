//! Projects a workflow to its row.

use crds::{conditions, workflow::WorkflowState as State};
use serde_json::json;

use super::{Malformed, Object, WorkflowRow, meta, text::storable};
use crate::store::WorkflowState;

pub(super) fn project(object: &Object, workflow: crds::Workflow) -> Result<WorkflowRow, Malformed> {
    let name = &object.identity.name;
    let generation = workflow.metadata.generation;
    let status = workflow.status.unwrap_or_default();
    // A condition of an earlier generation does not apply to this one.
    let current = conditions::get(&status.conditions, conditions::VALID)
        .filter(|valid| valid.observed_generation == generation);
    let labels = workflow.metadata.labels.clone().unwrap_or_default();
    Ok(WorkflowRow {
        labels: json!(labels),
        meta: meta::project(object, workflow.metadata)?,
        display_name: storable(workflow.spec.display_name.unwrap_or_else(|| name.clone())),
        description: storable(workflow.spec.description.unwrap_or_default()),
        state: match workflow.spec.state.unwrap_or(State::Active) {
            State::Active => WorkflowState::Active,
            State::Archived => WorkflowState::Archived,
        },
        revision: status.revision.map(|revision| revision.name),
        valid: current.map(|valid| valid.status == conditions::TRUE),
        problems: object.optional("/status/problems").unwrap_or_else(|| json!([])),
        spec: object.part("/spec"),
        status: object.optional("/status").unwrap_or_else(|| json!({})),
    })
}
