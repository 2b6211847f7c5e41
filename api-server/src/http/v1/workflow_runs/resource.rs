//! The JSON representation of a run.

use crds::run;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::{
        enum_names::upper_snake,
        runs::{self, RunDetails},
    },
    http::v1::{json::AnyJson, time::Time},
    store::{self, CancelMode, RunStatus},
};

/// Run without its input and output.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct RunSummary {
    /// Immutable ID of the run.
    id: Uuid,
    /// Name of the run in Kubernetes.
    name: String,
    /// ID of the workflow. Null if the workflow was never mirrored.
    #[schema(required = true)]
    workflow_id: Option<Uuid>,
    /// Name of the workflow.
    workflow_name: String,
    /// Name of the workflow revision that the run executes. Null until it is pinned.
    #[schema(required = true)]
    revision: Option<String>,
    /// Status of the run: `QUEUED`, `RUNNING`, `SUSPENDED`, `SUCCEEDED`, `FAILED`, `CANCELLED` or `TIMED_OUT`.
    #[schema(value_type = String, example = "SUCCEEDED")]
    status: RunStatus,
    /// Cause of the run.
    trigger: Trigger,
    /// User or object that requested the run: an email address if the run was started through the API. Null if
    /// unknown.
    #[schema(required = true)]
    requested_by: Option<String>,
    /// Mode of the cancellation, `GRACEFUL` or `NOW`. Null if the run was not cancelled.
    #[schema(value_type = Option<String>, required = true)]
    cancellation: Option<CancelMode>,
    /// Error of the run. Null unless the run failed, timed out or was cancelled.
    #[schema(required = true)]
    error: Option<Failure>,
    /// Why the run waits for a slot, its pod or its runner. Null while it is executed, while it is suspended, and after its end.
    #[schema(required = true)]
    queue: Option<Queue>,
    /// Time at which a suspended run continues by itself. Null if it is not suspended or waits for a person.
    #[schema(required = true)]
    wake_at: Option<Time>,
    /// Time at which the run was suspended. Null unless it is suspended.
    #[schema(required = true)]
    suspended_at: Option<Time>,
    /// Result of the steps while the `onExit` steps are executed. Null otherwise.
    #[schema(required = true)]
    ending: Option<Ending>,
    /// Priority of the run in the queue of its tenant; higher values start first.
    priority: i32,
    /// Time at which the run was created.
    created_at: Time,
    /// Time of the last change of the run.
    updated_at: Time,
    /// Time at which the first runner began to execute the run. Null until then.
    #[schema(required = true)]
    started_at: Option<Time>,
    /// Time at which the run finished. Null until then.
    #[schema(required = true)]
    finished_at: Option<Time>,
}

/// Run with its input and output.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Run {
    #[serde(flatten)]
    summary: RunSummary,
    /// Input of the run, as it was given; an empty object if it was given none.
    input: AnyJson,
    /// Input with which the run is executed: with the defaults of the workflow's input schema. Null if it is `input`.
    #[schema(value_type = AnyJson, required = true)]
    effective_input: Option<AnyJson>,
    /// Output of the run. Null until it has finished successfully, and if the output is in object storage.
    #[schema(value_type = AnyJson, required = true)]
    output: Option<AnyJson>,
    /// Reference to an output in object storage: `{uri, bytes, sha256, mediaType}`. Null if the output is inline.
    #[schema(value_type = Option<Object>, required = true)]
    output_ref: Option<AnyJson>,
    /// Decisions on the approval steps of the run.
    decisions: Vec<Decision>,
    /// Earlier run whose outputs the run reuses. Null if it reuses none.
    #[schema(required = true)]
    reuse: Option<Reuse>,
}

/// Fields of [`RunSummary`], which a list can select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "camelCase")]
pub(in crate::http) enum RunSummaryField {
    Id,
    Name,
    WorkflowId,
    WorkflowName,
    Revision,
    Status,
    Trigger,
    RequestedBy,
    Cancellation,
    Error,
    Queue,
    WakeAt,
    SuspendedAt,
    Ending,
    Priority,
    CreatedAt,
    UpdatedAt,
    StartedAt,
    FinishedAt,
}

impl RunSummaryField {
    /// Fields whose columns have JSON that may be large.
    pub(in crate::http) const LARGE: [Self; 4] = [Self::Trigger, Self::Error, Self::Queue, Self::Ending];
}

/// Fields of [`Run`], which a response can select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "camelCase")]
pub(in crate::http) enum RunField {
    Id,
    Name,
    WorkflowId,
    WorkflowName,
    Revision,
    Status,
    Trigger,
    RequestedBy,
    Cancellation,
    Error,
    Queue,
    WakeAt,
    SuspendedAt,
    Ending,
    Priority,
    CreatedAt,
    UpdatedAt,
    StartedAt,
    FinishedAt,
    Input,
    EffectiveInput,
    Output,
    OutputRef,
    Decisions,
    Reuse,
}

impl RunField {
    /// Fields that are in the content of the run.
    pub(in crate::http) const CONTENT: [Self; 6] =
        [Self::Input, Self::EffectiveInput, Self::Output, Self::OutputRef, Self::Decisions, Self::Reuse];
}

/// Result of the steps of a run whose `onExit` steps are being executed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RunEnding)]
pub(in crate::http) struct Ending {
    /// Status that the run will have.
    #[schema(example = "FAILED")]
    status: String,
    /// Error that the run will have. Null if the steps succeeded.
    #[schema(required = true)]
    error: Option<Failure>,
    /// Time at which the `onExit` steps started.
    #[schema(required = true)]
    since: Option<Time>,
}

/// Decision on an approval step.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Decision {
    /// Name of the step, or `step/index` for an item of a `forEach` step; the index starts at 0.
    key: String,
    /// True if approved, false if rejected.
    approved: bool,
    /// Input of the approver.
    #[schema(value_type = Option<Object>, required = true)]
    input: Option<AnyJson>,
    /// Email address of the approver.
    #[schema(required = true)]
    by: Option<String>,
}

/// Earlier run whose outputs a run reuses.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Reuse {
    /// Name of the earlier run.
    run: String,
    /// Steps that are executed again: `Failed`, or a list of step names.
    #[schema(value_type = AnyJson)]
    from: AnyJson,
    /// Number of steps whose outputs were reused. Null until they are.
    #[schema(required = true)]
    steps: Option<u32>,
}

/// Cause of a run.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Trigger {
    /// Kind of the trigger: `MANUAL`, `API`, `SCHEDULE`, `WEBHOOK`, `WORKFLOW` or `RERUN`; more may be added.
    #[schema(example = "API")]
    kind: String,
    /// User or object that triggered the run.
    #[schema(required = true)]
    by: Option<String>,
    /// Parent run. Null unless a step of another run started this run.
    #[schema(required = true)]
    parent: Option<Parent>,
}

/// Run whose step started another run.
#[derive(Serialize, ToSchema)]
#[schema(as = ParentRun)]
pub(in crate::http) struct Parent {
    /// Name of the parent run.
    name: String,
    /// Name of the step, or `step/index` for an item of a `forEach` step; the index starts at 0.
    step: String,
}

/// Why a run waits, and its position in the queue.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Queue {
    /// Position among the queued runs of the tenant, starting at 1. Null if the run does not wait for a slot.
    #[schema(required = true)]
    position: Option<u32>,
    /// Machine-readable reason why the run waits: see the table of values in `docs/reference/words.md`; more may be added.
    #[schema(example = "PLAN_CONCURRENCY")]
    reason: String,
    /// Human-readable reason why the run waits.
    message: String,
}

impl From<runs::Queue> for Queue {
    fn from(queue: runs::Queue) -> Self {
        let runs::Queue { position, reason, message } = queue;
        Self { position, reason, message }
    }
}

/// Error of a run or of a step.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Failure {
    /// Name of the step that failed. Null if no step failed.
    #[schema(required = true)]
    step: Option<String>,
    /// Kind of the error: `USER`, `INFRA`, `TIMEOUT`, `SCHEMA` or `POLICY`; more may be added.
    #[schema(example = "USER")]
    kind: String,
    /// Machine-readable code of the error; more may be added.
    #[schema(example = "HTTP_404")]
    code: String,
    /// Human-readable explanation of the error.
    message: String,
    /// Details that depend on the code, such as a traceback, the beginning of a response body, or JSON pointers.
    #[schema(value_type = AnyJson, required = true)]
    details: Option<AnyJson>,
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
            ending,
            wake_at,
            suspended_at,
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
            trigger: Trigger::from_json(&trigger),
            requested_by,
            cancellation: cancel,
            error: error.and_then(Failure::from_json),
            queue: queue.as_ref().and_then(runs::Queue::parse).map(Queue::from),
            wake_at: wake_at.map(Into::into),
            suspended_at: suspended_at.map(Into::into),
            ending: ending.as_ref().and_then(runs::Ending::parse).map(Ending::from),
            priority,
            created_at: created_at.into(),
            updated_at: updated_at.into(),
            started_at: started_at.map(Into::into),
            finished_at: finished_at.map(Into::into),
        }
    }
}

impl From<RunDetails> for Run {
    fn from(RunDetails { run, content }: RunDetails) -> Self {
        let store::RunContent {
            id: _,
            input,
            effective_input,
            output,
            output_ref,
            steps: _,
            decisions,
            reuse,
            reused,
        } = content;
        let reused = reused.as_ref().and_then(|reused| reused.get("steps")?.as_u64()?.try_into().ok());
        Self {
            summary: run.into(),
            input: input.into(),
            effective_input: effective_input.map(Into::into),
            output: output.map(Into::into),
            output_ref: output_ref.map(Into::into),
            decisions: serde_json::from_value::<Vec<run::Decision>>(decisions)
                .unwrap_or_default()
                .into_iter()
                .map(Decision::from)
                .collect(),
            reuse: reuse.and_then(|reuse| Reuse::from_json(&reuse, reused)),
        }
    }
}

impl From<run::Decision> for Decision {
    fn from(run::Decision { key, approved, input, by }: run::Decision) -> Self {
        Self { key, approved, input: input.map(Into::into), by }
    }
}

impl Reuse {
    fn from_json(reuse: &Value, steps: Option<u32>) -> Option<Self> {
        let run = reuse.get("run")?.as_str()?.to_owned();
        Some(Self { run, from: reuse.get("from")?.clone().into(), steps })
    }
}

impl From<runs::Ending> for Ending {
    fn from(runs::Ending { phase, error, since }: runs::Ending) -> Self {
        Self { status: upper_snake(&phase), error: error.map(Failure::from), since: since.map(Into::into) }
    }
}

impl Trigger {
    fn from_json(trigger: &Value) -> Self {
        let text = |name: &str| trigger.get(name).and_then(Value::as_str);
        let parent = trigger.get("parent").and_then(Parent::from_json);
        Self {
            kind: upper_snake(text("kind").unwrap_or("Manual")),
            by: text("by").map(str::to_owned),
            parent,
        }
    }
}

impl Parent {
    fn from_json(parent: &Value) -> Option<Self> {
        let text = |name: &str| parent.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self { name: text("name")?, step: text("step")? })
    }
}

impl Failure {
    fn from_json(error: Value) -> Option<Self> {
        serde_json::from_value::<runs::Failure>(error).ok().map(Self::from)
    }
}

impl From<runs::Failure> for Failure {
    fn from(failure: runs::Failure) -> Self {
        let runs::Failure { step, kind, code, message, details } = failure;
        Self { step, kind: upper_snake(&kind), code, message, details: details.map(Into::into) }
    }
}
