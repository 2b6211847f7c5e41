use async_graphql::{Enum, Json, Object, SimpleObject};
use crds::run::{self, StepPhase};
use serde_json::Value;

use crate::{
    app::{case::upper_snake, runs},
    graphql::scalars::DateTime,
};

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "StepPhase")]
pub(in crate::graphql) enum WorkflowRunStepStatus {
    /// It has not started, or waits for its next attempt.
    Pending,
    /// An attempt of it is under way.
    Running,
    /// It waits for a person, a time or another run.
    Suspended,
    /// It ended well.
    Succeeded,
    /// It failed, and is not tried again.
    Failed,
    /// Its condition was false, or what it needs did not succeed.
    Skipped,
    /// The run was cancelled, or failed, before it ended.
    Cancelled,
}

/// A step of a run.
pub(in crate::graphql) struct WorkflowRunStep(pub(in crate::graphql) runs::Step);

/// What failed.
#[derive(SimpleObject)]
#[graphql(name = "WorkflowRunError")]
pub(in crate::graphql) struct Failure {
    /// The step that failed; null where it was none, or where it is the step's own error.
    step: Option<String>,
    /// `USER`, `INFRA`, `TIMEOUT`, `SCHEMA` or `POLICY`; new ones may be added.
    kind: String,
    /// What failed, for machines.
    code: String,
    /// What failed, for people.
    message: String,
}

/// What a step waits for.
#[derive(SimpleObject)]
#[graphql(name = "WorkflowRunStepWaiting")]
pub(in crate::graphql) struct Waiting {
    /// `APPROVAL`, `TIME` or `RUN`; new ones may be added.
    r#for: String,
    /// What is asked, of an approval.
    message: Option<String>,
    /// Who may decide, of an approval; empty: everybody who may decide at all.
    roles: Vec<String>,
    /// The name of the run that is waited for, of a sub-run.
    run: Option<String>,
}

/// The items of a `forEach`.
#[derive(SimpleObject)]
#[graphql(name = "WorkflowRunStepItems")]
pub(in crate::graphql) struct Items {
    /// How many there are.
    total: u32,
    /// How many ended well.
    succeeded: u32,
    /// How many failed.
    failed: u32,
    /// Those that have ended, as ranges from 0: `0-412,414`.
    done: String,
}

impl From<run::Waiting> for Waiting {
    fn from(run::Waiting { reason, message, roles, run }: run::Waiting) -> Self {
        Self { r#for: upper_snake(&format!("{reason:?}")), message, roles, run }
    }
}

impl From<&run::ItemsStatus> for Items {
    fn from(items: &run::ItemsStatus) -> Self {
        Self {
            total: items.total,
            succeeded: items.succeeded,
            failed: items.failed,
            done: items.done.clone(),
        }
    }
}

/// A step of a run.
#[Object]
impl WorkflowRunStep {
    /// Its name in the workflow.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Where it stands.
    async fn status(&self) -> WorkflowRunStepStatus {
        self.0.phase.into()
    }

    /// The attempt that is under way, or was the last; the first is 1.
    async fn attempt(&self) -> Option<i32> {
        self.0.attempt
    }

    /// When its first attempt began.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime)
    }

    /// When it ended.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(DateTime)
    }

    /// When its next attempt begins, while it waits for that.
    async fn next_at(&self) -> Option<DateTime> {
        self.0.next_at.map(DateTime)
    }

    /// What it returned; null until it has, and where that is kept elsewhere.
    async fn output(&self) -> Option<Json<&Value>> {
        self.0.output.as_ref().map(Json)
    }

    /// Where what it returned is kept: `{uri, bytes, sha256, mediaType}`.
    async fn output_ref(&self) -> Option<Json<&Value>> {
        self.0.output_ref.as_ref().map(Json)
    }

    /// How it failed, or how its last attempt did.
    async fn error(&self) -> Option<Failure> {
        self.0.error.clone().map(Failure::from)
    }

    /// What it waits for, while it is suspended.
    async fn waiting(&self) -> Option<Waiting> {
        self.0.waiting.clone().map(Waiting::from)
    }

    /// The items of a `forEach`, once they are known.
    async fn items(&self) -> Option<Items> {
        self.0.items.as_ref().map(Items::from)
    }
}

impl From<runs::Failure> for Failure {
    fn from(failure: runs::Failure) -> Self {
        let runs::Failure { step, kind, code, message, details: _ } = failure;
        Self { step, kind: upper_snake(&kind), code, message }
    }
}
