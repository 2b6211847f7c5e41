//! A run in JSON.

use crds::run;
use serde::Serialize;
use serde_json::Value;
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
    /// Why it waits for a runner, while it does.
    queue: Option<Queue>,
    /// When it goes on by itself, while it is suspended; null where it waits for somebody.
    wake_at: Option<Time>,
    /// Since when it waits for a person or a time, while it does.
    suspended_at: Option<Time>,
    /// How its steps ended, while its `onExit` steps run.
    ending: Option<Ending>,
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
    /// The decisions that were made on what it asked.
    decisions: Vec<Decision>,
    /// Which earlier run it takes outputs from; null where it began from nothing.
    reuse: Option<Reuse>,
}

/// How the steps of a run ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RunEnding)]
pub(in crate::http) struct Ending {
    /// The status that the run will have.
    #[schema(example = "FAILED")]
    status: String,
    /// What failed.
    error: Option<Failure>,
    /// Since when its `onExit` steps run.
    since: Option<Time>,
}

/// A decision that was made.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Decision {
    /// The step, or `step/index` of a `forEach`.
    key: String,
    /// Whether it was approved.
    approved: bool,
    /// What was filled in.
    #[schema(value_type = Option<Object>)]
    input: Option<AnyJson>,
    /// Who decided.
    by: Option<String>,
}

/// Which earlier run a run takes outputs from.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Reuse {
    /// The earlier run's name.
    run: String,
    /// `Failed`, or a list of the steps that run again.
    #[schema(value_type = AnyJson)]
    from: AnyJson,
    /// How many steps were taken over; null until they are.
    steps: Option<u32>,
}

/// What started a run.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Trigger {
    /// `MANUAL`, `API`, `SCHEDULE`, `WEBHOOK`, `WORKFLOW` or `RERUN`.
    #[schema(example = "API")]
    kind: String,
    /// Who or what it was.
    by: Option<String>,
    /// The run whose step this is, of a sub-run.
    parent: Option<Parent>,
}

/// The run whose step a sub-run is.
#[derive(Serialize, ToSchema)]
#[schema(as = ParentRun)]
pub(in crate::http) struct Parent {
    /// Its name.
    name: String,
    /// The step, or `step/index` of a `forEach`.
    step: String,
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
    /// More, by code: a traceback, the beginning of a body, JSON pointers.
    #[schema(value_type = AnyJson)]
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
            trigger: Trigger::of(&trigger),
            requested_by,
            cancellation: cancel,
            error: error.and_then(Failure::of),
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

impl From<Whole> for Run {
    fn from(Whole { run, content }: Whole) -> Self {
        let store::RunContent { id: _, input, output, output_ref, steps: _, decisions, reuse, reused } =
            content;
        let reused = reused.as_ref().and_then(|reused| reused.get("steps")?.as_u64()?.try_into().ok());
        Self {
            summary: run.into(),
            input: input.map(Into::into),
            output: output.map(Into::into),
            output_ref: output_ref.map(Into::into),
            decisions: serde_json::from_value::<Vec<run::Decision>>(decisions)
                .unwrap_or_default()
                .into_iter()
                .map(Decision::from)
                .collect(),
            reuse: reuse.and_then(|reuse| Reuse::of(&reuse, reused)),
        }
    }
}

impl From<run::Decision> for Decision {
    fn from(run::Decision { key, approved, input, by }: run::Decision) -> Self {
        Self { key, approved, input: input.map(Into::into), by }
    }
}

impl Reuse {
    fn of(reuse: &Value, steps: Option<u32>) -> Option<Self> {
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
    fn of(trigger: &Value) -> Self {
        let text = |name: &str| trigger.get(name).and_then(Value::as_str);
        let parent = trigger.get("parent").and_then(Parent::of);
        Self {
            kind: upper_snake(text("kind").unwrap_or("Manual")),
            by: text("by").map(str::to_owned),
            parent,
        }
    }
}

impl Parent {
    fn of(parent: &Value) -> Option<Self> {
        let text = |name: &str| parent.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self { name: text("name")?, step: text("step")? })
    }
}

impl Failure {
    fn of(error: Value) -> Option<Self> {
        serde_json::from_value::<runs::Failure>(error).ok().map(Self::from)
    }
}

impl From<runs::Failure> for Failure {
    fn from(failure: runs::Failure) -> Self {
        let runs::Failure { step, kind, code, message, details } = failure;
        Self { step, kind: upper_snake(&kind), code, message, details: details.map(Into::into) }
    }
}
