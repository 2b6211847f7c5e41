//! The JSON representation of a workflow.

use axum::{http::HeaderMap, response::Response};
use serde::{Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};
use uuid::Uuid;

use crate::{
    app::workflows::{self, WorkflowDetails},
    http::{
        etag,
        fields::Fields,
        v1::{json::AnyJson, time::Time},
    },
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
    #[schema(required = true)]
    revision: Option<String>,
    /// Whether the workflow is valid. Null until it has been validated.
    #[schema(required = true)]
    valid: Option<bool>,
    /// Generation of the spec in Kubernetes; every change of the spec increments it.
    generation: i64,
    /// Time at which the workflow was created.
    created_at: Time,
    /// Time of the last change of the workflow.
    updated_at: Time,
}

/// Workflow with its definition. Fields of the definition that are not set are absent.
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
    /// JSON Schema of the input of its runs: `input.schema`. Null if any input is accepted.
    #[schema(value_type = Option<Object>, required = true)]
    input_schema: Option<AnyJson>,
    /// Input of the runs as in its spec.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<AnyJson>,
    /// Secrets that steps may use, by their names.
    #[schema(value_type = Option<Vec<Object>>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    secrets: Option<AnyJson>,
    /// Output of the run.
    #[schema(value_type = Option<AnyJson>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<AnyJson>,
    /// Steps that run after all other steps.
    #[schema(value_type = Option<Vec<Object>>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    on_exit: Option<AnyJson>,
    /// Maximum duration of a run.
    #[schema(value_type = Option<String>, example = "5m")]
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<AnyJson>,
    /// Limit on concurrent runs.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<AnyJson>,
    /// Schedules that start runs.
    #[schema(value_type = Option<Vec<Object>>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    schedules: Option<AnyJson>,
    /// Settings for the runners.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    runners: Option<AnyJson>,
    /// Time that finished runs stay in the cluster.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<AnyJson>,
}

/// Workflow that would be created: it has no ID.
pub(in crate::http) struct WorkflowPreview(pub(in crate::http) Workflow);

impl Serialize for WorkflowPreview {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Fields::all_but(&[WorkflowField::Id]).select(&self.0).serialize(serializer)
    }
}

impl PartialSchema for WorkflowPreview {
    fn schema() -> RefOr<Schema> {
        let mut schema = Workflow::schema();
        if let RefOr::T(Schema::AllOf(parts)) = &mut schema {
            for part in &mut parts.items {
                if let RefOr::Ref(_) = part {
                    *part = WorkflowSummary::schema();
                }
                if let RefOr::T(Schema::Object(object)) = part {
                    object.properties.remove("id");
                    object.required.retain(|name| name != "id");
                }
            }
            parts.description =
                Some("Workflow that would be created, with its definition. It has no ID.".to_owned());
        }
        schema
    }
}

impl ToSchema for WorkflowPreview {
    fn name() -> std::borrow::Cow<'static, str> {
        "WorkflowPreview".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Workflow::schemas(schemas);
    }
}

/// Fields of [`WorkflowSummary`], which a list can select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "camelCase")]
pub(in crate::http) enum WorkflowSummaryField {
    Id,
    Name,
    DisplayName,
    Description,
    Status,
    Revision,
    Valid,
    Generation,
    CreatedAt,
    UpdatedAt,
}

/// Fields of [`Workflow`], which a response can select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "camelCase")]
pub(in crate::http) enum WorkflowField {
    Id,
    Name,
    DisplayName,
    Description,
    Status,
    Revision,
    Valid,
    Generation,
    CreatedAt,
    UpdatedAt,
    Problems,
    Steps,
    InputSchema,
    Input,
    Secrets,
    Output,
    OnExit,
    Timeout,
    Concurrency,
    Schedules,
    Runners,
    Retention,
}

impl WorkflowField {
    /// Fields that are in the content of the workflow.
    pub(in crate::http) const CONTENT: [Self; 12] = [
        Self::Problems,
        Self::Steps,
        Self::InputSchema,
        Self::Input,
        Self::Secrets,
        Self::Output,
        Self::OnExit,
        Self::Timeout,
        Self::Concurrency,
        Self::Schedules,
        Self::Runners,
        Self::Retention,
    ];
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
    fn from(WorkflowDetails { workflow, mut content }: WorkflowDetails) -> Self {
        let problems = workflows::problems(&content).into_iter().map(WorkflowProblem::from).collect();
        let mut take = |name: &str| content.spec.as_object_mut()?.remove(name).map(AnyJson::from);
        let (steps, input) = (take("steps"), take("input"));
        let input_schema = input.as_ref().and_then(|AnyJson(input)| input.get("schema").cloned());
        Self {
            problems,
            steps: steps.unwrap_or_else(|| serde_json::json!([]).into()),
            input_schema: input_schema.map(Into::into),
            input,
            secrets: take("secrets"),
            output: take("output"),
            on_exit: take("onExit"),
            timeout: take("timeout"),
            concurrency: take("concurrency"),
            schedules: take("schedules"),
            runners: take("runners"),
            retention: take("retention"),
            summary: workflow.into(),
        }
    }
}

impl Workflow {
    /// Returns the response with the workflow and its tag.
    pub(super) fn response(&self, request: &HeaderMap) -> Response {
        etag::with_generation(request, self.summary.generation, self)
    }

    /// Returns the response with fields of the workflow and its tag.
    pub(super) fn selected(&self, request: &HeaderMap, fields: &Fields<WorkflowField>) -> Response {
        fields.mark(etag::with_generation(request, self.summary.generation, &fields.select(self)))
    }
}

impl WorkflowSummary {
    /// Returns the response with fields of the workflow, none of which is in its content, and its tag.
    pub(super) fn selected(&self, request: &HeaderMap, fields: &Fields<WorkflowField>) -> Response {
        fields.mark(etag::with_generation(request, self.generation, &fields.select(self)))
    }
}
