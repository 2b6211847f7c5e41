//! The type `WorkflowRun`.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Json, Object, Result};
use serde_json::Value;

use super::{
    EventConnection, Workflow, event_connection,
    failure::Failure,
    log::{LogConnection, LogFilter, log_connection, log_cost},
    run_parts::{Decision, Ending, Queue, Reuse, Trigger},
    step::WorkflowRunStep,
};
use crate::{
    app::{
        self,
        logs::{LogPosition, PageLimit},
    },
    graphql::{
        ContentRepeats,
        connection::{PageArguments, cost},
        error::{from_app, from_loader},
        global_id::Kind,
        loaders::{ContentById, EventsOfRun, Loaders, WorkflowById},
        request::Caller,
        scalars::DateTime,
    },
    store::{self, CancelMode, RunContent, RunStatus},
};

/// Size of the text of a page of a log after which it ends.
const MAX_LOG_PAGE_BYTES: usize = 256 * 1024;

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
        Trigger::from_json(&self.0.trigger)
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

    /// Why the run waits for a slot, its pod or its runner. Null while it is executed, while it is suspended, and after its end.
    async fn queue(&self) -> Option<Queue> {
        app::runs::Queue::parse(self.0.queue.as_ref()?).map(Queue::from)
    }

    /// Result of the steps while the `onExit` steps are executed. Null otherwise.
    async fn ending(&self) -> Option<Ending> {
        app::runs::Ending::parse(self.0.ending.as_ref()?).map(Ending::from)
    }

    /// Input of the run, as it was given; an empty object if it was given none.
    async fn input(&self, ctx: &Context<'_>) -> Result<Json<Value>> {
        Ok(Json(self.content(ctx).await?.input.clone()))
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
        Failure::from_json(self.0.error.as_ref()?)
    }

    /// Decisions on the approval steps of the run.
    async fn decisions(&self, ctx: &Context<'_>) -> Result<Vec<Decision>> {
        Ok(Decision::parse(&*self.content(ctx).await?))
    }

    /// Earlier run whose outputs the run reuses. Null if it reuses none.
    async fn reuse(&self, ctx: &Context<'_>) -> Result<Option<Reuse>> {
        Ok(Reuse::parse(&*self.content(ctx).await?))
    }

    /// Steps of the run, in the order of the workflow.
    async fn steps(&self, ctx: &Context<'_>) -> Result<Vec<WorkflowRunStep>> {
        let steps = app::runs::parse_steps(&self.content(ctx).await?.steps);
        Ok(steps.into_iter().map(WorkflowRunStep).collect())
    }

    /// Lines that the steps of the run have written, in order of arrival. A page also ends after about 256 KiB of text. Requires the
    /// permission `workflow.run.log.read`.
    #[graphql(complexity = "log_cost(first, child_complexity)")]
    async fn logs(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Maximum number of lines on the page, 1 to 100; required.",
            validator(minimum = 1, maximum = 100)
        )]
        first: i32,
        #[graphql(
            desc = "Position after which to continue: the `nextCursor` of the previous page, or the `cursor` of a line. Default: the beginning of the log."
        )]
        after: Option<String>,
        #[graphql(desc = "Filter of the lines. Default: all lines.")] filter: Option<LogFilter>,
    ) -> Result<LogConnection> {
        let caller = Caller::from_context(ctx)?;
        let (scope, filter) = (caller.tenant()?.scope, filter.unwrap_or_default().into());
        let position = after.as_deref().map(str::parse).transpose().map_err(from_app)?;
        let limit =
            PageLimit { lines: usize::try_from(first).unwrap_or_default(), bytes: MAX_LOG_PAGE_BYTES };
        let start = position.unwrap_or(LogPosition::START);
        // In a box: the future of each field of a run, of which a response has many, has room for the largest one.
        let page = Box::pin(app::logs::read(caller.app, scope, self.0.id, &filter, start, limit)).await;
        let page = page.map_err(from_app)?;
        Ok(log_connection(page, after.is_some(), self.0.status.is_final()))
    }

    /// Changes of the run, oldest first. Requires the permission `event.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Size of a page that is read forward, 1 to 100. `first` or `last` is required.",
            validator(minimum = 1, maximum = 100)
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Cursor after which the page starts: the `nextCursor` of the previous page, or the cursor of an event. Default: the oldest event that is retained."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Size of a page that is read backward, 1 to 100: the newest events, in the same order.",
            validator(minimum = 1, maximum = 100)
        )]
        last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends: the `startCursor` of the following page.")]
        before: Option<String>,
    ) -> Result<EventConnection> {
        let page = PageArguments { first, after, last, before }.event_page()?;
        let found = ctx.data::<Loaders>()?.load_one(EventsOfRun { run: self.0.id, page }).await;
        let found = found.map_err(from_loader)?.ok_or_else(|| from_app(app::Error::NotFound))?;
        Ok(event_connection(found, page))
    }

    /// Time at which the run was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// Time of the last change of the run.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }

    /// Time at which the first runner began to execute the run. Null until then.
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
