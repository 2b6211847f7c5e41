use async_graphql::{Context, Enum, ID, Json, Object, Result, SimpleObject};
use serde_json::Value;

use super::WorkflowRun;
use crate::{
    app::{self, page::Page, runs::Filter},
    graphql::{
        connection::{ConnectionOf, connection, cost, paging},
        error::{of_app, of_loader},
        global_id::Kind,
        loaders::{Loaders, RunsOf},
        objects::run::WorkflowRunStatus,
        request::Caller,
        scalars::DateTime,
    },
    store::{self, Run, RunStatus, WorkflowState},
};

/// Whether a workflow may be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "WorkflowState")]
pub(in crate::graphql) enum WorkflowStatus {
    /// It may.
    Active,
    /// It is kept for the record.
    Archived,
}

/// Something that was found wrong with a workflow.
#[derive(SimpleObject)]
pub(in crate::graphql) struct WorkflowProblem {
    /// Where, such as `spec.steps[2].when`.
    path: String,
    /// What, for machines, such as `UNKNOWN_STEP`; new codes may be added.
    code: String,
    /// What, for people.
    message: String,
}

impl From<app::workflows::Problem> for WorkflowProblem {
    fn from(problem: app::workflows::Problem) -> Self {
        let app::workflows::Problem { path, code, message } = problem;
        Self { path, code, message }
    }
}

/// Steps that are executed in order, over and over, each time as a run.
pub(in crate::graphql) struct Workflow(pub(in crate::graphql) store::Workflow);

/// Steps that are executed in order, over and over, each time as a run.
#[Object]
impl Workflow {
    /// Its id, unique over all types.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::Workflow.encode(self.0.id)
    }

    /// Its name in Kubernetes.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its name for people.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// What it is for.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// Whether it may be run.
    async fn status(&self) -> WorkflowStatus {
        self.0.state.into()
    }

    /// The name of its newest revision; null until it has been looked at.
    async fn revision(&self) -> Option<&str> {
        self.0.revision.as_deref()
    }

    /// Whether it was found sound; null until it has been looked at.
    async fn valid(&self) -> Option<bool> {
        self.0.valid
    }

    /// What was found wrong with it.
    async fn problems(&self) -> Vec<WorkflowProblem> {
        app::workflows::problems(&self.0).into_iter().map(WorkflowProblem::from).collect()
    }

    /// Its steps, in order, as they were written.
    async fn steps(&self) -> Option<Json<&Value>> {
        self.0.spec.pointer("/steps").map(Json)
    }

    /// The JSON Schema of its runs' input; null where it takes any.
    async fn input_schema(&self) -> Option<Json<&Value>> {
        self.0.spec.pointer("/input/schema").map(Json)
    }

    /// Its runs, the youngest first.
    #[graphql(complexity = "cost(first, child_complexity)")]
    async fn runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100", validator(minimum = 1, maximum = 100))] first: i32,
        #[graphql(desc = "The cursor of the run before")] after: Option<String>,
        #[graphql(desc = "Only runs that stand so")] status: Option<WorkflowRunStatus>,
    ) -> Result<ConnectionOf<WorkflowRun>> {
        let status = status.map(RunStatus::from);
        let page = match &after {
            Some(_) => self.later_runs(ctx, first, after.clone(), status).await?,
            None => self.first_runs(ctx, RunsOf { workflow: self.0.id, first, status }).await?,
        };
        Ok(connection(page, &paging(first, after), WorkflowRun::position, WorkflowRun))
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

impl Workflow {
    async fn first_runs(&self, ctx: &Context<'_>, key: RunsOf) -> Result<Page<Run>> {
        let page = ctx.data::<Loaders>()?.load_one(key).await.map_err(of_loader)?;
        page.ok_or_else(|| of_app(app::Error::NotFound))
    }

    /// A cursor is of one workflow's runs, so a document has few of these.
    async fn later_runs(
        &self,
        ctx: &Context<'_>,
        first: i32,
        after: Option<String>,
        status: Option<RunStatus>,
    ) -> Result<Page<Run>> {
        let caller = Caller::of(ctx)?;
        let filter = Filter { workflow: Some(self.0.id), status, created_after: None };
        app::runs::list(caller.state, caller.tenant()?.scope, filter, &paging(first, after))
            .await
            .map_err(of_app)
    }

    /// Its place in lists.
    pub(in crate::graphql) fn position(row: &store::Workflow) -> store::Position {
        store::Position { created_at: row.created_at, id: row.id }
    }
}
