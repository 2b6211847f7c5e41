use async_graphql::{Context, Enum, ID, Json, Object, Result, SimpleObject};
use serde_json::Value;

use super::{
    Workflow,
    step::{Failure, WorkflowRunStep},
};
use crate::{
    app::{self, case::upper_snake},
    graphql::{
        error::{of_app, of_loader},
        global_id::Kind,
        loaders::{ContentById, Loaders, WorkflowById},
        scalars::DateTime,
    },
    store::{self, CancelMode, RunContent, RunStatus},
};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "RunStatus")]
pub(in crate::graphql) enum WorkflowRunStatus {
    /// It waits to be started.
    Queued,
    /// Its steps are executed.
    Running,
    /// It waits for a person, a time or another run.
    Suspended,
    /// All went well.
    Succeeded,
    /// A step failed.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// It took longer than it may.
    TimedOut,
}

/// How a run is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "CancelMode")]
pub(in crate::graphql) enum CancellationMode {
    /// Steps that run may end; no other begins.
    Graceful,
    /// Steps that run are killed.
    Now,
}

/// What started a run.
#[derive(SimpleObject)]
pub(in crate::graphql) struct Trigger {
    /// `MANUAL`, `API`, `SCHEDULE`, `WEBHOOK`, `WORKFLOW` or `RERUN`; new ones may be added.
    kind: String,
    /// Who or what it was.
    by: Option<String>,
}

/// Why a run waits.
#[derive(SimpleObject)]
#[graphql(name = "WorkflowRunQueue")]
pub(in crate::graphql) struct Queue {
    /// Its place among the runs of its tenant; 1 is next.
    position: Option<u32>,
    /// Why, for machines, such as `PLAN_CONCURRENCY`; new ones may be added.
    reason: String,
    /// Why, for people.
    message: String,
}

/// One execution of a workflow.
pub(in crate::graphql) struct WorkflowRun(pub(in crate::graphql) store::Run);

/// One execution of a workflow.
#[Object]
impl WorkflowRun {
    /// Its id, unique over all types.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::WorkflowRun.encode(self.0.id)
    }

    /// Its name in Kubernetes.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The workflow; null where that is gone or was never seen.
    async fn workflow(&self, ctx: &Context<'_>) -> Result<Option<Workflow>> {
        let Some(id) = self.0.workflow_id else { return Ok(None) };
        let row = ctx.data::<Loaders>()?.load_one(WorkflowById(id)).await.map_err(of_loader)?;
        Ok(row.map(Workflow))
    }

    /// The name of the workflow.
    async fn workflow_name(&self) -> &str {
        &self.0.workflow_name
    }

    /// The revision of the workflow that it runs; null until it is pinned.
    async fn revision(&self) -> Option<&str> {
        self.0.revision.as_deref()
    }

    /// Where it stands.
    async fn status(&self) -> WorkflowRunStatus {
        self.0.status.into()
    }

    /// What started it.
    async fn trigger(&self) -> Trigger {
        let text = |name: &str| self.0.trigger.get(name).and_then(Value::as_str);
        Trigger { kind: upper_snake(text("kind").unwrap_or("Manual")), by: text("by").map(str::to_owned) }
    }

    /// Who asked for it.
    async fn requested_by(&self) -> Option<&str> {
        self.0.requested_by.as_deref()
    }

    /// How it was asked to stop, if it was.
    async fn cancellation(&self) -> Option<CancellationMode> {
        self.0.cancel.map(Into::into)
    }

    /// Runs of a higher priority start first.
    async fn priority(&self) -> i32 {
        self.0.priority
    }

    /// Why it waits, while it does.
    async fn queue(&self) -> Option<Queue> {
        let app::runs::Queue { position, reason, message } = app::runs::Queue::parse(self.0.queue.as_ref()?)?;
        Some(Queue { position, reason, message })
    }

    /// What it was given.
    async fn input(&self, ctx: &Context<'_>) -> Result<Option<Json<Value>>> {
        Ok(self.content(ctx).await?.input.map(Json))
    }

    /// What it returned; null until it has, and where that is kept elsewhere.
    async fn output(&self, ctx: &Context<'_>) -> Result<Option<Json<Value>>> {
        Ok(self.content(ctx).await?.output.map(Json))
    }

    /// Where what it returned is kept: `{uri, bytes, sha256, mediaType}`.
    async fn output_ref(&self, ctx: &Context<'_>) -> Result<Option<Json<Value>>> {
        Ok(self.content(ctx).await?.output_ref.map(Json))
    }

    /// What failed, in a run that has.
    async fn error(&self) -> Option<Failure> {
        let failure = self.0.error.as_ref()?;
        serde_json::from_value::<app::runs::Failure>(failure.clone()).ok().map(Failure::from)
    }

    /// Its steps, in the order of the workflow.
    async fn steps(&self, ctx: &Context<'_>) -> Result<Vec<WorkflowRunStep>> {
        let steps = app::runs::parse_steps(&self.content(ctx).await?.steps);
        Ok(steps.into_iter().map(WorkflowRunStep).collect())
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }

    /// When its first step began.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime)
    }

    /// When it goes on by itself, while it is suspended; null where it waits for somebody.
    async fn wake_at(&self) -> Option<DateTime> {
        self.0.wake_at.map(DateTime)
    }

    /// Since when it waits for a person or a time, while it does.
    async fn suspended_at(&self) -> Option<DateTime> {
        self.0.suspended_at.map(DateTime)
    }

    /// When it ended.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(DateTime)
    }
}

impl WorkflowRun {
    async fn content(&self, ctx: &Context<'_>) -> Result<RunContent> {
        let content = ctx.data::<Loaders>()?.load_one(ContentById(self.0.id)).await.map_err(of_loader)?;
        content.ok_or_else(|| of_app(app::Error::NotFound))
    }

    /// Its place in lists.
    pub(in crate::graphql) fn position(row: &store::Run) -> store::Position {
        store::Position { created_at: row.created_at, id: row.id }
    }
}
