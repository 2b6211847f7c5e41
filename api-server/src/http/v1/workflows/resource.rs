//! A workflow in JSON.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::workflows,
    http::v1::{json::AnyJson, time::Time},
    store::{self, WorkflowState},
};

/// A workflow, without its spec.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct WorkflowSummary {
    /// Its id, for good.
    id: Uuid,
    /// Its name in Kubernetes.
    #[schema(example = "invoice-intake")]
    name: String,
    /// Its name for people.
    #[schema(example = "Invoice intake")]
    display_name: String,
    /// What it is for.
    description: String,
    /// `ACTIVE` or `ARCHIVED`; an archived workflow starts no runs.
    #[schema(value_type = String, example = "ACTIVE")]
    status: WorkflowState,
    /// The name of its newest revision; null until it has been looked at.
    revision: Option<String>,
    /// Whether it was found sound; null until it has been looked at.
    valid: Option<bool>,
    /// Counts changes of the spec.
    generation: i64,
    /// When it was created.
    created_at: Time,
    /// When it was last changed.
    updated_at: Time,
}

/// A workflow.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Workflow {
    #[serde(flatten)]
    summary: WorkflowSummary,
    /// What was found wrong with it.
    problems: Vec<WorkflowProblem>,
    /// Its steps, in order, as they were written.
    #[schema(value_type = Vec<Object>)]
    steps: AnyJson,
    /// The JSON Schema of its runs' input; null where it takes any.
    #[schema(value_type = Option<Object>)]
    input_schema: Option<AnyJson>,
}

/// Something that was found wrong with a workflow.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct WorkflowProblem {
    /// Where.
    #[schema(example = "spec.steps[2].when")]
    path: String,
    /// What, for machines; new codes may be added.
    #[schema(example = "UNKNOWN_STEP")]
    code: String,
    /// What, for people.
    message: String,
}

impl From<workflows::Problem> for WorkflowProblem {
    fn from(problem: workflows::Problem) -> Self {
        let workflows::Problem { path, code, message } = problem;
        Self { path, code, message }
    }
}

impl From<store::Workflow> for WorkflowSummary {
    fn from(workflow: store::Workflow) -> Self {
        let store::Workflow {
            id,
            name,
            display_name,
            description,
            state,
            revision,
            valid,
            problems: _,
            spec: _,
            generation,
            resource_version: _,
            created_at,
            updated_at,
        } = workflow;
        Self {
            id,
            name,
            display_name,
            description,
            status: state,
            revision,
            valid,
            generation,
            created_at: created_at.into(),
            updated_at: updated_at.into(),
        }
    }
}

impl From<store::Workflow> for Workflow {
    fn from(workflow: store::Workflow) -> Self {
        let part = |pointer: &str| workflow.spec.pointer(pointer).cloned();
        Self {
            problems: workflows::problems(&workflow).into_iter().map(WorkflowProblem::from).collect(),
            steps: part("/steps").unwrap_or_else(|| serde_json::json!([])).into(),
            input_schema: part("/input/schema").map(Into::into),
            summary: workflow.into(),
        }
    }
}
