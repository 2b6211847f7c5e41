//! The type `Workflow`.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Json, Object, Result, SimpleObject};
use serde_json::Value;

use super::{
    WorkflowRun,
    revision::{REVISIONS_COST, WorkflowRevision, revision_connection, revisions_cost},
};
use crate::{
    app::{
        self,
        page::{Page, Paging},
        runs::Filter,
        workflows::Revision,
    },
    graphql::{
        ContentRepeats,
        connection::{ConnectionOf, PageArguments, connection, cost},
        error::{from_app, from_loader},
        filters::WorkflowRunFilter,
        global_id::Kind,
        loaders::{Loaders, RevisionsOfWorkflow, RunsOfWorkflow, WorkflowContentById},
        orders::WorkflowRunOrder,
        request::Caller,
        scalars::DateTime,
        total::Counted,
    },
    store::{self, Order, Run, WorkflowContent, WorkflowState},
};

/// Status of a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "WorkflowState")]
pub(in crate::graphql) enum WorkflowStatus {
    /// The workflow can be run.
    Active,
    /// The workflow is retained for reference and cannot be run.
    Archived,
}

/// Validation error of a workflow.
#[derive(SimpleObject)]
pub(in crate::graphql) struct WorkflowProblem {
    /// Path of the field that is not valid, such as `spec.steps[2].when`.
    path: String,
    /// Machine-readable code of the error, such as `UNKNOWN_STEP`; more may be added.
    code: String,
    /// Human-readable explanation of the error.
    message: String,
}

impl From<app::workflows::Problem> for WorkflowProblem {
    fn from(problem: app::workflows::Problem) -> Self {
        let app::workflows::Problem { path, code, message } = problem;
        Self { path, code, message }
    }
}

/// Steps that are executed as a run, in the order of their dependencies.
pub(in crate::graphql) struct Workflow(pub(in crate::graphql) store::Workflow);

/// Steps that are executed as a run, in the order of their dependencies.
#[Object]
impl Workflow {
    /// Global ID of the workflow.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::Workflow.encode(self.0.id)
    }

    /// Name of the workflow in Kubernetes.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Human-readable name of the workflow.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// Description of the workflow's purpose.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// Status of the workflow.
    async fn status(&self) -> WorkflowStatus {
        self.0.state.into()
    }

    /// Name of the newest revision. Null until the workflow has been validated.
    async fn revision(&self) -> Option<&str> {
        self.0.revision.as_deref()
    }

    /// Whether the workflow is valid. Null until it has been validated.
    async fn valid(&self) -> Option<bool> {
        self.0.valid
    }

    /// Validation errors of the workflow. Empty if it is valid.
    async fn problems(&self, ctx: &Context<'_>) -> Result<Vec<WorkflowProblem>> {
        let content = self.content(ctx).await?;
        Ok(app::workflows::problems(&content).into_iter().map(WorkflowProblem::from).collect())
    }

    /// Steps of the workflow as in its spec.
    async fn steps(&self, ctx: &Context<'_>) -> Result<Option<Json<Value>>> {
        Ok(self.content(ctx).await?.spec.pointer("/steps").cloned().map(Json))
    }

    /// Complete definition of the workflow: its spec in Kubernetes.
    async fn definition(&self, ctx: &Context<'_>) -> Result<Json<Value>> {
        Ok(Json(self.content(ctx).await?.spec.clone()))
    }

    /// JSON Schema of the input of its runs. Null if any input is accepted.
    async fn input_schema(&self, ctx: &Context<'_>) -> Result<Option<Json<Value>>> {
        Ok(self.content(ctx).await?.spec.pointer("/input/schema").cloned().map(Json))
    }

    /// Generation of the definition; every change of it increments the generation. `updateWorkflow` requires it.
    async fn generation(&self) -> i32 {
        i32::try_from(self.0.generation).unwrap_or(i32::MAX)
    }

    /// Runs of the workflow. Requires the permission `workflow.run.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Size of a page that is read forward, 1 to 100. `first` or `last` is required.",
            validator(minimum = 1, maximum = 100)
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor after which the page starts: the `endCursor` of the previous page.")] after: Option<String>,
        #[graphql(
            desc = "Size of a page that is read backward, 1 to 100.",
            validator(minimum = 1, maximum = 100)
        )]
        last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends: the `startCursor` of the following page.")]
        before: Option<String>,
        #[graphql(default, desc = "Order of the runs.")] order_by: WorkflowRunOrder,
        #[graphql(desc = "Filter of the runs. Default: all runs.")] filter: Option<WorkflowRunFilter>,
    ) -> Result<ConnectionOf<WorkflowRun>> {
        let paging = PageArguments { first, after, last, before }.paging(order_by)?;
        let filter = filter.unwrap_or_default().into();
        let page = self.page_of_runs(ctx, filter, &paging).await?;
        let counted = Counted::RunsOfWorkflow(self.0.id, filter);
        Ok(connection(page, &paging, WorkflowRun::position, WorkflowRun, counted))
    }

    /// Revisions of the workflow that exist in the cluster, newest first: the ten newest, and those that unfinished runs execute.
    /// They are read from Kubernetes. Requires the permission `workflow.read`.
    #[graphql(complexity = "revisions_cost(first, last, child_complexity)")]
    async fn revisions(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Size of a page that is read forward, 1 to 100. `first` or `last` is required.",
            validator(minimum = 1, maximum = 100)
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor after which the page starts: the `endCursor` of the previous page.")] after: Option<String>,
        #[graphql(
            desc = "Size of a page that is read backward, 1 to 100.",
            validator(minimum = 1, maximum = 100)
        )]
        last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends: the `startCursor` of the following page.")]
        before: Option<String>,
    ) -> Result<ConnectionOf<WorkflowRevision>> {
        let paging = PageArguments { first, after, last, before }.paging(Order::NewestFirst)?;
        revision_connection(self.0.id, &self.all_revisions(ctx).await?, &paging)
    }

    /// Returns the revision of the workflow that was created for a generation; null if it does not exist any more. Requires the
    /// permission `workflow.read`.
    #[graphql(complexity = "child_complexity.saturating_add(REVISIONS_COST)")]
    async fn revision_by_number(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of the revision.")] number: i32,
    ) -> Result<Option<WorkflowRevision>> {
        let all = self.all_revisions(ctx).await?;
        let found = all.iter().find(|revision| revision.number == i64::from(number)).cloned();
        Ok(found.map(|revision| WorkflowRevision { workflow: self.0.id, revision }))
    }

    /// Time at which the workflow was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// Time of the last change of the workflow.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}

impl Workflow {
    async fn content(&self, ctx: &Context<'_>) -> Result<Arc<WorkflowContent>> {
        let key = WorkflowContentById { workflow: self.0.id, repeats: ContentRepeats::from_context(ctx) };
        let content = ctx.data::<Loaders>()?.load_one(key).await.map_err(from_loader)?;
        content.ok_or_else(|| from_app(app::Error::NotFound))
    }

    async fn all_revisions(&self, ctx: &Context<'_>) -> Result<Arc<Vec<Revision>>> {
        let found = ctx.data::<Loaders>()?.load_one(RevisionsOfWorkflow(self.0.id)).await;
        found.map_err(from_loader)?.ok_or_else(|| from_app(app::Error::NotFound))
    }

    async fn page_of_runs(&self, ctx: &Context<'_>, filter: Filter, paging: &Paging) -> Result<Page<Run>> {
        let workflow = self.0.id;
        if paging.cursor.is_none() {
            let key = RunsOfWorkflow { workflow, filter, paging: paging.clone() };
            let page = ctx.data::<Loaders>()?.load_one(key).await.map_err(from_loader)?;
            return page.ok_or_else(|| from_app(app::Error::NotFound));
        }
        // A cursor belongs to one workflow, so that a document has few of them.
        let caller = Caller::from_context(ctx)?;
        let filter = Filter { workflow: Some(workflow), ..filter };
        // In a box: the future of each field of a workflow has room for the largest one.
        Box::pin(app::runs::list(caller.app, caller.tenant()?.scope, filter, paging)).await.map_err(from_app)
    }

    /// Returns the position of a row in lists.
    pub(in crate::graphql) fn position(row: &store::Workflow) -> store::Position {
        store::Position { created_at: row.created_at, id: row.id }
    }
}
