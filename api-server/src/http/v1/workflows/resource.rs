//! The JSON representation of a workflow.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::workflows::{self, WorkflowDetails},
    http::v1::{json::AnyJson, time::Time},
    store::{self, WorkflowState},
};

/// Workflow without its steps and input schema.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct WorkflowSummary {
    /// Immutable ID of the workflow.
    id: Uuid,
    /// Name of the workflow in Kubernetes.
    #[schema(example = "invoice-intake")]
    name: String,
    /// Human-readable name of the workflow.
    #[schema(example = "Invoice intake")]
    display_name: String,
    /// Description of the workflow's purpose.
    description: String,
    /// Status of the workflow: `ACTIVE` or `ARCHIVED`. An archived workflow cannot be run.
    #[schema(value_type = String, example = "ACTIVE")]
    status: WorkflowState,
    /// Name of the newest revision. Null until the workflow has been validated.
    revision: Option<String>,
    /// Whether the workflow is valid. Null until it has been validated.
    valid: Option<bool>,
    /// Generation of the spec in Kubernetes; every change of the spec increments it.
    generation: i64,
    /// Time at which the workflow was created.
    created_at: Time,
    /// Time of the last change of the workflow.
    updated_at: Time,
}

/// Workflow with its steps and input schema.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Workflow {
    #[serde(flatten)]
    summary: WorkflowSummary,
    /// Validation errors of the workflow. Empty if it is valid.
    problems: Vec<WorkflowProblem>,
    /// Steps of the workflow as in its spec.
    #[schema(value_type = Vec<Object>)]
    steps: AnyJson,
    /// JSON Schema of the input of its runs. Null if any input is accepted.
    #[schema(value_type = Option<Object>)]
    input_schema: Option<AnyJson>,
}

/// Validation error of a workflow.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct WorkflowProblem {
    /// Path of the field that is not valid.
    #[schema(example = "spec.steps[2].when")]
    path: String,
    /// Machine-readable code of the error; more may be added.
    #[schema(example = "UNKNOWN_STEP")]
    code: String,
    /// Human-readable explanation of the error.
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

impl From<WorkflowDetails> for Workflow {
    fn from(WorkflowDetails { workflow, content }: WorkflowDetails) -> Self {
        let part = |pointer: &str| content.spec.pointer(pointer).cloned();
        Self {
            problems: workflows::problems(&content).into_iter().map(WorkflowProblem::from).collect(),
            steps: part("/steps").unwrap_or_else(|| serde_json::json!([])).into(),
            input_schema: part("/input/schema").map(Into::into),
            summary: workflow.into(),
        }
    }
}
