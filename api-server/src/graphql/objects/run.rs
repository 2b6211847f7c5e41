//! The type `WorkflowRun`.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Json, Object, Result, SimpleObject};
use serde_json::Value;

use super::{
    Workflow,
    step::{Failure, WorkflowRunStep},
};
use crate::{
    app::{self, enum_names::upper_snake},
    graphql::{
        ContentRepeats,
        error::{from_app, from_loader},
        global_id::Kind,
        loaders::{ContentById, Loaders, WorkflowById},
        scalars::DateTime,
    },
    store::{self, CancelMode, RunContent, RunStatus},
};

/// Status of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "RunStatus")]
pub(in crate::graphql) enum WorkflowRunStatus {
    /// The run waits for a slot or a runner.
    Queued,
    /// Steps of the run are being executed.
    Running,
    /// The run waits for an approval, a time, a retry or another run, and holds no runner.
    Suspended,
    /// The run finished successfully.
    Succeeded,
    /// The run failed; `error` states the reason.
    Failed,
    /// The run was cancelled.
    Cancelled,
    /// The run exceeded the timeout of its workflow.
    TimedOut,
}

/// Mode of a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "CancelMode")]
pub(in crate::graphql) enum CancellationMode {
    /// Steps in progress finish; no other step starts.
    Graceful,
    /// Steps in progress are killed.
    Now,
}

/// Cause of a run.
#[derive(SimpleObject)]
pub(in crate::graphql) struct Trigger {
    /// Kind of the trigger: `MANUAL`, `API`, `SCHEDULE`, `WEBHOOK`, `WORKFLOW` or `RERUN`; more may be added.
    kind: String,
    /// User or object that triggered the run.
    by: Option<String>,
}

/// Position of a run in the queue.
#[derive(SimpleObject)]
#[graphql(name = "WorkflowRunQueue")]
pub(in crate::graphql) struct Queue {
    /// Position among the queued runs of the tenant, starting at 1. Null if it is not known.
    position: Option<u32>,
    /// Machine-readable reason why the run waits, such as `PLAN_CONCURRENCY`; more may be added.
    reason: String,
    /// Human-readable reason why the run waits.
    message: String,
}

/// Execution of a workflow.
pub(in crate::graphql) struct WorkflowRun(pub(in crate::graphql) store::Run);

/// Execution of a workflow.
#[Object]
impl WorkflowRun {
    /// Global ID of the run.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::WorkflowRun.encode(self.0.id)
    }

    /// Name of the run in Kubernetes.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Workflow of the run. Null if it was deleted or was never mirrored. Requires the permission `workflow.read`.
    async fn workflow(&self, ctx: &Context<'_>) -> Result<Option<Workflow>> {
        let Some(id) = self.0.workflow_id else { return Ok(None) };
        let row = ctx.data::<Loaders>()?.load_one(WorkflowById(id)).await.map_err(from_loader)?;
        Ok(row.map(Workflow))
    }

    /// Name of the workflow.
    async fn workflow_name(&self) -> &str {
        &self.0.workflow_name
    }

    /// Name of the workflow revision that the run executes. Null until it is pinned.
    async fn revision(&self) -> Option<&str> {
        self.0.revision.as_deref()
    }

    /// Status of the run.
    async fn status(&self) -> WorkflowRunStatus {
        self.0.status.into()
    }

    /// Cause of the run.
    async fn trigger(&self) -> Trigger {
        let text = |name: &str| self.0.trigger.get(name).and_then(Value::as_str);
        Trigger { kind: upper_snake(text("kind").unwrap_or("Manual")), by: text("by").map(str::to_owned) }
    }

    /// User or object that requested the run: an email address if the run was started through the API. Null if
    /// unknown.
    async fn requested_by(&self) -> Option<&str> {
        self.0.requested_by.as_deref()
    }

    /// Mode of the cancellation. Null if the run was not cancelled.
    async fn cancellation(&self) -> Option<CancellationMode> {
        self.0.cancel.map(Into::into)
    }

    /// Priority of the run in the queue of its tenant; higher values start first.
    async fn priority(&self) -> i32 {
        self.0.priority
    }

    /// Position in the queue. Null unless the run is queued.
    async fn queue(&self) -> Option<Queue> {
        let app::runs::Queue { position, reason, message } = app::runs::Queue::parse(self.0.queue.as_ref()?)?;
        Some(Queue { position, reason, message })
    }

    /// Input of the run, as it was given.
    async fn input(&self, ctx: &Context<'_>) -> Result<Option<Json<Value>>> {
        Ok(self.content(ctx).await?.input.clone().map(Json))
    }

    /// Input with which the run is executed: with the defaults of the workflow's input schema. Null if it is `input`.
    async fn effective_input(&self, ctx: &Context<'_>) -> Result<Option<Json<Value>>> {
        Ok(self.content(ctx).await?.effective_input.clone().map(Json))
    }

    /// Output of the run. Null until it has finished successfully, and if the output is in object storage.
    async fn output(&self, ctx: &Context<'_>) -> Result<Option<Json<Value>>> {
        Ok(self.content(ctx).await?.output.clone().map(Json))
    }

    /// Reference to an output in object storage: `{uri, bytes, sha256, mediaType}`. Null if the output is inline.
    async fn output_ref(&self, ctx: &Context<'_>) -> Result<Option<Json<Value>>> {
        Ok(self.content(ctx).await?.output_ref.clone().map(Json))
    }

    /// Error of the run. Null unless the run failed, timed out or was cancelled.
    async fn error(&self) -> Option<Failure> {
        let failure = self.0.error.as_ref()?;
        serde_json::from_value::<app::runs::Failure>(failure.clone()).ok().map(Failure::from)
    }

    /// Steps of the run, in the order of the workflow.
    async fn steps(&self, ctx: &Context<'_>) -> Result<Vec<WorkflowRunStep>> {
        let steps = app::runs::parse_steps(&self.content(ctx).await?.steps);
        Ok(steps.into_iter().map(WorkflowRunStep).collect())
    }

    /// Time at which the run was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// Time of the last change of the run.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }

    /// Time at which the first step started. Null until then.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime::from)
    }

    /// Time at which a suspended run continues by itself. Null if it is not suspended or waits for a person.
    async fn wake_at(&self) -> Option<DateTime> {
        self.0.wake_at.map(DateTime::from)
    }

    /// Time at which the run was suspended. Null unless it is suspended.
    async fn suspended_at(&self) -> Option<DateTime> {
        self.0.suspended_at.map(DateTime::from)
    }

    /// Time at which the run finished. Null until then.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(DateTime::from)
    }
}

impl WorkflowRun {
    async fn content(&self, ctx: &Context<'_>) -> Result<Arc<RunContent>> {
        let key = ContentById { run: self.0.id, repeats: ContentRepeats::from_context(ctx) };
        let content = ctx.data::<Loaders>()?.load_one(key).await.map_err(from_loader)?;
        content.ok_or_else(|| from_app(app::Error::NotFound))
    }

    /// Returns the position of a row in lists.
    pub(in crate::graphql) fn position(row: &store::Run) -> store::Position {
        store::Position { created_at: row.created_at, id: row.id }
    }
}
