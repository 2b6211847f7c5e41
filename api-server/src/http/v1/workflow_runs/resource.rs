//! A run in JSON.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::{
        case::upper_snake,
        runs::{self, Whole},
    },
    http::v1::{json::AnyJson, time::Time},
    store::{self, CancelMode, RunStatus},
};

/// A run, without its input and output.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct RunSummary {
    /// Its id, for good.
    id: Uuid,
    /// Its name in Kubernetes.
    name: String,
    /// The id of its workflow; null where that was never seen.
    workflow_id: Option<Uuid>,
    /// The name of its workflow.
    workflow_name: String,
    /// The revision of the workflow that it runs; null until it is pinned.
    revision: Option<String>,
    /// `QUEUED`, `RUNNING`, `SUSPENDED`, `SUCCEEDED`, `FAILED`, `CANCELLED` or `TIMED_OUT`.
    #[schema(value_type = String, example = "SUCCEEDED")]
    status: RunStatus,
    /// What started it.
    trigger: Trigger,
    /// Who asked for it.
    requested_by: Option<String>,
    /// `GRACEFUL` or `NOW`, once it was asked to stop.
    #[schema(value_type = Option<String>)]
    cancellation: Option<CancelMode>,
    /// What failed, in a run that has.
    error: Option<Failure>,
    /// Why it waits, while it does.
    queue: Option<Queue>,
    /// Runs of a higher priority start first.
    priority: i32,
    /// When it was created.
    created_at: Time,
    /// When it last changed.
    updated_at: Time,
    /// When its first step began.
    started_at: Option<Time>,
    /// When it ended.
    finished_at: Option<Time>,
}

/// A run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Run {
    #[serde(flatten)]
    summary: RunSummary,
    /// What it was given.
    #[schema(value_type = AnyJson)]
    input: Option<AnyJson>,
    /// What it returned; null until it has, and where that is kept elsewhere.
    #[schema(value_type = AnyJson)]
    output: Option<AnyJson>,
    /// Where what it returned is kept: `{uri, bytes, sha256, mediaType}`.
    #[schema(value_type = Option<Object>)]
    output_ref: Option<AnyJson>,
}

/// What started a run.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Trigger {
    /// `MANUAL`, `API`, `SCHEDULE`, `WEBHOOK`, `WORKFLOW` or `RERUN`.
    #[schema(example = "API")]
    kind: String,
    /// Who or what it was.
    by: Option<String>,
}

/// Why a run waits.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Queue {
    /// Its place among the runs of its tenant; 1 is next.
    position: Option<u32>,
    /// Why, for machines; new ones may be added.
    #[schema(example = "PLAN_CONCURRENCY")]
    reason: String,
    /// Why, for people.
    message: String,
}

impl From<runs::Queue> for Queue {
    fn from(queue: runs::Queue) -> Self {
        let runs::Queue { position, reason, message } = queue;
        Self { position, reason, message }
    }
}

/// What failed.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Failure {
    /// The step that failed; null where it was none.
    step: Option<String>,
    /// `USER`, `INFRA`, `TIMEOUT`, `SCHEMA` or `POLICY`.
    #[schema(example = "USER")]
    kind: String,
    /// What failed, for machines.
    #[schema(example = "HTTP_404")]
    code: String,
    /// What failed, for people.
    message: String,
}

impl From<store::Run> for RunSummary {
    fn from(run: store::Run) -> Self {
        let store::Run {
            id,
            name,
            workflow_name,
            workflow_id,
            revision,
            status,
            live: _,
            cancel,
            trigger,
            requested_by,
            error,
            queue,
            priority,
            resource_version: _,
            created_at,
            updated_at,
            started_at,
            finished_at,
        } = run;
        Self {
            id,
            name,
            workflow_id,
            workflow_name,
            revision,
            status,
            trigger: Trigger::of(&trigger),
            requested_by,
            cancellation: cancel,
            error: error.and_then(Failure::of),
            queue: queue.as_ref().and_then(runs::Queue::parse).map(Queue::from),
            priority,
            created_at: created_at.into(),
            updated_at: updated_at.into(),
            started_at: started_at.map(Into::into),
            finished_at: finished_at.map(Into::into),
        }
    }
}

impl From<Whole> for Run {
    fn from(Whole { run, content }: Whole) -> Self {
        let store::RunContent { id: _, input, output, output_ref, steps: _ } = content;
        Self {
            summary: run.into(),
            input: input.map(Into::into),
            output: output.map(Into::into),
            output_ref: output_ref.map(Into::into),
        }
    }
}

impl Trigger {
    fn of(trigger: &serde_json::Value) -> Self {
        let text = |name: &str| trigger.get(name).and_then(serde_json::Value::as_str);
        Self { kind: upper_snake(text("kind").unwrap_or("Manual")), by: text("by").map(str::to_owned) }
    }
}

impl Failure {
    fn of(error: serde_json::Value) -> Option<Self> {
        serde_json::from_value::<runs::Failure>(error).ok().map(Self::from)
    }
}

impl From<runs::Failure> for Failure {
    fn from(failure: runs::Failure) -> Self {
        let runs::Failure { step, kind, code, message } = failure;
        Self { step, kind: upper_snake(&kind), code, message }
    }
}
